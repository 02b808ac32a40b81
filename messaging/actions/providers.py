"""Who carries an account's messages; secrets are encrypted at rest."""

import json
import secrets as drawn
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings as site

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from accounts.tenancy import current_account_id
from accounts.tenancy.wake import wake
from contacts.identity import normalise_phone
from messaging.mime import Envelope, Letter, Skeleton, one_line
from messaging.models import PhoneSubscription, Provider
from messaging.models.message import Channel
from messaging.providers import Carrier, Outgoing, ProviderError, carriers
from messaging.sending.allowance import give_back
from messaging.sending.backoff import provider_pause
from messaging.traceless import traceless

MOST_RATE = 10_000.0
MOST_CONNECTIONS = 200


@dataclass(frozen=True)
class Carriage:
    """What carries a channel now: the sandbox has no row, and no limits."""

    carrier: Carrier
    provider: Provider | None = None

    @property
    def provider_id(self) -> int | None:
        """The row of the provider."""
        return self.provider.pk if self.provider is not None else None


def connect_provider(
    *,
    channel: str,
    kind: str,
    settings: Mapping[str, Any],
    now: datetime,
    secrets: Mapping[str, str] | None = None,
    rate_per_second: float | None = None,
    concurrency: int | None = None,
    is_default: bool | None = None,
    by: User | ApiClient | None = None,
) -> Provider:
    """
    Connect a provider to a channel of the current account, or change how it is set up.

    Secrets that are not given, or empty, stay as they are stored. The first of a channel
    becomes its default; `is_default` True makes this one so.

    :raises InvalidValueError: for an unknown kind or channel, settings it cannot work with.
    """
    carrier = carriers().get(kind)
    if carrier is None:
        raise InvalidValueError("kind", f"There is no provider named {kind}.")
    if channel not in carrier.channels:
        raise InvalidValueError("kind", f"{carrier.label} does not carry {channel}.")
    clean_limits(rate_per_second, concurrency)
    known = list(Provider.objects.select_for_update().filter(channel=channel).order_by("pk"))
    provider = next((one for one in known if one.kind == kind), None)
    was_there = provider is not None
    if provider is None:
        provider = Provider(channel=channel, kind=kind, hook_key=drawn.token_urlsafe(24))
    given = {name: value for name, value in (secrets or {}).items() if value}
    provider.settings = carrier.clean(settings)
    provider.secret = encrypt_all(
        carrier.clean_secrets(
            {**stored_secrets(provider, strict=False), **given}, provider.settings
        )
    )
    provider.rate_per_second = rate_per_second
    provider.concurrency = concurrency
    forget_troubles(provider)
    provider.updated_at = now
    becomes_default = bool(is_default) or not any(one.is_default for one in known)
    if becomes_default:
        Provider.objects.filter(channel=channel, is_default=True).update(is_default=False)
        provider.is_default = True
    provider.save()
    record(
        verb="updated" if was_there else "created",
        noun="provider",
        object_id=provider.pk,
        now=now,
        by=by,
        detail={"channel": channel, "kind": kind, "default": provider.is_default},
    )
    wake("send")
    return provider


def set_provider(
    *,
    channel: str,
    kind: str,
    settings: Mapping[str, Any],
    now: datetime,
    secrets: Mapping[str, str] | None = None,
    by: User | ApiClient | None = None,
) -> Provider:
    """Have a channel of the current account carried by a provider, from the next batch on."""
    return connect_provider(
        channel=channel,
        kind=kind,
        settings=settings,
        secrets=secrets,
        is_default=True,
        now=now,
        by=by,
    )


def clean_limits(rate_per_second: float | None, concurrency: int | None) -> None:
    """
    See that a rate and a number of connections can be kept.

    :raises InvalidValueError: for those that cannot.
    """
    if rate_per_second is not None and not 0.01 <= rate_per_second <= MOST_RATE:
        raise InvalidValueError(
            "rate_per_second", f"A rate is from 0.01 to {MOST_RATE:,.0f} messages a second."
        )
    if concurrency is not None and not 1 <= concurrency <= MOST_CONNECTIONS:
        raise InvalidValueError(
            "concurrency", f"The number of connections is from 1 to {MOST_CONNECTIONS}."
        )


def forget_troubles(provider: Provider) -> None:
    """Let a provider be tried at once."""
    provider.last_error = ""
    provider.last_error_at = None
    provider.throttled_until = None
    provider.throttle_count = 0


def make_default(*, provider: Provider, now: datetime, by: User | ApiClient | None = None) -> None:
    """Have the channel's messages go by this provider from the next batch on."""
    Provider.objects.filter(channel=provider.channel, is_default=True).update(is_default=False)
    Provider.objects.filter(pk=provider.pk).update(is_default=True, updated_at=now)
    note(provider, "made default", now=now, by=by)
    wake("send")


def pause_provider(
    *, provider: Provider, now: datetime, by: User | ApiClient | None = None
) -> None:
    """Hold the queue of a provider; nothing of it is lost."""
    Provider.objects.filter(pk=provider.pk, paused_at=None).update(paused_at=now, updated_at=now)
    note(provider, "paused", now=now, by=by)


def resume_provider(
    *, provider: Provider, now: datetime, by: User | ApiClient | None = None
) -> None:
    """Send on, at once: what was wrong is forgotten."""
    forget_troubles(provider)
    provider.paused_at = None
    provider.updated_at = now
    provider.save()
    note(provider, "resumed", now=now, by=by)
    wake("send")


def note(
    provider: Provider, verb: str, *, now: datetime, by: User | ApiClient | None = None
) -> None:
    """Keep in the audit who changed what carries a channel."""
    record(
        verb=verb,
        noun="provider",
        object_id=provider.pk,
        now=now,
        by=by,
        detail={"channel": provider.channel, "kind": provider.kind},
    )


def carrier_of(channel: str) -> Carrier | None:
    """Return what carries a channel of the current account; None while it is paused."""
    provider = Provider.objects.filter(channel=channel, is_default=True).first()
    if provider is None:
        return carriers()["sandbox"]({})
    return None if provider.paused_at is not None else carrier_for(provider)


def carrier_for(provider: Provider) -> Carrier:
    """
    Return the carrier of a row, with its secrets.

    :raises ProviderError: if those cannot be read.
    """
    carrier = carriers()[provider.kind](provider.settings, stored_secrets(provider))
    carrier.callback = callback_of(provider)
    return carrier


def callback_of(provider: Provider) -> str:
    """Return the address that a provider calls back, which is a secret of its own."""
    key = f"{provider.account_id}-{provider.pk}-{provider.hook_key}"
    return f"{site.PUBLIC_URL}/hooks/{provider.kind}/{key}/"


def carriage_of(channel: str, *, now: datetime) -> Carriage | None:
    """
    Return what carries a channel, its row locked; None while it may not be used.

    That is while it is paused, left alone after it was throttled, or its secrets cannot be
    read, which is noted.
    """
    provider = Provider.objects.filter(channel=channel, is_default=True).first()
    if provider is None:
        return Carriage(carriers()["sandbox"]({}))
    if waits(provider, now=now):
        return None
    provider = Provider.objects.select_for_update().get(pk=provider.pk)
    if waits(provider, now=now):
        return None
    if provider.kind == "sandbox":
        return Carriage(carrier_for(provider))
    try:
        return Carriage(carrier_for(provider), provider)
    except ProviderError as wrong:
        note_error(provider, wrong.message, now=now)
        provider.save()
        return None


def waits(provider: Provider, *, now: datetime) -> bool:
    """Say whether nothing may be sent by a provider now."""
    if provider.paused_at is not None or not provider.is_default:
        return True
    return provider.throttled_until is not None and provider.throttled_until > now


def note_provider(
    provider_id: int,
    *,
    holder: str,
    problem: ProviderError | None,
    has_sent: bool,
    unattempted: int,
    now: datetime,
) -> None:
    """
    Write down how a batch went: its lease ends; a provider with a problem is left alone.

    Each problem in a row doubles the time; a message that was sent ends the row.
    """
    provider = Provider.objects.select_for_update().filter(pk=provider_id).first()
    if provider is None:
        return
    give_back(provider, holder=holder, messages=unattempted)
    if has_sent:
        provider.throttle_count = 0
    if problem is not None:
        provider.throttle_count += 1
        wait = provider_pause(provider.throttle_count, retry_after=problem.retry_after)
        provider.throttled_until = now + wait
        note_error(provider, problem.message, now=now)
    elif has_sent:
        forget_troubles(provider)
    provider.save()


def note_error(provider: Provider, error: str, *, now: datetime) -> None:
    """Keep what is wrong with a provider for its page."""
    provider.last_error = traceless(error)[:500]
    provider.last_error_at = now


def is_sandboxed(channel: Channel) -> bool:
    """Say whether messages of a channel stay in the house."""
    provider = Provider.objects.filter(channel=channel, is_default=True).first()
    return provider is None or provider.kind == "sandbox"


def stored_secrets(provider: Provider, *, strict: bool = True) -> dict[str, str]:
    """
    Return the secrets of a provider.

    :raises ProviderError: if they were encrypted with another key, unless `strict` is False.
    """
    try:
        stored = decrypt(provider.secret)
    except ProviderError:
        if strict:
            raise
        return {}
    if not stored.startswith("{"):
        return {"password": stored} if stored else {}
    secrets: dict[str, str] = json.loads(stored)
    return secrets


def encrypt_all(secrets: Mapping[str, str]) -> str:
    """Return secrets as they are stored; none are ""."""
    return encrypt(json.dumps(dict(secrets))) if secrets else ""


def encrypt(secret: str) -> str:
    """Return a secret as it is stored; "" stays ""."""
    return fernet().encrypt(secret.encode()).decode() if secret else ""


def decrypt(stored: str) -> str:
    """
    Return a stored secret.

    :raises ProviderError: if it was encrypted with another key.
    """
    if not stored:
        return ""
    try:
        return fernet().decrypt(stored.encode()).decode()
    except InvalidToken as other_key:
        raise ProviderError(
            "The stored password cannot be read with this installation's key: set it again."
        ) from other_key


def fernet() -> Fernet:
    """Return the cipher of this installation's key."""
    return Fernet(site.ENCRYPTION_KEY)


def test_message(*, provider: Provider, user: User, number: str, now: datetime) -> Outgoing:
    """
    Return what a test of a provider sends: to the asker's own address, or a number that agreed.

    :raises InvalidValueError: where there is nobody to send it, or to get it.
    """
    if provider.channel == Channel.EMAIL:
        return test_email(user, now=now)
    phone = normalise_phone(number, "US")
    agreed = (
        PhoneSubscription.objects.filter(phone_e164=phone, state="Subscribed")
        .select_related("phone_list__short_code")
        .order_by("pk")
        .first()
    )
    if agreed is None:
        raise InvalidValueError(
            "number", f"{phone} has agreed to no phone list: add it to one first."
        )
    return Outgoing(
        delivery_id=0,
        account_id=current_account_id() or 0,
        channel=provider.channel,
        address=phone,
        sender=agreed.phone_list.short_code.code,
        text="This is a test of your connection.",
    )


def test_email(user: User, *, now: datetime) -> Outgoing:
    """
    Return a test email, from the first list that has a sender.

    :raises InvalidValueError: if no list has one.
    """
    sender = List.objects.exclude(from_email="").order_by("pk").first()
    if sender is None:
        raise InvalidValueError("sender", "Give a list a From email first.")
    skeleton = Skeleton(from_email=sender.from_email, reply_to="")
    domain = sender.from_email.rpartition("@")[2]
    envelope = Envelope(to=user.email, message_id=f"{drawn.token_hex(12)}.test@{domain}", at=now)
    text = "This is a test of your connection. It works.\n"
    letter = Letter(
        subject="A test of your connection", from_name=sender.from_name, html="", text=text
    )
    name = one_line(sender.from_name)
    return Outgoing(
        delivery_id=0,
        account_id=current_account_id() or 0,
        channel=Channel.EMAIL.value,
        address=user.email,
        sender=f"{name} <{sender.from_email}>" if name else sender.from_email,
        subject=letter.subject,
        text=text,
        raw=skeleton.fill(letter, envelope),
    )


def note_test(
    *, provider: Provider, wrong: str, now: datetime, by: User | ApiClient | None = None
) -> None:
    """Keep how a test of a provider went; one that went well ends its back-off."""
    if wrong:
        note_error(provider, wrong, now=now)
    else:
        forget_troubles(provider)
    provider.save()
    note(provider, "tested", now=now, by=by)
