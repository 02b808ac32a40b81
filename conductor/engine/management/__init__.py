"""The engine as an app: its commands."""
