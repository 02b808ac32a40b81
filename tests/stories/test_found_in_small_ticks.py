"""Stories in which ticks that had not room for all once did something else than the oracle."""

from typing import Any

import pytest

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

    def test_hears_of_a_changed_address_that_the_old_one_left(self, ground: Ground) -> None:
        # The oracle knew it for unsubscribed, and told nobody.
        waiting = conversation(
            """
            {key: start, trigger: {external_event: Cart}}
            {key: pause, wait: {for: P3D}}
            {key: end, terminate: {}}
            """,
            goal={"contact": "first_name", "is": "Grace"},
        )

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {}},
                conversations=[waiting],
                acts=[
                    ("event", "ann", "Cart"),
                    ("event", "bob", "Cart"),
                    ("address", "ann", "ann2"),
                    ("clock", "P1D"),
                ],
                limit=1,
            ),
        )

    def test_hears_of_an_erasure_whatever_lists_somebody_was_on(self, ground: Ground) -> None:
        # The oracle told it to the lists that the person was on.
        waiting = conversation("""
            {key: start, trigger: {external_event: Cart}}
            {key: pause, wait: {for: P3D}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {"lists": {}}},
                conversations=[waiting],
                acts=[
                    ("event", "ann", "Cart"),
                    ("event", "bob", "Cart"),
                    ("clock", "PT0S"),
                    ("erase", "bob"),
                    ("erase", "ann"),
                    ("clock", "P1D"),
                ],
                limit=1,
            ),
        )

    def test_asks_twice_where_an_older_version_asks_for_more(self, ground: Ground) -> None:
        # The oracle asked once, the product for the fact and for its being one.
        def waiting(**heading: Any) -> dict[str, Any]:
            return conversation(
                """
                {key: start, trigger: {external_event: Cart}}
                {key: bought, wait_for: {event: Order Imported, timeout: P3D}}
                {key: end, terminate: {}}
                """,
                reentry="unlimited",
                **heading,
            )

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {}},
                conversations=[waiting(goal={"field": "Profile.Points", "at_least": 5})],
                acts=[
                    ("event", "ann", "Cart"),
                    ("event", "bob", "Cart"),
                    ("clock", "PT0S"),
                    ("publish", waiting()),
                    ("profile", "ann", {"Profile.Points": 7}),
                    ("event", "bob", "Order Imported"),
                    ("erase", "ann"),
                    ("clock", "P1D"),
                ],
                limit=1,
            ),
        )

    def test_hears_of_an_answer_and_not_that_the_text_went(self, ground: Ground) -> None:
        # The oracle kept what was sent for those who wait for an answer.
        asking = conversation("""
            {key: start, trigger: {external_event: Cart}}
            {key: text, mobile_message: {short_code: '54321', phone_list: Transactional, text: Hi}}
            {key: answer, wait_for: {sms: {did: replied}, where: {name: text, is: stop}, timeout: P3D}}
            {key: note, action: {set_field: {field: Profile.Note, value: stopped}}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"ann": {"phone": "+12125550101"}, "bob": {"phone": "+12125550102"}},
                conversations=[asking],
                acts=[
                    ("consent", "+12125550101", "Subscribed"),
                    ("consent", "+12125550102", "Subscribed"),
                    ("event", "ann", "Cart"),
                    ("event", "bob", "Cart"),
                    ("clock", "PT0S"),
                    ("send",),
                    ("clock", "PT1H"),
                    ("reply", "ann", "Where is it?"),
                    ("reply", "bob", "stop"),
                    ("clock", "P1D"),
                ],
                limit=1,
            ),
        )

    def test_hears_of_a_second_coupon_of_the_same_pool(self, ground: Ground) -> None:
        # To the oracle all codes of a pool were the same one: the field did not change.
        giving = conversation(
            """
            {key: start, trigger: {external_event: Cart}}
            {key: first, action: {set_coupon: {pool: Winter, field: Profile.Code}}}
            {key: second, action: {set_coupon: {pool: Winter, field: Profile.Code}}}
            {key: pause, wait: {for: P3D}}
            {key: end, terminate: {}}
            """,
            goal={"contact": "first_name", "is": "Nobody"},
        )
        listening = conversation(
            """
            {key: start, trigger: {external_event: Order Imported}}
            {key: pause, wait: {for: P3D}}
            {key: end, terminate: {}}
            """,
            name="C2",
            goal={"contact": "first_name", "is": "Nobody"},
        )

        play(
            ground,
            Story(
                people={"ann": {}},
                conversations=[giving, listening],
                acts=[
                    ("event", "ann", "Cart"),
                    ("event", "ann", "Order Imported"),
                    ("clock", "PT2H"),
                ],
                limit=1,
            ),
        )

    @pytest.mark.parametrize(
        "step",
        [
            "{mobile_message: {short_code: '54321', phone_list: Transactional, text: Hi, invalid_number: terminate}}",
            "{split: {groups: [{name: a, weight: 50}, {name: b, weight: 50}]}}",
            "{action: {set_field: {field: Profile.Note, value: hi}}}",
            "{go_to: {to: end}}",
        ],
    )
    def test_ends_who_was_erased_where_they_stood(self, ground: Ground, step: str) -> None:
        # A timer that came before the erasure was heard of sent her on, as far as steps went.
        waiting = conversation(f"""
            {{key: start, trigger: {{external_event: Cart}}}}
            {{key: bought, wait_for: {{event: Order Imported, timeout: P3D}}}}
            {{key: step, {step[1:-1]}}}
            {{key: end, terminate: {{}}}}
        """)

        play(
            ground,
            Story(
                people={"ann": {"phone": "+12125550101"}, "bob": {}},
                conversations=[waiting],
                acts=[
                    ("event", "ann", "Cart"),
                    ("clock", "PT0S"),
                    ("event", "bob", "Cart"),
                    ("clock", "PT0S"),
                    ("pause", "C1"),
                    ("clock", "P4D"),
                    ("event", "bob", "Order Imported"),
                    ("erase", "ann"),
                    ("resume", "C1"),
                    ("clock", "PT0S"),
                ],
                limit=1,
            ),
        )

    def test_ends_who_was_erased_at_a_call(self, ground: Ground) -> None:
        # It left by `failed`, the call being over; in the oracle it asked anew.
        calling = conversation("""
            {key: start, trigger: {external_event: Cart}}
            {key: call, webhook: {url: 'http://shop.example/503-200'}}
            {key: ask, filter: {field: Profile.Points, at_least: 5}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {}},
                conversations=[calling],
                acts=[
                    ("event", "ann", "Cart"),
                    ("clock", "PT0S"),
                    ("event", "bob", "Cart"),
                    ("clock", "PT0S"),
                    ("pause", "C1"),
                    ("clock", "PT1H"),
                    ("erase", "bob"),
                    ("erase", "ann"),
                    ("resume", "C1"),
                    ("clock", "PT0S"),
                ],
                limit=1,
            ),
        )

    def test_ends_who_was_erased_and_not_where_a_hand_sent_them(self, ground: Ground) -> None:
        # Who had been ended by hand before had been ended by hand.
        waiting = conversation("""
            {key: start, trigger: {external_event: Cart}}
            {key: day, wait: {for: P3D}}
            {key: week, wait: {for: P1W}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {}, "cem": {}},
                conversations=[waiting],
                acts=[
                    ("event", "ann", "Cart"),
                    ("event", "bob", "Cart"),
                    ("event", "cem", "Cart"),
                    ("clock", "PT0S"),
                    ("skip", "bob", "C1"),
                    ("end", "cem", "C1"),
                    ("erase", "ann"),
                    ("erase", "bob"),
                    ("erase", "cem"),
                    ("clock", "PT0S"),
                ],
                limit=1,
            ),
        )

    def test_takes_up_what_nobody_is_interested_in_any_more(self, ground: Ground) -> None:
        # The product hears of two days more than count, and then makes nothing of it.
        cheaper = conversation("""
            {key: start, trigger: {product: {price_drop: {event: Cart, within: PT1H}}}}
            {key: end, terminate: {}}
        """)

        play(
            ground,
            Story(
                people={"ann": {}, "bob": {}},
                conversations=[cheaper],
                acts=[
                    ("product", "SHOE", {"price": 20}),
                    ("event", "ann", "Cart", {"ago": "P3D", "properties": {"sku": "SHOE"}}),
                    ("event", "bob", "Cart", {"ago": "P1D", "properties": {"sku": "SHOE"}}),
                    ("product", "SHOE", {"price": 10}),
                    ("event", "bob", "Cart", {"properties": {"sku": "SHOE"}}),
                    ("product", "SHOE", {"price": 5}),
                    ("clock", "PT0S"),
                ],
                limit=1,
            ),
        )

    def test_counts_the_orders_that_are_too_old_apart(self, ground: Ground) -> None:
        # One that nobody hears of is not queued; the oracle was told that another had waited.
        thanks = conversation(
            """
            {key: start, trigger: {order: {max_age: P1D}}}
            {key: end, terminate: {}}
            """,
            reentry="unlimited",
        )

        play(
            ground,
            Story(
                people={"ann": {}},
                conversations=[thanks],
                acts=[
                    ("order", "ann", "A1", "Shipped", 60, "PT6H"),
                    ("order", "ann", "A1", "Canceled", 60, "P5D"),
                    ("order", "ann", "A2", "Completed", 60, "PT6H"),
                    ("clock", "PT1S"),
                ],
                limit=1,
            ),
        )
