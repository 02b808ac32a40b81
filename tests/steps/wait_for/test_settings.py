"""Wait For: its settings, and what a file may not say."""

from collections.abc import Callable
from typing import Any

import pytest

from conductor.conversations.document import parse_step
from conductor.conversations.names import ListNames
from conductor.conversations.reading import MalformedConversationError
from conductor.steps import step_types
from contacts.models import Segment
from tests.engine.world import World
from tests.steps.wait_for.coming import NOON


class TestSettings:
    @pytest.mark.parametrize(
        ("written", "path"),
        [
            ({"event": "A", "order": {}}, ""),
            ({"event": "A", "filter": {"all": []}}, ""),
            ({"filter": {"all": []}, "where": {"name": "a", "is": 1}}, ""),
            ({"order": {"status": "Sent"}}, "order.status"),
            ({"message": {"did": "replied"}}, "message.did"),
            ({"sms": {"did": "opened"}}, "sms.did"),
            ({"event": "A", "where": {"is": 1}}, "where"),
            ({"event": "A", "where": {"name": "a", "in_last": "P3D"}}, "where"),
            ({"event": "A", "timeout": "soon"}, "timeout"),
            ({"event": "A", "timeout": "P6Y"}, "timeout"),
            ({"filter": {"purchase": {"within": "P3D"}}}, "filter.purchase.within"),
            ({"filter": {"not": {"any": [{"purchase": {}}, {"event": {"name": "A", "within": "P3D"}}]}}},
             "filter.not.any[1].event.within"),
            ({"filter": {"field": "Profile.Renewal", "in_next": "P3D"}}, "filter.in_next"),
            ({"filter": {"field": "Profile.Renewal", "in_last": "P3D"}}, "filter.in_last"),
            ({"filter": {"contact": "birthday", "anniversary_in": "P3D"}}, "filter.anniversary_in"),
            ({"filter": {"subscription": {"within": "P3D"}}}, "filter.subscription.within"),
            ({"filter": {"purchase": {"last": {"in_last": "P3D"}}}}, "filter.purchase.last.in_last"),
        ],
    )  # fmt: skip
    def test_refuse(self, written: dict[str, Any], path: str) -> None:
        with pytest.raises(MalformedConversationError) as refused:
            parse_step({"key": "hold", "wait_for": written})

        assert [fault.path for fault in refused.value.faults] == [
            f"wait_for.{path}".removesuffix(".")
        ]

    def test_say_what_to_do_instead(self) -> None:
        written = {"key": "hold", "wait_for": {"filter": {"purchase": {"within": "P3D"}}}}

        with pytest.raises(MalformedConversationError, match="use a wait and a filter"):
            parse_step(written)

    @pytest.mark.parametrize(
        ("written", "codes"),
        [
            ({}, ["empty_setting", "empty_setting"]),
            ({"event": "Bought", "timeout": "P1D"}, ["unknown_event"]),
            ({"event": "Order Imported"}, ["empty_setting"]),
            ({"message": {}, "timeout": "P1D"}, ["empty_setting"]),
            ({"sms": {}, "timeout": "P1D"}, ["empty_setting"]),
            ({"order": {}, "timeout": "P1D"}, []),
            ({"filter": {"field": "Profile.X", "is": 1}, "timeout": "P1D"}, ["rule"]),
        ],
    )
    def test_tell_what_is_missing(
        self, world: World, written: dict[str, Any], codes: list[str]
    ) -> None:
        step = parse_step({"key": "hold", "wait_for": written})

        found = step.type.problems(step.config, ListNames(world.in_list))

        assert [problem.code for problem in found] == codes

    def test_refuse_a_segment_that_changes_by_time_alone(self, world: World) -> None:
        rules: dict[str, dict[str, Any]] = {
            "Buyers": {"purchase": {}},
            "Lately": {"purchase": {"within": "P9D"}},
            "Outer": {"not": {"segment": "Lately"}},
        }
        for name, rule in rules.items():
            Segment.objects.create(
                list=world.in_list, name=name, rule=rule, created_at=NOON, modified_at=NOON
            )
        filters = {name: {"segment": name} for name in ("Buyers", "Lately", "Outer")}

        found = {}
        for name, rule in filters.items():
            step = parse_step({"key": "hold", "wait_for": {"filter": rule, "timeout": "P1D"}})
            problems = step.type.problems(step.config, ListNames(world.in_list))
            found[name] = [problem.text for problem in problems]

        assert found["Buyers"] == []
        assert all("use a wait and a filter" in found[name][0] for name in ("Lately", "Outer"))

    @pytest.mark.parametrize(
        ("written", "sentence", "holds"),
        [
            ({"event": "Bought", "where": {"name": "total", "at_least": 5}, "timeout": "P3D"},
             "Wait for Bought where total is at least 5, at most 3 days", True),
            ({"order": {"status": "Shipped"}, "timeout": "P3D"},
             "Wait for an order Shipped, at most 3 days", True),
            ({"message": {"did": "opened", "step": "hello"}, "timeout": "PT2H"},
             "Wait for a message of step hello opened, at most 2 hours", True),
            ({"sms": {"did": "replied"}, "timeout": "PT2H"},
             "Wait for an answer to a text, at most 2 hours", True),
            ({"filter": {"field": "Profile.Points", "at_least": 5}, "timeout": "PT2H"},
             "Wait for Points is at least 5, at most 2 hours", False),
        ],
    )  # fmt: skip
    def test_come_back_and_are_said_in_words(
        self,
        written: dict[str, Any],
        sentence: str,
        holds: bool,  # noqa: FBT001
    ) -> None:
        step = parse_step({"key": "hold", "wait_for": written})

        assert step.write() == {"key": "hold", "wait_for": written}
        assert step.type.sentence(step.config) == sentence
        assert step.type.holds(step.config) is holds

    @pytest.mark.parametrize(
        ("written", "heard"),
        [
            ({"event": "Order Imported"}, lambda world: ("external_event", world.event.pk, None)),
            ({"order": {}}, lambda _: ("order", None, None)),
            ({"message": {"did": "opened"}}, lambda _: ("receipt", None, None)),
            ({"message": {"did": "sent"}}, lambda _: ("delivery", None, None)),
            ({"sms": {"did": "replied"}}, lambda _: ("receipt", None, None)),
        ],
    )
    def test_say_what_is_heard(
        self, world: World, written: dict[str, Any], heard: Callable[[World], Any]
    ) -> None:
        step = parse_step({"key": "hold", "wait_for": {**written, "timeout": "P1D"}})

        compiled = step.type.compile(step.config, ListNames(world.in_list))

        assert step_types()["wait_for"].hears(compiled) == {heard(world)}
