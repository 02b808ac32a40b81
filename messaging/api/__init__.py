"""The API of messages: what is said, to whom, by which number, and what became of it."""

from messaging.api.coupons import coupons
from messaging.api.deliveries import deliveries
from messaging.api.phone_contacts import phone_contacts
from messaging.api.saved_messages import saved_messages
from messaging.api.short_codes import short_codes
from messaging.api.sms_messages import sending, sms_messages
from messaging.api.suppressions import suppressions

FRAMES = [
    *(saved_messages, short_codes, phone_contacts, sms_messages, sending, deliveries, coupons),
    suppressions,
]

__all__ = ["FRAMES"]
