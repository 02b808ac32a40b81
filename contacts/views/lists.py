"""Lists: the frame in which everything else lives."""

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts import actions
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.models import List
from accounts.permissions import AccountRequest, requires
from contacts.forms import ListForm, list_initial
from contacts.models import Subscription

CRUMBS = [("Contacts", "")]


@require_GET
@requires("view")
def lists(request: AccountRequest) -> HttpResponse:
    """Show every list with how many people it reaches."""
    counts = {
        row["list_id"]: (row["subscribed"], row["contacts"])
        for row in Subscription.objects.values("list_id").annotate(
            contacts=Count("id"), subscribed=Count("id", filter=Q(state="Subscribed"))
        )
    }
    shown = [(one, *counts.get(one.pk, (0, 0))) for one in List.objects.order_by("name", "pk")]
    return render(
        request,
        "contacts/lists.html",
        {"page_title": "Lists", "breadcrumbs": [*CRUMBS, ("Lists", "")], "shown": shown},
    )


@require_http_methods(["GET", "POST"])
@requires("edit")
def new_list(request: AccountRequest) -> HttpResponse:
    """Create a list and go to it."""
    form = ListForm(request.POST or None, initial=list_initial(None))
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.create_list(now=timezone.now(), by=request.user, **form.cleaned_data)
        except actions.InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"List {made.name} created.")
            return redirect("contacts:contacts", request.account.slug, made.pk)
    return list_page(request, form, "Create list")


@require_http_methods(["GET", "POST"])
@requires("edit")
def edit_list(request: AccountRequest, list_id: int) -> HttpResponse:
    """Change a list's name or sender."""
    changed = choose_list(request, list_id)
    form = ListForm(request.POST or None, initial=list_initial(changed))
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_list(
                changed=changed, now=timezone.now(), by=request.user, **form.cleaned_data
            )
        except actions.InvalidValueError as refused:
            changed.refresh_from_db()
            show_refusal(form, refused)
        else:
            messages.success(request, "List saved.")
            return redirect("contacts:lists", request.account.slug)
    return list_page(request, form, changed.name)


def list_page(request: AccountRequest, form: ListForm, title: str) -> HttpResponse:
    """Answer with the form of a list."""
    return render(
        request,
        "contacts/list_form.html",
        {
            "page_title": title,
            "breadcrumbs": [
                *CRUMBS,
                ("Lists", reverse("contacts:lists", args=[request.account.slug])),
                (title, ""),
            ],
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )
