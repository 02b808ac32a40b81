"""
Calls to addresses that somebody else chose: a webhook's, a feed's, an app's.

The name is resolved here, every address that it has is checked, and the connection is made
to one of those very addresses: a name that answers differently a moment later (DNS
rebinding) reaches nothing. Whatever is not on the public internet is refused, unless the
deployment names the host in CONDUCTOR_OUTGOING_ALLOW; no account can do so. A certificate
is checked against the name. Redirects are not followed, proxies of the environment not
used, compression not asked for, and all of a call ends at its deadline, however slowly the
other side answers.

Built on the standard library's HTTP client: its connections are made by us, so that they go
to the address that was checked, which the pools of the larger libraries do not foresee.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, cast
from urllib.parse import quote, urlsplit

Address = IPv4Address | IPv6Address
# (host, port) -> its addresses; raises OSError for a name that has none.
Resolver = Callable[[str, int], Sequence[str]]

MOST_READ = 64 * 1024
RESOLVE_SECONDS = 10.0
MOST_RESOLVING = 256
_resolving = threading.BoundedSemaphore(MOST_RESOLVING)
SCHEMES = {"http": 80, "https": 443}

GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
TEREDO = IPv6Network("2001::/32")
SIX_TO_FOUR = IPv6Network("2002::/16")
# Public by its number, answered by the host of a virtual machine (Azure).
HOSTS_OWN = {IPv4Address("168.63.129.16")}
# Kept for protocols and documents; Python 3.11 takes them for public.
RESERVED_V4 = IPv4Network("192.0.0.0/24")
RESERVED_V6 = IPv6Network("3fff::/20")
# Characters that a URL may hold as they are; others are percent-encoded.
URL_SAFE = "%/?:@!$&'()*+,;=-._~[]"


class RefusedAddressError(ValueError):
    """An address that may not be called; the message says why, without the address."""


class NoAnswerError(OSError):
    """The other side did not answer; the message says how, in a few words."""


@dataclass(frozen=True)
class Request:
    """What is sent: `url` is absolute, header values are single lines."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 10.0


@dataclass(frozen=True)
class Answer:
    """What came back: at most 64 KB of the body, as it was sent."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Target:
    """Where a URL leads."""

    scheme: str
    host: str
    port: int
    path: str


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, in the system's order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def is_public(written: str) -> bool:
    """
    Say whether an address is one of the public internet.

    Addresses that carry an IPv4 address in them (mapped, 6to4, NAT64) are as public as
    the one they carry.
    """
    try:
        address = ip_address(written.partition("%")[0])
    except ValueError:
        return False
    return _is_public_v4(address) if isinstance(address, IPv4Address) else _is_public_v6(address)


def _is_public_v4(address: IPv4Address) -> bool:
    if address in RESERVED_V4 or address in HOSTS_OWN:
        return False
    return address.is_global and not address.is_multicast


def _is_public_v6(address: IPv6Address) -> bool:
    embedded = address.ipv4_mapped
    if address in NAT64:
        embedded = IPv4Address(int(address) & 0xFFFFFFFF)
    elif address in SIX_TO_FOUR:
        embedded = address.sixtofour
    if embedded is not None:
        return _is_public_v4(embedded)
    if address in TEREDO or address in RESERVED_V6:
        return False
    return address in GLOBAL_UNICAST and address.is_global


def read_url(url: str) -> Target:
    """
    Read an absolute http(s) address.

    :raises RefusedAddressError: for anything else.
    """
    if any(ord(character) <= ord(" ") or ord(character) == 0x7F for character in url.strip()):
        raise RefusedAddressError("the address holds a space or a line break")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except (UnicodeError, ValueError) as wrong:
        raise RefusedAddressError("the address cannot be read") from wrong
    if parts.scheme not in SCHEMES or not host:
        raise RefusedAddressError("the address is not an http or https one")
    if parts.username is not None or parts.password is not None:
        raise RefusedAddressError("the address holds a user name: use a header")
    path = quote(parts.path or "/", safe=URL_SAFE)
    query = f"?{quote(parts.query, safe=URL_SAFE)}" if parts.query else ""
    return Target(parts.scheme, host, port or SCHEMES[parts.scheme], f"{path}{query}")


def is_allowed(target: Target, allowed: Iterable[str]) -> bool:
    """Say whether the deployment allows a host whatever its address: `host` or `host:port`."""
    return bool({target.host, f"{target.host}:{target.port}"} & {*allowed})


def checked_addresses(
    target: Target,
    *,
    allowed: Iterable[str],
    resolver: Resolver = resolve,
    seconds: float = RESOLVE_SECONDS,
) -> list[str]:
    """
    Return the addresses of a target, each of which may be called.

    :raises RefusedAddressError: if any of them is not on the public internet.
    :raises NoAnswerError: if the name has none, or none was found in `seconds`.
    """
    try:
        found = _resolve_within(seconds, lambda: resolver(target.host, target.port))
        addresses = list(dict.fromkeys(found))
    except TimeoutError as late:
        raise NoAnswerError("the name of the server was not found in time") from late
    except (OSError, UnicodeError) as unknown:
        raise NoAnswerError("the name of the server is not known") from unknown
    if not addresses:
        raise NoAnswerError("the name of the server is not known")
    if not is_allowed(target, allowed) and not all(map(is_public, addresses)):
        raise RefusedAddressError("the address is not on the public internet")
    return addresses


def _resolve_within(seconds: float, run: Callable[[], Sequence[str]]) -> Sequence[str]:
    """
    Ask for a name in a thread of its own: nothing else ends the system's resolver.

    What it has not answered in time it may go on looking for; more than `MOST_RESOLVING`
    at once are not begun.

    :raises TimeoutError: if it takes longer.
    """
    end = time.monotonic() + seconds
    if not _resolving.acquire(timeout=seconds):
        raise TimeoutError
    answered: Future[Sequence[str]] = Future()

    def ask() -> None:
        try:
            answered.set_result(run())
        except BaseException as problem:
            answered.set_exception(problem)
        finally:
            _resolving.release()

    threading.Thread(target=ask, daemon=True, name="resolver").start()
    return answered.result(timeout=max(0.0, end - time.monotonic()))


def call(request: Request, *, allowed: Iterable[str] = (), resolver: Resolver = resolve) -> Answer:
    """
    Make one call and read its answer, all within `request.seconds`.

    :raises RefusedAddressError: where nothing may be connected to, or sent.
    :raises NoAnswerError: where no whole head of an answer came in time.
    """
    deadline = Deadline(request.seconds)
    target = read_url(request.url)
    addresses = checked_addresses(
        target, allowed=allowed, resolver=resolver, seconds=deadline.left()
    )
    connection = PinnedConnection(target, addresses, deadline)
    try:
        connection.request(
            request.method,
            target.path,
            body=request.body or None,
            headers={**request.headers, "Connection": "close"},
        )
        response = connection.getresponse()
        return Answer(response.status, _read(response))
    except TimeoutError as late:
        raise NoAnswerError("no answer in time") from late
    except ssl.SSLError as untrusted:
        raise NoAnswerError("the certificate or the encryption is not right") from untrusted
    except (ConnectionRefusedError, http.client.RemoteDisconnected) as closed:
        raise NoAnswerError("the connection was refused or closed") from closed
    except (OSError, http.client.HTTPException) as broken:
        raise NoAnswerError("the connection broke") from broken
    except ValueError as unfit:
        # http.client refuses line breaks in the request line and in headers.
        raise RefusedAddressError("a header or the address holds a line break") from unfit
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse) -> bytes:
    """Read what there is of the body, up to the limit; what breaks off counts as it is."""
    pieces: list[bytes] = []
    left = MOST_READ
    while left > 0:
        try:
            piece = response.read1(left)
        except http.client.HTTPException:
            break
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


class Deadline:
    """The time by which a call is over."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        """
        Return the seconds left.

        :raises TimeoutError: if there are none.
        """
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class DeadlineSocket(socket.socket):
    """A socket whose every read ends at the deadline: one byte a second is no way around."""

    deadline: Deadline

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Read for as long as there is time."""
        self.settimeout(self.deadline.left())
        return super().recv_into(*args, **kwargs)


class DeadlineTlsSocket(ssl.SSLSocket):
    """The same, encrypted."""

    deadline: Deadline

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Read for as long as there is time."""
        self.settimeout(self.deadline.left())
        return super().recv_into(*args, **kwargs)


@cache
def tls() -> ssl.SSLContext:
    """Return how certificates are checked: by the system's authorities, and by name."""
    context = ssl.create_default_context()
    context.sslsocket_class = DeadlineTlsSocket
    return context


class PinnedConnection(http.client.HTTPConnection):
    """A connection to one of the addresses given, whatever the name resolves to now."""

    def __init__(self, target: Target, addresses: Sequence[str], deadline: Deadline) -> None:
        super().__init__(target.host, target.port)
        self.default_port = SCHEMES[target.scheme]
        self.target = target
        self.addresses = addresses
        self.deadline = deadline

    def connect(self) -> None:
        """Connect to the first address that answers."""
        self.sock = self._connected()
        if self.target.scheme == "https":
            self.sock.settimeout(self.deadline.left())
            secured = tls().wrap_socket(self.sock, server_hostname=self.target.host)
            cast(DeadlineTlsSocket, secured).deadline = self.deadline
            self.sock = secured
        self.sock.settimeout(self.deadline.left())

    def _connected(self) -> DeadlineSocket:
        failure: OSError = NoAnswerError("the connection broke")
        for place, address in enumerate(self.addresses):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            made = DeadlineSocket(family, socket.SOCK_STREAM)
            made.deadline = self.deadline
            # What is left is shared by the addresses that are left.
            made.settimeout(self.deadline.left() / (len(self.addresses) - place))
            try:
                made.connect((address, self.target.port))
            except OSError as broken:
                made.close()
                failure = broken
            else:
                return made
        raise failure
