"""Integrations > Segment > Source: settings, how the telling goes, all current subscribers."""

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from conductor.webhooks.actions import delete_endpoint, pause_endpoint, resume_endpoint
from conductor.webhooks.models import Call, Endpoint, Pending
from conductor.webhooks.segment_source.actions import (
    begin_backfill,
    find_source,
    save_source,
    subscribers,
)
from conductor.webhooks.segment_source.forms import SourceForm

SHOWN_CALLS = 20
MOST_COUNTED = 100_000
PAGE = "webhooks_source:source"


@require_http_methods(["GET", "POST"])
@requires("manage")
def source(request: AccountRequest) -> HttpResponse:
    """Show the source with its log; make or change it."""
    kept = find_source()
    form = SourceForm(request.POST or None, source=kept)
    if request.method == "POST" and form.is_valid():
        try:
            save_source(now=timezone.now(), by=request.user, **form.given)
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, "Saved. What happens from now on is sent to Segment.")
            return redirect(PAGE, request.account.slug)
    slug = [request.account.slug]
    return render(
        request,
        "webhooks/segment_source.html",
        {
            "page_title": "Segment",
            "breadcrumbs": [
                ("Integrations", ""),
                ("Segment", reverse("contacts:segment_com", args=slug)),
                ("Source", ""),
            ],
            "tabs": [
                ("Mappings", reverse("contacts:segment_com", args=slug), False),
                ("Source", reverse(PAGE, args=slug), True),
            ],
            "form": form,
            "source": kept,
            **(standing(kept) if kept else {}),
        },
        status=422 if form.is_bound else 200,
    )


def standing(kept: Endpoint) -> dict[str, object]:
    """Return how the telling goes."""
    calls = Call.objects.filter(endpoint=kept)
    counted = dict(calls.values_list("state").annotate(Count("pk")))
    progress = kept.options.get("backfill")
    return {
        "calls": calls.order_by("-pk")[:SHOWN_CALLS],
        "delivered": counted.get("done", 0),
        "again": counted.get("queued", 0) + counted.get("calling", 0),
        "failed": counted.get("failed", 0),
        "waiting": Pending.objects.filter(endpoint_id=kept.pk)[:MOST_COUNTED].count(),
        "subscribers": subscribers(kept),
        "progress": progress,
        "began_at": parse_datetime(progress["began_at"]) if progress else None,
    }


@require_POST
@requires("manage")
def backfill(request: AccountRequest) -> HttpResponse:
    """Send all current subscribers."""
    begin_backfill(source=there(), now=timezone.now(), by=request.user)
    messages.success(request, "All current subscribers are being sent.")
    return redirect(PAGE, request.account.slug)


@require_POST
@requires("manage")
def pause(request: AccountRequest) -> HttpResponse:
    """Send nothing until it is resumed; what happens meanwhile is kept."""
    pause_endpoint(endpoint=there(), now=timezone.now(), by=request.user)
    undo = reverse("webhooks_source:resume", args=[request.account.slug])
    messages.success(request, "The source is paused.", extra_tags=f"undo:{undo}")
    return redirect(PAGE, request.account.slug)


@require_POST
@requires("manage")
def resume(request: AccountRequest) -> HttpResponse:
    """Send again, and what was kept."""
    resume_endpoint(endpoint=there(), now=timezone.now(), by=request.user)
    messages.success(request, "The source sends again.")
    return redirect(PAGE, request.account.slug)


@require_POST
@requires("manage")
def disconnect(request: AccountRequest) -> HttpResponse:
    """Forget the write key, what was still to be sent, and the log."""
    delete_endpoint(endpoint=there(), now=timezone.now(), by=request.user)
    messages.success(request, "Nothing is sent to Segment any more.")
    return redirect(PAGE, request.account.slug)


def there() -> Endpoint:
    """
    Return the account's source.

    :raises Http404: if it has none.
    """
    found = find_source()
    if found is None:
        raise Http404
    return found
