"""
Is it running? `GET /healthz`, for people, probes and `bin/up`.

It is answered before anything else looks at the request: for any Host, without sign-in
and without a redirect. It opens a database connection of its own, which gives up after
three seconds, so that it can say that the database is gone.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from accounts.tenancy.partitions import stray_rows
from conductor.heartbeat import SILENT_SECONDS

PATH = "/healthz"
CONNECT_SECONDS = 3
# So many accounts are named, the latest first.
LAGGING_ACCOUNTS = 20


@dataclass
class Health:
    """What one look at the deployment found; a part that is well says `ok`."""

    database: str = ""
    # By account id, of the accounts that are late.
    due_lags: dict[int, float] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def due_lag_seconds(self) -> float:
        """For how many seconds the work waits that waits longest of all."""
        return max(self.due_lags.values(), default=0.0)

    @property
    def is_ok(self) -> bool:
        """Tell whether every part is well."""
        return all(state == "ok" for state in self.parts.values())

    def as_json(self) -> dict[str, Any]:
        """Return the answer's body; accounts stand there only while one is late."""
        late = {"due_lag_seconds_by_account": self.due_lags} if self.due_lags else {}
        return {
            "status": "ok" if self.is_ok else "failing",
            "version": settings.VERSION,
            "database": self.database,
            "due_lag_seconds": self.due_lag_seconds,
            **late,
            "parts": self.parts,
        }


class Probe:
    """Looks at the deployment; what cannot change again is not asked twice."""

    def __init__(self) -> None:
        self._is_migrated = False

    def look(self, *, now: datetime) -> Health:
        """Ask the database how every part is; a database that is gone is a finding too."""
        connection = private_connection()
        try:
            return self._ask(connection, now)
        except DatabaseError as problem:
            return _without_database(str(problem))
        finally:
            connection.close()

    def _ask(self, connection: BaseDatabaseWrapper, now: datetime) -> Health:
        if not self._is_migrated and (missing := unapplied(connection)):
            return _unmigrated(missing)
        self._is_migrated = True
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            version = cursor.fetchone()[0].split()[0]
            cursor.execute("SELECT part, beat_at FROM accounts_heartbeat")
            beats = dict(cursor.fetchall())
        parts = {"web": "ok"}
        parts |= {part: _sign_of(part, beats.get(part), now) for part in ("worker", "pulse")}
        return Health(
            database=version,
            due_lags=_due_lags(connection, now),
            parts={**parts, "database": _partitions()},
        )


def private_connection() -> BaseDatabaseWrapper:
    """Return a connection outside the pool that soon gives up."""
    shared = connections["default"]
    options = deepcopy(shared.settings_dict)
    options["OPTIONS"].pop("pool", None)
    options["OPTIONS"]["connect_timeout"] = CONNECT_SECONDS
    return type(shared)(options, alias="default")


def unapplied(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the migrations that the database lacks."""
    loader = MigrationLoader(connection)
    wanted = loader.graph.nodes.keys()
    return sorted(".".join(key) for key in wanted if key not in loader.applied_migrations)


def _sign_of(part: str, beat_at: datetime | None, now: datetime) -> str:
    if beat_at is None:
        return f"The {part} has not started yet."
    silent = (now - beat_at).total_seconds()
    if silent > SILENT_SECONDS:
        return f"The {part} has been silent for {silent:.0f} seconds."
    return "ok"


def _due_lags(connection: BaseDatabaseWrapper, now: datetime) -> dict[int, float]:
    """Return for how many seconds the longest waiting work of an account waits, worst first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, seconds FROM lookup_lags(%s, %s)", [now, LAGGING_ACCOUNTS]
        )
        return {account_id: round(seconds, 1) for account_id, seconds in cursor.fetchall()}


def _partitions() -> str:
    """Say whether rows went astray because a month was not made in time."""
    astray = [table for table, has_rows in stray_rows().items() if has_rows]
    if astray:
        return f"Rows of {', '.join(astray)} lie in no month: no partition was made in time."
    return "ok"


def _without_database(problem: str) -> Health:
    said = " ".join(problem.split()) or "it does not answer"
    unknown = "Unknown while the database does not answer."
    return Health(
        parts={
            "web": "ok",
            "worker": unknown,
            "pulse": unknown,
            "database": f"The database does not answer: {said}",
        }
    )


def _unmigrated(missing: list[str]) -> Health:
    return Health(
        parts={
            "web": "ok",
            "worker": "Waits for the migrations.",
            "pulse": "Waits for the migrations.",
            "database": f"{len(missing)} migrations are to be run, {missing[0]} first.",
        }
    )


PROBE = Probe()


class HealthMiddleware:
    """Answer /healthz before anything else looks at the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer GET and HEAD of /healthz here; pass on everything else."""
        if request.path == PATH and request.method in {"GET", "HEAD"}:
            return healthz(request)
        return self.get_response(request)


def healthz(_request: HttpRequest) -> HttpResponse:
    """Say how every part is: 200 if all are well, else 503 with a sentence for each."""
    health = PROBE.look(now=timezone.now())
    response = JsonResponse(health.as_json(), status=200 if health.is_ok else 503)
    response["Cache-Control"] = "no-store"
    # It says itself what is wrong; Django would log an error at every look of a probe.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return response
