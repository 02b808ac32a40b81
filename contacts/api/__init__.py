"""The API of contacts: profile fields, contacts, events, imports, customers, orders, erasures."""

from contacts.api.contacts import contacts
from contacts.api.crosschannel import crosschannel
from contacts.api.data import data
from contacts.api.erasures import erasures, forgets
from contacts.api.event_batches import batches
from contacts.api.events import events, raising
from contacts.api.fields import fields
from contacts.api.import_contacts import import_contacts
from contacts.api.imports import imports
from contacts.api.profiles import profiles
from contacts.api.reviews import reviews
from contacts.api.segment_com import segment_com
from contacts.api.segments import segments

FRAMES = [
    *(fields, contacts, profiles, events, raising, batches),
    *(imports, import_contacts, data, segments, erasures, forgets, reviews),
    *(crosschannel, segment_com),
]

__all__ = ["FRAMES"]
