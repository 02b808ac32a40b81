"""Deliveries: what was sent to whom, what was not, and why."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.context import choose_list
from accounts.permissions import AccountRequest, requires
from contacts.models import Contact
from messaging.eligibility import sentence
from messaging.models import Delivery, DeliveryState
from messaging.models.message import Channel

PAGE = 50
# Who asks for what is rare among millions does not wait: a page looks at so many deliveries
# of the list, and the next one goes on from there.
REACH = 100_000


@require_GET
@requires("view")
def deliveries(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the list's deliveries, newest first; the filters stand in the address."""
    in_list = choose_list(request, list_id)
    asked = {
        name: request.GET.get(name, "").strip()
        for name in ("channel", "state", "conversation", "reason", "q")
    }
    every = Delivery.objects.filter(list=in_list)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        every = every.filter(pk__lt=int(before))
    floor = reach(every) if any(asked.values()) and not known(asked["q"]) else None
    found = narrowed(every if floor is None else every.filter(pk__gt=floor), asked)
    shown = found.select_related("message").prefetch_related("message__blanks")
    rows = list(shown.order_by("-pk")[: PAGE + 1])
    parameters = request.GET.copy()
    parameters.pop("before", None)
    first_url = f"{request.path}?{parameters.urlencode()}" if before else ""
    following = rows[PAGE - 1].pk if len(rows) > PAGE else floor + 1 if floor else None
    if following:
        parameters["before"] = str(following)
    return render(
        request,
        "messaging/deliveries.html",
        {
            "page_title": "Deliveries",
            "breadcrumbs": [("Authoring", ""), ("Deliveries", "")],
            "rows": [(delivery, sentence(delivery.reason)) for delivery in rows[:PAGE]],
            "asked": asked,
            "is_narrowed": any(asked.values()),
            "channels": Channel.choices,
            "states": DeliveryState.choices,
            "first_url": first_url,
            "next_url": f"{request.path}?{parameters.urlencode()}" if following else "",
            "reach": REACH if following and len(rows) <= PAGE else 0,
        },
    )


def reach(every: QuerySet[Delivery, Any]) -> int | None:
    """Return the delivery before those that a page looks at; None where it looks at all."""
    return every.order_by("-pk").values_list("pk", flat=True)[REACH : REACH + 1].first()


def known(address: str) -> QuerySet[Contact, Any] | None:
    """Return whom an address names today: their deliveries are found by index."""
    typed = address.lower()
    found = Contact.objects.filter(Q(email_norm=typed) | Q(phone_e164=typed)).values("pk")
    return found if typed and found.exists() else None


def narrowed(found: QuerySet[Delivery, Any], asked: dict[str, str]) -> QuerySet[Delivery, Any]:
    """Apply the filters of the page; a value that is none of ours narrows nothing."""
    if asked["channel"] in Channel.values:
        found = found.filter(channel=asked["channel"])
    if asked["state"] in DeliveryState.values:
        found = found.filter(state=asked["state"])
    if asked["conversation"].isdecimal():
        found = found.filter(conversation_id=int(asked["conversation"]))
    if asked["reason"]:
        found = found.filter(
            Q(reason=asked["reason"]) | Q(reason__startswith=f"{asked['reason']} (")
        )
    if asked["q"]:
        found = found.filter(address=asked["q"].lower())
        if (whom := known(asked["q"])) is not None:
            found = found.filter(contact__in=whom)
    return found
