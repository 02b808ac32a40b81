"""Wait For what becomes of a message, or for a rule to hold."""

import pytest

from conductor.conversations.names import ListNames
from contacts.models import ExternalEvent, Subscription
from messaging.actions import record_receipts
from messaging.models import Delivery
from tests.engine.world import World
from tests.steps.wait_for.coming import DAY, HOUR, NOON, buy, come_to


class TestMessage:
    def send(self, world: World, settings: str, key: str = "hello") -> Subscription:
        """Let a contact come to the wait behind two messages that were sent."""
        world.live(
            "{key: hello, message: {saved_message: We miss you}}\n"
            "{key: other, message: {saved_message: We miss you}}\n"
            f"{{key: hold, wait_for: {{{settings}, timeout: P1D}}}}"
        )
        grace: Subscription = world.person()
        world.happen(grace)
        world.tick(NOON)
        return grace

    @pytest.mark.parametrize(
        ("settings", "kind", "step", "happened"),
        [
            ("message: {did: opened, step: hello}", "opened", "hello", True),
            ("message: {did: opened, step: hello}", "opened", "other", False),
            ("message: {did: opened, step: hello}", "clicked", "hello", False),
            ("message: {did: opened}", "opened", "other", True),
            ("message: {did: clicked}, where: {name: url, contains: shoes}", "clicked", "other",
             True),
            ("message: {did: clicked}, where: {name: url, contains: hats}", "clicked", "other",
             False),
            ("sms: {did: clicked}", "clicked", "other", False),
        ],
    )  # fmt: skip
    def test_hears_what_comes_back(
        self,
        world: World,
        settings: str,
        kind: str,
        step: str,
        happened: bool,  # noqa: FBT001
    ) -> None:
        grace = self.send(world, settings)
        Delivery.objects.update(state="sent", sent_at=NOON)
        record_receipts(
            delivery=Delivery.objects.get(step_key=step),
            kind=kind,
            now=NOON + HOUR,
            detail={"url": "https://acme.example/shoes"},
        )

        world.tick(NOON + HOUR)

        assert (world.path(grace)[-1] == "(terminated)") is happened

    def test_hears_that_it_is_sent(self, world: World) -> None:
        grace = self.send(world, "message: {did: sent, step: other}")
        Delivery.objects.filter(step_key="other").update(state="sent", sent_at=NOON + HOUR)

        world.tick(NOON + DAY)

        assert world.path(grace)[3] == "hold>happened"

    def test_hears_an_answer_to_a_text(self, world: World) -> None:
        grace = self.send(world, "sms: {did: replied}")
        Delivery.objects.filter(step_key="other").update(state="sent", sent_at=NOON, channel="sms")
        record_receipts(
            delivery=Delivery.objects.get(channel="sms"), kind="replied", now=NOON + HOUR
        )

        world.tick(NOON + HOUR)

        assert world.path(grace)[3] == "hold>happened"

    def test_needs_a_step_that_is_there(self, world: World) -> None:
        from conductor.conversations.document import parse_document
        from conductor.conversations.problems import find_problems

        document = parse_document(
            {
                "conversation": "C",
                "threads": [
                    {
                        "thread": "T",
                        "steps": [
                            {"key": "a", "trigger": {"list": "subscribed"}},
                            {
                                "key": "b",
                                "wait_for": {
                                    "message": {"did": "opened", "step": "nowhere"},
                                    "timeout": "P1D",
                                },
                            },
                            {"key": "c", "terminate": {}},
                        ],
                    }
                ],
            }
        )

        found = find_problems(document, ListNames(world.in_list), {})

        assert [(problem.path, problem.code) for problem in found] == [
            ("threads[0].steps[1].wait_for.message.step", "unknown_step")
        ]


class TestFilter:
    SETTINGS = "filter: {field: Profile.Points, at_least: 10}, timeout: P1D"

    def test_lets_go_at_once_who_matches(self, world: World) -> None:
        grace = come_to(world, self.SETTINGS, profile={"Points": 10})

        assert world.path(grace)[1:] == ["hold>happened", "go>end", "(terminated)"]

    def test_asks_again_when_something_changes(self, world: World) -> None:
        grace = come_to(world, self.SETTINGS, profile={"Points": 1})
        world.tick(NOON + HOUR)
        assert world.path(grace)[-1] == "hold"

        world.now = NOON + HOUR
        world.set(grace, Points=9)
        world.tick(NOON + HOUR)
        assert world.path(grace)[-1] == "hold"
        assert world.place(grace).due_at == NOON + DAY

        world.set(grace, Points=10)
        world.tick(NOON + 2 * HOUR)
        assert world.path(grace)[1] == "hold>happened"

    @pytest.mark.parametrize(("points", "exit_name"), [(10, "happened"), (9, "timed_out")])
    def test_asks_last_at_the_time_out(self, world: World, points: int, exit_name: str) -> None:
        grace = come_to(world, self.SETTINGS)
        grace.profile = {str(world.fields["Points"].pk): points}
        grace.save()

        world.tick(NOON + DAY)

        assert world.path(grace)[1] == f"hold>{exit_name}"

    def test_may_ask_since_a_step(self, world: World, bought: ExternalEvent) -> None:
        grace = come_to(world, "filter: {event: {name: Bought, since: hold}}, timeout: P1D")
        buy(world, bought, grace, NOON + HOUR)

        world.tick(NOON + HOUR)

        assert world.path(grace)[1] == "hold>happened"
