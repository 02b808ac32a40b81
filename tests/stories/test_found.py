"""Stories in which engine and oracle once disagreed, each told again, and one to begin with."""

from datetime import UTC, datetime
from typing import Any

import pytest
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


class TestFound:
    def test_an_order_lets_in_who_came_to_the_list_before_the_tick(self, ground: Ground) -> None:
        # The oracle told it only to the lists that the buyer was on at the time.
        thanks = conversation("""
            {key: start, trigger: {order: {max_age: P2D}}}
            {key: mail, message: {saved_message: We miss you}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"bob": {"lists": {}}, "cem": {"lists": {}}},
                conversations=[thanks],
                acts=[
                    ("order", "bob", "A1", "Completed", 60, "PT6H"),
                    ("order", "cem", "A2", "Completed", 60, "PT6H"),
                    ("subscribe", "bob"),
                    ("clock", "PT1H"),
                ],
            ),
        )

    def test_already_in_is_the_reason_whatever_the_trigger_filter_says(
        self, ground: Ground
    ) -> None:
        # The page gives several reasons no order; the engine asks the filter last.
        waiting = conversation(
            """
            {key: start, trigger: {external_event: Cart, filter: {field: Profile.Points, at_least: 3}}}
            {key: pause, wait: {for: P10D}}
            {key: end, terminate: {}}
            """,
            reentry="unlimited",
        )

        play(
            ground,
            Story(
                people={"ann": {"profile": {"Profile.Points": 7}}, "bob": {}},
                conversations=[waiting],
                acts=[
                    ("event", "ann", "Cart"),
                    ("event", "bob", "Cart"),
                    ("clock", "PT1H"),
                    ("profile", "ann", {"Profile.Points": 1}),
                    ("event", "ann", "Cart"),
                    ("clock", "PT1H"),
                ],
            ),
        )

    def test_an_address_change_ends_who_was_sent_on_by_hand(self, ground: Ground) -> None:
        # The oracle sent her on and forgot the fact.
        waiting = conversation("""
            {key: start, trigger: {external_event: Cart}}
            {key: pause, wait: {for: P10D}}
            {key: rest, wait: {for: P1D}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {}},
                conversations=[waiting],
                acts=[
                    ("event", "ann", "Cart"),
                    ("event", "bob", "Cart"),
                    ("clock", "PT1H"),
                    ("skip", "ann", "C1"),
                    ("end", "bob", "C1"),
                    ("address", "ann", "ann2"),
                    ("address", "bob", "bob2"),
                    ("clock", "PT1H"),
                ],
            ),
        )

    def test_a_day_that_is_today_waits_for_its_window(self, ground: Ground) -> None:
        # The oracle let them go at once, whatever the window.
        evening = conversation("""
            {key: start, trigger: {external_event: Cart}}
            {key: date, action: {set_date: {field: Profile.Birthday}}}
            {key: wait, wait: {until_field: {field: Profile.Birthday, year: next_occurrence}, window: {from: '22:00'}}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"ann": {}},
                conversations=[evening],
                acts=[("event", "ann", "Cart"), ("clock", "PT1S"), ("through", "P1D")],
                zone="UTC",
            ),
        )

    def test_the_version_at_the_tick_says_what_a_fact_means(self, ground: Ground) -> None:
        # The oracle asked the version that was live when the order came.
        def thanks(config: str) -> dict[str, Any]:
            return conversation(f"""
                {{key: start, trigger: {{order: {config}}}}}
                {{key: mail, message: {{saved_message: We miss you}}}}
                {{key: end, terminate: {{}}}}
            """)

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {}},
                conversations=[thanks("{status: Completed}")],
                acts=[
                    ("order", "ann", "A1", "Canceled", 60, "PT0S"),
                    ("publish", thanks("{}")),
                    ("order", "bob", "A2", "Shipped", 60, "PT0S"),
                    ("publish", thanks("{status: Canceled}")),
                    ("clock", "PT1H"),
                ],
            ),
        )

    def test_nobody_leaves_a_segment_that_no_live_version_starts_by(self, ground: Ground) -> None:
        # The oracle went on telling of it to those inside the version before.
        before = {
            "conversation": "C1",
            "reentry": "unlimited",
            "exit_when": {"not": {"event": {"name": "Order Imported", "within": "PT1H"}}},
            "threads": [
                *conversation("""
                    {key: left, trigger: {segment: {name: Lately, 'on': left}}}
                    {key: end1, terminate: {}}
                """)["threads"],
                {
                    "thread": "Cart",
                    "steps": [
                        {"key": "cart", "trigger": {"external_event": "Cart"}},
                        {"key": "moment", "wait": {"for": "PT1S"}},
                        {"key": "pause", "wait": {"for": "P3D"}},
                        {"key": "end2", "terminate": {}},
                    ],
                },
            ],
        }
        after = conversation(
            """
            {key: cart, trigger: {external_event: Cart}}
            {key: end1, terminate: {}}
            """,
            reentry="unlimited",
        )

        play(
            ground,
            Story(
                people={"ann": {}},
                segments={"Lately": {"event": {"name": "Cart", "within": "P3D"}}},
                conversations=[before],
                acts=[
                    ("event", "ann", "Cart"),
                    ("clock", "PT0S"),
                    ("publish", after),
                    ("through", "P1W"),
                ],
            ),
        )

    def test_a_wait_for_a_segment_has_the_goal_asked_at_every_fact(self, ground: Ground) -> None:
        # The segment's rule may be edited: the conversation hears everything, and asks its goal.
        before = conversation(
            """
            {key: start, trigger: {external_event: Cart}}
            {key: pause, wait: {for: PT10M}}
            {key: rich, wait_for: {filter: {all: [{segment: Rich}]}, timeout: PT1H}}
            {key: end, terminate: {}}
            """,
            reentry="unlimited",
            while_in="restart",
            goal={"contact": "time_zone", "empty": True},
        )

        play(
            ground,
            Story(
                people={"ann": {}},
                segments={"Rich": {"field": "Profile.Points", "at_least": 3}},
                conversations=[before],
                acts=[
                    ("event", "ann", "Cart"),
                    ("event", "ann", "Cart"),
                    ("clock", "PT1S"),
                    ("event", "ann", "Cart"),
                    ("through", "P1D"),
                ],
            ),
        )

    @pytest.mark.parametrize("way", ["segment", "enroll"])
    def test_a_thread_that_is_gone_lets_nobody_in(self, ground: Ground, way: str) -> None:
        # The oracle looked for the step in the version that was live at the tick.
        gone = {
            "thread": "Other",
            "steps": [
                {
                    "key": "other",
                    "trigger": {
                        "segment": {"name": "Chosen", "on": "entered", "include_existing": True}
                    },
                },
                {"key": "end2", "terminate": {}},
            ],
        }
        after = conversation("""
            {key: cart, trigger: {external_event: Cart}}
            {key: end1, terminate: {}}
        """)
        before = {**after, "threads": [*after["threads"], gone]}
        sender = conversation(
            """
            {key: start, trigger: {external_event: Cart}}
            {key: send, action: {enroll: {conversation: C1, thread: Other}}}
            {key: last, terminate: {}}
            """,
            name="C2",
        )

        play(
            ground,
            Story(
                people={"ann": {}},
                segments={"Chosen": None},
                conversations=[before, sender] if way == "enroll" else [after],
                acts=[
                    ("member", "ann", "Chosen"),
                    ("publish", before),
                    *(
                        [("pause", "C1"), ("event", "ann", "Cart"), ("clock", "PT0S")]
                        if way == "enroll"
                        else []
                    ),
                    ("publish", after),
                    ("resume", "C1"),
                    ("through", "P1D"),
                ],
            ),
        )

    def test_an_order_is_as_old_as_the_zone_of_the_conversation_says(self, ground: Ground) -> None:
        # Of 25 hours where the clock went back, of a day where it did not; the oracle asked the
        # account's zone.
        thanks = conversation(
            """
            {key: start, trigger: {order: {status: Shipped, max_age: P1D}}}
            {key: end, terminate: {}}
            """,
            time_zone="Europe/Berlin",
        )

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {}},
                zone="America/New_York",
                starts=datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
                conversations=[thanks],
                acts=[
                    ("order", "ann", "A1", "Shipped", 60, "P1D"),
                    ("order", "bob", "A2", "Shipped", 60, "PT24H"),
                    ("clock", "PT1H"),
                ],
            ),
        )

    def test_a_segment_counts_its_days_in_the_zone_of_the_account(self, ground: Ground) -> None:
        # The oracle asked it in the zone of the conversation, where the clock had gone forward.
        asks = conversation(
            """
            {key: start, trigger: {external_event: Order Imported}}
            {key: ask, filter: {segment: Lately}}
            {key: end, terminate: {}}
            """,
            time_zone="Europe/Berlin",
        )

        play(
            ground,
            Story(
                people={"ann": {}},
                zone="America/New_York",
                starts=datetime(2027, 3, 27, 1, 15, tzinfo=UTC),
                segments={"Lately": {"event": {"name": "Cart", "within": "P3D"}}},
                conversations=[asks],
                acts=[
                    ("event", "ann", "Cart"),
                    ("clock", "P3D"),
                    ("event", "ann", "Order Imported"),
                    ("clock", "PT0S"),
                ],
            ),
        )

    def test_a_changed_trigger_lets_in_who_is_there_already(self, ground: Ground) -> None:
        # The oracle took the segment for known, though nobody had been let in by it.
        def asks(config: str) -> dict[str, Any]:
            return conversation(
                f"""
                {{key: start, trigger: {{segment: {config}}}}}
                {{key: end, terminate: {{}}}}
                """,
                reentry="unlimited",
            )

        play(
            ground,
            Story(
                people={"ann": {}},
                segments={"Lately": {"event": {"name": "Cart", "within": "P3D"}}},
                conversations=[asks("{name: Lately, 'on': left}")],
                acts=[
                    ("event", "ann", "Cart"),
                    ("clock", "PT0S"),
                    ("publish", asks("{name: Lately, 'on': entered, include_existing: true}")),
                    ("clock", "PT1H"),
                    ("publish", asks("{name: Lately, 'on': entered, include_existing: true}")),
                    ("clock", "PT1H"),
                ],
            ),
        )

    def test_who_is_held_and_ended_by_hand_had_waited_for_nothing(self, ground: Ground) -> None:
        # The oracle wrote the moment of the marketer down as the time that was waited for.
        play(
            ground,
            Story(
                people={"ann": {"profile": {"Profile.Note": "hi"}}},
                conversations=[
                    conversation("""
                        {key: start, trigger: {external_event: Cart}}
                        {key: set, action: {set_field: {field: Profile.Points, value: {from_field: Profile.Note}}}}
                        {key: end, terminate: {}}
                    """)
                ],
                acts=[
                    ("event", "ann", "Cart"),
                    ("clock", "PT1H"),
                    ("end held", "C1"),
                    ("clock", "PT1H"),
                ],
            ),
        )

    def test_a_fact_that_no_trigger_takes_holds_up_nothing(self, ground: Ground) -> None:
        # The oracle let what came behind it wait for the next tick.
        asks = conversation("""
            {key: start, trigger: {list: profile_updated, fields: [Profile.Note]}}
            {key: any, wait_for: {filter: {field: Profile.Points, at_least: 0}, timeout: P3D}}
            {key: call, webhook: {url: 'http://shop.example/200'}}
            {key: pause, wait: {for: P1D}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"ann": {"profile": {"Profile.Points": 1, "Profile.Vip": "off"}}},
                conversations=[asks],
                acts=[
                    ("profile", "ann", {"Profile.Note": "new"}),
                    ("profile", "ann", {"Profile.Vip": None}),
                    ("address", "ann", "ann2"),
                    ("through", "P1M"),
                ],
            ),
        )

    def test_an_order_that_changes_is_a_fact_for_those_inside(self, ground: Ground) -> None:
        # The oracle told of an order only when it had a status for the first time.
        thanks = conversation(
            """
            {key: start, trigger: {order: {}}}
            {key: pause, wait: {for: P3D}}
            {key: end, terminate: {}}
            """,
            goal={"contact": "time_zone", "empty": True},
        )

        play(
            ground,
            Story(
                people={"ann": {}},
                conversations=[thanks],
                acts=[
                    ("order", "ann", "A1", "Completed", 60, "PT6H"),
                    ("clock", "P1D"),
                    ("order", "ann", "A1", "Completed", 60, "PT0S"),
                    ("through", "P1W"),
                ],
            ),
        )

    def test_who_is_tried_again_and_ends_at_once_had_waited_for_nothing(
        self, ground: Ground
    ) -> None:
        # The oracle wrote the moment of the retry down as the time that was waited for.
        play(
            ground,
            Story(
                people={"ann": {"profile": {"Profile.Note": "hi"}}},
                conversations=[
                    conversation("""
                        {key: start, trigger: {external_event: Cart}}
                        {key: set, action: {set_field: {field: Profile.Points, value: {from_field: Profile.Note}}}}
                        {key: end, terminate: {}}
                    """)
                ],
                acts=[
                    ("event", "ann", "Cart"),
                    ("clock", "PT1H"),
                    ("address", "ann", "ann2"),
                    ("retry", "C1"),
                    ("clock", "PT1H"),
                ],
            ),
        )

    def test_a_window_opens_again_when_the_clocks_are_set_back(self, ground: Ground) -> None:
        # The oracle looked at the opening of each day; on 31 October 2027 it is 02:00 twice.
        early = conversation(
            """
            {key: start, trigger: {external_event: Cart}}
            {key: wait, wait: {until: '2027-10-31T02:30', window: {from: '01:00', to: '02:30'}}}
            {key: end, terminate: {}}
            """,
            time_zone="Europe/Berlin",
        )

        play(
            ground,
            Story(
                people={"ann": {}},
                conversations=[early],
                acts=[("event", "ann", "Cart"), ("clock", "PT0S"), ("through", "P1Y")],
            ),
        )

    def test_the_interest_that_is_not_too_old_lets_in(self, ground: Ground) -> None:
        # One trigger's event was too old, and its fact stood for the change: nobody was let in.
        cheaper = conversation("""
            {key: start, trigger: {product: {price_drop: {event: Cart, within: PT1H}}}}
            {key: end, terminate: {}}
        """)
        other = {"product": {"price_drop": {"event": "Order Imported", "within": "P1D"}}}
        steps = [{"key": "start2", "trigger": other}, {"key": "end2", "terminate": {}}]
        cheaper["threads"].append({"thread": "Other", "steps": steps})
        of_shoe = {"properties": {"sku": "SHOE"}}

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {}},
                conversations=[cheaper],
                acts=[
                    ("product", "SHOE", {"price": 20}),
                    ("event", "ann", "Cart", {"ago": "PT5H", **of_shoe}),
                    ("event", "ann", "Order Imported", {"ago": "PT2H", **of_shoe}),
                    ("event", "bob", "Cart", {"ago": "PT30M", **of_shoe}),
                    ("event", "bob", "Order Imported", {"ago": "P2D", **of_shoe}),
                    ("product", "SHOE", {"price": 10}),
                    ("clock", "PT0S"),
                ],
            ),
        )
