"""Message and Mobile Step: who is written to, who is skipped and why, where each goes on."""

from typing import Any

import pytest

from conductor.conversations.models import Enrollment
from messaging.models import Delivery
from tests.engine.world import World
from tests.factories import PhoneSubscriptionFactory

TEXT = (
    "{key: text, mobile_message: {short_code: '54321', phone_list: Transactional, text: Hi, "
    "phone_field: Profile.Mobile%s}}"
)
TEXT_TO_PHONE = (TEXT % "").replace(", phone_field: Profile.Mobile", "")
NUMBER = "+12125550123"


class TestMessage:
    @pytest.mark.parametrize(
        ("person", "state", "reason"),
        [
            ({}, "queued", ""),
            ({"state": "Unsubscribed"}, "skipped", "suppressed"),
            ({"state": "Pending"}, "skipped", "pending double opt-in"),
            ({"email": "", "email_norm": ""}, "skipped", "missing address"),
        ],
    )
    def test_queues_or_skips(
        self, world: World, person: dict[str, Any], state: str, reason: str
    ) -> None:
        world.live("{key: hello, message: {saved_message: We miss you}}")
        email_norm = person.pop("email_norm", "grace@mail.example")
        grace = (
            world.person(email_norm=email_norm, **person)
            if not email_norm
            else world.person(**{"email": email_norm, **person})
        )

        world.happen(grace)
        world.tick()

        assert world.deliveries() == [(email_norm, state, reason)]
        assert world.path(grace)[1] == "hello>next"

    def test_keeps_what_sending_needs(self, world: World) -> None:
        conversation = world.live(
            "{key: hello, message: {saved_message: We miss you, transactional: true, "
            "send: {unknown: resend}}}"
        )
        grace = world.person(email="grace@mail.example")

        world.happen(grace, properties={"sku": "A1"})
        world.tick()

        sent = Delivery.objects.get()
        assert sent.conversation_id == conversation.pk
        assert sent.version_id == world.place(grace).version_id
        assert sent.enrollment_id == world.place(grace).pk
        assert (sent.thread, sent.step_key, sent.visit_number) == ("Main", "hello", 1)
        assert (sent.channel, sent.contact_id) == ("email", grace.contact_id)
        assert sent.subscription_id == grace.pk
        assert sent.event_properties == {"sku": "A1"}
        assert sent.is_transactional
        assert sent.resend_unknown
        assert sent.queued_at == world.now
        assert sent.message is not None


class TestMobileMessage:
    @pytest.mark.parametrize(
        ("written", "consent", "address", "state", "reason"),
        [
            ("", {}, "", "skipped", "missing address"),
            ("   ", {}, "", "skipped", "missing address"),
            ("call me", {}, "call me", "skipped", "invalid address"),
            ("+999", {}, "+999", "skipped", "invalid address"),
            (NUMBER, None, NUMBER, "skipped", "no consent for this list/purpose"),
            ("(212) 555-0123", None, NUMBER, "skipped", "no consent for this list/purpose"),
            (NUMBER, {}, NUMBER, "queued", ""),
            ("(212) 555-0123", {}, NUMBER, "queued", ""),
            (" 212.555.0123 ", {"state": "Unsubscribed"}, NUMBER, "skipped", "suppressed"),
            (
                NUMBER,
                {"state": "Pending", "pending_double_opt_in": True},
                NUMBER,
                "skipped",
                "pending double opt-in",
            ),
            (
                NUMBER,
                {"state": "Pending", "pending_age_gate": True},
                NUMBER,
                "skipped",
                "age gate",
            ),
        ],
    )
    def test_queues_or_skips_and_goes_on(
        self,
        world: World,
        written: str,
        consent: dict[str, Any] | None,
        address: str,
        state: str,
        reason: str,
    ) -> None:
        world.live(TEXT % "")
        grace = world.person(profile={"Mobile": written})
        if consent is not None:
            PhoneSubscriptionFactory(phone_list=world.phone_list, phone_e164=NUMBER, **consent)

        world.happen(grace)
        world.tick()

        assert world.deliveries() == [(address, state, reason)]
        assert world.path(grace) == ["start>next", "text>next", "end>end", "(terminated)"]

    @pytest.mark.parametrize(
        ("written", "path"),
        [
            ("", ["text>end", "(missing address)"]),
            ("call me", ["text>end", "(invalid address)"]),
            # A valid number without consent is never invalid.
            (NUMBER, ["text>next", "end>end", "(terminated)"]),
        ],
    )
    def test_ends_without_a_valid_number_if_so_set(
        self, world: World, written: str, path: list[str]
    ) -> None:
        world.live(TEXT % ", invalid_number: terminate")
        grace = world.person(profile={"Mobile": written})

        world.happen(grace)
        world.tick()

        assert world.path(grace) == ["start>next", *path]
        assert len(world.deliveries()) == 1

    @pytest.mark.parametrize(
        ("step", "delivery"),
        [
            (TEXT_TO_PHONE, (NUMBER, "queued", "")),
            # A field that is named and empty is a missing address, whatever the phone.
            (TEXT % "", ("", "skipped", "missing address")),
        ],
    )
    def test_takes_the_phone_of_the_contact_without_a_field(
        self, world: World, step: str, delivery: tuple[str, str, str]
    ) -> None:
        world.live(step)
        grace = world.person(phone_e164=NUMBER)
        PhoneSubscriptionFactory(phone_list=world.phone_list, phone_e164=NUMBER)

        world.happen(grace)
        world.tick()

        assert world.deliveries() == [delivery]

    def test_does_not_take_the_consent_of_another_list(self, world: World) -> None:
        world.live(TEXT_TO_PHONE)
        grace = world.person(phone_e164=NUMBER)
        PhoneSubscriptionFactory(phone_e164=NUMBER)

        world.happen(grace)
        world.tick()

        assert world.deliveries() == [(NUMBER, "skipped", "no consent for this list/purpose")]
        assert Delivery.objects.get().phone_list == world.phone_list

    def test_holds_those_whose_field_was_deleted_since_the_publish(self, world: World) -> None:
        world.live(TEXT % "")
        grace = world.person(profile={"Mobile": NUMBER})
        world.fields["Mobile"].delete()

        world.happen(grace)
        world.tick()

        assert world.place(grace).held_reason == "the field is gone"
        assert world.deliveries() == []

    @pytest.mark.parametrize("gone", ["phone_list", "short_code"])
    def test_holds_those_whose_phone_list_or_code_was_deleted_since_the_publish(
        self, world: World, gone: str
    ) -> None:
        conversation = world.live(TEXT % "")
        sound = world.live("{key: pause, wait: {for: P1D}}")
        grace = world.person(profile={"Mobile": NUMBER})
        getattr(world, gone).delete()

        world.happen(grace)
        world.tick()

        places = Enrollment.objects.values_list("conversation_id", "step_key", "held_reason")
        assert set(places) == {
            (conversation.pk, "text", "the phone list is gone"),
            (sound.pk, "pause", ""),
        }
        assert world.deliveries() == []
