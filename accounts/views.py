"""Pages of accounts: which one, and its integrations."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import actions, use
from accounts import secrets as vault
from accounts.forms import (
    AccountForm,
    IntegrationForm,
    SecretForm,
    SecretValueForm,
    integration_initial,
    show_refusal,
)
from accounts.models import Account, ApiClient, IntegrationType, Secret, User
from accounts.models.api_client import WRITE_KEY_TYPE
from accounts.permissions import AccountRequest, requires
from accounts.shown_once import forget_shown, secret_to_show, show_secret_once
from accounts.tenancy import in_account, lookups


def accounts_of(request: HttpRequest) -> list[Account]:
    """Return the accounts that the signed-in user is a member of, by name."""
    found = []
    for account_id in lookups.accounts_of_user(cast(User, request.user).pk):
        with in_account(account_id):
            found.append(Account.objects.get(pk=account_id))
    return sorted(found, key=lambda account: (account.name.lower(), account.pk))


@require_GET
@login_required
def root(request: HttpRequest) -> HttpResponse:
    """Go to the only account, or choose one."""
    found = accounts_of(request)
    if len(found) == 1:
        return redirect("desk:home", account=found[0].slug)
    return render(
        request, "accounts/chooser.html", {"accounts": found, "page_title": "Choose an account"}
    )


@require_GET
@login_required
def chooser(request: HttpRequest) -> HttpResponse:
    """Show all accounts of the user."""
    return render(
        request,
        "accounts/chooser.html",
        {"accounts": accounts_of(request), "page_title": "Choose an account"},
    )


@require_GET
@login_required
def choices(request: HttpRequest) -> HttpResponse:
    """Fill the account menu of the frame."""
    return render(
        request,
        "accounts/chooser.html#choices",
        {"accounts": accounts_of(request), "here": request.GET.get("from", "")},
    )


@require_http_methods(["GET", "POST"])
@requires("manage")
def integrations(request: AccountRequest) -> HttpResponse:
    """List the integrations; create one."""
    form = IntegrationForm(request.POST or None, initial=integration_initial(None))
    if request.method == "POST" and form.is_valid():
        made = actions.create_integration(
            name=form.cleaned_data["name"],
            types=form.cleaned_data["types"],
            levels=form.cleaned_data["levels"],
            ip_allow=form.cleaned_data["ip_allow"],
            now=timezone.now(),
            by=request.user,
        )
        messages.success(request, f"Integration {made.client.name} created.")
        return show_secret_once(request, made.secret, at=setup_of(request, made.client))
    calls = use.totals(now=timezone.now())
    return render(
        request,
        "accounts/integrations.html",
        {
            "page_title": "Integrations Management",
            "breadcrumbs": [("Integrations", ""), ("Integrations Management", "")],
            "integrations": [
                (one, type_labels(one), calls.get(one.pk, 0))
                for one in token_clients().order_by("name", "pk")
            ],
            "form": form,
            "creating": form.is_bound or "new" in request.GET,
        },
        status=422 if form.is_bound else 200,
    )


@never_cache
@require_http_methods(["GET", "POST"])
@requires("manage")
def integration(request: AccountRequest, client_id: int, tab: str = "setup") -> HttpResponse:
    """Show an integration's credentials, or change what it may do."""
    client = get_object_or_404(token_clients(), pk=client_id)
    form = IntegrationForm(request.POST or None, initial=integration_initial(client))
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_integration(
                client=client, now=timezone.now(), by=request.user, **form.cleaned_data
            )
        except actions.InvalidValueError as refused:
            show_refusal(form, refused, {"type": "types", "level": "levels"})
        else:
            messages.success(request, "Changes saved.")
            return redirect("accounts:integration_access", request.account.slug, client.pk)
    setup = setup_of(request, client)
    secret = secret_to_show(request, at=setup) if tab == "setup" else ""
    response = render(
        request,
        "accounts/integration.html",
        {
            "page_title": client.name,
            "breadcrumbs": [
                ("Integrations", ""),
                ("Integrations Management", reverse_in(request, "accounts:integrations")),
                (client.name, ""),
            ],
            "client": client,
            "types": type_labels(client),
            "use": use.last_days(client, now=timezone.now()) if tab == "setup" else None,
            "form": form,
            "tab": tab,
            "secret": secret,
            "base_url": request.build_absolute_uri("/").rstrip("/"),
            "tabs": [
                ("Setup", setup, tab == "setup"),
                (
                    "Access",
                    reverse_in(request, "accounts:integration_access", client_id),
                    tab == "access",
                ),
            ],
        },
        status=422 if form.is_bound else 200,
    )
    if secret:
        forget_shown(response, at=setup)
    return response


@require_POST
@requires("manage")
def integration_secret(request: AccountRequest, client_id: int) -> HttpResponse:
    """Make a new secret; the old one ends at once."""
    client = get_object_or_404(token_clients(), pk=client_id)
    made = actions.rotate_secret(client=client, now=timezone.now(), by=request.user)
    messages.success(request, "The old secret no longer works.")
    return show_secret_once(request, made.secret, at=setup_of(request, client))


@require_POST
@requires("manage")
def integration_pause(request: AccountRequest, client_id: int) -> HttpResponse:
    """Refuse the integration's requests until it is resumed."""
    client = get_object_or_404(token_clients(), pk=client_id)
    actions.pause_integration(client=client, now=timezone.now(), by=request.user)
    undo = reverse_in(request, "accounts:integration_resume", client.pk)
    messages.success(request, f"{client.name} is paused.", extra_tags=f"undo:{undo}")
    return redirect("accounts:integration", request.account.slug, client.pk)


@require_POST
@requires("manage")
def integration_resume(request: AccountRequest, client_id: int) -> HttpResponse:
    """Take the integration's requests again."""
    client = get_object_or_404(token_clients(), pk=client_id)
    actions.resume_integration(client=client, now=timezone.now(), by=request.user)
    messages.success(request, f"{client.name} works again.")
    return redirect("accounts:integration", request.account.slug, client.pk)


@require_http_methods(["GET", "POST"])
@requires("manage")
def account_settings(request: AccountRequest) -> HttpResponse:
    """Change the account's postal address, and when an order counts for a message."""
    first = {name: getattr(request.account, name) for name in AccountForm.base_fields}
    form = AccountForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_account(
                account=request.account, now=timezone.now(), by=request.user, **form.cleaned_data
            )
        except actions.InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, "Settings saved.")
            return redirect("accounts:settings", request.account.slug)
    return render(
        request,
        "accounts/settings.html",
        {
            "page_title": "Account Settings",
            "breadcrumbs": [("Help & Support", ""), ("Account Settings", "")],
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


@never_cache
@require_http_methods(["GET", "POST"])
@requires("manage")
def secrets(request: AccountRequest) -> HttpResponse:
    """List the secrets by name; keep a new one."""
    form = SecretForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = vault.create_secret(now=timezone.now(), by=request.user, **form.cleaned_data)
        except actions.InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"Secret {made.name} is kept.")
            return redirect("accounts:secrets", request.account.slug)
    return render(
        request,
        "accounts/secrets.html",
        {
            "page_title": "Secrets",
            "breadcrumbs": [("Integrations", ""), ("Secrets", "")],
            "secrets": Secret.objects.order_by("name"),
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


@never_cache
@require_http_methods(["GET", "POST"])
@requires("manage")
def secret(request: AccountRequest, secret_id: int) -> HttpResponse:
    """Show what is known of a secret but its value; give it another one."""
    kept = get_object_or_404(Secret, pk=secret_id)
    form = SecretValueForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            vault.replace_secret(
                secret=kept, value=form.cleaned_data["value"], now=timezone.now(), by=request.user
            )
        except actions.InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"{kept.name} has its new value.")
            return redirect("accounts:secrets", request.account.slug)
    return render(
        request,
        "accounts/secret.html",
        {
            "page_title": kept.name,
            "breadcrumbs": [
                ("Integrations", ""),
                ("Secrets", reverse_in(request, "accounts:secrets")),
                (kept.name, ""),
            ],
            "secret": kept,
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


@require_POST
@requires("manage")
def secret_delete(request: AccountRequest, secret_id: int) -> HttpResponse:
    """Forget a secret."""
    kept = get_object_or_404(Secret, pk=secret_id)
    name = kept.name
    vault.delete_secret(secret=kept, now=timezone.now(), by=request.user)
    messages.success(request, f"Secret {name} is deleted.")
    return redirect("accounts:secrets", request.account.slug)


def token_clients() -> "QuerySet[ApiClient]":
    """Return the integrations that ask for tokens."""
    return ApiClient.objects.exclude(types__contains=[WRITE_KEY_TYPE])


def reverse_in(request: AccountRequest, view: str, *args: object) -> str:
    """Return the address of a view in the request's account."""
    return reverse(view, args=[request.account.slug, *args])


def setup_of(request: AccountRequest, client: ApiClient) -> str:
    """Return the address of an integration's Setup tab, where its secret is shown once."""
    return reverse_in(request, "accounts:integration", client.pk)


def type_labels(client: ApiClient) -> list[str]:
    """Return what the APIs that an integration may speak are called."""
    return [IntegrationType(kind).label for kind in client.types]
