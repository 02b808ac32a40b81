"""Accounts: who is asking, and whose rows these are."""
