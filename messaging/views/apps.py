"""Connect Apps: who carries the account's email and texts."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from messaging import actions
from messaging.forms import ProviderForm
from messaging.models import Provider
from messaging.models.message import Channel
from messaging.providers import Carrier, ProviderError


@require_http_methods(["GET", "POST"])
@requires("manage")
def apps(request: AccountRequest) -> HttpResponse:
    """Show who carries email and texts; choose another carrier of email."""
    provider = Provider.objects.filter(channel=Channel.EMAIL, is_default=True).first()
    form = ProviderForm(request.POST or None, channel=Channel.EMAIL, initial=initial(provider))
    if request.method == "POST" and form.is_valid():
        try:
            actions.set_provider(
                channel=Channel.EMAIL,
                kind=form.cleaned_data["kind"],
                settings=form.settings(),
                secrets={"password": form.cleaned_data["password"]},
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, "Saved. The next messages go this way.")
            return redirect("messaging:apps", request.account.slug)
    integrations = reverse("accounts:integrations", args=[request.account.slug])
    return render(
        request,
        "messaging/apps.html",
        {
            "page_title": "Connect Apps",
            "breadcrumbs": [("Integrations", integrations), ("Connect Apps", "")],
            "form": form,
            "provider": provider,
        },
        status=422 if form.is_bound else 200,
    )


def initial(provider: Provider | None) -> dict[str, Any]:
    """Return what the form shows first; never the password."""
    if provider is None:
        return {"kind": "sandbox", "security": "starttls"}
    return {"security": "starttls", **provider.settings, "kind": provider.kind}


class Opened(HttpResponse):
    """Carries what a check needs out of the account's transaction."""

    carrier: Carrier | None = None
    wrong: str = ""


@require_POST
@requires("manage")
def open_carrier(request: AccountRequest) -> HttpResponse:
    """Find what carries email, for a member who may know."""
    opened = Opened()
    try:
        opened.carrier = actions.carrier_of(Channel.EMAIL)
    except ProviderError as wrong:
        opened.wrong = wrong.message
    return opened


def test_app(request: HttpRequest, account: str) -> HttpResponseBase:
    """
    Say whether the mail server that is set up lets us in.

    The server is asked after the transaction has ended: a slow one must hold no lock.
    """
    opened = open_carrier(request, account=account)
    if not isinstance(opened, Opened):
        return opened
    wrong = opened.wrong or (opened.carrier.check() if opened.carrier else "Email is paused.")
    if wrong:
        messages.error(request, wrong)
    else:
        messages.success(request, "The connection works.")
    return redirect("messaging:apps", account)
