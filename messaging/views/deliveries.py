"""Deliveries: what was sent to whom, what was not, and why."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.context import choose_list
from accounts.permissions import AccountRequest, requires
from messaging.eligibility import sentence
from messaging.models import Delivery, DeliveryState
from messaging.models.message import Channel

PAGE = 50


@require_GET
@requires("view")
def deliveries(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the list's deliveries, newest first; the filters stand in the address."""
    in_list = choose_list(request, list_id)
    asked = {
        name: request.GET.get(name, "").strip()
        for name in ("channel", "state", "conversation", "reason", "q")
    }
    found = narrowed(Delivery.objects.filter(list=in_list), asked)
    before = request.GET.get("before", "")
    if before.isdecimal():
        found = found.filter(pk__lt=int(before))
    rows = list(found.select_related("message").order_by("-pk")[: PAGE + 1])
    parameters = request.GET.copy()
    parameters.pop("before", None)
    first_url = f"{request.path}?{parameters.urlencode()}" if before else ""
    if len(rows) > PAGE:
        parameters["before"] = str(rows[PAGE - 1].pk)
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
            "next_url": f"{request.path}?{parameters.urlencode()}" if len(rows) > PAGE else "",
        },
    )


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
    return found
