"""A list with fields and an event, and its addresses."""

import pytest

from accounts.tenancy import in_account
from tests.factories import (
    ExternalEventFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
)


@pytest.fixture
def base(shop):
    return f"/email/v1/List/{shop.pk}"


@pytest.fixture
def contact_url(base):
    return f"{base}/Contact"


@pytest.fixture
def order_imported(acme, shop):
    with in_account(acme.pk):
        return ExternalEventFactory.create(list=shop, name="Order Imported")


@pytest.fixture
def fields(acme, shop):
    """Text, number, check box, date: in this order."""
    with in_account(acme.pk):
        group = ProfileFieldGroupFactory.create(list=shop, name="Profile")
        return [
            ProfileFieldFactory.create(group=group, name=kind, data_type=kind)
            for kind in ("Text", "Numeric", "CheckBox", "Date")
        ]
