"""Messaging: what we say, and how it gets there."""
