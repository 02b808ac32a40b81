"""Integrations > Segment > Source: one endpoint of the account that tells Segment."""
