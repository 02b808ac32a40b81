"""Connect Apps: who carries the account's email and texts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from messaging import actions
from messaging.actions.disconnection import MOST_COUNTED, count_waiting
from messaging.actions.provider_secrets import stored_secrets
from messaging.actions.provider_tests import note_test, test_message
from messaging.actions.providers import callback_of
from messaging.models import Provider
from messaging.models.message import Channel
from messaging.provider_forms import NumberForm, ProviderForm, provider_initial
from messaging.providers import Carrier, Outgoing, ProviderError, carriers

DISCONNECTED = "disconnected provider"
CHANNELS = ((Channel.EMAIL, "Email", "mail"), (Channel.SMS, "SMS", "device-mobile"))


@dataclass(frozen=True)
class Card:
    """One provider as the page shows it; `provider` is None until it is connected."""

    carrier: type[Carrier]
    provider: Provider | None


@require_http_methods(["GET"])
@requires("manage")
def apps(request: AccountRequest) -> HttpResponse:
    """Show who carries email and texts, and who else could."""
    connected = {(one.channel, one.kind): one for one in Provider.objects.all()}
    sections = [
        (
            channel.value,
            label,
            icon,
            [
                Card(carrier, connected.get((channel.value, kind)))
                for kind, carrier in by_label()
                if channel in carrier.channels
            ],
            any(one.is_default for key, one in connected.items() if key[0] == channel.value),
        )
        for channel, label, icon in CHANNELS
    ]
    return render(
        request,
        "messaging/apps.html",
        {
            "page_title": "Connect Apps",
            "breadcrumbs": [("Integrations", integrations(request)), ("Connect Apps", "")],
            "sections": sections,
            "now": timezone.now(),
        },
    )


def by_label() -> list[tuple[str, type[Carrier]]]:
    """Return the providers as the page orders them: the sandbox first."""
    return sorted(carriers().items(), key=lambda item: (item[0] != "sandbox", item[1].label))


def integrations(request: AccountRequest) -> str:
    """Return the address of the page above."""
    return reverse("accounts:integrations", args=[request.account.slug])


@require_http_methods(["GET", "POST"])
@requires("manage")
def app(request: AccountRequest, channel: str, kind: str) -> HttpResponse:
    """Connect a provider to a channel, or change how it is set up."""
    carrier = carriers().get(kind)
    if carrier is None or channel not in carrier.channels:
        raise Http404
    provider = Provider.objects.filter(channel=channel, kind=kind).first()
    stored = stored_secrets(provider, strict=False) if provider is not None else {}
    form = ProviderForm(
        request.POST or None,
        carrier=carrier,
        stored=frozenset(stored),
        initial=provider_initial(provider, carrier),
    )
    if request.method == "POST" and form.is_valid():
        try:
            actions.connect_provider(
                channel=channel,
                kind=kind,
                settings=form.settings(),
                secrets=form.secrets(),
                now=timezone.now(),
                by=request.user,
                **form.limits(),
            )
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"{carrier.label} is connected.")
            return redirect("messaging:app", request.account.slug, channel, kind)
    return render(
        request,
        "messaging/app.html",
        {
            "page_title": carrier.label,
            "breadcrumbs": [
                ("Integrations", integrations(request)),
                ("Connect Apps", reverse("messaging:apps", args=[request.account.slug])),
                (carrier.label, ""),
            ],
            "form": form,
            "carrier": carrier,
            "provider": provider,
            "callback": callback_of(provider) if provider and carrier.calls_back else "",
            "records": carrier(provider.settings, stored).records() if provider else [],
        },
        status=422 if form.is_bound else 200,
    )


def change(act: Callable[..., None], said: str) -> Callable[..., HttpResponseBase]:
    """Return a view that does something to a provider and goes back to the cards."""

    @require_POST
    @requires("manage")
    def view(request: AccountRequest, provider_id: int) -> HttpResponse:
        provider = get_object_or_404(Provider.objects.select_for_update(), pk=provider_id)
        label = carriers()[provider.kind].label
        try:
            act(provider=provider, now=timezone.now(), by=request.user)
        except InvalidValueError as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, said.format(label))
        return redirect("messaging:apps", request.account.slug)

    return view


pause_app = change(actions.pause_provider, "{} is paused: its messages wait.")
resume_app = change(actions.resume_provider, "{} sends again.")
default_app = change(actions.make_default, "The next messages go by {}.")


@require_POST
@requires("manage")
def disconnect_app(request: AccountRequest, provider_id: int) -> HttpResponse:
    """Take a provider away, say what stops by that, and offer to take it back."""
    provider = get_object_or_404(Provider.objects.select_for_update(), pk=provider_id)
    stops = what_stops(provider)
    try:
        kept = actions.disconnect_provider(provider=provider, now=timezone.now(), by=request.user)
    except InvalidValueError as refused:
        messages.error(request, refused.message)
    else:
        request.session[DISCONNECTED] = kept
        undo = reverse("messaging:restore_app", args=[request.account.slug])
        messages.success(request, stops, extra_tags=f"undo:{undo}")
    return redirect("messaging:apps", request.account.slug)


def what_stops(provider: Provider) -> str:
    """Say what is no more without a provider."""
    label = carriers()[provider.kind].label
    said = f"{label} is disconnected, and what it tells of sent messages is not heard any more."
    if not provider.is_default:
        return said
    waiting = count_waiting(provider.channel)
    number = f"{waiting:,}" if waiting <= MOST_COUNTED else f"more than {MOST_COUNTED:,}"
    channel = Channel(provider.channel).label
    return (
        f"{said} {channel} stays in the Sandbox inbox from now on and goes to nobody, "
        f"{number} waiting {'message' if waiting == 1 else 'messages'} too."
    )


@require_POST
@requires("manage")
def restore_app(request: AccountRequest) -> HttpResponse:
    """Take back the provider that was disconnected last."""
    kept = request.session.pop(DISCONNECTED, None)
    try:
        if kept is None:
            raise InvalidValueError("provider", "There is nothing to take back.")
        provider = actions.restore_provider(kept=kept, now=timezone.now(), by=request.user)
    except InvalidValueError as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, f"{carriers()[provider.kind].label} is connected again.")
    return redirect("messaging:apps", request.account.slug)


class Opened(HttpResponse):
    """Carries what a test needs out of the account's transaction."""

    carrier: Carrier | None = None
    message: Outgoing | None = None
    wrong: str = ""


@require_POST
@requires("manage")
def open_carrier(request: AccountRequest, provider_id: int) -> HttpResponse:
    """Find a provider and what a test of it sends, for a member who may know."""
    provider = get_object_or_404(Provider, pk=provider_id)
    opened = Opened()
    number = NumberForm(request.POST)
    try:
        opened.carrier = actions.carrier_for(provider)
        opened.message = test_message(
            provider=provider,
            user=request.user,
            number=number.cleaned_data["number"] if number.is_valid() else "",
            now=timezone.now(),
        )
    except ProviderError as wrong:
        opened.wrong = wrong.message
    except InvalidValueError as refused:
        opened.wrong = refused.message
    return opened


@require_POST
@requires("manage")
def write_test(request: AccountRequest, provider_id: int, wrong: str) -> HttpResponse:
    """Keep how a test went."""
    provider = get_object_or_404(Provider.objects.select_for_update(), pk=provider_id)
    note_test(provider=provider, wrong=wrong, now=timezone.now(), by=request.user)
    return HttpResponse()


def test_app(request: HttpRequest, account: str, provider_id: int) -> HttpResponseBase:
    """
    Send a message to whoever asks, by one provider.

    It is called after the transaction has ended: a slow one must hold no lock.
    """
    opened = open_carrier(request, account=account, provider_id=provider_id)
    if not isinstance(opened, Opened):
        return opened
    wrong = opened.wrong
    if not wrong and opened.carrier is not None and opened.message is not None:
        wrong = tried(opened.carrier, opened.message)
    write_test(request, account=account, provider_id=provider_id, wrong=wrong)
    if wrong:
        messages.error(request, wrong)
    elif opened.message is not None:
        messages.success(request, f"A test is on its way to {opened.message.address}.")
    return redirect("messaging:apps", account)


def tried(carrier: Carrier, message: Outgoing) -> str:
    """Hand one message over; say what was wrong, "" for nothing."""
    wrong = carrier.check()
    if wrong:
        return wrong
    try:
        outcomes: list[Any] = list(carrier.send([message], now=timezone.now()))
    except ProviderError as problem:
        return problem.message
    if not outcomes:
        return "Nothing was sent."
    outcome = outcomes[0]
    return "" if outcome.state == "sent" else f"The test was not taken: {outcome.reason}"
