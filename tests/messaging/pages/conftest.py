"""A list with one of everything, and the addresses of its pages."""

import zlib

import pytest
from django.urls import reverse

from accounts.tenancy import in_account
from messaging.actions.address_files import import_addresses
from messaging.actions.coupon_codes import import_codes
from messaging.actions.coupons import create_pool
from messaging.actions.rules import add_cap
from messaging.actions.suppressions import suppress
from messaging.models import (
    SandboxMessage,
    Suppression,
)
from tests.factories import (
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    QueuedEmailFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SmsMessageFactory,
    SubscriptionFactory,
)


@pytest.fixture
def shop(acme, now):
    """A list of acme with one of everything."""
    with in_account(acme.pk):
        customers = ListFactory.create(name="Store Customers")
        code = ShortCodeFactory.create(code="54321", email_list=customers)
        phones = PhoneListFactory.create(short_code=code, name="Transactional")
        pool = create_pool(name="Welcome 10", now=now)
        suppress(channel="email", addresses=["kay@mail.example"], reason="manual", now=now)
        return {
            "suppression": Suppression.objects.get(),
            "cap": add_cap(channel="any", period="week", most=100, now=now),
            "addresses": import_addresses(
                kind="suppressions", file=b"ed@mail.example", file_name="stop.csv", now=now
            ),
            "pool": pool,
            "codes": import_codes(pool=pool, file=b"A1", file_name="codes.csv", now=now),
            "list": customers,
            "code": code,
            "phones": phones,
            "text": SmsMessageFactory.create(phone_list=phones, name="Winback text"),
            "message": SavedMessageFactory.create(list=customers, name="We miss you"),
            "consent": PhoneSubscriptionFactory.create(
                phone_list=phones, phone_e164="+12125550100"
            ),
            "grace": SubscriptionFactory.create(
                list=customers, contact__email="grace@mail.example"
            ).contact,
        }


@pytest.fixture
def page(shop):
    """Return the address of a page by its name."""

    def address(view, **kwargs):
        if view not in {"app", "apps"} and not view.endswith("_app"):
            kwargs["list_id"] = shop["list"].pk
        return reverse(f"messaging:{view}", kwargs={"account": "acme-shoes", **kwargs})

    return address


@pytest.fixture
def sandboxed(acme, shop, now):
    """A mail in the sandbox inbox."""
    with in_account(acme.pk):
        delivery = QueuedEmailFactory.create(list=shop["list"], contact=shop["grace"], state="sent")
        return SandboxMessage.objects.create(
            delivery=delivery,
            channel="email",
            address=delivery.address,
            contact=shop["grace"],
            sender="Acme <shop@acme.example>",
            subject="Come back",
            html="<h1>Hi</h1><script>alert(1)</script>",
            raw=zlib.compress(b"Subject: Come back\r\n\r\nHi"),
            sent_at=now,
        )
