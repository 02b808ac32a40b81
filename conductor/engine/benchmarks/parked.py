"""How long a tick takes that finds a hundred due, among millions that wait."""

import logging
import statistics
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Account
from accounts.tenancy import in_account, sql
from conductor.engine.benchmarks.ground import BATCH, FIVE_STEPS, Ground, prepare, publish
from conductor.engine.tick import run_tick

log = logging.getLogger(__name__)

DEFAULT_SIZE = 5_000_000
CHUNK = 500_000
DUE, ROUNDS = 100, 10
CEILING_MS = 50
HOUR = timedelta(hours=1)

# Nobody stands behind those that are parked: only their timers are asked.
PARK = """
    INSERT INTO conversations_enrollment (
        conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
        entry_kind, entry_thread, entry_method, entry_properties, depth, entered_at, step_key,
        visit_number, visit_counts, arrived_at, due_at, held_reason, ended_at, end_reason
    )
    SELECT
        %(conversation_id)s, %(version_id)s, %(list_id)s, -number, -number, 1,
        'external_event', 'Main', '', '{}', 0, %(now)s, 'pause', 1, '{}', %(now)s,
        CASE
            WHEN NOT %(ended)s
                THEN %(now)s::timestamptz + interval '30 days' + number * interval '300 days' / %(size)s
        END,
        '', CASE WHEN %(ended)s THEN %(now)s::timestamptz END, CASE WHEN %(ended)s THEN 'terminated' ELSE '' END
    FROM generate_series(%(first)s, %(last)s) AS number
"""
# Each round finds the next hundred.
MAKE_DUE = """
    INSERT INTO conversations_enrollment (
        conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
        entry_kind, entry_thread, entry_method, entry_properties, depth, entered_at, step_key,
        visit_number, visit_counts, arrived_at, due_at, held_reason, end_reason
    )
    SELECT
        %(conversation_id)s, %(version_id)s, %(list_id)s, someone.id, someone.contact_id, 1,
        'external_event', 'Main', '', '{}', 0, %(now)s, 'pause', 1, '{}', %(now)s,
        %(now)s::timestamptz + someone.round * interval '1 hour', '', ''
    FROM (
        SELECT
            subscription.id,
            subscription.contact_id,
            1 + (row_number() OVER (ORDER BY subscription.id) - 1) / %(due)s AS round
        FROM contacts_subscription AS subscription
    ) AS someone
"""


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """Yield the milliseconds of a tick, commit included, with `size` timers parked."""
    yield measure_among(account=account, now=now, size=size, seed=seed, ended=False)


def measure_among(
    *, account: Account, now: datetime, size: int, seed: int, ended: bool
) -> dict[str, Any]:
    """Return the milliseconds of a tick among so many that wait, or that have ended."""
    ground = prepare(account, now=now, size=DUE * ROUNDS, seed=seed)
    given = park(ground, size, ended=ended)
    among = "ended enrollments" if ended else "parked timers"
    log.info("There are %s %s.", size, among)
    taken = []
    with in_account(account.pk):
        sql.execute(MAKE_DUE, due=DUE, **given)
    for hours in range(1, ROUNDS + 1):
        started = time.monotonic()
        with in_account(account.pk):
            done = run_tick(now=now + hours * HOUR, limit=BATCH)
        taken.append((time.monotonic() - started) * 1000)
        if done.claimed != DUE:
            raise RuntimeError(f"A tick found {done.claimed} due, not {DUE}.")
    return {
        "name": f"engine tick that finds {DUE} due among {among}",
        "value": round(statistics.median(taken), 1),
        "unit": "ms",
        "size": size,
        "worst": round(max(taken), 1),
        "ceiling": CEILING_MS,
    }


def park(ground: Ground, size: int, *, ended: bool = False) -> dict[str, Any]:
    """Let so many wait, or have ended, in a conversation of their own; return what names it."""
    with in_account(ground.account.pk):
        conversation = publish(ground, "Parked", steps=FIVE_STEPS)
    given = {
        "conversation_id": conversation.pk,
        "version_id": conversation.published_id,
        "list_id": ground.in_list.pk,
        "now": ground.now,
    }
    for first in range(1, size + 1, CHUNK):
        with in_account(ground.account.pk):
            last = min(first + CHUNK - 1, size)
            sql.execute(PARK, first=first, last=last, size=size, ended=ended, **given)
    with in_account(ground.account.pk):
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=["conversations_enrollment"])
    return given
