"""A list with what the Winback conversation names."""

from types import SimpleNamespace

import pytest

from conductor.conversations.actions import apply_file, publish_conversation
from conductor.conversations.document import parse_document
from conductor.conversations.reading import read_structure
from tests.factories import (
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SmsMessageFactory,
)

WINBACK = """\
conversation: Post Purchase
description: Bring back shoppers who bought once and then went quiet
list: Store Customers
reentry: {after: P90D}
threads:
  - thread: Winback
    steps:
      - key: start
        trigger: {external_event: Order Imported}
      - key: lapsed
        name: No order for 60 days
        filter: {not: {purchase: {within: P60D}}}
      - key: text
        mobile_message: {short_code: "54321", phone_list: Transactional, sms_message: Winback text, phone_field: Profile.Mobile}
      - key: pause
        wait: {for: P3D}
      - key: reminder
        message: {saved_message: We miss you}
      - key: end
        terminate: {}
"""


@pytest.fixture
def store(inside_acme):
    """The list Store Customers with every name that WINBACK uses."""
    in_list = ListFactory(name="Store Customers")
    group = ProfileFieldGroupFactory(list=in_list, name="Profile")
    code = ShortCodeFactory(email_list=in_list, code="54321")
    phone_list = PhoneListFactory(short_code=code, name="Transactional")
    return SimpleNamespace(
        list=in_list,
        account=inside_acme,
        mobile=ProfileFieldFactory(group=group, name="Mobile"),
        birthday=ProfileFieldFactory(group=group, name="Birthday", data_type="Date"),
        points=ProfileFieldFactory(group=group, name="Points", data_type="Numeric"),
        member=ProfileFieldFactory(group=group, name="Member", data_type="CheckBox"),
        event=ExternalEventFactory(list=in_list, name="Order Imported"),
        code=code,
        phone_list=phone_list,
        sms=SmsMessageFactory(phone_list=phone_list, name="Winback text"),
        message=SavedMessageFactory(list=in_list, name="We miss you"),
    )


def parsed(text):
    """Return a file's document."""
    return parse_document(read_structure(text))


def winback(**replaced):
    """Return WINBACK with pieces of text replaced: winback(P3D="P7D")."""
    text = WINBACK
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return text


def applied(store, now, text=WINBACK):
    """Apply a file to the store's list."""
    return apply_file(list=store.list, document=parsed(text), now=now)


@pytest.fixture
def published(store, now):
    """WINBACK, running."""
    conversation = applied(store, now).conversation
    publish_conversation(conversation=conversation, now=now)
    return conversation
