"""JSON out: the exact headers, date-times in the account's zone."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from ninja.renderers import BaseRenderer

from accounts.wire.times import wire_time

CONTENT_TYPE = "application/json; charset=utf-8"
HEADERS = {"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "-1"}
UTC = ZoneInfo("UTC")
NO_CONTENT = 204


class WireRenderer(BaseRenderer):
    """Renders a route's result for its caller."""

    media_type = "application/json"
    charset = "utf-8"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> str:
        """Return the JSON text."""
        return as_json(data, zone=getattr(request, "zone", UTC))


def as_json(data: Any, *, zone: ZoneInfo = UTC) -> str:
    """Write compact JSON; date-times are moved to `zone`."""
    return json.dumps(
        data, default=partial(_plain, zone), ensure_ascii=False, separators=(",", ":")
    )


def _plain(zone: ZoneInfo, value: Any) -> Any:
    if isinstance(value, datetime):
        return wire_time(value, zone)
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00"
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no form on the wire")


def answer(
    data: Mapping[str, Any],
    *,
    status: int,
    content_type: str = CONTENT_TYPE,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return a JSON answer that did not come from a route."""
    response = HttpResponse(as_json(data), status=status, content_type=content_type)
    for name, value in (headers or {}).items():
        response[name] = value
    return finished(response)


def finished(response: HttpResponse) -> HttpResponse:
    """Add the headers of every answer."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.status_code == NO_CONTENT:
        response.headers.pop("Content-Type", None)
    else:
        # CommonMiddleware, which would count the bytes, is not asked.
        response.headers.setdefault("Content-Length", str(len(response.content)))
    # Django would log the path of every refusal, and paths hold email addresses.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return response
