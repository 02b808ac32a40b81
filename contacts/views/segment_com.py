"""Integrations > Segment: mappings of its calls, the write key, what came of the calls."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import address
from accounts.forms import show_refusal
from accounts.models import List
from accounts.permissions import AccountRequest, requires
from accounts.shown_once import forget_shown, secret_to_show, show_secret_once
from contacts.actions import segment_mappings as actions
from contacts.models import SegmentInlet, SegmentMapping
from contacts.segment_com_forms import (
    BaseValues,
    MappingForm,
    field_names,
    mapping_initial,
    mapping_rows,
    sent_rows,
    value_rows,
    written_values,
)

FORM_NAMES = {
    "eventType": "event_type",
    "eventName": "event_name",
    "audienceKey": "audience_key",
    "computationKey": "computation_key",
    "emailPath": "email_path",
}


@never_cache
@require_GET
@requires("manage")
def segment(request: AccountRequest) -> HttpResponse:
    """Show the mappings with their counts, and the write key once it is made."""
    key = secret_to_show(request, at=home(request))
    shown = actions.mappings()
    names = field_names(shown)
    response = render(
        request,
        "contacts/segment_com.html",
        {
            "page_title": "Segment",
            "breadcrumbs": [("Integrations", ""), ("Segment", "")],
            "tabs": [
                ("Mappings", home(request), True),
                ("Source", address("webhooks_source:source", request.account), False),
            ],
            "mappings": [(one, written_values(one, names)) for one in shown],
            "most": actions.MOST_MAPPINGS,
            "may_add": len(shown) < actions.MOST_MAPPINGS and List.objects.exists(),
            "inlet": SegmentInlet.objects.first(),
            "key": key,
            "source_url": request.build_absolute_uri("/conductor/v1/source/segment"),
        },
    )
    if key:
        forget_shown(response, at=home(request))
    return response


@require_POST
@requires("manage")
def new_key(request: AccountRequest) -> HttpResponse:
    """Make a write key, and go where it is shown once; an old one ends at once."""
    key = actions.make_write_key(now=timezone.now(), by=request.user)
    messages.success(request, "There is a new write key; an old one no longer works.")
    return show_secret_once(request, key, at=home(request))


@require_http_methods(["GET", "POST"])
@requires("manage")
def new_mapping(request: AccountRequest) -> HttpResponse:
    """Add a mapping."""
    return mapping_page(request, None)


@require_http_methods(["GET", "POST"])
@requires("manage")
def mapping(request: AccountRequest, mapping_id: int) -> HttpResponse:
    """Change a mapping."""
    return mapping_page(request, get_object_or_404(SegmentMapping, pk=mapping_id, deleted_at=None))


@require_POST
@requires("manage")
def mapping_values(request: AccountRequest) -> HttpResponse:
    """Show the rows of a form again: for another list or event type, one more, or one less."""
    rows = sent_rows(request.POST)
    is_more = "more" in request.POST
    in_list = chosen_list(request.POST.get("list", ""))
    values = value_rows(
        in_list=in_list,
        event_type=request.POST.get("event_type", ""),
        rows=rows,
        blank=1 if is_more or not rows else 0,
    )
    if is_more:
        values.forms[-1].fields["field"].widget.attrs["autofocus"] = True
    return render(
        request,
        "contacts/segment_mapping.html#values",
        {"values": values, "in_list": in_list, "is_dropped": "drop" in request.POST},
    )


@require_POST
@requires("manage")
def delete_mapping(request: AccountRequest, mapping_id: int) -> HttpResponse:
    """Use a mapping no more, until it is put back."""
    deleted = get_object_or_404(SegmentMapping, pk=mapping_id, deleted_at=None)
    actions.delete_mapping(mapping=deleted, now=timezone.now(), by=request.user)
    undo = reverse("contacts:restore_mapping", args=[request.account.slug, mapping_id])
    messages.success(request, f"Mapping {deleted.name} is deleted.", extra_tags=f"undo:{undo}")
    return redirect(home(request))


@require_POST
@requires("manage")
def restore_mapping(request: AccountRequest, mapping_id: int) -> HttpResponse:
    """Put a deleted mapping back."""
    restored = get_object_or_404(SegmentMapping, pk=mapping_id)
    try:
        actions.restore_mapping(mapping=restored, now=timezone.now(), by=request.user)
    except InvalidValueError as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, f"Mapping {restored.name} is back.")
    return redirect(home(request))


def mapping_page(request: AccountRequest, changed: SegmentMapping | None) -> HttpResponse:
    """Show the form of a mapping; save what it says."""
    first = mapping_initial(changed) if changed else {}
    form = MappingForm(
        request.POST or None,
        initial=first,
        rows_url=reverse("contacts:mapping_values", args=[request.account.slug]),
    )
    is_sent = request.method == "POST"
    in_list = chosen_list(request.POST.get("list", "") if is_sent else first.get("list"))
    rows = mapping_rows(changed) if changed else []
    values = value_rows(
        in_list=in_list,
        event_type=request.POST.get("event_type", "") if is_sent else first.get("event_type", ""),
        data=request.POST if is_sent else None,
        rows=rows,
        blank=0 if rows else 1,
    )
    if (
        is_sent
        and all([form.is_valid(), values.is_valid()])
        and saved(request, form, values, changed)
    ):
        return redirect(home(request))
    title = changed.name if changed else "New mapping"
    return render(
        request,
        "contacts/segment_mapping.html",
        {
            "page_title": title,
            "breadcrumbs": [("Integrations", ""), ("Segment", home(request)), (title, "")],
            "form": form,
            "values": values,
            "in_list": in_list,
            "mapping": changed,
        },
        status=422 if is_sent else 200,
    )


def saved(
    request: AccountRequest, form: MappingForm, values: BaseValues, changed: SegmentMapping | None
) -> bool:
    """Save a mapping, a new one without `changed`; False with the reason in the form."""
    given, now = form.given(values.given), timezone.now()
    try:
        if changed is None:
            made = actions.create_mapping(given=given, now=now, by=request.user)
            said = f"Mapping {made.name} created."
        else:
            actions.update_mapping(mapping=changed, given=given, now=now, by=request.user)
            said = "Mapping saved. It counts from the next call on."
    except InvalidValueError as refused:
        show_refusal(form, refused, FORM_NAMES)
        return False
    messages.success(request, said)
    return True


def chosen_list(written: object) -> List | None:
    """Return the list that a form names, the first one if it names none."""
    lists = List.objects.order_by("name", "pk")
    text = str(written or "")
    is_number = text.isascii() and text.isdecimal() and len(text) < 19
    return lists.filter(pk=int(text)).first() if is_number else lists.first()


def home(request: AccountRequest) -> str:
    """Return the address of the page of all mappings."""
    return reverse("contacts:segment_com", args=[request.account.slug])
