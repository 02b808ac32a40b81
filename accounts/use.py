"""How often integrations were called: day by day, for people and for a picture."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Sum

from accounts.models import ApiClient, ApiUse

DAYS = 30
# In the picture's own units.
BAR, AIR, HIGH = 8.0, 2.0, 80.0
LOWEST = 1.5


@dataclass(frozen=True)
class Day:
    """The calls of a day (UTC), and its bar: `x`, `y` and `height` in the picture's units."""

    day: date
    calls: int
    x: str
    y: str
    height: str


@dataclass(frozen=True)
class Use:
    """The calls of the last days, the oldest first."""

    days: list[Day]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(day.calls for day in self.days)

    @property
    def today(self) -> Day:
        """The last day, which is not over."""
        return self.days[-1]

    @property
    def busiest(self) -> Day:
        """The day with the most; of equals the latest."""
        return max(reversed(self.days), key=lambda day: day.calls)


def last_days(client: ApiClient, *, now: datetime) -> Use:
    """Return the calls of an integration in the last 30 days, today included."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    rows = ApiUse.objects.filter(client=client, day__gte=first, day__lte=today)
    calls = dict(rows.values_list("day", "calls"))
    return Use(_drawn([(day, calls.get(day, 0)) for day in _days(first)]))


def totals(*, now: datetime) -> dict[int, int]:
    """Return the calls of the last 30 days by integration."""
    first = now.astimezone(UTC).date() - timedelta(days=DAYS - 1)
    rows = ApiUse.objects.filter(day__gte=first).values_list("client_id").annotate(Sum("calls"))
    return dict(rows)


def _days(first: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range(DAYS))


def _drawn(counted: list[tuple[date, int]]) -> list[Day]:
    """Give each day its bar; one with any call at all is to be seen."""
    most = max(calls for _, calls in counted) or 1
    drawn = []
    for place, (day, calls) in enumerate(counted):
        height = max(HIGH * calls / most, LOWEST) if calls else 0.0
        x = place * (BAR + AIR) + AIR / 2
        drawn.append(Day(day, calls, f"{x:.1f}", f"{HIGH - height:.1f}", f"{height:.1f}"))
    return drawn
