"""
HTTP calls over a kept connection, by the rules of `accounts.outgoing`.

Each new connection goes to an address that was checked; what is not on the public internet
is refused unless the deployment allows the host. A connection carries call after call, so
that a batch does not pay for a handshake a message. Redirects are not followed.
"""

import http.client
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from accounts.outgoing import (
    Deadline,
    NoAnswerError,
    PinnedConnection,
    RefusedAddressError,
    Target,
    checked_addresses,
    read_url,
)

MOST_READ = 64 * 1024
IDLE_SECONDS = 5.0


@dataclass(frozen=True)
class HttpAnswer:
    """What came back: at most 64 KB of the body."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class UnreachedError(OSError):
    """Nothing was sent: the message has not left us."""


class UnansweredError(OSError):
    """It was sent, and nothing came back: it may have arrived."""


class KeptCalls:
    """One connection to one host at a time; not for several threads."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        self.deadline = Deadline(seconds)
        self.place: tuple[str, str, int] | None = None
        self.connection: PinnedConnection | None = None
        self.used_at = 0.0

    def call(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """
        Make one call.

        :raises UnreachedError: where nothing was sent.
        :raises UnansweredError: where it was sent and no whole head of an answer came.
        """
        try:
            target = read_url(url)
        except RefusedAddressError as refused:
            raise UnreachedError(str(refused)) from refused
        connection = self.connected(target)
        self.deadline.end = time.monotonic() + self.seconds
        try:
            connection.request(method, target.path, body=body or None, headers=dict(headers))
        except ValueError as unfit:
            raise UnreachedError("a header or the address holds a line break") from unfit
        except OSError as broken:
            self.close()
            raise UnansweredError("the connection broke") from broken
        try:
            response = connection.getresponse()
            piece = response.read(MOST_READ)
        except (OSError, http.client.HTTPException) as broken:
            self.close()
            raise UnansweredError("no answer") from broken
        if response.will_close or not response.isclosed():
            self.close()
        self.used_at = time.monotonic()
        return HttpAnswer(response.status, piece, dict(response.getheaders()))

    def connected(self, target: Target) -> PinnedConnection:
        """
        Return a connection to a host, opened if there is none or it has been idle for long.

        :raises UnreachedError: if there is none to be had.
        """
        is_fresh = time.monotonic() - self.used_at < IDLE_SECONDS
        if self.connection is not None and is_fresh and self.place == place_of(target):
            return self.connection
        self.close()
        self.deadline.end = time.monotonic() + self.seconds
        try:
            addresses = checked_addresses(target, allowed=settings.OUTGOING_ALLOW)
            connection = PinnedConnection(target, addresses, self.deadline)
            connection.connect()
        except (RefusedAddressError, NoAnswerError, ssl.SSLError, OSError) as problem:
            raise UnreachedError(str(problem)) from problem
        self.place, self.connection = place_of(target), connection
        return connection

    def close(self) -> None:
        """Close the connection."""
        if self.connection is not None:
            self.connection.close()
        self.connection = self.place = None


def place_of(target: Target) -> tuple[str, str, int]:
    """Return what makes two targets one connection's."""
    return target.scheme, target.host, target.port


@contextmanager
def kept_calls(*, seconds: float) -> Iterator[KeptCalls]:
    """Keep a connection for as long as a batch lasts."""
    calls = KeptCalls(seconds=seconds)
    try:
        yield calls
    finally:
        calls.close()
