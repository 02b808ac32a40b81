"""
Email providers with an HTTP API, through django-anymail: what they have in common.

Every account has its own credentials, which go into the backend's constructor; anymail's
global settings are not used. Each message is filled in for one person, so each is one
request over a session that is kept; several at a time. Our token of the delivery travels
as metadata and comes back with every callback.

Where a request may go is fixed by the provider's file, never by an account; the session
uses no proxy of the environment, follows no redirect and calls no other host. (Amazon's
library brings its own connections: its host is made of the region, which is a choice.)
"""

import os
import threading
import time
import warnings
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
from anymail.backends.base import AnymailBaseBackend
from anymail.exceptions import (
    AnymailAPIError,
    AnymailError,
    AnymailNotSupportedWarning,
    AnymailRecipientsRefused,
)
from anymail.message import AnymailMessage
from anymail.signals import AnymailTrackingEvent
from django.http import HttpRequest
from requests.adapters import HTTPAdapter

from messaging import tokens
from messaging.actions.provider_events import ProviderEvent
from messaging.providers import Carrier, Outcome, Outgoing, ProviderError, ThrottledError
from messaging.transports.calls import Heard

SECONDS = 20.0
IDLE_SECONDS = 15.0  # servers close idle connections; one that they closed leaves us guessing
TURNED_AWAY = {429, 503}  # said at the door: the message was not taken
LOST = "connection lost"
# What anymail calls things, in our words; the others tell nothing that counts.
KINDS = {
    "bounced": "bounced",
    "clicked": "clicked",
    "complained": "complained",
    "delivered": "delivered",
    "failed": "failed",
    "opened": "opened",
    "rejected": "rejected",
    "unsubscribed": "unsubscribed",
}


class OneHost(HTTPAdapter):
    """Connects to one host and no other."""

    def __init__(self, host: str) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self.host = host

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send what goes to the host."""
        if urlsplit(request.url).netloc.rpartition("@")[2] != self.host:
            raise requests.exceptions.InvalidURL("another host than the provider's")
        return super().send(request, *args, **kwargs)


class EspCarrier(Carrier):
    """
    A provider that anymail knows: its backend for sending, its view for callbacks.

    `api_url` is "" where the backend knows it.
    """

    channels = ("email",)
    icon = "mail"
    batch_size = 400
    connections = 20
    calls_back = True
    api_url: ClassVar[str] = ""
    # Anymail's backend, and its view of the callbacks.
    backend_class: ClassVar[type[Any]]
    hook_class: ClassVar[type[Any]]

    @abstractmethod
    def credentials(self) -> dict[str, Any]:
        """Return what the backend's constructor wants."""

    def hook_options(self) -> dict[str, Any]:
        """Return what the view's constructor wants: keys of signatures."""
        return {}

    @property
    def url(self) -> str:
        """Where requests go, "" for where the backend sends them."""
        return self.api_url

    def carry(self, messages: Iterator[Outgoing], *, now: datetime) -> Iterator[Outcome]:
        """Send one after the other over one session."""
        backend = BACKENDS.take(self)
        is_sound = True
        try:
            for message in messages:
                outcome = self.send_one(backend, message)
                is_sound = outcome.state != "unknown"
                yield outcome
                if outcome.problem:
                    raise ThrottledError(outcome.problem)
        except ProviderError:
            is_sound = False
            raise
        finally:
            BACKENDS.give(self, backend, is_sound=is_sound)

    def open(self) -> AnymailBaseBackend:
        """Return a backend with an open session."""
        options = self.credentials() | ({"api_url": self.url} if self.url else {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AnymailNotSupportedWarning)
            backend = self.backend_class(fail_silently=False, timeout=SECONDS, **options)
        backend.open()
        session = getattr(backend, "session", None)
        if isinstance(session, requests.Session):
            guard(session, urlsplit(str(getattr(backend, "api_url", ""))).netloc)
        return backend

    def send_one(self, backend: AnymailBaseBackend, message: Outgoing) -> Outcome:
        """Send one message; say what became of it."""
        letter = as_letter(message)
        number = message.delivery_id
        try:
            backend.send_messages([letter])
        except AnymailRecipientsRefused:
            return Outcome(number, "failed", f"provider rejected ({self.label}: recipient refused)")
        except AnymailAPIError as problem:
            return self.problem(number, problem)
        except AnymailError as unfit:
            said = " ".join(str(unfit).split())[:120]
            return Outcome(number, "failed", f"provider rejected ({said})")
        return Outcome(number, provider_message_id=str(letter.anymail_status.message_id or ""))

    def problem(self, number: int, problem: AnymailAPIError) -> Outcome:
        """
        Return what an API's refusal means for a message.

        :raises ProviderError: if it means us.
        """
        status, headers = answer_of(problem)
        if status is None:
            return self.no_answer(number, problem)
        reason = f"provider rejected ({status} {refusal_of(problem)})"
        if status in {401, 403}:
            raise ProviderError(f"{self.label} did not accept the credentials ({status}).")
        if is_broken(status):
            return Outcome(number, "unknown", LOST, problem=f"{self.label} answers {status}.")
        if status in TURNED_AWAY:
            raise ThrottledError(
                f"{self.label} takes no more for now ({status}).",
                retry_after=seconds_of(headers.get("Retry-After") or headers.get("retry-after")),
            )
        return Outcome(number, "failed", reason)

    def no_answer(self, number: int, problem: AnymailAPIError) -> Outcome:
        """Tell a server that was not reached from one that did not answer."""
        cause = problem.__cause__
        if is_unreached(cause):
            raise ProviderError(f"{self.label} cannot be reached.") from problem
        return Outcome(number, "unknown", LOST)

    def hear(self, request: HttpRequest, *, now: datetime) -> Heard:
        """
        Return what a callback tells, once anymail has found it genuine.

        :raises SuspiciousOperation: for a forged one (anymail's validation failure is one).
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            view = self.hook_class(**self.hook_options())
        view.run_validators(request)
        told = view.parse_events(request)
        return Heard(
            events=[
                self.told(event, now)
                for event in told
                if isinstance(event, AnymailTrackingEvent) and event.event_type in KINDS
            ]
        )

    def told(self, event: AnymailTrackingEvent, now: datetime) -> ProviderEvent:
        """Return an event of anymail as ours."""
        detail: dict[str, Any] = {}
        if event.event_type == "bounced":
            detail["bounce"] = "hard" if self.is_hard(event) else "soft"
        if event.click_url:
            detail["url"] = event.click_url
        said = event.mta_response or event.description or event.reject_reason
        if said:
            detail["reason"] = str(said)
        metadata = event.metadata if isinstance(event.metadata, Mapping) else {}
        if metadata.get("delivery"):
            detail["delivery"] = str(metadata["delivery"])
        return ProviderEvent(
            provider=self.kind,
            event_id=self.event_id(event),
            kind=KINDS[event.event_type],
            occurred_at=event.timestamp or now,
            provider_message_id=str(event.message_id or ""),
            address=str(event.recipient or ""),
            detail=detail,
        )

    def event_id(self, event: AnymailTrackingEvent) -> str:
        """Return the provider's id of an event; one call may tell of several recipients."""
        return str(event.event_id or "")

    def is_hard(self, event: AnymailTrackingEvent) -> bool:
        """Say whether a bounce is for good."""
        return True


class Backends:
    """Sessions of this process that are open and not in use, by credentials."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.idle: defaultdict[Any, list[tuple[float, AnymailBaseBackend]]] = defaultdict(list)

    def key(self, carrier: EspCarrier) -> tuple[Any, ...]:
        """Return what makes two sessions the same."""
        return (
            os.getpid(),
            carrier.kind,
            carrier.url,
            tuple(sorted(carrier.settings.items())),
            tuple(sorted(carrier.secrets.items())),
        )

    def take(self, carrier: EspCarrier) -> AnymailBaseBackend:
        """Return a backend with a session; those unused for long are closed."""
        now = time.monotonic()
        with self.lock:
            kept = self.idle[self.key(carrier)]
            while kept:
                used_at, backend = kept.pop()
                if now - used_at < IDLE_SECONDS:
                    return backend
                backend.close()
        return carrier.open()

    def give(self, carrier: EspCarrier, backend: AnymailBaseBackend, *, is_sound: bool) -> None:
        """Keep a session for the next batch, unless something went wrong on it."""
        if not is_sound:
            backend.close()
            return
        with self.lock:
            self.idle[self.key(carrier)].append((time.monotonic(), backend))

    def clear(self) -> None:
        """Close all sessions."""
        with self.lock:
            for kept in self.idle.values():
                for _, backend in kept:
                    backend.close()
            self.idle.clear()


BACKENDS = Backends()


def guard(session: requests.Session, host: str) -> None:
    """Have a session call one host, without proxies of the environment and redirects."""
    session.trust_env = False
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, OneHost(host))


def as_letter(message: Outgoing) -> AnymailMessage:
    """Return a message as anymail takes it, with all that its MIME says."""
    head = BytesHeaderParser().parsebytes(message.raw)
    headers = dict(message.headers)
    if head["Message-ID"]:
        headers["Message-ID"] = str(head["Message-ID"])
    letter = AnymailMessage(
        subject=message.subject,
        body=message.text,
        from_email=message.sender,
        to=[message.address],
        reply_to=reply_to(head),
        headers=headers,
    )
    if message.html:
        letter.attach_alternative(message.html, "text/html")
    letter.metadata = {"delivery": tokens.sign("delivery", message.account_id, message.delivery_id)}
    return letter


def reply_to(head: Message) -> list[str] | None:
    """Return whom answers go to, if the message says so."""
    said = head["Reply-To"]
    return [str(said)] if said else None


def answer_of(problem: AnymailAPIError) -> tuple[int | None, Mapping[str, str]]:
    """Return status and headers of an answer; a status of None where there was none."""
    response = problem.response
    if isinstance(response, Mapping):  # Amazon's library
        meta = response.get("ResponseMetadata", {})
        return meta.get("HTTPStatusCode"), meta.get("HTTPHeaders", {})
    if response is None:
        return None, {}
    return int(response.status_code), response.headers


def refusal_of(problem: AnymailAPIError) -> str:
    """Return what an API said, on one line, without what we had asked."""
    response = problem.response
    if isinstance(response, Mapping):
        said = str(response.get("Error", {}).get("Message", ""))
    else:
        said = str(getattr(response, "text", ""))
    return " ".join(said.split())[:150]


def is_broken(status: int) -> bool:
    """Say whether an answer comes of a server that failed: it may have taken the message before."""
    return status >= 500 and status not in TURNED_AWAY


def seconds_of(said: str | None) -> float | None:
    """Return a Retry-After in seconds, None where it says none."""
    try:
        return max(1.0, float(said)) if said else None
    except ValueError:
        return None


def is_unreached(cause: BaseException | None) -> bool:
    """Say whether a request cannot have left us."""
    if isinstance(cause, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError):
        return True
    if isinstance(cause, requests.exceptions.ConnectionError):
        return "NewConnectionError" in repr(cause) or "NameResolutionError" in repr(cause)
    return type(cause).__name__ in {"EndpointConnectionError", "ConnectTimeoutError"}
