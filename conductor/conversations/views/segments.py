"""Segments: the saved rules of a list, and the sets that are kept by hand."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.models import List
from accounts.permissions import AccountRequest, requires
from conductor.conversations.forms.segments import (
    AddressesForm,
    ManualSegmentForm,
    SegmentForm,
    catalog_of,
)
from contacts import filters
from contacts.actions import segments as actions
from contacts.models import Segment, SegmentKind
from contacts.segments.listing import estimate_members, page_of_members

PAGE = 50
# The most segments that are estimated while a page waits.
MOST_ESTIMATES = 50
MOST_UNKNOWN = 10


@require_GET
@requires("view")
def segments(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the list's segments, each with how many are in it."""
    return _segments_page(request, choose_list(request, list_id), ManualSegmentForm())


@require_http_methods(["GET", "POST"])
@requires("edit")
def new_segment(request: AccountRequest, list_id: int) -> HttpResponse:
    """Save a rule under a name."""
    in_list = choose_list(request, list_id)
    form = SegmentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.create_segment(
                list=in_list, **form.cleaned_data, now=timezone.now(), by=request.user
            )
        except InvalidValueError as refused:
            _show_refusal(form, refused)
        else:
            messages.success(request, f"Segment {made.name} saved.")
            return _to_segment(request, made)
    return _form_page(request, in_list, form, "Create segment")


@require_POST
@requires("edit")
def new_manual_segment(request: AccountRequest, list_id: int) -> HttpResponse:
    """Begin a segment that is kept by hand."""
    in_list = choose_list(request, list_id)
    form = ManualSegmentForm(request.POST)
    if form.is_valid():
        try:
            made = actions.create_segment(
                list=in_list,
                name=form.cleaned_data["name"],
                kind=SegmentKind.MANUAL.value,
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            _show_refusal(form, refused)
        else:
            messages.success(request, f"Segment {made.name} created: now put contacts in.")
            return _to_segment(request, made)
    return _segments_page(request, in_list, form)


@require_http_methods(["GET", "POST"])
@requires("edit")
def edit_segment(request: AccountRequest, list_id: int, segment_id: int) -> HttpResponse:
    """Rename a segment or change its rule."""
    in_list, segment = _find(request, list_id, segment_id)
    by_rule = segment.kind == SegmentKind.RULE.value
    form = _edit_form(request, segment, by_rule=by_rule)
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_segment(
                segment=segment, **form.cleaned_data, now=timezone.now(), by=request.user
            )
        except InvalidValueError as refused:
            segment.refresh_from_db()
            _show_refusal(form, refused)
        else:
            messages.success(request, "Segment changed.")
            return _to_segment(request, segment)
    return _form_page(request, in_list, form, segment.name, segment)


@require_GET
@requires("view")
def segment(request: AccountRequest, list_id: int, segment_id: int) -> HttpResponse:
    """Show who is in a segment, page by page."""
    in_list, shown = _find(request, list_id, segment_id)
    return _segment_page(request, in_list, shown, AddressesForm())


@require_POST
@requires("edit")
def delete_segment(request: AccountRequest, list_id: int, segment_id: int) -> HttpResponse:
    """Delete a segment that nothing asks for."""
    _, segment = _find(request, list_id, segment_id)
    name = segment.name
    try:
        actions.delete_segment(segment=segment, now=timezone.now(), by=request.user)
    except InvalidValueError as refused:
        messages.error(request, refused.message)
        return _to_segment(request, segment)
    messages.success(request, f"Segment {name} deleted.")
    return redirect("conversations:segments", request.account.slug, list_id)


@require_POST
@requires("view")
def count_segment(request: AccountRequest, list_id: int, segment_id: int) -> HttpResponse:
    """Count who is in a segment."""
    _, segment = _find(request, list_id, segment_id)
    try:
        count = actions.count_members(segment=segment, now=timezone.now())
    except filters.VanishedError as vanished:
        messages.error(request, f"{segment.name} cannot be counted: {vanished.reason}.")
    else:
        people = "1 contact is" if count == 1 else f"{count:,} contacts are"
        messages.success(request, f"{people} in {segment.name}.")
    if request.POST.get("back") == "list":
        return redirect("conversations:segments", request.account.slug, list_id)
    return _to_segment(request, segment)


@require_POST
@requires("edit")
def add_members(request: AccountRequest, list_id: int, segment_id: int) -> HttpResponse:
    """Put contacts in by their email addresses."""
    in_list, segment = _find(request, list_id, segment_id)
    form = AddressesForm(request.POST)
    if form.is_valid():
        try:
            done = actions.add_addresses(
                segment=segment,
                addresses=form.cleaned_data["addresses"],
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            form.add_error("addresses", refused.message)
        else:
            _say_added(request, done)
            return _to_segment(request, segment)
    return _segment_page(request, in_list, segment, form)


@require_POST
@requires("edit")
def remove_member(request: AccountRequest, list_id: int, segment_id: int) -> HttpResponse:
    """Take a contact out."""
    _, segment = _find(request, list_id, segment_id)
    wanted = request.POST.get("subscription", "")
    ids = [int(wanted)] if wanted.isdecimal() and len(wanted) < 19 else []
    try:
        gone = actions.remove_members(
            segment=segment, subscription_ids=ids, now=timezone.now(), by=request.user
        )
    except InvalidValueError as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, "Contact removed." if gone else "The contact was not in it.")
    return _to_segment(request, segment)


def _find(request: AccountRequest, list_id: int, segment_id: int) -> tuple[List, Segment]:
    in_list = choose_list(request, list_id)
    rows = Segment.objects.select_related("list", "account")
    return in_list, get_object_or_404(rows, pk=segment_id, list=in_list)


def _to_segment(request: AccountRequest, segment: Segment) -> HttpResponse:
    return redirect("conversations:segment", request.account.slug, segment.list_id, segment.pk)


def _show_refusal(form: Any, refused: InvalidValueError) -> None:
    """Put a refusal beside its field; of a rule with the place in it."""
    field, _, place = refused.field.partition(".")
    if field == "rule" and place:
        form.add_error("rule", f"{place}: {refused.message}")
    else:
        show_refusal(form, refused, {})


def _edit_form(request: AccountRequest, segment: Segment, *, by_rule: bool) -> Any:
    kind = SegmentForm if by_rule else ManualSegmentForm
    if request.method == "POST":
        return kind(request.POST)
    return SegmentForm.of(segment) if by_rule else kind(initial={"name": segment.name})


def _say_added(request: AccountRequest, done: actions.Addressed) -> None:
    said = f"{done.moved:,} put in"
    if done.unmoved:
        said += f", {done.unmoved:,} were in it already"
    messages.success(request, f"{said}.")
    if done.unknown:
        some = ", ".join(done.unknown[:MOST_UNKNOWN])
        more = len(done.unknown) - MOST_UNKNOWN
        and_more = f" and {more:,} more" if more > 0 else ""
        messages.warning(request, f"Not on this list: {some}{and_more}.")


def _crumbs(request: AccountRequest, list_id: int) -> list[tuple[str, str]]:
    return [
        ("Contacts", reverse("contacts:contacts", args=[request.account.slug, list_id])),
        ("Segments", reverse("conversations:segments", args=[request.account.slug, list_id])),
    ]


def _said(segment: Segment) -> str:
    """Return a segment's rule in words."""
    if segment.kind == SegmentKind.MANUAL.value:
        return "Kept by hand"
    try:
        return filters.sentence(filters.parse(segment.rule))
    except filters.Malformed:
        return "Its rule cannot be read any more"


def _counted(segment: Segment, *, estimates: bool) -> dict[str, Any]:
    """Return how many are in a segment: as counted last, else as the planner thinks."""
    if segment.member_count is not None:
        return {"count": segment.member_count, "counted_at": segment.counted_at}
    if not estimates:
        return {}
    try:
        return {"estimate": estimate_members(segment, now=timezone.now())}
    except filters.VanishedError as vanished:
        return {"fault": vanished.reason}


def _segments_page(request: AccountRequest, in_list: List, form: ManualSegmentForm) -> HttpResponse:
    """Answer with all segments and the dialog of one that is kept by hand."""
    found = Segment.objects.filter(list=in_list).select_related("list", "account")
    rows = [
        {
            "segment": one,
            "said": _said(one),
            **_counted(one, estimates=place < MOST_ESTIMATES),
        }
        for place, one in enumerate(found.order_by("name", "pk"))
    ]
    return render(
        request,
        "segments/segments.html",
        {
            "page_title": "Segments",
            "breadcrumbs": [("Contacts", ""), ("Segments", "")],
            "rows": rows,
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


def _form_page(
    request: AccountRequest, in_list: List, form: Any, title: str, segment: Segment | None = None
) -> HttpResponse:
    """Answer with the form of a segment and, where it has a rule, the rule editor."""
    return render(
        request,
        "segments/segment_form.html",
        {
            "page_title": title,
            "breadcrumbs": [*_crumbs(request, in_list.pk), (title, "")],
            "form": form,
            "segment": segment,
            "users": actions.users_of(segment) if segment else [],
            "catalog": catalog_of(in_list) if "rule" in form.fields else "",
        },
        status=422 if form.is_bound else 200,
    )


def _segment_page(
    request: AccountRequest, in_list: List, shown: Segment, form: AddressesForm
) -> HttpResponse:
    """Answer with one page of members."""
    after = request.GET.get("after", "")
    start = int(after) if after.isdecimal() and len(after) < 19 else 0
    fault, rows = "", []
    try:
        rows = page_of_members(shown, now=timezone.now(), after=start, limit=PAGE + 1)
    except filters.VanishedError as vanished:
        fault = vanished.reason
    more, rows = len(rows) > PAGE, rows[:PAGE]
    return render(
        request,
        "segments/segment.html",
        {
            "page_title": shown.name,
            "breadcrumbs": [*_crumbs(request, in_list.pk), (shown.name, "")],
            "segment": shown,
            "is_manual": shown.kind == SegmentKind.MANUAL.value,
            "said": _said(shown),
            "users": actions.users_of(shown),
            "members": rows,
            "form": form,
            **_counted(shown, estimates=not fault),
            "fault": fault,
            "next_url": f"{request.path}?after={rows[-1].pk}" if more else "",
            "first_url": request.path if start else "",
        },
        status=422 if form.is_bound else 200,
    )
