"""Contacts: people, and what we know of them and may say to them."""
