"""
Where opens and clicks come in: `/t/o/<token>.gif` and `/t/c/<token>`.

Answered ahead of all other middleware, for any Host (a list may have a domain of its own), with
no session and no cookie. The target of a click is what the token says, or what the committed
message says at the token's place: nothing else of the request decides where it leads.
"""

import base64
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone

from accounts.wire.access import address_of
from messaging import tokens
from messaging.actions.receipts import CameBack
from messaging.tracking import hits
from messaging.tracking.links import CLICK, OPEN, web_address
from messaging.tracking.machines import kind_of_click, kind_of_open
from messaging.tracking.targets import TARGETS

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
HEADERS = {
    "Cache-Control": "no-store, private",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
GONE = (
    "<!doctype html><html lang=en><meta charset=utf-8>"
    '<meta name=viewport content="width=device-width, initial-scale=1">'
    "<title>This link leads nowhere</title>"
    "<h1>This link leads nowhere</h1>"
    "<p>It was not copied whole, or what it belonged to is gone.</p>"
)
LONGEST_AGENT = 200

Respond = Callable[[HttpRequest], HttpResponse]


class TrackingDoor:
    """The first middleware that looks at a request, for two kinds of paths."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer an open or a click; let everything else go on."""
        path = request.path_info
        if path.startswith(CLICK):
            return with_headers(request, click(request, path[len(CLICK) :]))
        if path.startswith(OPEN):
            return with_headers(request, opened(request, path[len(OPEN) :]))
        return self.get_response(request)


def with_headers(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Give an answer the headers that other middleware would."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers["Content-Length"] = str(len(response.content))
    if settings.SECURE_HSTS_SECONDS and request.is_secure():
        response.headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    return response


def click(request: HttpRequest, written: str) -> HttpResponse:
    """Note a click and lead to where its link leads."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    token = tokens.read("click", written)
    if token is None or len(token.numbers) != 3:
        return HttpResponse(GONE, status=404)
    delivery_id, message_id, place = token.numbers
    target = web_address(token.text) or TARGETS.find(token.account_id, message_id, place)
    if not target:
        return HttpResponse(GONE, status=404)
    if delivery_id:
        kind = kind_of_click(**signs(request))
        note(token.account_id, delivery_id, kind, {"url": target})
    return HttpResponse(status=302, headers={"Location": target})


def opened(request: HttpRequest, written: str) -> HttpResponse:
    """Note an open and answer with a picture of one transparent pixel."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    token = tokens.read("open", written.removesuffix(".gif"))
    if token is None or len(token.numbers) != 1:
        return HttpResponse(GONE, status=404)
    (delivery_id,) = token.numbers
    if delivery_id:
        note(token.account_id, delivery_id, kind_of_open(**signs(request)), {})
    return HttpResponse(GIF, content_type="image/gif")


def note(account_id: int, delivery_id: int, kind: str, detail: dict[str, str]) -> None:
    """Write down what happened; returns when it is committed."""
    now = timezone.now()
    came_back = CameBack(delivery_id, str(kind), now, detail)
    hits.record(hits.Hit(account_id, came_back, now))


def signs(request: HttpRequest) -> dict[str, str]:
    """Return what tells people from machines."""
    return {
        "method": request.method or "",
        "agent": request.META.get("HTTP_USER_AGENT", "")[:LONGEST_AGENT],
        "address": address_of(request),
    }
