"""A list with what the Winback thread names, and who draws it."""

import pytest
from django.urls import reverse

from accounts.tenancy import in_account
from conductor.conversations.models import Conversation
from tests.conversations.pages.drawer import Drawer
from tests.factories import (
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SmsMessageFactory,
    SubscriptionFactory,
)


@pytest.fixture
def customers(acme):
    """A list with all that the Winback thread names."""
    with in_account(acme.pk):
        customers = ListFactory.create(name="Store Customers")
        ExternalEventFactory.create(list=customers, name="Order Imported")
        group = ProfileFieldGroupFactory.create(list=customers, name="Profile")
        ProfileFieldFactory.create(group=group, name="Mobile", data_type="Text")
        ProfileFieldFactory.create(group=group, name="Born", data_type="Date")
        ProfileFieldFactory.create(group=group, name="Points", data_type="Numeric")
        code = ShortCodeFactory.create(code="54321", email_list=customers)
        ShortCodeFactory.create(code="99999", email_list=customers, message_types=["Marketing"])
        phones = PhoneListFactory.create(short_code=code, name="Transactional")
        SmsMessageFactory.create(phone_list=phones, name="Winback text")
        SavedMessageFactory.create(list=customers, name="We miss you")
        SubscriptionFactory.create(list=customers, contact__first_name="Grace")
        return customers


@pytest.fixture
def drawn(acme, customers, client, mia):
    """A conversation with one thread, Winback, as mia created it."""
    client.force_login(mia)
    client.post(
        reverse("conversations:new_conversation", args=["acme-shoes", customers.pk]),
        {"name": "Post Purchase", "description": "", "thread": "Winback"},
    )
    with in_account(acme.pk):
        return Conversation.objects.get()


@pytest.fixture
def drawer(client, drawn):
    return Drawer(client, drawn)
