"""Event/Batch over the wire: each item has a result of its own."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tenancy import in_account
from contacts.actions.event_batches import forget_event_keys
from contacts.models import Contact, Event, EventKey, Intake, Listener
from tests.api.conftest import connect
from tests.factories import ExternalEventFactory, SubscriptionFactory


@pytest.fixture
def url(shop):
    return f"/conductor/v1/List/{shop.pk}/Event/Batch"


@pytest.fixture
def cart(acme, shop):
    with in_account(acme.pk):
        return ExternalEventFactory.create(list=shop, name="Cart")


@pytest.fixture
def grace(acme, shop):
    with in_account(acme.pk):
        return SubscriptionFactory.create(
            list=shop,
            external_contact_id="C-1",
            contact__email="grace@mail.example",
            contact__phone_e164="+12125552368",
        ).contact


def results(wire, url, items):
    answer = wire.call("POST", url, items)
    assert answer.status_code == 200, answer.content
    data = json.loads(answer.content)["data"]
    assert [one["index"] for one in data] == list(range(len(items)))
    return [(one["status"], one["error"], one["message"]) for one in data]


STORED = (201, "", "")
DUPLICATE = (200, "", "duplicate")


class TestRaiseAll:
    def test_finds_contacts_by_each_identifier(self, wire, url, acme, cart, grace):
        found = results(
            wire,
            url,
            [
                {"emailAddress": "Grace@mail.example", "event": "cart"},
                {"phoneNumber": "+1 212 555 2368", "event": cart.pk},
                {"externalContactID": "C-1", "event": str(cart.pk), "properties": {"sku": 7}},
            ],
        )

        assert found == [STORED] * 3
        with in_account(acme.pk):
            events = Event.objects.filter(contact_id=grace.pk).order_by("id")
            assert [event.sku for event in events] == ["", "", "7"]
            assert {event.source for event in events} == {"api"}

    def test_tells_who_listens_in_the_order_of_the_items(self, wire, url, acme, cart, grace):
        with in_account(acme.pk):
            Listener.objects.create(
                list=cart.list, conversation_id=7, kind="external_event", external_event=cart
            )

        items = [
            {"emailAddress": grace.email, "event": "Cart", "properties": {"number": number}}
            for number in range(20)
        ]
        assert results(wire, url, items) == [STORED] * 20

        with in_account(acme.pk):
            told = Intake.objects.filter(conversation_id=7).order_by("id")
            assert [row.properties["number"] for row in told] == list(range(20))
            assert {row.contact_id for row in told} == {grace.pk}
            assert all(row.subscription_id for row in told)

    def test_stores_a_key_once_in_seven_days(self, wire, url, acme, cart, grace):
        item = {"emailAddress": grace.email, "event": "Cart", "eventKey": "k-1"}

        assert results(wire, url, [item, item]) == [STORED, DUPLICATE]
        assert results(wire, url, [item, {**item, "eventKey": "k-2"}]) == [DUPLICATE, STORED]

        with in_account(acme.pk):
            assert Event.objects.count() == 2
        for age, expected in (
            (timedelta(days=6, hours=23), DUPLICATE),
            (timedelta(days=7, seconds=1), STORED),
        ):
            with in_account(acme.pk):
                EventKey.objects.filter(key="k-1").update(recorded_at=timezone.now() - age)
            assert results(wire, url, [item]) == [expected]

    def test_keeps_no_key_of_what_is_refused(self, wire, url, cart, grace):
        unknown = {"emailAddress": "new@mail.example", "event": "Cart", "eventKey": "k-1"}

        assert results(wire, url, [unknown])[0][0] == 404
        assert results(wire, url, [{**unknown, "emailAddress": grace.email}]) == [STORED]

    def test_makes_a_contact_only_if_told_to(self, wire, url, acme, cart):
        items = [
            {"emailAddress": "New@mail.example", "event": "Cart"},
            {"emailAddress": "New@mail.example", "event": "Cart", "createContact": True},
            {"phoneNumber": "+12125550111", "event": "Cart", "createContact": True},
            {"externalContactID": "nobody", "event": "Cart", "createContact": True},
        ]

        found = results(wire, url, items)

        unknown = (
            404,
            "ERROR_UNABLE_TO_LOCATE_RESOURCE",
            "Unable to locate a contact with the identifier supplied.",
        )
        assert found == [unknown, STORED, STORED, unknown]
        with in_account(acme.pk):
            assert set(Contact.objects.values_list("email", "phone_e164")) == {
                ("New@mail.example", ""),
                ("", "+12125550111"),
            }

    @pytest.mark.parametrize(
        ("changed", "parameter"),
        [
            ({"emailAddress": "no address"}, "emailAddress"),
            ({"emailAddress": ""}, "emailAddress"),
            ({"phoneNumber": "+12125552368"}, "emailAddress"),
            ({"event": "Nothing"}, "event"),
            ({"event": None}, "event"),
            ({"event": True}, "event"),
            ({"occurredAt": "2026-02-30T00:00:00"}, "occurredAt"),
            ({"occurredAt": "2199-01-01T00:00:00Z"}, "occurredAt"),
            ({"properties": [1]}, "properties"),
            ({"properties": {"a": "x" * 32_768}}, "properties"),
            ({"properties": {"a": "\x00"}}, "properties"),
            ({"properties": {"a": "\ud800"}}, "properties"),
            ({"eventKey": "k" * 256}, "eventKey"),
            ({"eventKey": {}}, "eventKey"),
            ({"createContact": "perhaps"}, "createContact"),
        ],
    )
    def test_refuses_an_item_and_takes_the_others(
        self, wire, url, acme, cart, grace, changed, parameter
    ):
        good = {"emailAddress": grace.email, "event": "Cart"}

        found = results(wire, url, [good, {**good, **changed}, good])

        said = f"An invalid value was supplied for {parameter}."
        assert found == [STORED, (400, "ERROR_INVALID_PARAMETER", said), STORED]
        with in_account(acme.pk):
            assert Event.objects.count() == 2

    def test_takes_properties_of_32_kb_and_no_more(self, wire, url, grace, cart):
        # 1,024 pairs of 32 bytes each with what stands behind it, one letter less for the first brace.
        pairs = {f"{number:05d}": "x" * 21 for number in range(1024)} | {"00000": "x" * 20}
        good = {"emailAddress": grace.email, "event": "Cart"}

        found = results(
            wire,
            url,
            [{**good, "properties": pairs}, {**good, "properties": {**pairs, "00000": "x" * 21}}],
        )

        assert found[0] == STORED
        assert found[1][0] == 400

    def test_takes_events_of_the_next_24_hours_and_no_later_ones(self, wire, url, grace, cart):
        good = {"emailAddress": grace.email, "event": "Cart"}
        at = {hours: timezone.now() + timedelta(hours=hours) for hours in (23, 25)}

        found = results(
            wire, url, [{**good, "occurredAt": moment.isoformat()} for moment in at.values()]
        )

        said = "An invalid value was supplied for occurredAt."
        assert found == [STORED, (400, "ERROR_INVALID_PARAMETER", said)]

    def test_refuses_what_is_no_object_and_a_blocked_event(self, wire, url, acme, cart, grace):
        with in_account(acme.pk):
            ExternalEventFactory.create(list=cart.list, name="Shut", status="Blocked")

        found = results(wire, url, ["x", None, {"emailAddress": grace.email, "event": "Shut"}])

        assert [status for status, _, _ in found] == [400, 400, 400]

    def test_takes_ten_thousand_and_no_more(self, wire, url, acme, cart, grace):
        item = {"emailAddress": grace.email, "event": "Cart"}

        assert set(results(wire, url, [item] * 10_000)) == {STORED}
        assert wire.refused("POST", url, [item] * 10_001)[0] == 400
        with in_account(acme.pk):
            assert Event.objects.count() == 10_000

    @pytest.mark.parametrize("body", ["{}", "[", '"x"', ""])
    def test_refuses_an_unreadable_body(self, wire, url, body):
        assert wire.refused("POST", url, data=body)[0] == 400

    def test_is_closed_to_others(self, acme, now, url, cart, globex):
        weak = connect(acme, now, types=["email"], levels=["Contact"])
        stranger = connect(globex, now, types=["email"])

        assert weak.refused("POST", url, [])[0] == 401
        assert stranger.refused("POST", url, [])[0] == 404


class TestForgetEventKeys:
    def test_forgets_what_counts_no_more(self, acme, globex, now):
        for account in (acme, globex):
            with in_account(account.pk):
                EventKey.objects.create(list_id=1, key="old", recorded_at=now - timedelta(days=8))
                EventKey.objects.create(list_id=1, key="new", recorded_at=now)

        forget_event_keys(now)

        for account in (acme, globex):
            with in_account(account.pk):
                assert [kept.key for kept in EventKey.objects.all()] == ["new"]
