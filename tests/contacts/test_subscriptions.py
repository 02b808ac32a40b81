"""Subscribing, unsubscribing, profiles: what changes and what starts."""

from datetime import timedelta

import pytest

from accounts.actions import InvalidValueError
from contacts import actions
from contacts.identity import email_key
from contacts.models import Contact, Event, Intake, Listener, Subscription
from tests.factories import (
    ContactFactory,
    ExternalEventFactory,
    ListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SubscriptionFactory,
)

DAY = timedelta(days=1)


@pytest.fixture
def store(inside_acme):
    return ListFactory(name="Store Customers")


@pytest.fixture
def listen(store):
    """Let a conversation listen to every kind of fact of the list."""

    def listen(*kinds, event=None, conversation_id=7):
        for kind in kinds:
            Listener.objects.create(
                conversation_id=conversation_id, list=store, kind=kind, external_event=event
            )

    return listen


def kinds():
    return list(Intake.objects.order_by("id").values_list("kind", flat=True))


class TestSubscribe:
    def test_creates_the_contact_and_its_subscription(self, store, now):
        result = actions.subscribe(list=store, email=" Grace@Mail.Example", method="Page", now=now)

        contact = result.subscription.contact
        assert (contact.email, contact.email_norm) == ("Grace@Mail.Example", "grace@mail.example")
        assert result.created
        assert result.subscription.state == "Subscribed"
        assert result.subscription.subscribed_at == now
        assert result.subscription.email_key == email_key(store.pk, "grace@mail.example")

    def test_fires_subscribed_once_and_resubscribed_when_it_comes_back(self, store, listen, now):
        listen("subscribed", "resubscribed")

        actions.subscribe(list=store, email="grace@mail.example", method="Page", now=now)
        actions.subscribe(list=store, email="GRACE@mail.example", method="Page", now=now)
        actions.unsubscribe(list=store, email="grace@mail.example", method="Page", now=now + DAY)
        back = actions.subscribe(
            list=store,
            email="grace@mail.example",
            method="Administrator",
            override_unsubscribe=True,
            now=now + 2 * DAY,
        )

        assert kinds() == ["subscribed", "resubscribed"]
        assert back.subscription.subscribed_at == now
        assert back.subscription.resubscribed_at == now + 2 * DAY
        assert back.subscription.unsubscribed_at is None
        assert Subscription.objects.count() == Contact.objects.count() == 1

    def test_refuses_to_put_back_one_who_left(self, store, now):
        SubscriptionFactory(
            list=store, contact=ContactFactory(email="g@mail.example"), state="Unsubscribed"
        )

        with pytest.raises(actions.UnsubscribedAddressError) as refused:
            actions.subscribe(list=store, email="g@mail.example", method="Page", now=now)

        assert refused.value.code == "ERROR_UNSUBSCRIBED_EMAIL_ADDRESS"
        assert refused.value.message == (
            "The emailAddress has already been unsubscribed from the list."
        )

    def test_without_a_state_updates_one_who_left_and_leaves_it_there(self, store, now):
        field = ProfileFieldFactory(group=ProfileFieldGroupFactory(list=store))
        SubscriptionFactory(
            list=store, contact=ContactFactory(email="g@mail.example"), state="Unsubscribed"
        )

        result = actions.subscribe(
            list=store,
            email="g@mail.example",
            method="Page",
            state=None,
            profile={field.pk: "red"},
            now=now,
        )

        assert result.subscription.state == "Unsubscribed"
        assert result.subscription.profile == {str(field.pk): "red"}

    def test_a_pending_one_is_subscribed_for_the_first_time_later(self, store, listen, now):
        listen("subscribed", "resubscribed")
        actions.subscribe(
            list=store, email="g@mail.example", method="Page", state="Pending", now=now
        )

        assert kinds() == []

        actions.subscribe(list=store, email="g@mail.example", method="Page", now=now + DAY)

        assert kinds() == ["subscribed"]

    def test_a_later_subscription_is_the_same_contact(self, store, now):
        known = actions.save_contact(email="g@mail.example", external_id="17", now=now).contact

        result = actions.subscribe(list=store, email="g@mail.example", method="Page", now=now)

        assert result.created
        assert result.subscription.contact == known

    def test_refuses_a_contact_without_an_address(self, store, now):
        contact = actions.save_contact(external_id="17", now=now).contact

        with pytest.raises(actions.NoAddressError):
            actions.subscribe(list=store, contact=contact, method="Page", now=now)

    def test_raises_its_events_each_time_even_quietly(self, store, listen, now):
        event = ExternalEventFactory(list=store, name="Order Imported")
        listen("external_event", event=event)
        listen("subscribed")

        for _ in range(2):
            actions.subscribe(
                list=store,
                email="g@mail.example",
                method="Page",
                event_ids=[event.pk],
                quiet=True,
                now=now,
            )

        assert kinds() == ["external_event", "external_event"]
        assert Event.objects.count() == 2
        assert set(Intake.objects.values_list("subscription_id", flat=True)) == {
            Subscription.objects.get().pk
        }

    def test_refuses_an_event_of_another_list(self, store, now):
        event = ExternalEventFactory()

        with pytest.raises(InvalidValueError) as refused:
            actions.subscribe(
                list=store, email="g@mail.example", method="Page", event_ids=[event.pk], now=now
            )

        assert refused.value.field == "eventIds"


class TestNewcomer:
    """Calls of hundreds a second put one new contact on a list: each statement counts."""

    def test_comes_onto_a_list_by_two_statements(self, store, now, statements):
        field = ProfileFieldFactory(group=ProfileFieldGroupFactory(list=store))
        statements.clear()

        actions.subscribe(
            list=store, email="g@mail.example", method="Page", profile={field.pk: "red"}, now=now
        )

        assert len(statements) == 2, statements

    def test_is_told_of_in_order(self, store, listen, now):
        field = ProfileFieldFactory(group=ProfileFieldGroupFactory(list=store))
        listen("added", "subscribed", "profile_updated")

        new = actions.subscribe(
            list=store, email="g@mail.example", method="Page", profile={field.pk: "red"}, now=now
        ).subscription

        assert kinds() == ["added", "subscribed", "profile_updated"]
        told = Intake.objects.values_list("contact_id", "subscription_id").distinct()
        assert list(told) == [(new.contact_id, new.pk)]

    def test_waits_for_its_opt_in(self, store, listen, now):
        listen("added", "subscribed")

        new = actions.subscribe(
            list=store, email="g@mail.example", method="Page", state="Pending", now=now
        ).subscription

        new.refresh_from_db()
        assert (new.state, new.subscribed_at, new.subscribe_method) == ("Pending", None, "")
        assert kinds() == ["added"]

    def test_is_the_same_as_it_is_read(self, store, now):
        made = actions.subscribe(
            list=store,
            email=" Grace@Mail.Example",
            method="Page",
            external_contact_id=" C-1 ",
            now=now,
        ).subscription

        read = Subscription.objects.select_related("contact").get()
        for column in Subscription._meta.concrete_fields:
            if column.name != "account":
                assert getattr(read, column.attname) == getattr(made, column.attname), column
        for column in Contact._meta.concrete_fields:
            assert getattr(read.contact, column.attname) == getattr(made.contact, column.attname)


class TestProfile:
    @pytest.fixture
    def fields(self, store):
        group = ProfileFieldGroupFactory(list=store, name="Profile")
        return {
            kind: ProfileFieldFactory(group=group, name=kind, data_type=kind)
            for kind in ("Text", "Numeric", "CheckBox", "Date")
        }

    def test_keeps_typed_values(self, store, fields, now):
        result = actions.subscribe(
            list=store,
            email="g@mail.example",
            method="Page",
            profile={
                fields["Text"].pk: " red ",
                fields["Numeric"].pk: "1,234.50",
                fields["CheckBox"].pk: "True",
                fields["Date"].pk: "12/31/2026",
            },
            now=now,
        )

        assert Subscription.objects.get(pk=result.subscription.pk).profile == {
            str(fields["Text"].pk): "red",
            str(fields["Numeric"].pk): 1234.5,
            str(fields["CheckBox"].pk): "on",
            str(fields["Date"].pk): "2026-12-31",
        }

    @pytest.mark.parametrize(
        ("kind", "raw"), [("Numeric", "ten"), ("CheckBox", "perhaps"), ("Date", "soon")]
    )
    def test_refuses_what_a_field_does_not_take(self, store, fields, now, kind, raw):
        with pytest.raises(InvalidValueError) as refused:
            actions.subscribe(
                list=store,
                email="g@mail.example",
                method="Page",
                profile={fields[kind].pk: raw},
                now=now,
            )

        assert refused.value.field == "value"
        assert raw in refused.value.message

    @pytest.mark.parametrize(
        ("update_type", "expected"),
        [
            ("Update", {"Text": "blue", "Numeric": 1}),
            ("Append", {"Text": "red,blue", "Numeric": 1}),
            ("Overwrite", {"Text": "blue"}),
            ("", {"Text": "blue", "Numeric": 1}),
        ],
    )
    def test_meets_stored_values_by_update_type(self, store, fields, now, update_type, expected):
        subscription = SubscriptionFactory(
            list=store,
            contact=ContactFactory(),
            profile={str(fields["Text"].pk): "red", str(fields["Numeric"].pk): 1},
        )

        result = actions.set_profile(
            subscription=subscription,
            profile={fields["Text"].pk: "blue"},
            update_type=update_type,
            now=now,
        )

        assert result.subscription.profile == {
            str(fields[name].pk): value for name, value in expected.items()
        }

    def test_appending_twice_adds_once(self, store, fields, now):
        subscription = SubscriptionFactory(list=store, contact=ContactFactory())

        for _ in range(2):
            for colour in ("red", "blue"):
                actions.set_profile(
                    subscription=subscription,
                    profile={fields["Text"].pk: colour},
                    update_type="Append",
                    now=now,
                )

        subscription.refresh_from_db()
        assert subscription.profile == {str(fields["Text"].pk): "red,blue"}

    def test_fires_profile_updated_only_if_a_stored_value_changed(self, store, fields, listen, now):
        listen("profile_updated")
        subscription = SubscriptionFactory(list=store, contact=ContactFactory())

        for colour in ("red", "red", "blue"):
            actions.set_profile(
                subscription=subscription, profile={fields["Text"].pk: colour}, now=now
            )

        assert kinds() == ["profile_updated"] * 2
        assert Intake.objects.earliest("pk").properties == {"fields": [str(fields["Text"].pk)]}

    def test_an_empty_value_clears_the_field(self, store, fields, now):
        subscription = SubscriptionFactory(
            list=store, contact=ContactFactory(), profile={str(fields["Text"].pk): "red"}
        )

        result = actions.set_profile(
            subscription=subscription, profile={fields["Text"].pk: ""}, now=now
        )

        assert result.subscription.profile == {}

    def test_refuses_a_field_of_another_list(self, store, now):
        field = ProfileFieldFactory()

        with pytest.raises(InvalidValueError) as refused:
            actions.subscribe(
                list=store, email="g@mail.example", method="Page", profile={field.pk: "x"}, now=now
            )

        assert refused.value.field == "segmentationFieldId"


class TestUnsubscribe:
    def test_keeps_the_first_date_when_done_twice(self, store, now):
        actions.subscribe(list=store, email="g@mail.example", method="Page", now=now)
        first = actions.unsubscribe(
            list=store, email="g@mail.example", method="Administrator", now=now + DAY
        )

        again = actions.unsubscribe(
            list=store, email="g@mail.example", method="Contact", now=now + 2 * DAY
        )

        assert (first.changed, again.changed) == (True, False)
        assert again.subscription.unsubscribed_at == now + DAY
        assert again.subscription.unsubscribe_method == "Administrator"

    @pytest.mark.parametrize("email", ["stranger@mail.example", "other@mail.example"])
    def test_refuses_one_who_never_was_on_the_list(self, store, now, email):
        SubscriptionFactory(contact=ContactFactory(email="other@mail.example"))

        with pytest.raises(actions.NotSubscribedAddressError) as refused:
            actions.unsubscribe(list=store, email=email, method="Page", now=now)

        assert refused.value.code == "ERROR_NOT_SUBSCRIBED_EMAIL_ADDRESS"


class TestChangeAddress:
    def test_the_new_address_is_a_contact_of_its_own(self, store, listen, now):
        listen("address_changed", "subscribed")
        old = SubscriptionFactory(
            list=store,
            contact=ContactFactory(email="old@mail.example"),
            profile={"1": "red"},
            external_contact_id="17",
        )

        result = actions.change_address(
            list=store,
            email="old@mail.example",
            new_email="New@mail.example",
            method="Page",
            now=now,
        )

        old.refresh_from_db()
        new = result.subscription
        assert (old.state, old.unsubscribe_method) == ("Unsubscribed", "AddressChange")
        assert new.contact != old.contact
        assert (new.state, new.profile, new.external_contact_id) == (
            "Subscribed",
            {"1": "red"},
            "17",
        )
        assert kinds() == ["address_changed"]

    @pytest.mark.parametrize(
        ("state", "code"),
        [
            ("Subscribed", "ERROR_SUBSCRIBED_NEW_EMAIL_ADDRESS"),
            ("Unsubscribed", "ERROR_UNSUBSCRIBED_NEW_EMAIL_ADDRESS"),
            ("Pending", "ERROR_PENDING_NEW_EMAIL_ADDRESS"),
        ],
    )
    def test_refuses_a_new_address_on_the_list(self, store, now, state, code):
        SubscriptionFactory(list=store, contact=ContactFactory(email="old@mail.example"))
        SubscriptionFactory(
            list=store, contact=ContactFactory(email="new@mail.example"), state=state
        )

        with pytest.raises(actions.RefusedError) as refused:
            actions.change_address(
                list=store,
                email="old@mail.example",
                new_email="new@mail.example",
                method="Page",
                now=now,
            )

        assert refused.value.code == code

    def test_refuses_to_move_one_who_left(self, store, now):
        SubscriptionFactory(
            list=store, contact=ContactFactory(email="old@mail.example"), state="Unsubscribed"
        )

        with pytest.raises(actions.ChangeUnsubscribedAddressError):
            actions.change_address(
                list=store,
                email="old@mail.example",
                new_email="new@mail.example",
                method="Page",
                now=now,
            )


class TestRaiseEvent:
    def test_reaches_a_contact_that_is_not_on_the_list(self, store, listen, now):
        event = ExternalEventFactory(list=store)
        listen("external_event", event=event)
        contact = ContactFactory()

        raised = actions.raise_event(
            external_event=event,
            contact=contact,
            now=now,
            occurred_at=now - DAY,
            properties={"sku": "A1"},
            source="api",
        )

        queued = Intake.objects.get()
        assert (queued.subscription_id, queued.event_id) == (None, raised.pk)
        assert (queued.occurred_at, queued.recorded_at) == (now - DAY, now)
        assert queued.properties == {"sku": "A1"}

    def test_queues_once_for_each_conversation_that_listens(self, store, listen, now):
        event, other = ExternalEventFactory(list=store), ExternalEventFactory(list=store)
        listen("external_event", event=event, conversation_id=7)
        listen("external_event", event=event, conversation_id=8)
        listen("external_event", event=other, conversation_id=9)

        actions.raise_event(external_event=event, contact=ContactFactory(), now=now, source="api")

        assert list(Intake.objects.order_by("id").values_list("conversation_id", flat=True)) == [
            7,
            8,
        ]

    def test_refuses_a_blocked_event(self, store, now):
        event = ExternalEventFactory(list=store, status="Blocked")

        with pytest.raises(actions.BlockedEventError):
            actions.raise_event(
                external_event=event, contact=ContactFactory(), now=now, source="api"
            )

        assert not Event.objects.exists()

    @pytest.mark.parametrize("properties", [{"a": "\0"}, {"a": float("nan")}, {"a": "x" * 70_000}])
    def test_refuses_properties_that_cannot_be_kept(self, store, now, properties):
        event = ExternalEventFactory(list=store)

        with pytest.raises(InvalidValueError) as refused:
            actions.raise_event(
                external_event=event,
                contact=ContactFactory(),
                properties=properties,
                now=now,
                source="api",
            )

        assert refused.value.field == "properties"
