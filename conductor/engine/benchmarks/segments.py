"""
How soon somebody is in a segment of whom an event has just made a member of it.

Worked by the cluster that runs (bin/up). The segment asks for an event of the last thirty
days and for no order of the last sixty, and a conversation starts when somebody enters it:
whoever stands in that conversation has entered the segment.
"""

import logging
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from accounts.models import Account
from accounts.tenancy import in_account
from conductor.conversations.models import Enrollment
from conductor.engine.benchmarks.ground import Ground, prepare, publish
from conductor.engine.benchmarks.running import (
    Clock,
    percentile,
    stop,
    wait_until,
    worked_on,
)
from contacts.actions import raise_event
from contacts.actions.segments import create_segment
from contacts.models import Contact, SegmentTouch

log = logging.getLogger(__name__)

DEFAULT_SIZE = 100_000
EVENTS = 200
CEILING = 2.0
PATIENCE = 60.0
SET_UP_PATIENCE = 600.0
# Between two events, so that they meet the cluster in whatever it does.
PAUSES = (0.05, 0.35, 0.2, 0.5)

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
            waits = _raise_one_by_one(ground, min(EVENTS, size), clock)
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


def _raise_one_by_one(ground: Ground, events: int, clock: Clock) -> list[float]:
    with in_account(ground.account.pk):
        people = list(Contact.objects.order_by("id")[:events])
    waits = []
    for place, person in enumerate(people):
        with in_account(ground.account.pk):
            raise_event(external_event=ground.event, contact=person, now=clock(), source="api")
        waits.append(_wait_until_entered(ground.account, person))
        log.info("Event %s: %.2f s.", place + 1, waits[-1])
        time.sleep(PAUSES[place % len(PAUSES)])
    return waits


def _wait_until_entered(account: Account, person: Contact) -> float:
    """Return the seconds until a contact stands in the conversation that the segment starts."""
    return wait_until(
        account,
        lambda: Enrollment.objects.filter(contact_id=person.pk).exists(),
        patience=PATIENCE,
        refusal=f"Nothing was done for an event within {PATIENCE:.0f} s.",
    )
