"""The people inside a conversation, and what is done to them by hand."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from accounts.actions import InvalidValueError
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from conductor.conversations.actions import NotPublishedError
from conductor.conversations.actions.by_hand import (
    Chosen,
    end_by_hand,
    enter_by_hand,
    move_on,
    skip_wait,
)
from conductor.conversations.actions.errands import is_under_way
from conductor.conversations.drawing import step_title
from conductor.conversations.forms.people import EnterForm, MoveForm
from conductor.conversations.models import Enrollment, Version
from conductor.conversations.remarks import held_sentence
from conductor.conversations.standing import Shape, shape_of, standing
from conductor.conversations.views.finding import (
    Opened,
    clock,
    contacts,
    follow,
    open_conversation,
)
from contacts.actions import find_contact
from contacts.identity import normalise_email
from contacts.models import Contact, Segment
from messaging.previews import named_contact

PAGE = 50


@require_GET
@requires("view")
def people(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """List who is inside: all, those at a step (`?step=key`), or one address (`?q=`)."""
    return _page(open_conversation(request, list_id, conversation_id))


@require_http_methods(["GET", "POST"])
@requires("edit")
def enter(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Let one contact, or a segment, in by hand: the dialog, and what it sends."""
    opened = open_conversation(request, list_id, conversation_id)
    form = _enter_form(opened, request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return _page(opened, enter_form=form, shown="enter")
    if form.is_valid() and _enter(opened, form):
        return _back(opened)
    return _refused(opened, "enter_form", form)


def _enter(opened: Opened, form: EnterForm) -> bool:
    """Let them in; False, with the reason in the form, where nobody can be meant."""
    given = form.cleaned_data
    try:
        count = enter_by_hand(
            conversation=opened.conversation,
            chosen=Chosen(segment=given["segment"], contact=_contact(given["email"])),
            thread=given["thread"],
            now=clock(),
            by=opened.request.user,
        )
    except NotPublishedError:
        form.add_error(None, "Publish the conversation first: nothing runs yet.")
        return False
    except InvalidValueError as refused:
        show_refusal(form, refused, {"emailAddress": "email"})
        return False
    if not count and not is_under_way(opened.conversation):
        whom = "segment" if given["segment"] else "email"
        form.add_error(whom, f"Nobody of them is on {opened.in_list.name}.")
        return False
    said = f"{contacts(count)} asked to enter."
    messages.success(opened.request, said + follow(opened.conversation))
    return True


def _contact(email: str) -> Contact | None:
    """Return whom an address names; None without an address."""
    if not email:
        return None
    contact = find_contact(email_norm=normalise_email(email))
    if contact is None:
        raise InvalidValueError("email", f"Nobody here has the address {email}.")
    return contact


@require_http_methods(["GET", "POST"])
@requires("edit")
def move(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Skip a wait, move on or end: one of them, a segment, or everybody at a step."""
    opened = open_conversation(request, list_id, conversation_id)
    if request.method == "POST" and "enrollment" in request.POST:
        return _move_one(opened)
    form = _move_form(opened, request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return _page(opened, move_form=form, shown="move")
    if form.is_valid():
        given = form.cleaned_data
        chosen = Chosen(segment=given["segment"], step_key=given["step"])
        try:
            _move(opened, chosen, given["act"], given.get("exit", ""))
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            return _back(opened)
    return _refused(opened, "move_form", form)


def _move_one(opened: Opened) -> HttpResponse:
    """Do to one of the rows what its button says, unless it has moved on meanwhile."""
    given = opened.request.POST
    pk, step = given.get("enrollment", ""), given.get("step", "")
    if not (pk.isdecimal() and len(pk) < 19 and step):
        messages.error(opened.request, "Choose a contact.")
        return _back(opened)
    place = Enrollment.objects.filter(conversation=opened.conversation, pk=int(pk)).first()
    person = Contact.objects.filter(pk=place.contact_id).first() if place else None
    _move(
        opened,
        Chosen(enrollment_id=int(pk), step_key=step),
        given.get("act", ""),
        who=named_contact(person) if person else "",
    )
    if person is not None and given.get("back") == "contact":
        return redirect("desk:contact", opened.request.account.slug, opened.in_list.pk, person.pk)
    return _back(opened)


def _move(opened: Opened, chosen: Chosen, act: str, exit: str = "", *, who: str = "") -> None:
    """Note for the next tick what becomes of those chosen, and say who, or how many, they are."""
    asked: dict[str, Any] = {
        "conversation": opened.conversation,
        "chosen": chosen,
        "now": clock(),
        "by": opened.request.user,
    }
    name = opened.conversation.name
    if act == "end":
        count, words, one = end_by_hand(**asked), "will end", f"leaves {name}"
    elif act == "skip":
        count, words, one = skip_wait(**asked), "will not wait any longer", "waits no longer"
    else:
        count, words, one = move_on(**asked, exit=exit), "will move on", f"moves on in {name}"
    if count or is_under_way(opened.conversation):
        told = f"{who} {one}" if who and count else f"{contacts(count)} {words}"
        when = "" if opened.conversation.paused_at is None else ", once it is resumed"
        messages.success(opened.request, f"{told}{when}." + follow(opened.conversation))
    else:
        messages.info(opened.request, "Nobody is there any more to whom that could be done.")


def _back(opened: Opened) -> HttpResponse:
    """Answer with the page as it was searched and filtered."""
    where = opened.url("people") + _asked(opened)
    return HttpResponseClientRedirect(where) if opened.request.htmx else redirect(where)


def _asked(opened: Opened) -> str:
    """Return what the page was asked for, as its address has it: "?step=pause"; "" for nothing."""
    given = {name: opened.request.GET.get(name, "") for name in ("q", "step", "after")}
    asked = urlencode({name: value for name, value in given.items() if value})
    return f"?{asked}" if asked else ""


def _refused(opened: Opened, name: str, form: EnterForm | MoveForm) -> HttpResponse:
    """Answer with the form and its errors: alone, or in its dialog on the page."""
    if not opened.request.htmx:
        return _page(
            opened,
            enter_form=form if isinstance(form, EnterForm) else None,
            move_form=form if isinstance(form, MoveForm) else None,
            shown=name.removesuffix("_form"),
            status=422,
        )
    return render(
        opened.request,
        f"conversations/people.html#{name}",
        {**opened.context(now=clock()), "step_key": _key(opened), name: form, "may_edit": True},
        status=422,
    )


def _key(opened: Opened) -> str:
    return opened.request.GET.get("step", "")


def _shapes(opened: Opened) -> Sequence[Shape]:
    """Return the graphs of the versions, the newest first."""
    versions = Version.objects.filter(conversation=opened.conversation).order_by("-number")
    return [shape_of(pk) for pk in versions.values_list("pk", flat=True)]


def _segments(opened: Opened) -> QuerySet[Segment]:
    return Segment.objects.filter(list=opened.in_list).order_by("name")


def _enter_form(opened: Opened, data: Any = None) -> EnterForm:
    running: int | None = opened.conversation.published_id
    threads = shape_of(running).entries if running else ()
    return EnterForm(data, segments=_segments(opened), threads=threads)


def _steps(opened: Opened) -> list[tuple[str, str]]:
    """Return the steps that somebody may stand at, by key, as the draft draws them."""
    steps = opened.document.steps()
    drawn = [(key, step_title(step)) for key, step in steps.items() if step.kind != "trigger"]
    older = {
        key: key for shape in _shapes(opened) for key in shape.threads if key not in shape.triggers
    }
    return [*drawn, *((key, key) for key in older if key not in steps)]


def _move_form(opened: Opened, data: Any = None) -> MoveForm:
    key = data.get("step", "") if data else _key(opened)
    names = [
        name
        for shape in _shapes(opened)
        for step, exits in shape.exits.items()
        if (step == key or not key) and step not in shape.triggers
        for name in exits
    ]
    return MoveForm(
        data,
        segments=_segments(opened),
        steps=_steps(opened),
        exits=dict.fromkeys(names),
        step=key,
    )


def _page(
    opened: Opened,
    *,
    enter_form: EnterForm | None = None,
    move_form: MoveForm | None = None,
    shown: str = "",
    status: int = 200,
) -> HttpResponse:
    """Answer with the page; `shown` is the dialog that is open."""
    request, key = opened.request, _key(opened)
    asked = request.GET.get("q", "").strip()
    found = _found(opened, key, asked)
    rows, more = found[:PAGE], len(found) > PAGE
    inside = standing(opened.conversation.pk)
    return render(
        request,
        "conversations/people.html",
        {
            **opened.context(now=clock()),
            "page_title": "Who is inside",
            "breadcrumbs": opened.crumbs(("People", "")),
            "step_key": key,
            "asked": asked,
            "steps": _steps(opened),
            "count": inside.waiting.get(key, 0) if key else inside.inside,
            "rows": _rows(opened, rows),
            "move_one_url": opened.url("move_people") + _asked(opened),
            "next_url": f"?{urlencode({'step': key, 'after': rows[-1].subscription_id})}"
            if more
            else "",
            "first_url": f"?{urlencode({'step': key})}" if request.GET.get("after") else "",
            "enter_form": enter_form or _enter_form(opened),
            "move_form": move_form or _move_form(opened),
            "shown": shown,
        },
        status=status,
    )


def _found(opened: Opened, key: str, asked: str) -> list[Enrollment]:
    """Return a page of those inside and one more, along the unique key of who is inside."""
    inside = Enrollment.objects.filter(conversation=opened.conversation, ended_at=None)
    if asked:
        try:
            contact = find_contact(email_norm=normalise_email(asked))
        except InvalidValueError:
            contact = None
        return list(inside.filter(contact_id=contact.pk)) if contact else []
    if key:
        inside = inside.filter(step_key=key)
    after = opened.request.GET.get("after", "")
    if after.isdecimal() and len(after) < 19:
        inside = inside.filter(subscription_id__gt=int(after))
    return list(inside.order_by("subscription_id")[: PAGE + 1])


def _rows(opened: Opened, rows: Sequence[Enrollment]) -> list[dict[str, Any]]:
    known = Contact.objects.in_bulk([row.contact_id for row in rows])
    numbers = dict(
        Version.objects.filter(pk__in={row.version_id for row in rows}).values_list("pk", "number")
    )
    steps = opened.document.steps()
    return [
        {
            "enrollment": row,
            "contact": known.get(row.contact_id),
            "name": named_contact(known[row.contact_id]) if row.contact_id in known else "deleted",
            "step": step_title(steps[row.step_key]) if row.step_key in steps else row.step_key,
            "version": numbers[row.version_id],
            "held": held_sentence(row.held_reason),
        }
        for row in rows
    ]
