"""
How fast each kind of step alone moves contacts, every act of the action step included.

People stand at the step as one who was retried does: the tick runs it as on arrival, and
they go on to the end. A wait, which holds them first, has a second tick when its time has
come; what waits for an answer from outside (`webhook`) is counted as it is asked. Each is
run twice, one after the other: `again` is the second time.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Account, List
from accounts.tenancy import in_account, sql
from conductor.conversations.actions import pause_conversation
from conductor.conversations.models import Conversation, Enrollment
from conductor.engine.benchmarks.ground import BATCH, Ground, prepare, publish, raise_for_all
from conductor.engine.tick import Tick, run_tick
from contacts.actions.segments import create_segment
from messaging.actions.coupons import create_pool

log = logging.getLogger(__name__)

DEFAULT_SIZE = 10_000
# Of what a wait moves; other systems answer at their own pace.
FLOOR = 0.25
UNBOUND = {"webhook", "code"}
LATER = timedelta(days=60)
MOST_TICKS = 1_000
WAIT = "wait"

# One of each kind, and of each act; where an act has several ways, the one that does most.
SAMPLES = {
    "trigger": "",
    "filter": "filter: {purchase: {within: P60D}}",
    "if": """if: {branches: [
          {name: lately, filter: {purchase: {within: P60D}}},
          {name: known, filter: {field: Profile.Text, is: blue}}]}""",
    "split": "split: {groups: [{name: a, weight: 40}, {name: b, weight: 60}]}",
    "split and store": """split: {groups: [{name: a, weight: 40}, {name: b, weight: 60}],
          store: Profile.Text}""",
    "go_to": "go_to: {to: end}",
    "wait": "wait: {for: P1D}",
    "wait in own zone": """wait: {for: P1D, time_zone: contact,
          window: {days: [mon, wed, fri], from: '09:00', to: '17:00'}}""",
    "wait until_parts": """wait: {until_parts: {day: {nth: last, weekday: mon}, offset: P1M},
          window: {from: '09:00'}}""",
    "wait_for": "wait_for: {event: Something Else, timeout: P1D}",
    "wait_for filter": "wait_for: {filter: {field: Profile.Text, is: red}, timeout: P1D}",
    "message": "message: {saved_message: We miss you}",
    "mobile_message": """mobile_message: {short_code: "54321", phone_list: Benchmark,
          text: Come back, phone_field: Profile.Mobile}""",
    "action set_field": "action: {set_field: {field: Profile.Text, value: blue}}",
    "action set_date": "action: {set_date: {field: Profile.Date, offset: P3D, of: step}}",
    "action set_difference": """action: {set_difference: {field: Profile.Number,
          from_field: Profile.Date, unit: days}}""",
    "action set_coupon": "action: {set_coupon: {pool: Benchmark, field: Profile.Text}}",
    "action random_group": "action: {random_group: {field: Profile.Number, groups: 10}}",
    "action raise_event": "action: {raise_event: Something Else}",
    "action subscribe": "action: {subscribe: Another List}",
    "action unsubscribe": "action: {unsubscribe: Another List}",
    "action enroll": "action: {enroll: {conversation: Target, thread: Main}}",
    "action add_to_segment": "action: {add_to_segment: By Hand}",
    "action remove_from_segment": "action: {remove_from_segment: By Hand}",
    "webhook": "webhook: {url: 'https://benchmark.example/hook'}",
    "code": "code: {source: 'return {exit: \"next\"}'}",
    "terminate": "terminate: {}",
}
MORE = """
fields:
  - {field: Profile.Text, type: Text}
  - {field: Profile.Date, type: Date}
  - {field: Profile.Number, type: Numeric}
events: [Something Else]
"""
TARGET = """
      - {key: start, trigger: {external_event: Winback Check}}
      - {key: end, terminate: {}}
"""
STAND = """
    INSERT INTO conversations_enrollment (
        conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
        entry_kind, entry_thread, entry_method, entry_properties, depth, entered_at, step_key,
        visit_number, visit_counts, arrived_at, due_at, held_reason, end_reason
    )
    SELECT
        %(conversation_id)s, %(version_id)s, subscription.list_id, subscription.id,
        subscription.contact_id, 1, 'external_event', 'Main', '', '{}', 0, %(now)s,
        %(step_key)s, 1, '{}', %(now)s, %(now)s, 'retried', ''
    FROM contacts_subscription AS subscription
    WHERE subscription.list_id = %(list_id)s
"""
CODES = """
    INSERT INTO messaging_couponcode (pool_id, code, step_key)
    SELECT %(pool_id)s, 'CODE' || number, ''
    FROM generate_series(1, %(size)s) AS number
"""


@dataclass(frozen=True)
class Measured:
    """Contact-steps and the seconds that they took."""

    steps: int
    seconds: float

    @property
    def rate(self) -> float:
        """Contact-steps a second."""
        return self.steps / self.seconds


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """Yield a figure for each kind, `wait` first: the others are set beside it."""
    ground = _lay_out(prepare(account, now=now, size=size, seed=seed), size)
    wait = 0.0
    for name in sorted(SAMPLES, key=lambda name: name != WAIT):
        first, again = (_run(ground, f"{name} {turn}", SAMPLES[name]) for turn in (1, 2))
        wait = wait or first.rate
        figure = {
            "name": f"engine step {name}",
            "value": round(first.rate),
            "unit": "contact-steps/s",
            "size": size,
            "seconds": round(first.seconds, 3),
            "again": round(again.rate),
            "of_wait": round(first.rate / wait, 2),
        }
        yield figure if name in UNBOUND else {**figure, "floor": FLOOR}


def _lay_out(ground: Ground, size: int) -> Ground:
    """Make what the samples name."""
    with in_account(ground.account.pk):
        List.objects.create(name="Another List", created_at=ground.now)
        create_segment(list=ground.in_list, name="By Hand", kind="manual", now=ground.now)
        pool = create_pool(name="Benchmark", now=ground.now)
        sql.execute(CODES, pool_id=pool.pk, size=2 * size)
        target = publish(ground, "Target", steps=TARGET)
        pause_conversation(conversation=target, now=ground.now)
    return ground


def _run(ground: Ground, name: str, written: str) -> Measured:
    """Let everybody come to the step and go on, in a conversation of its own."""
    with in_account(ground.account.pk):
        conversation = publish(ground, name, steps=_steps(written), more=MORE)
        if written:
            key = "end" if written.startswith("terminate") else "here"
            _stand(ground, conversation, key)
        else:
            raise_for_all(ground, conversation)
    started = time.monotonic()
    steps = _go(ground, ground.now) + _go(ground, ground.now + LATER)
    seconds = time.monotonic() - started
    with in_account(ground.account.pk):
        pause_conversation(conversation=conversation, now=ground.now)
        held = Enrollment.objects.filter(conversation=conversation).exclude(held_reason="").first()
    if held is not None:
        raise RuntimeError(f"{name} held somebody: {held.held_reason}")
    log.info("%s took %.2f s.", name, seconds)
    return Measured(steps, seconds)


def _steps(written: str) -> str:
    here = f"      - key: here\n        {written}\n"
    if not written or written.startswith("terminate"):
        here = ""
    return (
        "\n      - {key: start, trigger: {external_event: Winback Check}}\n"
        f"{here}      - {{key: end, terminate: {{}}}}\n"
    )


def _stand(ground: Ground, conversation: Conversation, key: str) -> None:
    sql.execute(
        STAND,
        conversation_id=conversation.pk,
        version_id=conversation.published_id,
        list_id=ground.in_list.pk,
        step_key=key,
        now=ground.now,
    )


def _go(ground: Ground, now: datetime) -> int:
    """Tick until nothing is due; return the steps made, those asked outside included."""
    steps = 0
    for _ in range(MOST_TICKS):
        with in_account(ground.account.pk):
            done = run_tick(now=now, limit=BATCH)
        if not done.rows:
            return steps
        steps += _made(done)
    raise RuntimeError(f"{MOST_TICKS} ticks moved not everybody.")


def _made(done: Tick) -> int:
    """Count visits that ended; of those that all stay, that they were asked."""
    return done.visits or done.claimed
