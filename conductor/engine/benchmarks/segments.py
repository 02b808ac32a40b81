"""
How soon somebody is in a segment of whom an event has just made a member of it.

Worked by the cluster that runs (bin/up). The segment asks for an event of the last thirty
days and for no order of the last sixty, and a conversation starts when somebody enters it:
whoever stands in that conversation has entered the segment.
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from accounts.models import Account
from accounts.tenancy import in_account
from conductor.conversations.models import Enrollment
from conductor.engine.benchmarks.ground import prepare, publish
from conductor.engine.benchmarks.running import (
    Clock,
    percentile,
    raise_one_by_one,
    stop,
    wait_until,
    worked_on,
)
from contacts.actions.segments import create_segment
from contacts.models import Contact, SegmentTouch

log = logging.getLogger(__name__)

DEFAULT_SIZE = 100_000
EVENTS = 200
CEILING = 2.0
SET_UP_PATIENCE = 600.0

RULE = {
    "all": [
        {"event": {"name": "Winback Check", "within": "P30D"}},
        {"not": {"purchase": {"within": "P60D"}}},
    ]
}
STEPS = """
      - {key: start, trigger: {segment: {name: Back again, on: entered}}}
      - {key: end, terminate: {}}
"""


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """
    Yield p50 and p99 of the seconds from the commit of an event to who entered by it.

    :raises NotRunningError: if no cluster runs, or it does not come to an event.
    """
    clock = Clock(now)
    ground = prepare(account, now=now, size=size, seed=seed)
    log.info("%s contacts are there.", size)
    with in_account(account.pk):
        create_segment(list=ground.in_list, name="Back again", rule=RULE, now=clock())
        publish(ground, "Back again", steps=STEPS)
    with worked_on(account, now=clock()):
        try:
            _wait_for_set_up(account)
            waits = raise_one_by_one(
                ground,
                min(EVENTS, size),
                _has_entered,
                clock=clock,
                one="an event",
                said="Event %s: %.2f s.",
            )
        finally:
            stop(account, now=clock())
    yield {
        "name": "from event to segment entered",
        "value": round(percentile(waits, 0.99), 3),
        "unit": "s",
        "size": size,
        "p50": round(percentile(waits, 0.5), 3),
        "p99": round(percentile(waits, 0.99), 3),
        "first": round(waits[0], 3),
        "worst": round(max(waits), 3),
        "events": len(waits),
        "ceiling": CEILING,
    }


def _wait_for_set_up(account: Account) -> None:
    """Wait until everybody was looked at: what happens before counts as before the publish."""
    seconds = wait_until(
        account,
        lambda: not SegmentTouch.objects.filter(contact__isnull=True).exists(),
        patience=SET_UP_PATIENCE,
        refusal=f"The segment was not set up within {SET_UP_PATIENCE:.0f} s.",
    )
    log.info("The segment is set up after %.1f s.", seconds)


def _has_entered(person: Contact) -> bool:
    """Say whether a contact stands in the conversation that the segment starts."""
    return Enrollment.objects.filter(contact_id=person.pk).exists()
