"""Commands of the contacts app."""
