"""
Signed short paths: what a link in a message may ask of us, and of whose.

A token is the numbers it carries, written short, and ten bytes that only this installation
can make of them: it cannot be guessed or altered, and no table is kept. Each kind has a key
of its own, so that the token of an open unsubscribes nobody.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils.encoding import force_bytes

KINDS = frozenset(
    {"delivery", "open", "click", "unsubscribe", "preferences", "browser", "confirm", "sms"}
)
SEAL_BYTES = 10
MOST_CHARACTERS = 4000
MOST_BITS = 63


@dataclass(frozen=True)
class Token:
    """What a token says: the account, further numbers in the order they were signed, a text."""

    account_id: int
    numbers: tuple[int, ...]
    text: str = ""


def sign(kind: str, account_id: int, *numbers: int, text: str = "") -> str:
    """
    Return a token of letters, digits, `-` and `_`; the same for the same values.

    Numbers are 0 to 2**63 - 1; each costs a byte for seven bits. A text follows as UTF-8.
    """
    body = bytearray([len(numbers)])
    for number in (account_id, *numbers):
        write_number(body, number)
    body += text.encode()
    return encoded(bytes(body) + _keys(kind)[0].seal(body))


def read(kind: str, token: str) -> Token | None:
    """Return what a token of that kind says; None for any that we did not make just so."""
    raw = decoded(token)
    if raw is None or len(raw) <= SEAL_BYTES:
        return None
    body, given = raw[:-SEAL_BYTES], raw[-SEAL_BYTES:]
    if not any(hmac.compare_digest(key.seal(body), given) for key in _keys(kind)):
        return None
    count, rest = body[0], iter(body[1:])
    account_id, *numbers = (read_number(rest) for _ in range(count + 1))
    return Token(account_id, tuple(numbers), bytes(rest).decode())


class Key:
    """A key of HMAC-SHA-256 (RFC 2104), what does not depend on the message done once."""

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(hashlib.sha256().block_size, b"\0")
        self.inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self.outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def seal(self, body: bytes | bytearray) -> bytes:
        """Return the bytes that prove a token; a copy each, as several threads sign."""
        inner, outer = self.inner.copy(), self.outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        return outer.digest()[:SEAL_BYTES]


def encoded(raw: bytes) -> str:
    """Write bytes as letters that stand in a path."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(token: str) -> bytes | None:
    """Read what `encoded` wrote, and nothing that only looks like it."""
    if not token or len(token) > MOST_CHARACTERS:
        return None
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    # Several last letters stand for the same bits, and strange ones are passed over.
    return raw if encoded(raw) == token else None


def write_number(body: bytearray, number: int) -> None:
    """Append a number, seven bits a byte, the lowest first."""
    if not 0 <= number < 1 << MOST_BITS:
        raise ValueError(f"{number} is no number of a token.")
    while number > 0x7F:
        body.append(number & 0x7F | 0x80)
        number >>= 7
    body.append(number)


def read_number(rest: Iterator[int]) -> int:
    """Take a number from the front; only of bytes that `sign` wrote."""
    number = shift = 0
    for byte in rest:
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return number


@cache
def _keys(kind: str) -> tuple[Key, ...]:
    """Return a kind's keys: the first signs, the others (of keys replaced) are still believed."""
    if kind not in KINDS:
        raise ValueError(f"There are no tokens of kind {kind!r}.")
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    purpose = f"conductor token {kind}".encode()
    return tuple(Key(hmac.digest(force_bytes(secret), purpose, "sha256")) for secret in secrets)


class Signer:
    """Signs many tokens that begin alike: what `sign` does, with the beginning done once."""

    def __init__(self, kind: str, account_id: int, *numbers: int) -> None:
        self.key = _keys(kind)[0]
        self.count = len(numbers)
        start = bytearray()
        for number in (account_id, *numbers):
            write_number(start, number)
        self.start = bytes(start)

    def sign(self, *numbers: int, text: str = "") -> str:
        """Return the token of the numbers so far, these, and a text."""
        body = bytearray([self.count + len(numbers)])
        body += self.start
        for number in numbers:
            write_number(body, number)
        body += text.encode()
        return encoded(bytes(body) + self.key.seal(body))
