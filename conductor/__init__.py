"""Conductor: the site, and what it conducts."""
