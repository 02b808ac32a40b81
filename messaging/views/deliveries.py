"""Deliveries: what was sent to whom, what was not, and why."""

from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.context import choose_list
from accounts.permissions import AccountRequest, requires
from contacts.models import Contact
from messaging.actions.settling import note_arrived, send_again
from messaging.eligibility import sentence
from messaging.models import Delivery, DeliveryState
from messaging.models.message import Channel

PAGE = 50
# Who asks for what is rare among millions does not wait: a page looks at so many deliveries
# of the list, and the next one goes on from there.
REACH = 100_000
WAYS = {"arrived": note_arrived, "again": send_again}


@require_GET
@requires("view")
def deliveries(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the list's deliveries, newest first; the filters stand in the address."""
    in_list = choose_list(request, list_id)
    asked = asked_for(request)
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
            "has_unknown": any(one.state == DeliveryState.UNKNOWN for one in rows[:PAGE]),
            "channels": Channel.choices,
            "states": DeliveryState.choices,
            "first_url": first_url,
            "next_url": f"{request.path}?{parameters.urlencode()}" if following else "",
            "reach": REACH if following and len(rows) <= PAGE else 0,
        },
    )


def asked_for(request: AccountRequest) -> dict[str, str]:
    """Return what the address narrows the list to."""
    names = ("channel", "state", "conversation", "reason", "q")
    return {name: request.GET.get(name, "").strip() for name in names}


@require_POST
@requires("edit")
def settle(request: AccountRequest, list_id: int) -> HttpResponse:
    """Settle unknown deliveries: those that were chosen, or all that the address narrows to."""
    in_list = choose_list(request, list_id)
    chosen = [int(one) for one in request.POST.getlist("delivery") if is_number(one)]
    if request.POST.get("all"):
        every = Delivery.objects.filter(list=in_list)
        floor = reach(every)
        near = every if floor is None else every.filter(pk__gt=floor)
        unknown = narrowed(near, {**asked_for(request), "state": DeliveryState.UNKNOWN.value})
        chosen = [*unknown.values_list("pk", flat=True)]
    how = request.POST.get("how")
    if how not in WAYS:
        return HttpResponseBadRequest("Say whether they arrived or are to be sent again.")
    number = WAYS[how](list=in_list, deliveries=chosen, now=timezone.now(), by=request.user)
    messages.success(request, settled(number, arrived=how == "arrived"))
    back = reverse("messaging:deliveries", args=[request.account.slug, in_list.pk])
    query = request.GET.urlencode()
    return redirect(f"{back}?{query}" if query else back)


def is_number(written: str) -> bool:
    """Say whether something may be a delivery's number."""
    return written.isascii() and written.isdecimal() and len(written) < 19


def settled(number: int, *, arrived: bool) -> str:
    """Say what was settled."""
    if not number:
        return "Nothing was settled: choose messages that are unknown."
    words = "1 message counts" if number == 1 else f"{number:,} messages count"
    again = "1 message is" if number == 1 else f"{number:,} messages are"
    return f"{words} as sent now." if arrived else f"{again} being sent again."


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
