"""
How often integrations call: `RateLimit-*` headers, the limit, and the calls of a day.

Each web process counts its own calls and adds them up in PostgreSQL at most once a second an
integration, or every `MOST_PENDING` calls: a limit may be passed by what other processes have
not yet told, and a process that is killed forgets its last second. Windows are the minutes of
the clock. Headers: draft-ietf-httpapi-ratelimit-headers-03.
"""

import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import DatabaseError

from accounts.models import ApiClient
from accounts.tenancy import in_account, sql
from accounts.wire.errors import TooManyRequestsError

log = logging.getLogger(__name__)

WINDOW = timedelta(minutes=1)
TELL_AFTER = timedelta(seconds=1)
MOST_PENDING = 200

ADD_UP = """
    INSERT INTO accounts_ratecount AS counted (key, started_at, count)
    VALUES (%(key)s, %(minute)s, %(calls)s)
    ON CONFLICT (key) DO UPDATE
    SET
        started_at = greatest(counted.started_at, excluded.started_at),
        count = CASE
            WHEN counted.started_at < excluded.started_at THEN excluded.count
            WHEN counted.started_at = excluded.started_at THEN counted.count + excluded.count
            ELSE counted.count
        END
    RETURNING CASE WHEN counted.started_at = %(minute)s THEN counted.count ELSE %(calls)s END
"""
NOTE_DAY = """
    INSERT INTO accounts_apiuse AS used (client_id, day, calls)
    VALUES (%(client_id)s, %(day)s, %(calls)s)
    ON CONFLICT (account_id, client_id, day) DO UPDATE SET calls = used.calls + excluded.calls
"""


@dataclass
class Count:
    """An integration's calls in one minute: `told` by all processes, `pending` of this one."""

    minute: datetime
    told: int = 0
    pending: int = 0
    told_at: datetime = field(default=datetime.min.replace(tzinfo=UTC))

    @property
    def calls(self) -> int:
        """How many calls we know of."""
        return self.told + self.pending


@dataclass(frozen=True)
class Budget:
    """What an integration may still call in this minute."""

    limit: int
    remaining: int
    seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers that say so."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.seconds),
        }


class Meter:
    """The counts of this process."""

    def __init__(self) -> None:
        self._counts: dict[str, Count] = {}
        self._lock = threading.Lock()

    def admit(self, client: ApiClient, *, now: datetime) -> Budget:
        """
        Count a call; return what is left.

        :raises TooManyRequestsError: beyond the limit; a refused call is not counted.
        """
        limit: int = settings.API_CALLS_PER_MINUTE
        minute = now.replace(second=0, microsecond=0)
        seconds = max(1, round((minute + WINDOW - now).total_seconds()))
        with self._lock:
            count = self._counts.get(client.client_id)
            if count is None or count.minute != minute:
                # What the last minute has not told yet counts in this one.
                pending = count.pending if count is not None else 0
                count = self._counts[client.client_id] = Count(minute, pending=pending)
            if count.calls >= limit:
                raise TooManyRequestsError(
                    seconds=seconds, headers=Budget(limit, 0, seconds).headers
                )
            count.pending += 1
            return Budget(limit, limit - count.calls, seconds)

    def tell(self, client: ApiClient, *, now: datetime) -> None:
        """Add this process's calls up, if it is time; outside of any transaction."""
        with self._lock:
            count = self._counts.get(client.client_id)
            if count is None or not count.pending:
                return
            if count.pending < MOST_PENDING and now < count.told_at + TELL_AFTER:
                return
            calls, count.pending, count.told_at = count.pending, 0, now
            count.told += calls
        try:
            told = _add_up(client, count.minute, calls, now)
        except DatabaseError:
            # The call was answered; that it is not counted is no reason to fail it.
            log.exception("%s calls could not be counted.", calls)
            return
        with self._lock:
            count.told = max(count.told, told)


def _add_up(client: ApiClient, minute: datetime, calls: int, now: datetime) -> int:
    """Write calls down; return how many all processes have told of in the minute."""
    told = sql.fetch_value(ADD_UP, key=f"calls of {client.client_id}", minute=minute, calls=calls)
    with in_account(client.account.pk):
        sql.execute(NOTE_DAY, client_id=client.pk, day=now.astimezone(UTC).date(), calls=calls)
    return int(told)


METER = Meter()
