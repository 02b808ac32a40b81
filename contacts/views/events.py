"""External events: what integrations, imports and marketers may raise."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from contacts import actions
from contacts.forms import ExternalEventForm
from contacts.models import ExternalEvent
from contacts.models.event import ExternalEventStatus

FORM_NAMES = {"eventName": "name"}


@require_GET
@requires("view")
def events(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the list's external events."""
    choose_list(request, list_id)
    return events_page(request, list_id, ExternalEventForm())


@require_POST
@requires("edit")
def new_event(request: AccountRequest, list_id: int) -> HttpResponse:
    """Create an external event."""
    in_list = choose_list(request, list_id)
    form = ExternalEventForm(request.POST)
    if form.is_valid():
        try:
            made = actions.create_external_event(
                list=in_list, name=form.cleaned_data["name"], now=timezone.now(), by=request.user
            )
        except InvalidValueError as refused:
            show_refusal(form, refused, FORM_NAMES)
        else:
            messages.success(request, f"External event {made.name} created.")
            return redirect("contacts:events", request.account.slug, list_id)
    return events_page(request, list_id, form)


@require_http_methods(["GET", "POST"])
@requires("edit")
def event(request: AccountRequest, list_id: int, event_id: int) -> HttpResponse:
    """Rename an external event."""
    choose_list(request, list_id)
    changed = get_object_or_404(ExternalEvent, pk=event_id, list_id=list_id)
    form = ExternalEventForm(request.POST or None, initial={"name": changed.name})
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_external_event(
                external_event=changed,
                name=form.cleaned_data["name"],
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            changed.refresh_from_db()
            show_refusal(form, refused, FORM_NAMES)
        else:
            messages.success(request, "External event renamed.")
            return redirect("contacts:events", request.account.slug, list_id)
    return render(
        request,
        "contacts/event.html",
        {
            "page_title": changed.name,
            "breadcrumbs": [*crumbs(request, list_id), (changed.name, "")],
            "event": changed,
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


@require_POST
@requires("edit")
def block_event(request: AccountRequest, list_id: int, event_id: int) -> HttpResponse:
    """Refuse the event wherever it is raised."""
    choose_list(request, list_id)
    changed = get_object_or_404(ExternalEvent, pk=event_id, list_id=list_id)
    set_status(request, changed, ExternalEventStatus.BLOCKED)
    undo = reverse("contacts:unblock_event", args=[request.account.slug, list_id, event_id])
    messages.success(request, f"{changed.name} is blocked.", extra_tags=f"undo:{undo}")
    return redirect("contacts:events", request.account.slug, list_id)


@require_POST
@requires("edit")
def unblock_event(request: AccountRequest, list_id: int, event_id: int) -> HttpResponse:
    """Take the event again."""
    choose_list(request, list_id)
    changed = get_object_or_404(ExternalEvent, pk=event_id, list_id=list_id)
    set_status(request, changed, ExternalEventStatus.ACTIVE)
    messages.success(request, f"{changed.name} may be raised again.")
    return redirect("contacts:events", request.account.slug, list_id)


def set_status(
    request: AccountRequest, changed: ExternalEvent, status: ExternalEventStatus
) -> None:
    """Block an event or let it through."""
    actions.update_external_event(
        external_event=changed, status=status.value, now=timezone.now(), by=request.user
    )


def crumbs(request: AccountRequest, list_id: int) -> list[tuple[str, str]]:
    """Return where the pages of external events stand."""
    return [
        ("Contacts", reverse("contacts:contacts", args=[request.account.slug, list_id])),
        ("External Events", reverse("contacts:events", args=[request.account.slug, list_id])),
    ]


def events_page(request: AccountRequest, list_id: int, form: ExternalEventForm) -> HttpResponse:
    """Answer with all events and the dialog of a new one."""
    return render(
        request,
        "contacts/events.html",
        {
            "page_title": "External Events",
            "breadcrumbs": crumbs(request, list_id),
            "events": ExternalEvent.objects.filter(list_id=list_id).order_by("name", "pk"),
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )
