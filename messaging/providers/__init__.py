"""
Who carries messages: one file per provider, found by scanning this folder.

A provider is handed a batch outside of any transaction and yields one outcome per
message, in order, as it goes: a message whose outcome was not asked for has not been
attempted. `idempotent` says that handing over the same delivery twice does no harm; only
then is a message sent again whose sender died.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, ClassVar

from messaging.models import DeliveryState


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


@dataclass(frozen=True)
class Outcome:
    """
    What became of one message.

    `state` is sent, failed (never accepted), unknown (handed over, no answer) or
    deferred (worth another try); `is_attempted` is False where nothing was handed over,
    so that it has cost none of the delivery's attempts.
    """

    delivery_id: int
    state: str = DeliveryState.SENT.value
    reason: str = ""
    provider_message_id: str = ""
    is_attempted: bool = True


class ProviderError(Exception):
    """The provider cannot be used as it is set up; `message` is for the marketer."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Carrier(ABC):
    """A provider with an account's settings and secret."""

    kind: ClassVar[str]
    label: ClassVar[str]
    channels: ClassVar[tuple[str, ...]]
    idempotent: ClassVar[bool] = False
    batch_size: ClassVar[int] = 50

    def __init__(self, settings: Mapping[str, Any], secret: str = "") -> None:
        self.settings = settings
        self.secret = secret

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings fit to be stored; `InvalidValueError` for those that are not."""
        return dict(settings)

    def check(self) -> str:
        """Say what keeps the provider from working; "" where nothing does."""
        return ""

    @abstractmethod
    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> Iterator[Outcome]:
        """Hand the messages over, one after the other; see the package's docstring."""


@cache
def carriers() -> dict[str, type[Carrier]]:
    """Return the providers by kind: the class named `CARRIER` of each file here."""
    found = {}
    for module in iter_modules(__path__):
        carrier = import_module(f"{__name__}.{module.name}").CARRIER
        found[carrier.kind] = carrier
    return found
