"""Plays a story twice, through the product and through the oracle, and compares all of it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time, timedelta
from typing import Any

from conductor.engine.alarms import ring
from conductor.engine.tick import run_tick
from contacts.actions.segments import create_segment
from contacts.models import Contact
from contacts.segments import keep
from messaging.actions.coupons import create_pool
from messaging.models import CouponCode, FrequencyCap, PhoneList, SendingRules
from tests.engine.other_side import Handler, answer
from tests.factories import ContactFactory, SubscriptionFactory
from tests.oracle.people import Person, Standing
from tests.oracle.permission import Rules
from tests.oracle.things import Pool, Segment
from tests.oracle.times import after, span
from tests.stories.acts import Acts
from tests.stories.comparing import compare
from tests.stories.cutting import found, taken_up
from tests.stories.ground import Ground, empty_tables
from tests.stories.story import LIST, MUCH, POOLS, Story

MOST_TICKS = 60
# Where ticks take up little.
MOST_SMALL_TICKS = 1_000
MOST_STOPS = 25


class Player(Acts):
    """One telling of a story. `often`: compare at each rest."""

    def __init__(self, ground: Ground, story: Story, *, often: bool = False) -> None:
        super().__init__(ground, zone=story.zone, starts=story.starts)
        self.story, self.often = story, often
        if story.rules:
            self._set_rules(Rules(**story.rules))
        for name, rule in story.segments.items():
            self.oracle.segments[name] = Segment(name, LIST, rule)
            kind = "manual" if rule is None else "rule"
            self.segments[name] = create_segment(
                list=ground.lists[LIST], name=name, kind=kind, rule=rule or {}, now=self.now
            )
        told_of = str((story.conversations, story.acts))
        for name, about in POOLS.items():
            if name in told_of:
                self._add_pool(name, about)
        for name, about in story.people.items():
            self._add_person(name, about)
        for structure in story.conversations:
            self.act_publish(structure)

    def play(self) -> None:
        """Let everything happen, then compare."""
        for act, *arguments in self.story.acts:
            if arguments[:1] not in self.erased():
                getattr(self, f"act_{act.replace(' ', '_')}")(*arguments)
        self.settle()
        self.compare()

    def erased(self) -> list[list[str]]:
        """Return whom nothing befalls any more, each as the first argument of an act."""
        return [[name] for name, person in self.oracle.people.items() if person.is_erased]

    def _set_rules(self, rules: Rules) -> None:
        self.oracle.rules = rules
        email, sms = (
            [time(hour) if hour < 24 else None for hour in rules.hours.get(channel, (0, 24))]
            for channel in ("email", "sms")
        )
        SendingRules.objects.create(
            email_opens=email[0], email_closes=email[1], sms_opens=sms[0], sms_closes=sms[1],
            holdout_percent=rules.holdout, updated_at=self.now,
        )  # fmt: skip
        for channel, period, most in rules.caps:
            FrequencyCap.objects.create(
                channel=channel, period=period, most=most, created_at=self.now
            )
        if rules.texts == "marketing":
            PhoneList.objects.filter(pk=self.ground.phone_list.pk).update(kind="Marketing")

    def _add_pool(self, name: str, about: dict[str, Any]) -> None:
        pool = create_pool(
            name=name, now=self.now, kind=about.get("kind", "unique"),
            cutoff_days=about.get("cutoff_days", 0), fallback_code=about.get("fallback", ""),
        )  # fmt: skip
        begins, ends = about.get("lasts", (None, None))
        CouponCode.objects.bulk_create(
            CouponCode(
                pool=pool, code=f"{name}-{number}", expires_on=about.get("expires_on"),
                starts_on=begins, ends_on=ends,
            )
            for number in range(about.get("codes", 1))
        )  # fmt: skip
        self.oracle.pools[name] = Pool(
            about.get("codes", 1), about.get("expires_on"), about.get("cutoff_days", 0),
            about.get("fallback", ""), about.get("lasts"),
        )  # fmt: skip

    def _add_person(self, name: str, about: dict[str, Any]) -> None:
        columns = {key: about.get(key, "") for key in ("phone", "first_name", "time_zone")}
        email = about.get("email", f"{name}@mail.example")
        contact = ContactFactory(
            email=email, email_norm=email, phone_e164=columns["phone"], external_id=f"id-{name}",
            first_name=columns["first_name"], time_zone=columns["time_zone"],
            birthday=about.get("birthday"),
        )  # fmt: skip
        person = Person(
            name, contact.pk, email, external_id=f"id-{name}", birthday=about.get("birthday"),
            **columns,
        )  # fmt: skip
        lists = about.get("lists", {LIST: about.get("state", "Subscribed")})
        for in_list, state in lists.items():
            self._add_standing(person, contact, in_list, state, about.get("profile", {}))
        self.contacts[name], self.oracle.people[name] = contact, person

    def _add_standing(
        self, person: Person, contact: Contact, in_list: str, state: str, profile: dict[str, Any]
    ) -> None:
        profile = profile if in_list == LIST else {}
        then = self.story.starts - timedelta(days=30)
        times: dict[str, Any] = {
            "created_at": then,
            "subscribed_at": None if state == "Pending" else then,
            "unsubscribed_at": then + timedelta(days=1) if state == "Unsubscribed" else None,
        }
        values = {str(self.ground.fields[name].pk): value for name, value in profile.items()}
        row = SubscriptionFactory(
            list=self.ground.lists[in_list], contact=contact, state=state, profile=values, **times
        )
        person.lists[in_list] = Standing(row.pk, state, profile=dict(profile), **times)

    # --- time

    def act_clock(self, duration: str) -> None:
        """Move the clock, then tick: whatever was due meanwhile is late."""
        self.now = after(self.now, span(duration), self.zone)
        self.settle()

    def act_through(self, duration: str) -> None:
        """Move the clock from due time to due time, as a running engine would."""
        end = after(self.now, span(duration), self.zone)
        for _ in range(MOST_STOPS):
            coming = self.oracle.next_instant(self.now)
            if coming is None or coming > end:
                break
            self.now = coming
            self.settle()
        self.now = end
        self.settle()

    def settle(self) -> None:
        """Tick until nothing moves; then both must say the same."""
        tick = self._tick if self.story.limit == MUCH else self._tick_a_little
        for _ in range(MOST_TICKS if self.story.limit == MUCH else MOST_SMALL_TICKS):
            rows = tick()
            if self.oracle.calls:
                self._make_calls()
            if rows == 0 and self.oracle.is_still(self.now):
                break
        else:
            left = [one.queue for one in self.oracle.conversations.values()]
            raise AssertionError(f"It moves on and on at {self.now}; left to the oracle: {left}")
        self.find_subscriptions()
        if self.often:
            self.compare()

    def _tick(self) -> int:
        """Let both take up whatever there is; return how many rows the product did."""
        rows = run_tick(now=self.now, limit=MUCH).rows
        if rows:
            empty_tables()
        self.oracle.tick(self.now)
        return rows

    def _tick_a_little(self) -> int:
        """Let the product take up a little, whatever it chooses, and the oracle the same."""
        chores = keep(now=self.now, limit=MUCH) + ring(now=self.now, limit=MUCH).rows
        if chores:
            empty_tables()
        before = found(self.now)
        rows = run_tick(now=self.now, limit=self.story.limit).rows
        if rows:
            empty_tables()
        people = {contact.pk: name for name, contact in self.contacts.items()}
        titles = {row.pk: name for name, row in self.conversations.items()}
        self.oracle.tick(self.now, taken_up(before, found(None), titles, people))
        return chores + rows

    def _make_calls(self) -> None:
        """Let webhooks be called, and answered by the turn of the attempt."""
        for call in self.oracle.calls:
            path = call.one.version.steps[call.step].config["url"].rpartition("/")[2]
            self.ground.shop.behaviours[f"/{path}"] = by_turn
        self.ground.clock.now = self.now
        self.ground.caller.make_all()
        self.oracle.make_calls(self.now)

    def compare(self) -> None:
        """Assert that both tellings agree, down to each visit."""
        compare(self.ground, self.oracle, self.conversations, self.now)


def by_turn(handler: Handler) -> None:
    """Answer as the path says: its n-th status to the n-th attempt of a visit."""
    key = handler.headers["Idempotency-Key"]
    with handler.server.lock:
        turn = sum(heard.headers.get("Idempotency-Key") == key for heard in handler.server.heard)
    statuses = handler.path.rpartition("/")[2].split("-")
    answer(int(statuses[min(turn, len(statuses)) - 1]), b'{"tier": "gold"}')(handler)


# What the stories of this process came through: (step kind, exit), refusals, ends.
CAME_THROUGH: Counter[str] = Counter()


@contextmanager
def telling(ground: Ground, story: Story, *, often: bool = False) -> Iterator[Player]:
    """Set up a story; all of it is gone afterwards. `often`: compare at each rest."""
    with ground.cleared(story.zone):
        yield Player(ground, story, often=often)


def play(ground: Ground, story: Story) -> None:
    """Play a story and compare; where it fails, again to see when it first does."""
    try:
        with telling(ground, story) as player:
            player.play()
    except AssertionError:
        with telling(ground, story, often=True) as player:
            player.play()
        raise
    CAME_THROUGH["stories"] += 1
    for conversation in player.oracle.conversations.values():
        CAME_THROUGH.update(f"refused: {refusal.reason}" for refusal in conversation.refusals)
        for one in conversation.enrollments:
            CAME_THROUGH[f"ended: {one.reason}" if one.ended_at else f"held: {one.held}"] += 1
            CAME_THROUGH[f"entered by: {one.fact.kind}"] += 1
            for visit in one.visits:
                step = one.version.steps[visit.step]
                kind = f"action {next(iter(step.config))}" if step.kind == "action" else step.kind
                named = step.kind in {"if", "split"}
                CAME_THROUGH[f"{kind} {'by name' if named else visit.exit}"] += 1
            CAME_THROUGH.update(
                f"{sent.channel}: {sent.state} {sent.reason}" for sent in one.deliveries
            )


__all__ = ["CAME_THROUGH", "Ground", "play", "telling"]
