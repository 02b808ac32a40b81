"""Commands of the contacts app: each prints JSON on stdout and nothing else there."""
