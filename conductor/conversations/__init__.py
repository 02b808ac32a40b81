"""Conversations: what marketers draw, and the versions that run."""
