"""
Pages of recipients: join a list, leave it, choose lists, read a message in the browser.

No sign-in: the signed path says whose page it is, and only what belongs to that delivery is on
it. Looking changes nothing, since scanners of mail follow every link; a POST does, and one of a
mail program (RFC 8058) is answered without a page.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import escape
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.tenancy import in_account
from accounts.wire.bodies import stated_length
from messaging import tokens
from messaging.actions import departures
from messaging.actions.bounces import BY_RECIPIENT
from messaging.actions.departures import Recipient, find_recipient, masked
from messaging.models import Delivery
from messaging.previews import as_it_was_sent
from messaging.views.saved_messages import PLAIN, framed

SEE_OTHER = 303
MOST_CHOSEN = 1000
# Of a form with as many lists ticked; anybody with a link may send one.
MOST_BYTES = 64 * 1024
Page = Callable[[HttpRequest, Recipient | None], HttpResponse]


def page_of(kind: str, *methods: str) -> Callable[[Page], Callable[..., HttpResponse]]:
    """Open a page by its token, inside its account; anything but a token of ours is 404."""

    def with_token(view: Page) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @require_http_methods(["GET", "HEAD", *methods])
        @wraps(view)
        def opened(request: HttpRequest, token: str) -> HttpResponse:
            said = tokens.read(kind, token)
            if said is None or len(said.numbers) != 1:
                return private(show("messaging/public/wrong.html", {}, status=404))
            if stated_length(request) > MOST_BYTES:
                return private(show("messaging/public/wrong.html", {}, status=413))
            with in_account(said.account_id):
                return private(view(request, find_recipient(said.numbers[0])))

        return opened

    return with_token


def private(response: HttpResponse) -> HttpResponse:
    """Keep an answer out of caches, search engines and the next site's log."""
    response.headers["Cache-Control"] = "no-store, private"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def show(template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Answer with a page that knows no user."""
    return HttpResponse(render_to_string(template, context), status=status)


def about(recipient: Recipient | None) -> dict[str, Any]:
    """Return what a page may say of whom it belongs to."""
    if recipient is None:
        return {"recipient": None}
    return {
        "recipient": recipient,
        "shop": recipient.list.from_name or recipient.account.name,
        "address": masked(recipient.delivery.address) if recipient.contact else "",
    }


@page_of("unsubscribe", "POST")
def leave(request: HttpRequest, recipient: Recipient | None) -> HttpResponse:
    """Ask whether to leave the list; by POST, leave it, or take that back."""
    if request.method != "POST":
        return show("messaging/public/unsubscribe.html", about(recipient))
    now = timezone.now()
    is_one_click = request.POST.get("List-Unsubscribe") == "One-Click"
    if recipient is not None and request.POST.get("do") == "return":
        departures.come_back(recipient=recipient, now=now)
    elif recipient is not None:
        method = departures.ONE_CLICK if is_one_click else BY_RECIPIENT
        departures.leave(recipient=recipient, method=method, now=now)
    if is_one_click:
        return HttpResponse("You are unsubscribed.\n", content_type="text/plain; charset=utf-8")
    return HttpResponseRedirect(request.path, status=SEE_OTHER)


@page_of("preferences", "POST")
def preferences(request: HttpRequest, recipient: Recipient | None) -> HttpResponse:
    """Show the lists that somebody is on; by POST, put them on those that they chose."""
    if request.method == "POST":
        if recipient is not None:
            chosen = request.POST.getlist("list")[:MOST_CHOSEN]
            wanted = {int(one) for one in chosen if one.isdecimal() and len(one) < 19}
            if request.POST.get("do") == "none":
                wanted = set()
            departures.choose(recipient=recipient, wanted=wanted, now=timezone.now())
        return HttpResponseRedirect(f"{request.path}?saved", status=SEE_OTHER)
    rows = departures.on_offer(recipient) if recipient is not None else []
    shown = [
        (one.list, name, one.state != "Unsubscribed") for one, name in departures.told_apart(rows)
    ]
    context = {**about(recipient), "lists": shown, "is_saved": "saved" in request.GET}
    return show("messaging/public/preferences.html", context)


@page_of("confirm", "POST")
def confirm(request: HttpRequest, recipient: Recipient | None) -> HttpResponse:
    """Ask whether to join the list that somebody was signed up for; by POST, join it."""
    if request.method != "POST":
        return show("messaging/public/confirm.html", about(recipient))
    if recipient is not None:
        departures.confirm(recipient=recipient, now=timezone.now())
    return HttpResponseRedirect(request.path, status=SEE_OTHER)


@page_of("browser")
def in_browser(_request: HttpRequest, recipient: Recipient | None) -> HttpResponse:
    """Show a message as it was sent, to whoever has its link."""
    if recipient is None or not is_readable(recipient.delivery):
        return show("messaging/public/gone.html", about(recipient))
    parts = as_it_was_sent(recipient.delivery, now=timezone.now())
    if parts is None:
        return show("messaging/public/gone.html", about(recipient))
    html = parts["html"] or PLAIN.format(text=escape(parts["text"]))
    return framed(html)


def is_readable(delivery: Delivery) -> bool:
    """Say whether there is a message to read, and somebody whom it is for."""
    return delivery.message_id is not None and (delivery.contact_id is not None or delivery.is_test)
