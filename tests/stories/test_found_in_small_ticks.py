"""Stories in which ticks that had not room for all once did something else than the oracle."""

from tests.stories.player import Ground, play
from tests.stories.story import Story
from tests.stories.test_found import conversation


class TestSmallTick:
    def test_keeps_what_was_told_by_hand_of_who_is_woken(self, ground: Ground) -> None:
        # Bob was woken before his turn came, went on, and what the marketer wanted was forgotten.
        waiting = conversation("""
            {key: start, trigger: {external_event: Cart}}
            {key: ask, filter: {field: Profile.Points, at_least: 5}, exits: {otherwise: hour}}
            {key: bought, wait_for: {event: Order Imported, timeout: P3D}}
            {key: hour, wait: {for: PT1H}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {"profile": {"Profile.Points": 7}}},
                conversations=[waiting],
                acts=[
                    ("event", "ann", "Cart"),
                    ("event", "bob", "Cart"),
                    ("clock", "PT0S"),
                    ("pause", "C1"),
                    ("clock", "PT2H"),
                    ("end", "bob", "C1"),
                    ("event", "bob", "Order Imported"),
                    ("resume", "C1"),
                    ("clock", "PT0S"),
                ],
                limit=1,
            ),
        )
