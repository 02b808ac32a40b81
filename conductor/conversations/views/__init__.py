"""Pages of conversations: the list of them, the builder, a step's panel, publication."""
