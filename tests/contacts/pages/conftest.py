"""A list and somebody on it."""

import pytest

from accounts.tenancy import in_account
from tests.factories import (
    ListFactory,
    SubscriptionFactory,
)


@pytest.fixture
def customers(acme):
    """A list of acme."""
    with in_account(acme.pk):
        return ListFactory.create(name="Store Customers")


@pytest.fixture
def grace(acme, customers):
    """Somebody on the list."""
    with in_account(acme.pk):
        return SubscriptionFactory.create(
            list=customers,
            contact__email="Grace@mail.example",
            contact__phone_e164="+12125550143",
            contact__last_name="Hopper",
        ).contact
