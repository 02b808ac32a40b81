"""Nobody is lost or doubled: random conversations, facts, hands and ticks of any size."""

import random
from datetime import timedelta

import pytest

from conductor.conversations.models import Enrollment, Refusal
from contacts.models import Event, Subscription
from tests.engine.world import World, check_conservation

DAY = timedelta(days=1)
STEPS = (
    "wait: {for: P1D}",
    "wait: {for: PT1H}",
    "wait: {until: '2026-11-20T09:00:00'}",
    "wait: {until_field: {field: Profile.Renewal, at: '09:00'}}, exits: {no_date: end}",
    "filter: {field: Profile.Points, at_least: 5}",
    "filter: {field: Profile.Vip, checked: true}, exits: {otherwise: end}",
    "message: {saved_message: We miss you}",
    "mobile_message: {short_code: '54321', phone_list: Transactional, text: Hi}",
    "mobile_message: {short_code: '54321', phone_list: Transactional, text: Hi, invalid_number: terminate}",
    "action: {set_field: {field: Profile.Points, value: 7}}",
    "action: {set_field: {field: Profile.Points, value: {from_field: Profile.Note}}}",
    "action: {set_date: {field: Profile.Renewal, offset: P2D}}",
    "wait_for: {filter: {field: Profile.Vip, checked: true}, timeout: P2D}",
    "wait_for: {event: Order Imported, timeout: P1D}",
    "if: {branches: [{name: rich, filter: {field: Profile.Points, at_least: 5}}]}, exits: {rich: end}",
    "split: {groups: [{name: a, weight: 30}, {name: b, weight: 70}]}",
)
HEADINGS = (
    "",
    "while_in: restart",
    "goal: {field: Profile.Points, at_least: 9}",
    "while_in: restart\nexit_when: {field: Profile.Points, is: 0}",
    "on_unsubscribe: end\ngoal: {field: Profile.Points, at_least: 9}",
)


def disturb(world: World, people: list[Subscription], chance: random.Random) -> None:
    """Change what is known of some, and decide by hand where one of them goes."""
    for person in chance.sample(people, chance.randint(0, 2)):
        world.set(person, Points=chance.randint(0, 10))
    if chance.random() < 0.2:
        world.tell("unsubscribed", chance.choice(people))
    if chance.random() < 0.2:
        waiting = Enrollment.objects.filter(ended_at=None, step_key="s1").order_by("id")
        Enrollment.objects.filter(pk__in=[row.pk for row in waiting[:1]]).update(
            told=chance.choice(["!end", "next"]), due_at=world.now
        )


@pytest.mark.parametrize("seed", range(4))
def test_holds_whatever_is_drawn(world: World, seed: int) -> None:
    chance = random.Random(seed)
    conversations = []
    for _ in range(3):
        lines = [
            f"{{key: s{place}, {chance.choice(STEPS)}}}" for place in range(chance.randint(2, 7))
        ]
        # Half of them go round once more behind a wait.
        if chance.random() < 0.5:
            lines.insert(0, "{key: round, wait: {for: P1D}}")
            lines.append(
                "{key: back, go_to: {to: round, filter: {field: Profile.Points, at_most: 6}}}"
            )
        heading = f"reentry: {chance.choice(['once', 'unlimited', '{after: P3D}'])}\n"
        heading += chance.choice(HEADINGS)
        conversations.append(world.live("\n".join(lines), heading=heading))
    people = [
        world.person(
            state=chance.choice(["Subscribed", "Subscribed", "Unsubscribed"]),
            profile={
                "Points": chance.randint(0, 10),
                "Note": chance.choice(["1", "9", "many"]),
                "Vip": chance.choice(["on", "off"]),
                **({"Renewal": "2026-11-22"} if chance.random() < 0.5 else {}),
            },
        )
        for _ in range(12)
    ]

    for _ in range(40):
        world.happen(*chance.sample(people, chance.randint(0, 4)))
        disturb(world, people, chance)
        world.tick(world.now + chance.random() * DAY / 2, limit=chance.choice([1, 3, 1000]))
    while world.tick().rows:
        pass

    assert Enrollment.objects.exists()
    assert world.queued() == 0
    facts = Event.objects.count() * len(conversations)
    assert Enrollment.objects.count() + Refusal.objects.count() == facts
    for conversation in conversations:
        check_conservation(conversation.pk)
