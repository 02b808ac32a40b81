"""Pages of Integrations > Webhooks: list, create, log, change, pause, replay, delete."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.forms import show_refusal
from accounts.models import List
from accounts.permissions import AccountRequest, requires
from accounts.shown_once import forget_shown, secret_to_show, show_secret_once
from conductor.webhooks import actions
from conductor.webhooks.forms import EndpointForm, ReplayForm, endpoint_initial
from conductor.webhooks.models import Call, Endpoint, Kind

PAGE = 50


@require_http_methods(["GET", "POST"])
@requires("manage")
def endpoints(request: AccountRequest) -> HttpResponse:
    """List the webhooks; create one."""
    form = EndpointForm(request.POST or None, initial=endpoint_initial(None))
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.create_endpoint(now=timezone.now(), by=request.user, **form.cleaned_data)
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"{made.endpoint.name} hears what happens from now on.")
            return show_secret_once(request, made.secret, at=own_address(request, made.endpoint))
    return render(
        request,
        "webhooks/endpoints.html",
        {
            "page_title": "Webhooks",
            "breadcrumbs": [("Integrations", integrations(request)), ("Webhooks", "")],
            "endpoints": own().order_by("name", "pk"),
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


@never_cache
@require_http_methods(["GET", "POST"])
@requires("manage")
def endpoint(request: AccountRequest, endpoint_id: int) -> HttpResponse:
    """Show a webhook with its log; change it."""
    shown = get_object_or_404(own(), pk=endpoint_id)
    form = EndpointForm(request.POST or None, initial=endpoint_initial(shown))
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_endpoint(
                endpoint=shown, now=timezone.now(), by=request.user, **form.cleaned_data
            )
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, "Changes saved.")
            return redirect("webhooks:endpoint", request.account.slug, shown.pk)
    return endpoint_page(request, shown, form, ReplayForm())


def endpoint_page(
    request: AccountRequest, shown: Endpoint, form: EndpointForm, again: ReplayForm
) -> HttpResponse:
    """Show a webhook, its log the latest first, and its forms."""
    before = request.GET.get("before", "")
    log = Call.objects.filter(endpoint=shown)
    if before.isascii() and before.isdecimal() and len(before) < 19:
        log = log.filter(pk__lt=int(before))
    rows = list(log.order_by("-pk")[: PAGE + 1])
    address = own_address(request, shown)
    secret = secret_to_show(request, at=address)
    is_bound = form.is_bound or again.is_bound
    response = render(
        request,
        "webhooks/endpoint.html",
        {
            "page_title": shown.name,
            "breadcrumbs": [
                ("Integrations", integrations(request)),
                ("Webhooks", reverse("webhooks:endpoints", args=[request.account.slug])),
                (shown.name, ""),
            ],
            "endpoint": shown,
            "kinds": [Kind(kind).label for kind in shown.kinds if kind in Kind.values],
            "lists_heard": List.objects.filter(pk__in=shown.lists).order_by("name", "pk"),
            "calls": rows[:PAGE],
            "first_url": address if before else "",
            "next_url": f"{address}?before={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
            "secret": secret,
            "form": form,
            "again": again,
        },
        status=422 if is_bound else 200,
    )
    if secret:
        forget_shown(response, at=address)
    return response


@require_POST
@requires("manage")
def new_secret(request: AccountRequest, endpoint_id: int) -> HttpResponse:
    """Make a new secret; the old one signs no more."""
    shown = get_object_or_404(own(), pk=endpoint_id)
    made = actions.rotate_secret(endpoint=shown, now=timezone.now(), by=request.user)
    messages.success(request, "Calls are signed with the new secret from now on.")
    return show_secret_once(request, made.secret, at=own_address(request, shown))


@require_POST
@requires("manage")
def pause(request: AccountRequest, endpoint_id: int) -> HttpResponse:
    """Tell it nothing until it is resumed."""
    shown = get_object_or_404(own(), pk=endpoint_id)
    actions.pause_endpoint(endpoint=shown, now=timezone.now(), by=request.user)
    undo = reverse("webhooks:resume", args=[request.account.slug, shown.pk])
    messages.success(request, f"{shown.name} is paused.", extra_tags=f"undo:{undo}")
    return redirect("webhooks:endpoint", request.account.slug, shown.pk)


@require_POST
@requires("manage")
def resume(request: AccountRequest, endpoint_id: int) -> HttpResponse:
    """Tell it what it missed, and what happens."""
    shown = get_object_or_404(own(), pk=endpoint_id)
    actions.resume_endpoint(endpoint=shown, now=timezone.now(), by=request.user)
    messages.success(request, f"{shown.name} hears what it missed now.")
    return redirect("webhooks:endpoint", request.account.slug, shown.pk)


@require_POST
@requires("manage")
def replay(request: AccountRequest, endpoint_id: int) -> HttpResponse:
    """Tell it again what happened behind a cursor."""
    shown = get_object_or_404(own(), pk=endpoint_id)
    form = ReplayForm(request.POST)
    if not form.is_valid():
        return endpoint_page(request, shown, EndpointForm(initial=endpoint_initial(shown)), form)
    after = int(form.cleaned_data["cursor"] or 0)
    count = actions.replay(endpoint=shown, after=after, now=timezone.now(), by=request.user)
    words = "event is" if count == 1 else "events are"
    messages.success(request, f"{count:,} {words} told again.")
    return redirect("webhooks:endpoint", request.account.slug, shown.pk)


@require_POST
@requires("manage")
def delete(request: AccountRequest, endpoint_id: int) -> HttpResponse:
    """Forget a webhook with its log."""
    shown = get_object_or_404(own(), pk=endpoint_id)
    name = shown.name
    actions.delete_endpoint(endpoint=shown, now=timezone.now(), by=request.user)
    messages.success(request, f"{name} is deleted.")
    return redirect("webhooks:endpoints", request.account.slug)


def own() -> "QuerySet[Endpoint]":
    """Return the endpoints that these pages show: Segment's has its own."""
    return Endpoint.objects.filter(is_source=False)


def integrations(request: AccountRequest) -> str:
    """Return the address of the page above."""
    return reverse("accounts:integrations", args=[request.account.slug])


def own_address(request: AccountRequest, shown: Endpoint) -> str:
    """Return the address of a webhook's page, where its secret is shown once."""
    return reverse("webhooks:endpoint", args=[request.account.slug, shown.pk])
