"""
How fast contacts move, against writing the same rows with plain set-based SQL.

Everybody goes through five steps: trigger, filter, message, wait, terminate; nobody is
written to, the deliveries stay queued. The limit writes the same enrollments, visits and
deliveries into the same tables under the same policy and role, in as many transactions of
the same size: without asking who may enter, who matches, who has agreed, and without
locking anything. It runs before and after ours, each time for a conversation of its own,
and its better time counts.

An account has one tick at a time, and a deployment as many workers as cores. So the people
are shared among as many accounts as there are workers, each with a connection and a thread
of its own, ours and the limit alike; what one worker does alone is a figure of its own.

Of more than 100,000 people, so many go first: what a step costs then, by what it costs at
100,000, is another.
"""

import logging
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Account
from accounts.tenancy import in_account, sql
from conductor.conversations.actions import pause_conversation
from conductor.engine.benchmarks.account import SLUG, made_account
from conductor.engine.benchmarks.ground import (
    BATCH,
    TABLES,
    Ground,
    prepare,
    publish,
    raise_for_all,
)
from conductor.engine.benchmarks.hands import Hand, hands
from conductor.engine.pulse import workers
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


# (who does it, where, how many people)
Part = tuple[Hand, Ground, int]


class UnfinishedError(RuntimeError):
    """The engine left contacts behind, or wrote other rows than the limit did."""


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """
    Yield the figures of `benchmark engine`, in accounts flagged `is_benchmark`.

    Called outside any transaction; the rows stay, the accounts are removed with them. A
    rate is contact-steps (visits ended) per second; `worker_mb` is the most memory that
    this process has held so far, with all its workers.

    :raises UnfinishedError: if the engine did not move everybody to the end.
    """
    many = min(workers(), size)
    with ExitStack() as stack:
        accounts = [account]
        accounts += [
            stack.enter_context(made_account(f"{SLUG}-{number}", now=now))
            for number in range(2, many + 1)
        ]
        people = stack.enter_context(hands(many))
        shares = [len(range(number, size, many)) for number in range(many)]
        grounds = [
            found.result()
            for found in [
                hand.start(prepare, own, now=now, size=share, seed=seed)
                for hand, own, share in zip(people, accounts, shares, strict=True)
            ]
        ]
        log.info("%s contacts are there.", size)
        yield from _figures([*zip(people, grounds, shares, strict=True)], size)


def _figures(everybody: list[Part], size: int) -> Iterator[dict[str, Any]]:
    few = [_first(part, DEFAULT_SIZE // len(everybody)) for part in everybody]
    alone, _ = _compare("engine contact-steps of one worker", few[:1])
    yield alone | {"floor": FLOOR, "aim": AIM}
    costs = []
    for parts in [few, everybody] if size > DEFAULT_SIZE else [everybody]:
        figure, seconds = _compare("engine contact-steps", parts)
        costs.append(seconds)
        yield figure | {
            "floor": FLOOR,
            "aim": AIM,
            "floor_value": FLOOR_RATE,
            "aim_value": AIM_RATE,
        }
    if len(costs) > 1:
        yield {
            "name": "engine cost of a step, by its cost at 100,000",
            "value": round(costs[-1] / costs[0], 3),
            "unit": "times",
            "size": size,
            "ceiling": DEAREST,
        }


def _first(part: Part, most: int) -> Part:
    """Return a part's first people, whole batches of them."""
    hand, ground, share = part
    batches = ground.batches[: max(1, most // BATCH)]
    return hand, replace(ground, batches=batches), min(share, len(batches) * BATCH)


def _compare(name: str, parts: list[Part]) -> tuple[dict[str, Any], float]:
    """Measure both; return the figure and our seconds a visit."""
    size = sum(share for *_, share in parts)
    raw = [_write_all(parts, f"Raw before {name} {size}")]
    log.info("Plain SQL took %.2f s.", raw[0])
    ours = _move_all(parts, f"Ours {name} {size}")
    log.info("The engine took %.2f s.", ours)
    raw.append(_write_all(parts, f"Raw after {name} {size}"))
    log.info("Plain SQL took %.2f s.", raw[1])
    visits = size * len(STEPS)
    figure = {
        "name": name,
        "value": round(visits / ours),
        "unit": "contact-steps/s",
        "size": size,
        "seconds": round(ours, 3),
        "raw": round(visits / min(raw)),
        "ratio": round(min(raw) / ours, 3),
        "workers": len(parts),
        "worker_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    return figure, ours / visits


def _move_all(parts: list[Part], name: str) -> float:
    """Let everybody in and through the wait; return seconds."""
    for started in [
        hand.start(_wait_outside, ground, name, share) for hand, ground, share in parts
    ]:
        started.result()
    begun = time.monotonic()
    moved = [hand.start(_move, ground) for hand, ground, _ in parts]
    done = [part.result() for part in moved]
    seconds = time.monotonic() - begun
    for (visits, deliveries), (*_, share) in zip(done, parts, strict=True):
        if (visits, deliveries) != (share * len(STEPS), share):
            raise UnfinishedError(
                f"{share} contacts left {visits} steps with {deliveries} messages: "
                f"{share * len(STEPS)} and {share} were to be expected."
            )
    return seconds


def _wait_outside(ground: Ground, name: str, share: int) -> None:
    """Queue a fact for everybody."""
    with in_account(ground.account.pk):
        conversation = publish(ground, name)
        raise_for_all(ground, conversation, most=share)
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)


def _move(ground: Ground) -> tuple[int, int]:
    """Tick until everybody is through; return visits and deliveries."""
    visits = deliveries = 0
    for now in (ground.now, ground.now + PAUSE):
        for _ in ground.batches:
            with in_account(ground.account.pk):
                done = run_tick(now=now, limit=BATCH)
            visits += done.visits
            deliveries += done.deliveries
    return visits, deliveries


def _write_all(parts: list[Part], name: str) -> float:
    """Write the rows of as many conversations by hand; return seconds."""
    laid = [hand.start(_lay_down, ground, name) for hand, ground, _ in parts]
    given = [part.result() for part in laid]
    begun = time.monotonic()
    written = [
        hand.start(_write_plainly, ground, names)
        for (hand, ground, _), names in zip(parts, given, strict=True)
    ]
    for part in written:
        part.result()
    return time.monotonic() - begun


def _lay_down(ground: Ground, name: str) -> dict[str, Any]:
    """Publish a conversation to write rows for; return what names it."""
    with in_account(ground.account.pk):
        conversation = publish(ground, name)
        version = conversation.published
        # Nobody's facts: the engine shall not find work here.
        pause_conversation(conversation=conversation, now=ground.now)
        return {
            "conversation_id": conversation.pk,
            "version_id": version.pk,
            "event_id": ground.event.pk,
            "message_id": version.program["steps"]["reminder"]["settings"]["committed_id"],
        }


def _write_plainly(ground: Ground, given: dict[str, Any]) -> None:
    """Write the rows of a conversation by hand."""
    now, later = ground.now, ground.now + PAUSE
    early = {"keys": list(STEPS[:3]), "arrived": [now] * 3, "due": [None] * 3}
    late = {"keys": list(STEPS[3:]), "arrived": [now, later], "due": [later, None]}
    for statements, visits, at in (
        ((ENTER, VISITS, DELIVERIES), early, now),
        ((END, VISITS), late, later),
    ):
        for first, last in ground.batches:
            with in_account(ground.account.pk):
                for statement in statements:
                    sql.execute(statement, **given, **visits, first=first, last=last, now=at)
