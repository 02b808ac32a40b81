"""The API of messages: what is said, to whom, by which number, and what became of it."""

from messaging.api.campaigns import campaigns, library
from messaging.api.coupons import coupons
from messaging.api.deliveries import deliveries
from messaging.api.message_reports import message_reports
from messaging.api.messages import messages
from messaging.api.phone_changes import phone_changes
from messaging.api.phone_contacts import phone_contacts
from messaging.api.phone_files import phone_files
from messaging.api.saved_audiences import saved_audiences
from messaging.api.saved_messages import saved_messages
from messaging.api.saved_sends import saved_sends
from messaging.api.short_codes import short_codes
from messaging.api.sms_messages import sending, sms_messages
from messaging.api.split_tests import split_tests
from messaging.api.suppressions import suppressions
from messaging.api.transactions import texts, transactions
from messaging.api.two_way import two_way

FRAMES = [
    *(saved_messages, short_codes, phone_contacts, sms_messages, sending, deliveries, coupons),
    *(suppressions, campaigns, library, messages, saved_audiences, saved_sends),
    *(transactions, texts, phone_changes, phone_files, split_tests, two_way),
    message_reports,
]

__all__ = ["FRAMES"]
