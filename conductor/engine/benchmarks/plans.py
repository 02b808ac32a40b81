"""
How the tick's statements are planned among a million: each as it ran, under the policy.

So many people have a fact queued in one conversation, and as many timers wait in another,
of which some are due. The tick that takes 5,000 of both is explained while it runs; a
statement that reads a great table from end to end is named in `scans`.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Account
from accounts.tenancy import in_account, sql
from conductor.engine.benchmarks.ground import BATCH, TABLES, prepare, publish, raise_for_all
from conductor.engine.benchmarks.parked import park
from conductor.engine.tick import run_tick

DEFAULT_SIZE = 1_000_000
STATEMENTS = (
    "live_conversations",
    "claim_due",
    "take_facts",
    "enter",
    "update_enrollments",
    "insert_enrollments",
    "insert_visits",
    "insert_deliveries",
)
GREAT = re.compile(r"Seq Scan on ((?:contacts|conversations|messaging)_\w+)")
# By then some of the timers parked are due, and by the second moment more.
FIRST, SECOND = timedelta(days=40), timedelta(days=80)


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """Yield each statement's plan: `value` is what it took, with the explaining."""
    ground = prepare(account, now=now, size=size, seed=seed)
    park(ground, size)
    with in_account(account.pk):
        raise_for_all(ground, publish(ground, "Asked"))
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)
    # The first one finds nothing kept: neither tables nor what the planner knows of them.
    with in_account(account.pk):
        run_tick(now=now + FIRST, limit=BATCH)
    with in_account(account.pk), sql.explained(*STATEMENTS) as plans:
        run_tick(now=now + SECOND, limit=BATCH)
    for name, lines in plans.items():
        text = "\n".join(lines)
        took = re.search(r"Execution Time: ([0-9.]+)", text)
        yield {
            "name": f"plan of {name}",
            "value": float(took[1]) if took else None,
            "unit": "ms",
            "size": size,
            # What was never executed was planned for a case that did not come.
            "scans": sorted(
                {
                    found[1]
                    for line in lines
                    if (found := GREAT.search(line)) and "never executed" not in line
                }
            ),
            "plan": lines,
        }
