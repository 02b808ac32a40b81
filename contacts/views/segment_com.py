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
from contacts.actions import segment_mappings as actions
from contacts.models import SegmentInlet, SegmentMapping
from contacts.segment_com_forms import MappingForm, field_names, mapping_initial, written_values

# A new key travels to its one showing in a cookie, as the secrets of integrations do.
KEY_COOKIE = "new_write_key"
KEY_SECONDS = 120
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
    key = request.get_signed_cookie(
        KEY_COOKIE, default="", salt=str(request.account.pk), max_age=KEY_SECONDS
    )
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
        response.delete_cookie(KEY_COOKIE, path=home(request))
    return response


@require_POST
@requires("manage")
def new_key(request: AccountRequest) -> HttpResponse:
    """Make a write key, and go where it is shown once; an old one ends at once."""
    key = actions.make_write_key(now=timezone.now(), by=request.user)
    messages.success(request, "There is a new write key; an old one no longer works.")
    response = redirect(home(request))
    response.set_signed_cookie(
        KEY_COOKIE,
        key,
        salt=str(request.account.pk),
        max_age=KEY_SECONDS,
        path=home(request),
        httponly=True,
        samesite="Strict",
        secure=request.is_secure(),
    )
    return response


@require_http_methods(["GET", "POST"])
@requires("manage")
def new_mapping(request: AccountRequest) -> HttpResponse:
    """Add a mapping."""
    form = MappingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.create_mapping(given=form.given, now=timezone.now(), by=request.user)
        except InvalidValueError as refused:
            show_refusal(form, refused, FORM_NAMES)
        else:
            messages.success(request, f"Mapping {made.name} created.")
            return redirect(home(request))
    return mapping_page(request, form, "New mapping")


@require_http_methods(["GET", "POST"])
@requires("manage")
def mapping(request: AccountRequest, mapping_id: int) -> HttpResponse:
    """Change a mapping."""
    changed = get_object_or_404(SegmentMapping, pk=mapping_id, deleted_at=None)
    form = MappingForm(request.POST or None, initial=mapping_initial(changed))
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_mapping(
                mapping=changed, given=form.given, now=timezone.now(), by=request.user
            )
        except InvalidValueError as refused:
            show_refusal(form, refused, FORM_NAMES)
        else:
            messages.success(request, "Mapping saved. It counts from the next call on.")
            return redirect(home(request))
    return mapping_page(request, form, changed.name)


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


def mapping_page(request: AccountRequest, form: MappingForm, title: str) -> HttpResponse:
    """Show the form of a mapping."""
    return render(
        request,
        "contacts/segment_mapping.html",
        {
            "page_title": title,
            "breadcrumbs": [("Integrations", ""), ("Segment", home(request)), (title, "")],
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


def home(request: AccountRequest) -> str:
    """Return the address of the page of all mappings."""
    return reverse("contacts:segment_com", args=[request.account.slug])
