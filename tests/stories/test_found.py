"""Stories in which engine and oracle once disagreed, each told again, and a few to begin with."""

from typing import Any

import yaml

from tests.stories.player import Ground, play
from tests.stories.story import Story


def conversation(steps: str, name: str = "C1", **heading: Any) -> dict[str, Any]:
    """Return a file of one thread; its steps are a line of YAML each."""
    written = [yaml.safe_load(line) for line in steps.strip().splitlines()]
    return {
        "conversation": name,
        **heading,
        "threads": [{"thread": "Main", "steps": written}],
    }


class TestStory:
    def test_of_a_reminder(self, ground: Ground) -> None:
        winback = conversation("""
            {key: start, trigger: {external_event: Cart}}
            {key: ask, filter: {field: Profile.Points, at_least: 5}}
            {key: mail, message: {saved_message: We miss you}}
            {key: pause, wait: {for: P3D}}
            {key: act, action: {set_field: {field: Profile.Note, value: reminded}}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"ann": {"profile": {"Profile.Points": 7}}, "bob": {}},
                conversations=[winback],
                acts=[
                    ("event", "ann", "Cart"),
                    ("event", "bob", "Cart"),
                    ("clock", "PT5M"),
                    ("event", "ann", "Cart"),
                    ("clock", "P3D"),
                ],
            ),
        )
