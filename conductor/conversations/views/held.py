"""Those whom a fault holds: who, where, why; have the step run again, or end them."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import AccountRequest, requires
from conductor.conversations.actions.held import end_held, retry_held
from conductor.conversations.drawing import step_title
from conductor.conversations.models import Conversation, Enrollment
from conductor.conversations.remarks import held_sentence, remarks
from conductor.conversations.views.finding import (
    clock,
    contacts,
    follow,
    open_conversation,
)
from contacts.models import Contact
from messaging.previews import named_contact

MOST_ROWS = 200


def held_in(conversation: Conversation) -> QuerySet[Enrollment]:
    """Return the held enrollments of a conversation, but those that the next tick ends."""
    inside = Enrollment.objects.filter(conversation=conversation, ended_at=None, told="")
    return inside.exclude(held_reason="")


@require_GET
@requires("view")
def held(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """List who is held, the longest first, and what was only counted."""
    opened = open_conversation(request, list_id, conversation_id)
    everybody = held_in(opened.conversation)
    rows = list(everybody.select_related("version").order_by("arrived_at", "pk")[:MOST_ROWS])
    people = Contact.objects.in_bulk([row.contact_id for row in rows])
    steps = opened.document.steps()
    return render(
        request,
        "conversations/held.html",
        {
            **opened.context(now=clock()),
            "page_title": "Held by a fault",
            "breadcrumbs": opened.crumbs(("Held", "")),
            "held_count": everybody.count(),
            "settle_url": opened.url("settle_held"),
            "rows": [
                {
                    "enrollment": row,
                    "contact": people.get(row.contact_id),
                    "name": named_contact(people[row.contact_id])
                    if row.contact_id in people
                    else "deleted",
                    "step": step_title(steps[row.step_key])
                    if row.step_key in steps
                    else row.step_key,
                    "reason": held_sentence(row.held_reason),
                    "retrying": row.due_at is not None,
                }
                for row in rows
            ],
            "remarks": [
                {
                    "remark": remark,
                    "step": step_title(steps[remark.step_key])
                    if remark.step_key in steps
                    else remark.step_key or "The whole conversation",
                }
                for remark in remarks(opened.conversation)
            ],
        },
    )


@require_POST
@requires("edit")
def settle(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Retry or end one of the held, or all of them."""
    opened = open_conversation(request, list_id, conversation_id)
    one = request.POST.get("enrollment", "")
    asked: dict[str, Any] = {
        "conversation": opened.conversation,
        "now": clock(),
        "by": request.user,
    }
    if one:
        asked["enrollment_id"] = int(one) if one.isdecimal() and len(one) < 19 else 0
    if request.POST.get("act") == "end":
        said = f"{contacts(end_held(**asked))} will end."
    else:
        said = f"{contacts(retry_held(**asked))} will be tried again."
    messages.success(request, said + follow(opened.conversation))
    return opened.to("held")
