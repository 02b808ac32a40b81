"""Message and Mobile Step under quiet hours and caps: deferred or skipped, and who goes on."""

from datetime import time, timedelta

import pytest

from messaging.actions.rules import add_cap, set_rules
from messaging.actions.suppressions import suppress
from messaging.models import Delivery
from messaging.sending.claim import GIVEN_UP_AFTER, settle_and_release
from tests.engine.world import World
from tests.factories import PhoneSubscriptionFactory, QueuedTextFactory

MESSAGE = "{key: hello, message: {saved_message: We miss you%s}}"
TEXT = "{key: text, mobile_message: {short_code: '54321', phone_list: Transactional, text: Hi%s}}"
NUMBER = "+12125550123"


class TestQuietHours:
    @pytest.mark.parametrize(
        ("send", "state"),
        [("", "deferred"), (", send: {quiet_hours: skip}", "skipped")],
    )
    def test_defer_or_skip_as_the_step_says(self, world: World, send: str, state: str) -> None:
        set_rules(now=world.now, email_opens=time(8), email_closes=time(20))
        world.live(MESSAGE % send)
        grace = world.person(email="grace@mail.example", time_zone="America/Los_Angeles")

        world.happen(grace)
        world.tick()

        assert world.deliveries() == [("grace@mail.example", state, "quiet-hours-deferred")]
        # Four in the morning there; nobody waits for a delivery.
        opens = world.now + timedelta(hours=4)
        assert Delivery.objects.get().not_before == (opens if state == "deferred" else None)
        assert world.path(grace)[-1] == "(terminated)"

    def test_leave_a_transactional_message_alone(self, world: World) -> None:
        set_rules(now=world.now, email_opens=time(8), email_closes=time(9))
        world.live(MESSAGE % ", transactional: true")
        grace = world.person(email="grace@mail.example", time_zone="Asia/Tokyo")

        world.happen(grace)
        world.tick()

        assert world.deliveries() == [("grace@mail.example", "queued", "")]

    @pytest.mark.parametrize("written", [NUMBER, "(212) 555-0123"])
    def test_of_the_law_hold_a_marketing_text_however_its_number_is_written(
        self, world: World, written: str
    ) -> None:
        world.phone_list.kind = "Marketing"
        world.phone_list.save()
        PhoneSubscriptionFactory.create(phone_list=world.phone_list, phone_e164=NUMBER)
        world.live(TEXT % ", phone_field: Profile.Mobile")
        grace = world.person(profile={"Mobile": written}, time_zone="")

        world.happen(grace)
        world.tick()

        assert world.deliveries() == [(NUMBER, "deferred", "quiet-hours-deferred")]
        # Seven in New York: an hour to go.
        assert Delivery.objects.get().not_before == world.now + timedelta(hours=1)

    def test_are_over_after_three_days_with_the_reason_that_held(self, world: World) -> None:
        set_rules(now=world.now, email_opens=time(8), email_closes=time(9))
        world.live(MESSAGE % "")
        grace = world.person(email="grace@mail.example", time_zone="Asia/Tokyo")
        world.happen(grace)
        world.tick()

        settle_and_release(now=world.now + GIVEN_UP_AFTER)

        assert world.deliveries() == [("grace@mail.example", "skipped", "quiet-hours-deferred")]


class TestCaps:
    def test_count_the_messages_of_one_tick_together(self, world: World) -> None:
        add_cap(channel="email", period="day", most=2, now=world.now)
        for _ in range(4):
            world.live(MESSAGE % "")
        grace = world.person(email="grace@mail.example")
        kay = world.person(email="kay@mail.example")

        world.happen(grace, kay)
        world.tick()

        states = sorted(state for _, state, _ in world.deliveries())
        assert states == ["queued"] * 4 + ["skipped"] * 4
        for person in (grace, kay):
            own = Delivery.objects.filter(contact=person.contact_id, state="queued")
            assert own.count() == 2

    def test_defer_where_the_step_says_so(self, world: World) -> None:
        add_cap(channel="any", period="day", most=1, now=world.now)
        world.live(
            MESSAGE % "" + "\n" + (MESSAGE % ", send: {cap: defer}").replace("hello", "again")
        )
        grace = world.person(email="grace@mail.example", time_zone="Asia/Tokyo")

        world.happen(grace)
        world.tick()

        assert [state for _, state, _ in world.deliveries()] == ["queued", "deferred"]
        assert Delivery.objects.get(state="deferred").not_before == world.now.replace(hour=15)

    def test_of_a_phone_list_bind_its_texts(self, world: World) -> None:
        set_rules(now=world.now, follows_law=False)
        phones = world.phone_list
        phones.kind, phones.message_limit, phones.message_limit_time_frame = "Marketing", 1, "Day"
        phones.save()
        world.live(TEXT % ", phone_field: Profile.Mobile")
        grace = world.person(profile={"Mobile": NUMBER})
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=NUMBER, contact=grace.contact)
        QueuedTextFactory.create(
            phone_list=phones,
            contact=grace.contact,
            address=NUMBER,
            state="sent",
            sent_at=world.now,
        )

        world.happen(grace)
        world.tick()

        assert (NUMBER, "skipped", "frequency-cap") in world.deliveries()

    def test_of_a_campaign_count_its_conversations_alone(self, world: World) -> None:
        add_cap(channel="email", period="day", most=1, campaign="Winback", now=world.now)
        for heading in ("campaign: Winback", "campaign: Winback", "campaign: Welcome", ""):
            world.live(MESSAGE % "", heading=heading)
        grace = world.person(email="grace@mail.example")

        world.happen(grace)
        world.tick()

        assert sorted(state for _, state, _ in world.deliveries()) == [
            "queued", "queued", "queued", "skipped",
        ]  # fmt: skip


class TestSuppression:
    def test_skips_even_what_is_transactional(self, world: World) -> None:
        suppress(
            channel="email", addresses=["grace@mail.example"], reason="hard bounce", now=world.now
        )
        suppress(channel="email", addresses=["kay@mail.example"], reason="erased", now=world.now)
        suppress(channel="sms", addresses=[NUMBER], reason="manual", now=world.now)
        PhoneSubscriptionFactory.create(phone_list=world.phone_list, phone_e164=NUMBER)
        world.live(MESSAGE % ", transactional: true" + "\n" + TEXT % "")
        grace = world.person(email="grace@mail.example", phone_e164=NUMBER)
        kay = world.person(email="kay@mail.example")

        world.happen(grace, kay)
        world.tick()

        assert sorted(world.deliveries()) == [
            ("", "skipped", "missing address"),
            (NUMBER, "skipped", "suppressed"),
            ("grace@mail.example", "skipped", "suppressed"),
            ("kay@mail.example", "skipped", "suppressed"),
        ]

    def test_of_another_list_is_none_of_ours(self, world: World) -> None:
        elsewhere = type(world.in_list).objects.create(name="Elsewhere", created_at=world.now)
        suppress(
            channel="email",
            addresses=["grace@mail.example"],
            reason="complaint",
            list=elsewhere,
            now=world.now,
        )
        world.live(MESSAGE % "")
        grace = world.person(email="grace@mail.example")

        world.happen(grace)
        world.tick()

        assert world.deliveries() == [("grace@mail.example", "queued", "")]
