"""
Where opens and clicks come in: `/t/o/<token>.gif` and `/t/c/<token>`.

Answered ahead of all other middleware, for any Host (a list may have a domain of its own), with
no session and no cookie. The target of a click is what the token says, or what the committed
message says at the token's place: nothing else of the request decides where it leads.
"""

import base64
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone

from accounts.tenancy import in_account
from accounts.wire.access import address_of
from messaging import tokens
from messaging.actions.receipts import CameBack
from messaging.models import CommittedMessage
from messaging.tracking import hits
from messaging.tracking.links import CLICK, OPEN, web_address
from messaging.tracking.machines import kind_of_click, kind_of_open
from messaging.tracking.plans import plan_of
from messaging.tracking.rules import rules_of

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
KEPT_SECONDS = 60.0
KEPT_MESSAGES = 2000
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


class Targets:
    """Where the links of messages lead, kept for a minute: a list's settings may change."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: dict[tuple[int, int], tuple[float, tuple[str, ...]]] = {}

    def find(self, account_id: int, message_id: int, place: int) -> str:
        """Return the target of one link of a message; "" where there is none."""
        found = self.links(account_id, message_id)
        return found[place] if place < len(found) else ""

    def links(self, account_id: int, message_id: int) -> tuple[str, ...]:
        """Return a message's targets, from memory if they were read lately."""
        key, moment = (account_id, message_id), time.monotonic()
        until, found = self.kept.get(key, (0.0, ()))
        if moment < until:
            return found
        found = read_links(account_id, message_id)
        with self.lock:
            if len(self.kept) >= KEPT_MESSAGES:
                self.kept.clear()
            if found:
                self.kept[key] = (moment + KEPT_SECONDS, found)
        return found


def read_links(account_id: int, message_id: int) -> tuple[str, ...]:
    """Return the targets of a committed message's links."""
    with in_account(account_id):
        message = (
            CommittedMessage.objects.select_related("list", "account").filter(pk=message_id).first()
        )
        if message is None:
            return ()
        rules = rules_of(message.list, message.account)
    return plan_of(message.content, name=message.name, rules=rules, transactional=False).links


TARGETS = Targets()
