"""
Who carries messages: one file per provider, found by scanning this folder.

A provider is handed a batch outside of any transaction and yields one outcome per
message as it goes; a message without an outcome has not been attempted. It asks before
each message whether to stop, and hands over several at a time where it may use several
connections. `idempotent` says that handing over the same delivery twice does no harm;
only then is a message sent again whose sender died.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest

from accounts.actions import InvalidValueError
from messaging.models import DeliveryState
from messaging.traceless import traceless
from messaging.transports.spread import Share, spread

if TYPE_CHECKING:
    from messaging.transports.calls import Heard


@dataclass(frozen=True)
class Outgoing:
    """One message, filled in, ready to be handed over; `raw` is an email's MIME."""

    delivery_id: int
    account_id: int
    channel: str
    address: str
    sender: str
    contact_id: int | None = None
    subject: str = ""
    preheader: str = ""
    html: str = ""
    text: str = ""
    media_url: str = ""
    raw: bytes = b""
    # An email's headers beside the usual ones; they stand in `raw` already.
    headers: tuple[tuple[str, str], ...] = ()


class Batch(Protocol):
    """Messages to be handed over, so many; they may come to be as they are taken."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Outgoing]: ...


@dataclass(frozen=True)
class Outcome:
    """
    What became of one message.

    `state` is sent, failed (never accepted), unknown (handed over, no answer), deferred
    (this recipient may be tried again, `retry_after` seconds from now if the provider says
    so) or queued (not attempted, and it was not this message's fault). `is_attempted` is
    False where nothing was handed over, so that it has cost none of the attempts.
    """

    delivery_id: int
    state: str = DeliveryState.SENT.value
    reason: str = ""
    provider_message_id: str = ""
    is_attempted: bool = True
    retry_after: float | None = None
    # "hard" where there is nobody at the address, "soft" where its mailbox takes nothing,
    # "stopped" where it told the provider STOP.
    bounce: str = ""
    # What is wrong with the provider, where it is left alone after this message.
    problem: str = ""

    def __post_init__(self) -> None:
        """Leave the address out of the reason: it outlives the person."""
        if self.reason:
            object.__setattr__(self, "reason", traceless(self.reason))


class ProviderError(Exception):
    """The provider cannot be used as it is set up; `message` is for the marketer."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = traceless(message)
        # Seconds, where the provider says when it may be asked again.
        self.retry_after = retry_after


class ThrottledError(ProviderError):
    """The provider takes no more for now."""


@dataclass(frozen=True)
class Field:
    """One thing that a provider wants to know; `secret` ones are kept encrypted, never shown."""

    name: str
    label: str
    help: str = ""
    secret: bool = False
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    initial: str = ""
    is_number: bool = False
    is_long: bool = False


class Carrier(ABC):
    """
    A provider with an account's settings and secrets.

    `about` is what its card says; `sends_from` whether a test needs one of our senders.
    `connections` is how many it uses at once unless its owner says otherwise.
    """

    # Pages show providers that nobody has connected.
    do_not_call_in_templates: ClassVar[bool] = True
    kind: ClassVar[str]
    label: ClassVar[str]
    channels: ClassVar[tuple[str, ...]]
    about: ClassVar[str] = ""
    icon: ClassVar[str] = "plug-connected"
    fields: ClassVar[tuple[Field, ...]] = ()
    idempotent: ClassVar[bool] = False
    batch_size: ClassVar[int] = 50
    connections: ClassVar[int] = 1
    # So many messages are worth a connection of their own.
    worth_connection: ClassVar[int] = 1
    calls_back: ClassVar[bool] = False
    # It writes to our own database: in the thread of whoever hands over, all in one.
    is_ours: ClassVar[bool] = False
    # Of an email it hands the MIME over, and never looks at its parts.
    only_mime: ClassVar[bool] = False

    def __init__(
        self, settings: Mapping[str, Any], secrets: Mapping[str, str] | None = None
    ) -> None:
        self.settings = settings
        self.secrets = dict(secrets or {})
        # Where it calls us back; known once its row is.
        self.callback = ""

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings fit to be stored; `InvalidValueError` for those that are not."""
        clean: dict[str, Any] = {}
        for field in cls.fields:
            if field.secret:
                continue
            value = str(settings.get(field.name) or "").strip() or field.initial
            if field.required and not value:
                raise InvalidValueError(field.name, f"Give the {in_words(field)}.")
            if field.choices and value not in dict(field.choices):
                raise InvalidValueError(field.name, f"Choose the {in_words(field)}.")
            clean[field.name] = value
        return clean

    @classmethod
    def clean_secrets(
        cls, secrets: Mapping[str, str], settings: Mapping[str, Any]
    ) -> dict[str, str]:
        """Return the secrets that are to be kept; `InvalidValueError` for unfit ones."""
        clean = {one.name: str(secrets.get(one.name) or "") for one in cls.fields if one.secret}
        for field in cls.fields:
            if field.secret and field.required and not clean[field.name].strip():
                raise InvalidValueError(field.name, f"Give the {in_words(field)}.")
        return {name: value for name, value in clean.items() if value}

    def check(self) -> str:
        """Say what keeps the provider from working; "" where nothing does."""
        return ""

    def records(self) -> list[tuple[str, str, str]]:
        """Return the DNS records that its owner has to publish: name, type, value."""
        return []

    @abstractmethod
    def carry(self, messages: Iterator[Outgoing], *, now: datetime) -> Iterator[Outcome]:
        """
        Hand messages over, one after the other, over one connection.

        A message that was taken and has no outcome has not been handed over.

        :raises ProviderError: if nothing more can be handed over now.
        """

    def hear(self, request: HttpRequest, *, now: datetime) -> "Heard":
        """
        Return what a call of the provider says, once it has been found genuine.

        :raises SuspiciousOperation: for one that is forged, or cannot be read.
        """
        raise SuspiciousOperation(f"{self.label} makes no calls.")

    def send(
        self,
        batch: Batch,
        *,
        now: datetime,
        stop: Callable[[], bool] = lambda: False,
        connections: int = 1,
    ) -> Iterator[Outcome]:
        """Hand a batch over, several messages at once; see the package's docstring."""

        def carry(share: Share[Outgoing]) -> Iterator[Outcome]:
            return self.carry(share, now=now)

        def broken(message: Outgoing) -> Outcome:
            state = DeliveryState.DEFERRED if self.idempotent else DeliveryState.UNKNOWN
            return Outcome(message.delivery_id, state.value, "connection lost")

        threads = min(connections, -(-len(batch) // self.worth_connection))
        return spread(carry, batch, threads=threads, stop=stop, broken=broken, known=ProviderError)


def in_words(field: Field) -> str:
    """Return a field's label within a sentence."""
    label = field.label
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


@cache
def carriers() -> dict[str, type[Carrier]]:
    """Return the providers by kind: the class named `CARRIER` of each file that has one."""
    found = {}
    for module in iter_modules(__path__):
        carrier = getattr(import_module(f"{__name__}.{module.name}"), "CARRIER", None)
        if carrier is not None:
            found[carrier.kind] = carrier
    return found
