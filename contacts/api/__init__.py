"""The API of contacts: profile fields, contacts, events, imports, customers and orders."""

from contacts.api.contacts import contacts
from contacts.api.events import events, raising
from contacts.api.fields import fields

FRAMES = [fields, contacts, events, raising]

__all__ = ["FRAMES"]
