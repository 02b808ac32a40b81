"""
`GET /metrics`: what Prometheus collects, from the database at each look.

Every process answers the same: there is nothing to add up over web processes and workers,
as counters in their memory would be. Hence prometheus-client alone, for its format, and no
middleware that counts requests. It is no public page: with `CONDUCTOR_METRICS_TOKEN` set it
is for whoever sends that as a bearer token, without for callers on the machine itself that
came through no proxy; all others are told that there is nothing here.
"""

import hmac
import time
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accounts.models import Heartbeat
from accounts.tenancy import lookups

PATH = "/metrics"
# One line for each account that is late, the latest first; the rest are on time or counted.
MOST_ACCOUNTS = 100
# Deliveries of all times are counted along an index: not at every look.
STATES_SECONDS = 60


class Figures(Collector):
    """Asks the database for every figure; `clock` says when the states are counted again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[str, int] = {}
        self._counted_at: float | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield each family once."""
        now = timezone.now()
        lags = lookups.lags(now=now, most=MOST_ACCOUNTS)
        yield GaugeMetricFamily(
            "conductor_engine_lag_seconds_max",
            "How long the longest waiting work of any account waits.",
            value=max(lags.values(), default=0.0),
        )
        yield _gauges(
            "conductor_engine_lag_seconds",
            f"How long the longest waiting work of an account waits; the {MOST_ACCOUNTS} latest.",
            "account",
            {str(account_id): seconds for account_id, seconds in lags.items()},
        )
        ticks, steps = lookups.work_done()
        yield CounterMetricFamily("conductor_ticks", "Ticks that came to their end.", value=ticks)
        yield CounterMetricFamily(
            "conductor_contact_steps", "Visits that ended, test runs left out.", value=steps
        )
        yield _gauges(
            "conductor_queue", "What waits for a worker.", "queue", _floats(lookups.queues())
        )
        yield _gauges(
            "conductor_deliveries",
            f"Deliveries by state, tests left out, counted every {STATES_SECONDS} seconds at most.",
            "state",
            _floats(self._delivery_states()),
        )
        yield _gauges(
            "conductor_heartbeat_age_seconds",
            "Since when a part has shown no sign of life.",
            "part",
            {
                part: (now - beat_at).total_seconds()
                for part, beat_at in Heartbeat.objects.values_list("part", "beat_at")
            },
        )

    def _delivery_states(self) -> dict[str, int]:
        moment = self._clock()
        if self._counted_at is None or moment - self._counted_at >= STATES_SECONDS:
            self._states = lookups.delivery_states()
            self._counted_at = moment
        return self._states


def _gauges(name: str, words: str, label: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _floats(counts: dict[str, int]) -> dict[str, float]:
    return {key: float(count) for key, count in counts.items()}


# A registry of our own: the process's default one would add figures of one web process.
REGISTRY = CollectorRegistry(auto_describe=False)
REGISTRY.register(Figures())


class MetricsMiddleware:
    """Answer /metrics before anything else looks at the request: for any Host, without a session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer GET of /metrics here; pass on everything else."""
        if request.path == PATH and request.method in {"GET", "HEAD"}:
            return metrics(request)
        return self.get_response(request)


def metrics(request: HttpRequest) -> HttpResponse:
    """Return all figures as text; 503 while the database does not answer."""
    if not _may_read(request):
        return HttpResponseNotFound("Not found\n", content_type="text/plain")
    try:
        text = generate_latest(REGISTRY)
    except DatabaseError:
        return HttpResponse(
            "The database does not answer.\n", status=503, content_type="text/plain"
        )
    response = HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
    response["Cache-Control"] = "no-store"
    return response


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        sent = request.headers.get("Authorization", "")
        wanted = f"Bearer {settings.METRICS_TOKEN}"
        return hmac.compare_digest(sent.encode(), wanted.encode())
    came_through = {"X-Forwarded-For", "Forwarded", "X-Real-Ip"} & set(request.headers)
    is_local = request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"}
    return is_local and not came_through and not settings.PROXIES
