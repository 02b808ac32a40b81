"""People who are forgotten: what goes, what stays without them, and who hears of it."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from accounts.tenancy import sql
from accounts.tenancy.models import TenantForeignKey
from conductor.conversations.models import Call, Conversation, Enrollment, Turn
from contacts import actions
from contacts.actions.erasure import erase
from contacts.actions.segments import create_segment
from contacts.models import (
    Contact,
    Erasure,
    Event,
    Import,
    ImportReject,
    Order,
    OrderItem,
    SegmentMember,
    SegmentTouch,
    Subscription,
)
from messaging.actions import answer_by_hand
from messaging.actions.receipts import record_receipts
from messaging.models import (
    CommittedMessage,
    CouponCode,
    CouponPool,
    Delivery,
    PhoneSubscription,
    ProviderNotice,
    Receipt,
    SandboxMessage,
    Suppression,
)
from messaging.models.delivery import BROADCAST
from tests.engine.world import World
from tests.factories import (
    ContactFactory,
    DeliveryFactory,
    OrderFactory,
    PhoneSubscriptionFactory,
    SubscriptionFactory,
)

EMAIL, PHONE, NAME = "grace.unmistakable@mail.example", "+12125550177", "Unmistakable"
# What nobody else's row holds.
TRACES = ("unmistakable", "2125550177", "9d1c-secret")


@pytest.fixture
def world(inside_acme, now):
    return World(now)


@pytest.fixture
def grace(world, now):
    """Somebody who left traces in every table that knows people."""
    person = world.person(
        email=EMAIL,
        phone_e164=PHONE,
        external_id="unmistakable-7",
        first_name=NAME,
        profile={"Note": "9d1c-secret", "Birthday": "1980-01-01"},
    )
    live = world.live("{key: pause, wait: {for: P9D}}", heading="reentry: unlimited")
    world.happen(person, properties={"note": "9d1c-secret"})
    world.tick()
    enrollment = Enrollment.objects.get()
    world.happen(person, properties={"note": "9d1c-secret"})
    order = OrderFactory(contact=person.contact, extra={"billing": NAME})
    OrderItem.objects.create(order=order, sku="SHOE", extra={"meta1": NAME})
    segment = create_segment(list=world.in_list, name="Friends", kind="manual", now=now)
    SegmentMember.objects.create(segment=segment, subscription=person, since=now)
    SegmentTouch.objects.create(segment=segment, contact=person.contact, recorded_at=now)
    messages(world, person, enrollment, now)
    pool = CouponPool.objects.create(name="Ten", created_at=now, modified_at=now)
    CouponCode.objects.create(
        pool=pool,
        code="TEN-1",
        handed_at=now,
        contact_id=person.contact_id,
        enrollment_id=enrollment.pk,
    )
    Call.objects.create(
        enrollment_id=enrollment.pk,
        conversation_id=live.pk,
        version_id=enrollment.version_id,
        step_key="pause",
        visit_number=1,
        state="calling",
        next_at=now,
        created_at=now,
        outcome={"status": 200, "values": {"1": NAME}},
    )
    Conversation.objects.create(
        list=world.in_list,
        name="C1",
        draft={},
        rehearsal_of=live,
        rehearsal={
            "emails": [EMAIL, "ann@mail.example"],
            "state": {str(person.contact_id): {"profile": {"1": EMAIL}}},
        },
        created_at=now,
        modified_at=now,
    )
    imported = Import.objects.create(kind="contacts", file_name="a.csv", created_at=now)
    ImportReject.objects.create(
        imported=imported, line=2, code="value", reason="Bad date.", raw=f"{EMAIL},x"
    )
    return person


def messages(world, person, enrollment, now):
    """Write to somebody by mail and text, and hear of it."""
    sent, _ = (
        DeliveryFactory(
            list=world.in_list,
            contact=person.contact,
            address=EMAIL,
            state=state,
            enrollment_id=enrollment.pk,
            step_key=state,
            event_properties={"note": "9d1c-secret"},
        )
        for state in ("sent", "queued")
    )
    record_receipts(delivery=sent, kind="replied", now=now, detail={"text": NAME})
    SandboxMessage.objects.create(
        delivery=sent,
        channel="email",
        address=EMAIL,
        html=NAME,
        contact=person.contact,
        sent_at=now,
    )
    PhoneSubscriptionFactory(phone_list=world.phone_list, phone_e164=PHONE, contact=person.contact)
    code = world.short_code
    said = {"text": f"Dear {NAME}, it is {{{{CODE}}}}", "now": now}
    answer_by_hand(short_code=code, phone_e164=PHONE, **said)
    # What a test and a stranger's number got is no contact's.
    refused = DeliveryFactory(
        list=world.in_list,
        contact=None,
        address=EMAIL,
        state="failed",
        reason=f"provider rejected (550 5.1.1 no {NAME} here)",
    )
    ProviderNotice.objects.create(
        provider="smtp",
        event_id="1",
        kind="bounced",
        delivery_id=refused.pk,
        occurred_at=now,
        recorded_at=now,
        detail={"bounce": "hard", "reason": f"550 no {NAME} here"},
    )


def leftovers():
    """Return the tables in which something of Grace is still written, one row each."""
    found = []
    for model in apps.get_models():
        table = model._meta.db_table
        for trace in TRACES:
            holds = sql.fetch_value(
                f'SELECT count(*) FROM "{table}" AS kept WHERE kept::text ILIKE %(trace)s',
                trace=f"%{trace}%",
            )
            if holds:
                found.append((table, trace))
    return found


class TestErase:
    def test_leaves_nothing_behind(self, world, grace, now):
        assert {table for table, _ in leftovers()} > {"contacts_contact", "messaging_delivery"}

        erase(contacts=[grace.contact_id], now=now, source="page")

        assert leftovers() == []
        referring = [
            (model._meta.db_table, field.name)
            for model in apps.get_models()
            for field in model._meta.local_fields
            if isinstance(field, TenantForeignKey)
            and field.related_model in {Contact, Subscription}
            and model._base_manager.filter(**{field.column: grace.contact_id}).exists()
        ]
        assert referring == []

    def test_says_that_it_was_done_and_not_to_whom(self, world, grace, ada, now):
        erasure = erase(contacts=[grace.contact_id], now=now, source="page", by=ada)

        assert Erasure.objects.get() == erasure
        assert (erasure.contacts, erasure.erased_at, erasure.source) == (1, now, "page")
        entry = AuditEntry.objects.get(verb="erased")
        assert (entry.noun, entry.object_id, entry.by_user) == ("contact", grace.contact_id, ada)

    def test_ends_what_they_are_inside_of(self, world, grace, now):
        erase(contacts=[grace.contact_id], now=now, source="page")

        world.tick(now + timedelta(seconds=1))

        ended = Enrollment.objects.get()
        assert (ended.end_reason, ended.entry_properties) == ("contact deleted", {})

    def test_keeps_figures_without_the_person(self, world, grace, now):
        erase(contacts=[grace.contact_id], now=now, source="page")

        order = Order.objects.get()
        assert order.contact_id is None
        assert (int(order.total), order.items.get().sku) == (50, "SHOE")
        assert sorted(Delivery.objects.values_list("state", "reason")) == [
            ("failed", "provider rejected"),
            ("sent", ""),
            ("skipped", "contact deleted"),
            ("skipped", "contact deleted"),
        ]
        assert not Delivery.objects.filter(contact__isnull=False).exists()
        receipt = Receipt.objects.get()
        assert (receipt.kind, receipt.detail, receipt.contact_id) == ("replied", {}, None)
        code = CouponCode.objects.get()
        assert (code.handed_at, code.contact_id) == (now, None)

    def test_drops_the_answer_of_a_call_under_way(self, world, grace, now):
        erase(contacts=[grace.contact_id], now=now, source="page")

        call = Call.objects.get()
        assert (call.state, call.ended_at, call.outcome) == ("failed", now, {"status": 200})

    def test_touches_nobody_else(self, world, grace, now):
        ann = world.person(email="ann@mail.example", profile={"Note": "hers"})
        world.happen(ann)
        OrderFactory(contact=ann.contact)
        DeliveryFactory(list=world.in_list, contact=ann.contact, state="queued")

        erase(contacts=[grace.contact_id], now=now, source="page")
        world.tick()

        ann.refresh_from_db()
        assert (ann.state, list(ann.profile.values())) == ("Subscribed", ["hers"])
        assert Event.objects.filter(contact_id=ann.contact_id).exists()
        assert Order.objects.filter(contact=ann.contact).exists()
        assert Delivery.objects.get(contact=ann.contact).state == "queued"
        assert Enrollment.objects.get(contact_id=ann.contact_id).ended_at is None

    def test_takes_many_with_as_many_statements_as_one(
        self, inside_acme, now, django_assert_max_num_queries
    ):
        ids = [SubscriptionFactory().contact_id for _ in range(20)]

        with django_assert_max_num_queries(41):
            erasure = erase(contacts=ids, now=now, source="api")

        assert (erasure.contacts, Contact.objects.count()) == (20, 0)

    def test_twice_changes_nothing(self, world, grace, now):
        erase(contacts=[grace.contact_id], now=now, source="api")

        again = erase(contacts=[grace.contact_id], now=now, source="api")

        assert again.contacts == 0

    def test_keeps_ticks_out_before_it_reads_anything(self, inside_acme, now):
        Turn.objects.create(served_at=now)
        person = ContactFactory()

        with CaptureQueriesContext(connections["default"]) as asked:
            erase(contacts=[person.pk], now=now, source="api")

        assert "FROM conversations_turn AS turn FOR UPDATE" in asked[0]["sql"]


class TestAnAnswer:
    def test_that_somebody_else_got_too_stays_theirs(self, world, now):
        people = [
            world.person(phone_e164=phone, email=f"{name}@mail.example")
            for name, phone in (("ann", "+12125550178"), ("bob", "+12125550179"))
        ]
        for person in people:
            phone = person.contact.phone_e164
            PhoneSubscriptionFactory(
                phone_list=world.phone_list, phone_e164=phone, contact=person.contact
            )
            code = world.short_code
            answer_by_hand(short_code=code, phone_e164=phone, text="On its way", now=now)

        erase(contacts=[people[0].contact_id], now=now, source="page")

        left = Delivery.objects.exclude(message=None).get(channel="sms")
        assert (left.address, left.message.content["text"]) == ("+12125550179", "On its way")

    def test_goes_with_the_last_who_got_it(self, world, now):
        person = world.person(phone_e164=PHONE, email=EMAIL)
        PhoneSubscriptionFactory(
            phone_list=world.phone_list, phone_e164=PHONE, contact=person.contact
        )
        code = world.short_code
        answer_by_hand(short_code=code, phone_e164=PHONE, text="On its way", now=now)

        erase(contacts=[person.contact_id], now=now, source="page")

        assert not CommittedMessage.objects.filter(content__text="On its way").exists()


class TestATextToMany:
    def test_forgets_several_who_got_it(self, world, now):
        people = [
            world.person(phone_e164=f"+1212555018{digit}", email=f"p{digit}@mail.example")
            for digit in range(3)
        ]
        for person in people:
            DeliveryFactory(
                list=world.in_list,
                contact=person.contact,
                channel="sms",
                address=person.contact.phone_e164,
                state="sent",
                broadcast_id=7,
                step_key=BROADCAST,
            )

        erase(contacts=[one.contact_id for one in people], now=now, source="page")

        left = Delivery.objects.filter(address="", contact=None)
        assert left.count() == Delivery.objects.count() == 3


class TestWhoHadOptedOut:
    def test_is_known_by_a_hash_alone(self, world, grace, now):
        actions.unsubscribe(list=world.in_list, contact=grace.contact, now=now, method="Page")
        PhoneSubscription.objects.update(state="Unsubscribed")

        erase(contacts=[grace.contact_id], now=now, source="page")

        kept = Suppression.objects.order_by("channel")
        assert [(one.channel, one.reason) for one in kept] == [
            ("email", "erased"),
            ("sms", "erased"),
        ]
        assert all(one.address.startswith("sha256:") for one in kept)
        assert leftovers() == []

    def test_is_not_known_at_all_where_nobody_had(self, world, grace, now):
        erase(contacts=[grace.contact_id], now=now, source="page")

        assert not Suppression.objects.exists()


class TestAnOrderThatComesAgain:
    def test_is_its_new_contact_s(self, world, grace, now):
        erase(contacts=[grace.contact_id], now=now, source="api")
        number = Order.objects.get().order_number

        actions.save_orders(
            orders=[
                actions.NewOrder(
                    order_number=number,
                    customer=actions.Customer(email=EMAIL),
                    ordered_at=now,
                    status="Completed",
                )
            ],
            now=now,
            source="api",
        )

        assert Order.objects.get().contact == Contact.objects.get(email_norm=EMAIL)
