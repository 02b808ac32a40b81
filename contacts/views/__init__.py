"""Pages of lists, contacts, profile fields, external events and imports."""
