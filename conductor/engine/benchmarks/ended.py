"""
How long a tick takes that finds a hundred due, among millions that have ended.

They stand in the table still, and in the two indexes that say where somebody was and how
often; those that a tick walks along, of who is due, waits or is held, know them no more.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from accounts.models import Account
from conductor.engine.benchmarks.parked import DEFAULT_SIZE, measure_among


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """Yield the milliseconds of a tick, commit included, with `size` ended enrollments."""
    yield measure_among(account=account, now=now, size=size, seed=seed, ended=True)
