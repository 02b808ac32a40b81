"""The people behind a step's numbers, and what is done to them by hand."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from accounts.actions import InvalidValueError
from accounts.permissions import AccountRequest, requires
from conductor.conversations.actions import NotPublishedError
from conductor.conversations.actions.by_hand import (
    Chosen,
    end_by_hand,
    enter_by_hand,
    move_on,
    named_exits,
    skip_wait,
)
from conductor.conversations.drawing import step_title
from conductor.conversations.models import Conversation, Enrollment, Version
from conductor.conversations.views.finding import Opened, clock, open_conversation
from contacts.actions import find_contact
from contacts.identity import normalise_email
from contacts.models import Contact, Segment
from messaging.previews import named_contact

PAGE = 50


@require_GET
@requires("view")
def people(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """List who is inside, all or those at a step (`?step=key`), who entered first at the top."""
    opened = open_conversation(request, list_id, conversation_id)
    key = request.GET.get("step", "")
    inside = _inside(opened.conversation, key)
    after = request.GET.get("after", "")
    shown = inside.filter(pk__gt=int(after)) if after.isdecimal() and len(after) < 19 else inside
    rows = list(shown.select_related("version").order_by("pk")[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    known = Contact.objects.in_bulk([row.contact_id for row in rows])
    steps = opened.document.steps()
    versions = list(Version.objects.filter(conversation=opened.conversation))
    running: Version | None = opened.conversation.published
    return render(
        request,
        "conversations/people.html",
        {
            **opened.context(now=clock()),
            "page_title": "Who is inside",
            "breadcrumbs": opened.crumbs(("People", "")),
            "step_key": key,
            "steps": [
                (one, step_title(step)) for one, step in steps.items() if step.kind != "trigger"
            ],
            "count": inside.count(),
            "rows": [
                {
                    "enrollment": row,
                    "contact": known.get(row.contact_id),
                    "name": named_contact(known[row.contact_id])
                    if row.contact_id in known
                    else "deleted",
                    "step": step_title(steps[row.step_key])
                    if row.step_key in steps
                    else row.step_key,
                    "told": row.told,
                }
                for row in rows
            ],
            "next_url": f"?step={key}&after={rows[-1].pk}" if more else "",
            "exits": named_exits(versions, key) if key else [],
            "segments": Segment.objects.filter(list=opened.in_list).order_by("name"),
            "threads": list(running.program["entries"].values()) if running else [],
        },
    )


def _inside(conversation: Conversation, key: str) -> QuerySet[Enrollment]:
    inside = Enrollment.objects.filter(conversation=conversation, ended_at=None)
    return inside.filter(step_key=key) if key else inside


@require_POST
@requires("edit")
def move(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Skip a wait, move on or end: one of them, a segment, or everybody at a step."""
    opened = open_conversation(request, list_id, conversation_id)
    try:
        count, words = _move(opened)
    except InvalidValueError as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, f"{count:,} contact{'' if count == 1 else 's'} {words}.")
    back = opened.to("people")
    if key := request.POST.get("step", ""):
        back["Location"] += f"?{urlencode({'step': key})}"
    return back


def _move(opened: Opened) -> tuple[int, str]:
    given = opened.request.POST
    chosen = Chosen(
        enrollment_id=_number(given.get("enrollment", "")),
        segment=_segment(opened, given.get("segment", "")),
        step_key=given.get("step", ""),
    )
    if not (chosen.enrollment_id or chosen.segment or chosen.step_key):
        raise InvalidValueError("step", "Choose a step, a segment or a contact.")
    asked: dict[str, Any] = {
        "conversation": opened.conversation,
        "chosen": chosen,
        "now": clock(),
        "by": opened.request.user,
    }
    act = given.get("act", "")
    if act == "end":
        return end_by_hand(**asked), "will end"
    if act == "skip":
        return skip_wait(**asked), "will not wait any longer"
    return move_on(**asked, exit=given.get("exit", "")), "will move on"


@require_POST
@requires("edit")
def enter(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Let one contact, or a segment, in by hand."""
    opened = open_conversation(request, list_id, conversation_id)
    email = request.POST.get("email", "").strip()
    segment = _segment(opened, request.POST.get("segment", ""))
    try:
        chosen = Chosen(segment=segment, contact=_contact(email) if email else None)
        if bool(email) == (segment is not None):
            raise InvalidValueError("email", "Give an email address or choose a segment.")
        count = enter_by_hand(
            conversation=opened.conversation,
            chosen=chosen,
            thread=request.POST.get("thread", ""),
            now=clock(),
            by=request.user,
        )
    except NotPublishedError:
        messages.error(request, "Publish the conversation first: nothing runs yet.")
    except InvalidValueError as refused:
        messages.error(request, refused.message)
    else:
        text = (
            f"{count:,} contact{'' if count == 1 else 's'} asked to enter."
            if count
            else "They are not on this list."
        )
        (messages.success if count else messages.error)(request, text)
    return opened.to("people")


def _contact(email: str) -> Contact:
    contact = find_contact(email_norm=normalise_email(email))
    if contact is None:
        raise InvalidValueError("email", f"Nobody here has the address {email}.")
    return contact


def _segment(opened: Opened, written: str) -> Segment | None:
    if not written:
        return None
    found = Segment.objects.filter(list=opened.in_list, pk=_number(written) or 0).first()
    if found is None:
        raise InvalidValueError("segment", "This segment is not there any more.")
    return found


def _number(written: str) -> int | None:
    return int(written) if written.isdecimal() and len(written) < 19 else None
