"""Cursors survive what comes while somebody pages: nobody twice, nobody left out."""

from itertools import count as numbers
from typing import Any

import pytest

from accounts.tenancy import in_account
from conductor.webhooks.actions import create_endpoint
from conductor.webhooks.models import Call
from contacts.actions.imports import run_import
from contacts.actions.segments import add_members, create_segment
from contacts.models import Import
from messaging.actions import record_receipts
from messaging.actions.campaigns import save_content
from messaging.actions.coupons import create_pool
from messaging.models import Broadcast, SplitTest, Suppression
from tests.api.test_imports import EMAIL, import_file
from tests.factories import (
    NOON,
    CommittedMessageFactory,
    ContactFactory,
    DeliveryFactory,
    EnrollmentFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ShortCodeFactory,
    SubscriptionFactory,
    VersionFactory,
)

AT_FIRST, A_PAGE = 5, 2


class Places:
    """Each method makes what a route pages through; returns the path, and what adds one more."""

    def __init__(self, shop):
        self.shop = shop
        self.number = numbers(1)
        self.list = f"/email/v1/List/{shop.pk}"
        self.ours = "/conductor/v1"

    def contacts(self):
        return f"{self.list}/Contact", lambda: SubscriptionFactory.create(list=self.shop)

    def imports(self):
        def add():
            Import.objects.create(
                kind="contacts",
                list=self.shop,
                file_name=f"{next(self.number)}.csv",
                status="Completed",
                created_at=NOON,
            )

        return f"{self.list}/ListImport", add

    def segments(self):
        return f"{self.list}/SavedAudience", self._segment

    def members(self):
        segment = self._segment()

        def add():
            person = SubscriptionFactory.create(list=self.shop)
            add_members(segment=segment, subscription_ids=[person.pk], now=NOON)

        return f"{self.ours}/List/{self.shop.pk}/Segment/{segment.pk}/Member", add

    def _segment(self):
        name = f"Segment {next(self.number)}"
        return create_segment(list=self.shop, name=name, kind="manual", now=NOON)

    def coupon_pools(self):
        return f"{self.ours}/CouponPool", lambda: create_pool(
            name=f"Pool {next(self.number)}", now=NOON
        )

    def content(self):
        return "/email/v1/Content", lambda: save_content(
            name=f"Block {next(self.number)}", now=NOON
        )

    def suppressions(self):
        def add():
            Suppression.objects.create(
                channel="email",
                address=f"left{next(self.number)}@mail.example",
                reason="manual",
                created_at=NOON,
            )

        return f"{self.ours}/Suppression", add

    def messages(self):
        return f"{self.list}/Message", self._broadcast

    def _broadcast(self):
        message = CommittedMessageFactory.create(
            list=self.shop, content={"html": '<a href="https://shop.example/">Shop</a>'}
        )
        return Broadcast.objects.create(
            list=self.shop, message=message, created_at=NOON, send_at=NOON
        )

    def split_tests(self):
        return f"{self.list}/SplitTest", lambda: SplitTest.objects.create(
            list=self.shop, name=f"Test {next(self.number)}", created_at=NOON
        )

    def deliveries(self):
        path = f"{self.ours}/List/{self.shop.pk}/Delivery"
        return path, lambda: DeliveryFactory.create(list=self.shop)

    def recipients(self):
        sent = self._broadcast()
        return f"{self.list}/Message/{sent.pk}/Activity", lambda: self._delivery(sent)

    def clicks(self):
        sent = self._broadcast()

        def add():
            detail = {"url": "https://shop.example/"}
            record_receipts(delivery=self._delivery(sent), kind="clicked", now=NOON, detail=detail)

        return f"{self.list}/Message/{sent.pk}/Link/1/Clicker", add

    def _delivery(self, sent):
        return DeliveryFactory.create(list=self.shop, message=sent.message, broadcast_id=sent.pk)

    def enrollments(self):
        version = VersionFactory.create(
            conversation__list=self.shop, program={"steps": {"wait": {"thread": "Winback"}}}
        )

        def add():
            contact = ContactFactory.create()
            subscription = SubscriptionFactory.create(list=self.shop, contact=contact)
            EnrollmentFactory.create(
                version=version, contact_id=contact.pk, subscription_id=subscription.pk
            )

        return f"{self.ours}/Conversation/{version.conversation_id}/Enrollment", add

    def webhook_calls(self):
        endpoint = create_endpoint(
            name="Shop", url="https://shop.example/", kinds=["clicked"], now=NOON
        ).endpoint
        times = dict.fromkeys(("next_at", "claimed_at", "retry_until", "created_at"), NOON)

        def add():
            Call.objects.create(endpoint=endpoint, happenings=[1], state="done", **times)

        return f"{self.ours}/Webhook/{endpoint.pk}/Delivery", add

    def phone_lists(self):
        code = ShortCodeFactory.create(email_list=self.shop)
        path = f"/sms/v1/ShortCode/{code.pk}/PhoneList"
        return path, lambda: PhoneListFactory.create(short_code=code)

    def phone_contacts(self):
        phone_list = PhoneListFactory.create(short_code__email_list=self.shop)
        path = f"/sms/v1/ShortCode/{phone_list.short_code_id}/PhoneList/{phone_list.pk}/Contact"
        return path, lambda: self._number(phone_list)

    def opt_outs(self):
        phone_list = PhoneListFactory.create(short_code__email_list=self.shop)

        def add():
            self._number(phone_list, state="Unsubscribed", unsubscribed_at=NOON)

        return f"/sms/v1/ShortCode/{phone_list.short_code_id}/OptOut", add

    def _number(self, phone_list, **more):
        phone = f"+1212555{next(self.number):04d}"
        PhoneSubscriptionFactory.create(phone_list=phone_list, phone_e164=phone, **more)


PLACES = [name for name in vars(Places) if not name.startswith("_")]


@pytest.fixture
def places(acme, shop):
    return Places(shop)


@pytest.mark.parametrize("place", PLACES)
def test_show_each_row_once_while_others_come(wire, acme, places, place):
    with in_account(acme.pk):
        path, add = getattr(places, place)()
        for _ in range(AT_FIRST):
            add()
    at_first = wire.get(path)

    rows: list[Any] = []
    cursor: str | None = "Start"
    pages = 0
    while cursor is not None:
        page = wire.page(path, cursor=cursor, count=A_PAGE)
        rows += page["data"]
        cursor, pages = page.get("nextPageCursor"), pages + 1
        with in_account(acme.pk):
            add()

    assert pages > AT_FIRST // A_PAGE + 1
    assert rows[:AT_FIRST] == at_first
    # All but the one that came behind the last page.
    assert rows == wire.get(path)[:-1]


def test_shows_each_line_of_a_file_once_while_contacts_come(wire, acme, shop, now):
    addresses = [f"shopper{number}@file.example" for number in range(AT_FIRST)]
    text = "mail\r\n" + "".join(f"{one}\r\n" for one in addresses)
    base = f"/email/v1/List/{shop.pk}"
    made = wire.post(f"{base}/ListImport", import_file(text, EMAIL))["resourceId"]
    run_import(int(made), now, account_id=acme.pk)

    shown: list[str] = []
    cursor: str | None = "Start"
    while cursor is not None:
        page = wire.page(f"{base}/ListImport/{made}/Contact", cursor=cursor, count=A_PAGE)
        shown += [row["emailAddress"] for row in page["data"]]
        cursor = page["nextPageCursor"]
        with in_account(acme.pk):
            SubscriptionFactory.create(list=shop)

    assert shown == addresses
