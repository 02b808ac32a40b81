"""What a preview shows is what goes over the wire, byte for byte."""

import html
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from accounts.tenancy import in_account
from contacts.models import Order, OrderItem, Product
from messaging import actions, tokens
from messaging.models import Delivery, SandboxMessage
from messaging.models.blank import BlankName
from messaging.previews import preview_email, preview_sms, trial_event
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from messaging.transports.smtp_pool import POOL
from messaging.views.saved_messages import content_of
from tests.factories import (
    ContactFactory,
    ListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    QueuedEmailFactory,
    QueuedTextFactory,
    SubscriptionFactory,
)
from tests.messaging.counterparts.sink import running_sink

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
TOKENS = re.compile(r"(/[tm]/[a-z]/)[\w-]+")
HTML = """<html><body>.
<p>Hi {{ contact.first_name }} ({{ fields["Profile.Size"] }}), {{ now | date("%B %-d") }}</p>
<p>Order {{ order.order_number }} of {{ order.dateEntered | date }}: {{ order.total | money }},
{% for item in order.items %}{{ item.quantity }} {{ item.title }} {{ item.itemTotal | money }}{% endfor %}
shipped by {{ order.shippingMethod }} to {{ order.shipping_address.city }}</p>
<p>{{ coupon }}</p><a href="https://shop.acme.example/{{ order.orderNumber }}">Look</a>
</body></html>"""


@pytest.fixture
def turn(acme, now):
    """Serve acme once."""

    def serve_once():
        with Heart(lambda: now) as heart:
            serve(acme.pk, heart=heart, clock=lambda: now)

    return serve_once


def add_order(contact, number="A-1001", **fields):
    """Return an order of a contact with one item of a product that has a title."""
    order = Order.objects.create(
        contact=contact,
        order_number=number,
        status="Shipped",
        ordered_at=fields.pop("at", NOON),
        total=Decimal("64.90"),
        extra={"shippingMethod": "Ground", "shippingAddress": {"city": "Springfield"}, "import": 7},
        recorded_at=NOON,
        updated_at=NOON,
    )
    OrderItem.objects.create(order=order, sku="SHOE", quantity=2, total=Decimal("59.90"))
    Product.objects.get_or_create(
        sku="SHOE", defaults={"title": "Running shoe", "updated_at": NOON}
    )
    return order


def save(in_list, **content):
    given = {
        "subject": "👟 {{ contact.first_name }}",
        "preheader": "Für dich",
        "text": "..{{ order.total }}",
        "html": HTML,
    }
    return actions.save_message(list=in_list, name="Shipped", now=NOON, **{**given, **content})


class TestPreview:
    def test_is_the_delivery_byte_for_byte(self, acme, turn, now):
        with running_sink(contents=True) as sink, in_account(acme.pk):
            settings = {"host": "127.0.0.1", "port": sink.port, "security": "none"}
            actions.set_provider(channel="email", kind="smtp", settings=settings, now=now)
            group = ProfileFieldGroupFactory.create(list=ListFactory.create(), name="Profile")
            size = ProfileFieldFactory.create(group=group, name="Size", data_type="Numeric")
            grace = SubscriptionFactory.create(list=group.list, profile={str(size.pk): 42}).contact
            add_order(grace)
            saved = save(group.list)
            message = actions.commit_email(saved_message=saved, now=now)
            delivery = QueuedEmailFactory.create(
                list=group.list,
                contact=grace,
                message=message,
                is_test=True,
                event_properties=trial_event(message, grace),
            )

            turn()
            asked = {"in_list": group.list, "contact": grace, "now": now}
            same = preview_email(
                content_of(saved), **asked, delivery_id=delivery.pk, message_id=message.pk
            )
            nobodys = preview_email(content_of(saved), **asked)

            POOL.clear()
            ((_, wire),) = sink.mails
            # The line end before the final dot is the envelope's.
            assert wire + b"\r\n" == same.raw
            assert b"=?utf-8?b?8J+R" in wire
            for piece in (
                "Hi Grace (42), November 18",
                "Order A-1001 of November 18, 2026: $64.90",
                "2 Running shoe $59.90",
                "shipped by Ground to Springfield",
                "TEST-CODE",
            ):
                assert piece in same.parts["html"]
            # But for the addresses, which are nobody's, the page shows the same.
            shown, sent = (
                TOKENS.sub(r"\1", html.unescape(one.parts["html"])) for one in (nobodys, same)
            )
            assert shown == sent

    def test_shows_a_sample_order_to_a_sample_contact(self, inside_acme, now):
        in_list = ListFactory.create()

        shown = preview_email({"html": HTML}, in_list=in_list, contact=None, now=now)

        assert "Order 100001" in shown.parts["html"]
        assert b"From: Acme <shop@acme.example>" in shown.raw

    def test_shows_no_order_of_somebody_else(self, acme, turn):
        with in_account(acme.pk):
            other = ContactFactory.create()
            add_order(other, "B-1")
            content = {"subject": "x", "text": "[{{ order.order_number }}]"}
            delivery = QueuedEmailFactory.create(event_properties={"order_number": "B-1"})
            delivery.message.content = content
            delivery.message.save()

        turn()

        with in_account(acme.pk):
            assert SandboxMessage.objects.get().text.startswith("[]")

    def test_of_a_text_is_what_is_sent(self, inside_acme, now):
        in_list = ListFactory.create()
        grace = SubscriptionFactory.create(list=in_list).contact
        add_order(grace, "A-1", at=datetime(2026, 1, 1, tzinfo=UTC))
        add_order(grace, "A-2")

        shown = preview_sms(
            " {{ order.order_number }} {{ coupon }} ", in_list=in_list, contact=grace, now=now
        )

        assert shown.parts == {"text": "A-2 TEST-CODE"}

    def test_of_a_text_counts_its_links_as_they_are_sent(self, acme, turn, now):
        text = "Hi {{ contact.first_name }}: https://shop.example/" + "a" * 150 + " STOP to end"
        with in_account(acme.pk):
            queued = QueuedTextFactory.create()
            queued.message.content = {"text": text}
            queued.message.save()
            shown = preview_sms(text, in_list=queued.list, contact=queued.contact, now=now)
            queued.list.track_clicks = False
            whole = preview_sms(text, in_list=queued.list, contact=queued.contact, now=now)

        turn()

        with in_account(acme.pk):
            sent = SandboxMessage.objects.get().text
            assert "/t/c/" in sent
            # A late delivery's token is some letters longer than a first one's.
            assert 0 <= len(shown.parts["text"]) - len(sent) <= 8
            assert (shown.segments.count, whole.segments.count) == (1, 2)
            (token,) = re.findall(r"/t/c/([\w-]+)", shown.parts["text"])
            assert tokens.read("click", token) is None


class TestTest:
    def test_without_a_contact_is_filled_in_for_the_sample(self, acme, turn, now):
        with in_account(acme.pk):
            saved = save(ListFactory.create())
            message = actions.commit_email(saved_message=saved, now=now)
            actions.send_test_email(
                message=message,
                address="ada@acme.example",
                event=trial_event(message, None),
                now=now,
            )

        turn()

        with in_account(acme.pk):
            shown = SandboxMessage.objects.get()
            assert shown.subject == "👟 Grace"
            assert "Order 100001" in shown.html
            assert not BlankName.objects.exists()


class TestCoupon:
    def test_is_the_code_in_the_field_that_the_conversation_gave_it_into(self, acme, turn, now):
        with in_account(acme.pk):
            first = QueuedTextFactory.create()
            field = ProfileFieldFactory.create(group__list=first.list)
            first.message.content = {"text": "{{ coupon }} of {{ coupon.pool }}"}
            first.message.save()
            kept = actions.commits.with_coupon(
                first.message, field_id=field.pk, pool="Winback", now=now
            )
            first.contact.subscriptions.update(profile={str(field.pk): "SAVE-10"})
            Delivery.objects.update(message=kept)

        turn()

        with in_account(acme.pk):
            assert SandboxMessage.objects.get().text == "SAVE-10 of Winback"

    def test_is_empty_where_no_conversation_gives_one(self, acme, turn):
        with in_account(acme.pk):
            delivery = QueuedEmailFactory.create()
            delivery.message.content = {"subject": "x", "text": "[{{ coupon }}]"}
            delivery.message.save()

        turn()

        with in_account(acme.pk):
            assert SandboxMessage.objects.get().text.startswith("[]")


class TestBlanks:
    def test_are_counted_by_message_and_name_as_they_are_sent(self, acme, turn, now):
        with in_account(acme.pk):
            one = QueuedEmailFactory.create(event_properties={"total": 5})
            text = "{{ contact.frist_name }} {{ event.total }} {{ event.note | default('-') }}"
            one.message.content = {"subject": "{{ contact.first_name }}", "text": text}
            one.message.save()
            for is_test in (False, True):
                QueuedEmailFactory.create(list=one.list, message=one.message, is_test=is_test)

        turn()

        with in_account(acme.pk):
            rows = BlankName.objects.order_by("name").values_list("message", "name", "number")
            assert list(rows) == [
                (one.message.pk, "contact.frist_name", 2),
                (one.message.pk, "event.total", 1),
            ]
            assert set(BlankName.objects.values_list("last_at", flat=True)) == {now}

    def test_of_what_was_not_sent_are_not_counted(self, acme, turn):
        with in_account(acme.pk):
            one = QueuedEmailFactory.create()
            one.message.content = {"subject": "x", "text": "{{ nothing }}{{ 1 / 0 }}"}
            one.message.save()

        turn()

        with in_account(acme.pk):
            assert not BlankName.objects.exists()
            assert Delivery.objects.get().state == "failed"
