"""
One SMTP connection: opened by the standard library, then spoken to in groups of commands.

Where the server offers PIPELINING (RFC 2920), a message's content travels together with
the next one's sender, recipient and DATA: one round trip a message. What a refusal means
is decided here; what breaks when is decided by who drives it (`smtp_drive`).
"""

import re
import smtplib
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from messaging.providers import ProviderError

ENHANCED = re.compile(rb"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
UNFIT = re.compile(r"[\s<>\x00-\x1f\x7f]")
LONGEST_ADDRESS = 254
# Codes that speak of our standing with the server, not of one message.
NO_ACCESS = frozenset({530, 534, 535, 538})
SHUTS_DOWN = 421


class LineBrokenError(OSError):
    """The connection is gone."""


class Reply(NamedTuple):
    """An answer: its code and words, of all its lines."""

    code: int
    words: bytes

    @property
    def is_good(self) -> bool:
        """Say whether it goes on: 2xx, and 354 after DATA."""
        return 200 <= self.code < 400

    @property
    def is_for_now(self) -> bool:
        """Say whether it is worth another try."""
        return 400 <= self.code < 500

    @property
    def status(self) -> tuple[int, int]:
        """The enhanced status code's subject and detail (RFC 3463), (0, 0) without one."""
        found = ENHANCED.match(self.words)
        return (int(found[2]), int(found[3])) if found else (0, 0)

    @property
    def reason(self) -> str:
        """Return it as a delivery's reason."""
        words = " ".join(self.words.decode(errors="replace").split())[:150]
        return f"provider rejected ({self.code} {words})"


class Line:
    """A connection that is ready for messages."""

    def __init__(self, connection: smtplib.SMTP, name: str) -> None:
        assert connection.sock is not None  # noqa: S101 - it has greeted us
        self.name = name
        self.socket: socket.socket = connection.sock
        self.is_pipelined = connection.has_extn("pipelining")
        self.takes_utf8 = connection.has_extn("smtputf8")
        self.unread = b""
        self.lines: deque[bytes] = deque()
        self.used_at = time.monotonic()
        self.messages = 0
        self.is_clean = True

    def close(self) -> None:
        """Leave without a word: nothing is on its way."""
        self.socket.close()

    def is_alive(self, fresh_seconds: float) -> bool:
        """Ask a connection that has not been used for a while whether it lives."""
        if time.monotonic() - self.used_at < fresh_seconds:
            return True
        try:
            self.write(b"NOOP\r\n")
            return self.read().code == 250
        except LineBrokenError:
            return False

    def envelope(self, sender: str, recipient: str) -> list[bytes]:
        """Return the commands that announce a message, an unfinished one forgotten first."""
        plain = sender.isascii() and recipient.isascii()
        option = b"" if plain else b" SMTPUTF8"
        commands = [] if self.is_clean else [b"RSET\r\n"]
        self.is_clean = False
        return [
            *commands,
            b"MAIL FROM:<" + sender.encode() + b">" + option + b"\r\n",
            b"RCPT TO:<" + recipient.encode() + b">\r\n",
            b"DATA\r\n",
        ]

    def announce(self, commands: Sequence[bytes], *, are_sent: bool = False) -> list[Reply]:
        """
        Send the commands of an envelope; return the answers to MAIL, RCPT and DATA.

        Without pipelining the first refusal is the last answer; 421 always is.
        """
        if self.is_pipelined and not are_sent:
            self.write(b"".join(commands))
        answers = []
        for command in commands:
            if not self.is_pipelined:
                self.write(command)
            answers.append(self.read())
            refuses = not answers[-1].is_good and not self.is_pipelined
            if refuses or answers[-1].code == SHUTS_DOWN:
                break
        is_begun = commands[0] == b"RSET\r\n" and len(answers) > 1
        return answers[1:] if is_begun else answers

    def write(self, data: bytes) -> None:
        """Send bytes."""
        try:
            self.socket.sendall(data)
        except OSError as broken:
            raise LineBrokenError(str(broken)) from broken
        self.used_at = time.monotonic()

    def read(self) -> Reply:
        """Read one answer of one or several lines."""
        words: list[bytes] = []
        while True:
            line = self.read_line()
            code = line[:3]
            if not code.isdigit():
                raise LineBrokenError("the server does not speak SMTP")
            if line[3:4] != b"-":
                last = line[4:]
                return Reply(int(code), b" ".join([*words, last]) if words else last)
            words.append(line[4:])

    def read_line(self) -> bytes:
        """Read one line, without its end."""
        # What has come together is taken apart once.
        while not self.lines:
            try:
                piece = self.socket.recv(8192)
            except OSError as broken:
                raise LineBrokenError(str(broken)) from broken
            if not piece or len(self.unread) > 100_000:
                raise LineBrokenError("the connection was closed")
            *whole, self.unread = (self.unread + piece).split(b"\n")
            self.lines.extend(whole)
        return self.lines.popleft().rstrip(b"\r")


@dataclass(frozen=True)
class Server:
    """Where a mail server is and how it is spoken to."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = ""

    @property
    def name(self) -> str:
        """Return how people name it."""
        return f"{self.host}:{self.port}"

    def open(self, seconds: float) -> Line:
        """
        Connect, secure and sign in.

        :raises ProviderError: in words for the marketer.
        """
        try:
            connection = self.greet(seconds)
            if self.user:
                connection.login(self.user, self.password)
            elif not connection.helo_resp and not connection.ehlo_resp:
                connection.ehlo_or_helo_if_needed()
        except smtplib.SMTPAuthenticationError as refused:
            raise ProviderError(f"{self.host} did not accept user and password.") from refused
        except smtplib.SMTPNotSupportedError as missing:
            raise ProviderError(
                f"{self.host} does not offer what is set up: {missing}"
            ) from missing
        except (OSError, smtplib.SMTPException) as broken:
            raise ProviderError(f"{self.name} cannot be reached: {broken}") from broken
        return Line(connection, self.name)

    def greet(self, seconds: float) -> smtplib.SMTP:
        """Connect with the security that is set up."""
        context = ssl.create_default_context()
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=seconds, context=context)
        connection = smtplib.SMTP(self.host, self.port, timeout=seconds)
        if self.security == "starttls":
            connection.starttls(context=context)
            connection.ehlo()
        return connection


def stuffed(raw: bytes) -> bytes:
    """Return a message as DATA takes it: leading dots doubled, a dot alone at the end."""
    # No base64 holds a dot: a body is not looked through.
    last = raw.rfind(b".") + 1
    doubled = raw[:last].replace(b"\r\n.", b"\r\n..") + raw[last:]
    if doubled.startswith(b"."):
        doubled = b"." + doubled
    return doubled + (b"" if doubled.endswith(b"\r\n") else b"\r\n") + b".\r\n"


@lru_cache(maxsize=4096)
def fit(address: str) -> str:
    """
    Return an address as an envelope takes it, its domain in ASCII; "" for one that is unfit.

    Nothing that could end the command gets through.
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or UNFIT.search(address) or len(address) > LONGEST_ADDRESS:
        return ""
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError:
            return ""
    return f"{local}@{domain}"


def is_about_us(reply: Reply, place: int) -> bool:
    """
    Say whether a refusal for now means that the server takes no more of us at all.

    `place` is what was refused: 0 the sender, 1 the recipient, 2 DATA, 3 the content.
    """
    if reply.code in NO_ACCESS or reply.code == SHUTS_DOWN:
        return True
    if not reply.is_for_now:
        return False
    subject, detail = reply.status
    if place == 1:
        # 4.3.x the mail system, 4.5.3 too many recipients, 4.2.x their mailbox, 4.7.1 policy.
        return subject == 3 or (subject, detail) == (5, 3) or (reply.code == 452 and not subject)
    return place == 0 or subject == 3 or (reply.code == 452 and subject != 2)


def is_hard_bounce(reply: Reply, place: int) -> bool:
    """Say whether a recipient was refused because there is none at that address."""
    if place != 1 or reply.is_for_now:
        return False
    # 5.2.1: a mailbox that was closed; 5.4.1: what Microsoft says of one that is none.
    subject = reply.status[0]
    return (
        subject == 1
        or (subject == 0 and reply.code in {550, 551, 553})
        or reply.status in {(2, 1), (4, 1)}
    )


def is_soft_bounce(reply: Reply) -> bool:
    """Say whether a mailbox refused a message for good that may take the next: it is full."""
    subject, _ = reply.status
    return not reply.is_for_now and (subject == 2 or (subject == 0 and reply.code == 552))
