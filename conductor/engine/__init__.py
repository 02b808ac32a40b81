"""The engine: how contacts move."""
