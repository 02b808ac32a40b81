"""Stories of accounts that do not write to everybody at any hour, and as often as they like."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.stories.player import CAME_THROUGH, Ground, play
from tests.stories.story import Story
from tests.stories.test_found import conversation

# In New York half past eight in the evening of a Sunday.
EVENING = datetime(2026, 11, 16, 1, 30, tzinfo=UTC)


def writing(step: str, **heading: Any) -> dict[str, Any]:
    """Return a conversation that says something twice and waits."""
    return conversation(
        f"""
        {{key: start, trigger: {{external_event: Cart}}}}
        {{key: first, {step}}}
        {{key: second, {step}}}
        {{key: pause, wait: {{for: P3D}}}}
        {{key: end, terminate: {{}}}}
        """,
        reentry="unlimited",
        **heading,
    )


def mail(**send: str) -> str:
    """Return a step that sends an email."""
    return f"message: {{saved_message: We miss you, send: {send}}}"


def text(**send: str) -> str:
    """Return a step that sends a text."""
    return f"mobile_message: {{short_code: '54321', phone_list: Transactional, text: Hi, send: {send}}}"


DAILY, WEEKLY = ("any", "day", 1), ("any", "week", 1)


class TestRules:
    @pytest.mark.parametrize(
        ("step", "rules", "outcome"),
        [
            (mail(), {"hours": {"email": (9, 20)}}, "email: deferred quiet-hours-deferred"),
            (
                mail(quiet_hours="skip"),
                {"hours": {"email": (9, 20)}},
                "email: skipped quiet-hours-deferred",
            ),
            (mail(), {"caps": [DAILY]}, "email: skipped frequency-cap"),
            (mail(cap="defer"), {"caps": [WEEKLY]}, "email: deferred frequency-cap"),
            (mail(), {"holdout": 50}, "email: skipped holdout"),
            (text(), {"texts": "marketing"}, "sms: deferred quiet-hours-deferred"),
            (text(quiet_hours="skip"), {"texts": "marketing"}, "sms: skipped quiet-hours-deferred"),
            (text(), {"hours": {"sms": (9, 20)}, "caps": [DAILY]}, "sms: sent "),
        ],
    )
    def test_decide_when_the_step_runs(
        self, ground: Ground, step: str, rules: dict[str, Any], outcome: str
    ) -> None:
        before = CAME_THROUGH[outcome]

        play(ground, story(step, rules))

        assert CAME_THROUGH[outcome] > before

    def test_hold_nothing_that_a_goal_has_overtaken(self, ground: Ground) -> None:
        before = CAME_THROUGH["email: skipped exited by goal"]
        goal = {"field": "Profile.Points", "at_least": 5}

        play(ground, story(mail(), {"hours": {"email": (9, 20)}}, goal=goal))

        assert CAME_THROUGH["email: skipped exited by goal"] == before + 2

    def test_hold_what_was_said_before_the_end(self, ground: Ground) -> None:
        before = CAME_THROUGH["email: deferred quiet-hours-deferred"]

        play(ground, story(mail(), {"hours": {"email": (9, 20)}}, acts=[("end", "ann", "C1")]))

        assert CAME_THROUGH["email: deferred quiet-hours-deferred"] == before + 4


def story(step: str, rules: dict[str, Any], *, acts: Any = (), **heading: Any) -> Story:
    """Return a story of two people who are told something in the evening, and again next day."""
    return Story(
        people={
            "ann": {"phone": "+12125550101"},
            "bob": {"phone": "+12125550102", "time_zone": "Pacific/Auckland"},
        },
        conversations=[writing(step, **heading)],
        acts=[
            ("consent", "+12125550101", "Subscribed"),
            ("consent", "+12125550102", "Subscribed"),
            ("event", "ann", "Cart"),
            ("event", "bob", "Cart"),
            ("clock", "PT1H"),
            ("send",),
            ("profile", "ann", {"Profile.Points": 7}),
            *acts,
            ("clock", "PT5H"),
            ("event", "ann", "Cart"),
            ("clock", "P4D"),
        ],
        rules=rules,
        starts=EVENING,
    )
