"""
How fast contacts move, against writing the same rows with plain set-based SQL.

Everybody goes through five steps: trigger, filter, message, wait, terminate; nobody is
written to, the deliveries stay queued. The limit writes the same enrollments, visits and
deliveries into the same tables under the same policy and role, in as many transactions of
the same size: without asking who may enter, who matches, who has agreed, and without
locking anything. It runs before and after ours, each time for a conversation of its own,
and its better time counts.

Of more than 100,000 people, so many go first: what a step costs then, by what it costs at
100,000, is a figure of its own.
"""

import logging
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Account
from accounts.tenancy import in_account, sql
from conductor.conversations.actions import pause_conversation
from conductor.engine.benchmark_ground import (
    BATCH,
    TABLES,
    Ground,
    prepare,
    publish,
    raise_for_all,
)
from conductor.engine.tick import run_tick

log = logging.getLogger(__name__)

DEFAULT_SIZE = 100_000
# Of the raw limit, and in contact-steps/s on two cores.
FLOOR, AIM = 0.5, 0.7
FLOOR_RATE, AIM_RATE = 40_000, 60_000
DEAREST = 1.2
STEPS = ("start", "lapsed", "reminder", "pause", "end")
PAUSE = timedelta(days=3)

ENTER = """
    INSERT INTO conversations_enrollment (
        id, conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
        entry_kind, entry_external_event_id, entry_thread, entry_method, entry_properties,
        depth, entered_at, step_key, visit_number, visit_counts, arrived_at, due_at,
        held_reason, end_reason
    )
    SELECT
        nextval('conversations_enrollment_id_seq'), %(conversation_id)s, %(version_id)s,
        subscription.list_id, subscription.id, subscription.contact_id, 1, 'external_event',
        %(event_id)s, 'Main', '', '{}', 0, %(now)s, 'pause', 1, '{}', %(now)s,
        %(now)s::timestamptz + interval '3 days', '', ''
    FROM contacts_subscription AS subscription
    WHERE subscription.id BETWEEN %(first)s AND %(last)s
"""
END = """
    UPDATE conversations_enrollment AS enrollment
    SET
        step_key = 'end', visit_number = 1, visit_counts = '{}', arrived_at = %(now)s,
        due_at = NULL, held_reason = '', ended_at = %(now)s, end_reason = 'terminated'
    WHERE
        enrollment.conversation_id = %(conversation_id)s
        AND enrollment.subscription_id BETWEEN %(first)s AND %(last)s
"""
VISITS = """
    INSERT INTO conversations_visit (
        enrollment_id, conversation_id, version_id, step_key, visit_number, arrived_at, due_at,
        left_at, exit
    )
    SELECT
        enrollment.id, enrollment.conversation_id, enrollment.version_id, step.key, 1,
        step.arrived_at, step.due_at, %(now)s, 'next'
    FROM conversations_enrollment AS enrollment
    CROSS JOIN (
        SELECT
            unnest(%(keys)s::text[]) AS key,
            unnest(%(arrived)s::timestamptz[]) AS arrived_at,
            unnest(%(due)s::timestamptz[]) AS due_at
    ) AS step
    WHERE
        enrollment.conversation_id = %(conversation_id)s
        AND enrollment.subscription_id BETWEEN %(first)s AND %(last)s
"""
DELIVERIES = """
    INSERT INTO messaging_delivery (
        channel, list_id, contact_id, subscription_id, message_id, address, state,
        reason, conversation_id, version_id, enrollment_id, thread, step_key, visit_number,
        event_properties, is_transactional, is_test, resend_unknown, queued_at, claimed_by,
        provider, provider_message_id
    )
    SELECT
        'email', enrollment.list_id, enrollment.contact_id, enrollment.subscription_id,
        %(message_id)s, 'shopper1@mail.example', 'queued', '', enrollment.conversation_id,
        enrollment.version_id, enrollment.id, 'Main', 'reminder', 1, '{}', FALSE, FALSE, FALSE,
        %(now)s, '', '', ''
    FROM conversations_enrollment AS enrollment
    WHERE
        enrollment.conversation_id = %(conversation_id)s
        AND enrollment.subscription_id BETWEEN %(first)s AND %(last)s
"""


class UnfinishedError(RuntimeError):
    """The engine left contacts behind, or wrote other rows than the limit did."""


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """
    Yield the figures of `benchmark engine`, in an account flagged `is_benchmark`.

    Called outside any transaction; the rows stay, the account is removed with them. A
    rate is contact-steps (visits ended) per second; `worker_mb` is the most memory that
    this process has held so far.

    :raises UnfinishedError: if the engine did not move everybody to the end.
    """
    everybody = prepare(account, now=now, size=size, seed=seed)
    log.info("%s contacts are there.", size)
    costs = []
    for part in _parts(everybody, size):
        figure, seconds = _compare(part, min(size, len(part.batches) * BATCH))
        costs.append(seconds)
        yield figure
    if len(costs) > 1:
        yield {
            "name": "engine cost of a step, by its cost at 100,000",
            "value": round(costs[-1] / costs[0], 3),
            "unit": "times",
            "size": size,
            "ceiling": DEAREST,
        }


def _parts(everybody: Ground, size: int) -> Iterator[Ground]:
    """Yield the first 100,000, if there are more, and everybody."""
    if size > DEFAULT_SIZE:
        yield replace(everybody, batches=everybody.batches[: DEFAULT_SIZE // BATCH])
    yield everybody


def _compare(ground: Ground, size: int) -> tuple[dict[str, Any], float]:
    """Measure both for `size` people; return the figure and our seconds a visit."""
    raw = [_write_plainly(ground, f"Raw before {size}")]
    log.info("Plain SQL took %.2f s.", raw[0])
    ours, visits = _move(ground, size)
    log.info("The engine took %.2f s.", ours)
    raw.append(_write_plainly(ground, f"Raw after {size}"))
    log.info("Plain SQL took %.2f s.", raw[1])
    figure = {
        "name": "engine contact-steps",
        "value": round(visits / ours),
        "unit": "contact-steps/s",
        "size": size,
        "seconds": round(ours, 3),
        "raw": round(visits / min(raw)),
        "ratio": round(min(raw) / ours, 3),
        "floor": FLOOR,
        "aim": AIM,
        "floor_value": FLOOR_RATE,
        "aim_value": AIM_RATE,
        "worker_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    return figure, ours / visits


def _move(ground: Ground, size: int) -> tuple[float, int]:
    """Let everybody in and through the wait; return seconds and visits."""
    with in_account(ground.account.pk):
        conversation = publish(ground, f"Ours {size}")
        raise_for_all(ground, conversation, most=size)
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)
    visits = deliveries = 0
    started = time.monotonic()
    for now in (ground.now, ground.now + PAUSE):
        for _ in ground.batches:
            with in_account(ground.account.pk):
                done = run_tick(now=now, limit=BATCH)
            visits += done.visits
            deliveries += done.deliveries
    seconds = time.monotonic() - started
    if (visits, deliveries) != (size * len(STEPS), size):
        raise UnfinishedError(
            f"{size} contacts left {visits} steps with {deliveries} messages: "
            f"{size * len(STEPS)} and {size} were to be expected."
        )
    return seconds, visits


def _write_plainly(ground: Ground, name: str) -> float:
    """Write the rows of a conversation by hand; return seconds."""
    with in_account(ground.account.pk):
        conversation = publish(ground, name)
        version = conversation.published
        given = {
            "conversation_id": conversation.pk,
            "version_id": version.pk,
            "event_id": ground.event.pk,
            "message_id": version.program["steps"]["reminder"]["settings"]["committed_id"],
        }
        # Nobody's facts: the engine shall not find work here.
        pause_conversation(conversation=conversation, now=ground.now)
    now, later = ground.now, ground.now + PAUSE
    early = {"keys": list(STEPS[:3]), "arrived": [now] * 3, "due": [None] * 3}
    late = {"keys": list(STEPS[3:]), "arrived": [now, later], "due": [later, None]}
    started = time.monotonic()
    for statements, visits, at in (
        ((ENTER, VISITS, DELIVERIES), early, now),
        ((END, VISITS), late, later),
    ):
        for first, last in ground.batches:
            with in_account(ground.account.pk):
                for statement in statements:
                    sql.execute(statement, **given, **visits, first=first, last=last, now=at)
    return time.monotonic() - started
