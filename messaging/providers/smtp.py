"""
SMTP: any mail server, over one connection that is kept.

A server that answers 5xx to one recipient fails that message alone; 4xx (a full mailbox,
greylisting) puts it off, as RFC 5321, 4.2.1 asks. A connection that breaks before the
message was handed over costs nothing (it is tried again later); one that breaks afterwards
leaves the outcome unknown, since SMTP has no way to ask.
Private addresses are allowed on purpose: most relays stand in the sender's own network,
and only an owner, or the shell, can set one.
"""

import contextlib
import os
import smtplib
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from accounts.actions import InvalidValueError
from messaging.providers import Carrier, Field, Outcome, Outgoing, ProviderError

SECONDS = 30.0  # for each answer; well below the 60 s after which a sender counts as dead
CHECK_SECONDS = 8.0  # a person waits for the answer
FRESH_SECONDS = 5.0  # a connection used so recently is not asked whether it lives
SECURITIES = ("none", "starttls", "tls")
TOO_BUSY = 421
TRANSIENT = range(400, 500)
NO_CONNECTION = "provider rejected (no connection)"
NO_SENDER = "invalid sender / unverified domain"
LOST = "connection lost"


class Smtp(Carrier):
    """A mail server: host, port, security (none, starttls, tls), user and password."""

    kind = "smtp"
    label = "SMTP server"
    channels = ("email",)
    idempotent = False
    batch_size = 50
    fields = (
        Field("host", "Host", required=True),
        Field("port", "Port"),
        Field("security", "Security"),
        Field("user", "User"),
        Field("password", "Password", secret=True),
    )

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return host, port, security, user; refuse what cannot be a mail server."""
        host = str(settings.get("host", "")).strip().rstrip(".")
        if not host or any(letter.isspace() or letter in "/@" for letter in host):
            raise InvalidValueError("host", "Give the mail server's name, such as mail.acme.com.")
        security = str(settings.get("security") or "starttls")
        if security not in SECURITIES:
            raise InvalidValueError("security", "Security is none, starttls or tls.")
        return {
            "host": host,
            "port": clean_port(settings.get("port"), security),
            "security": security,
            "user": str(settings.get("user", "")).strip(),
        }

    def check(self) -> str:
        """Connect and sign in, as sending would."""
        try:
            self.open(CHECK_SECONDS).close()
        except ProviderError as wrong:
            return wrong.message
        return ""

    def carry(self, messages: Iterator[Outgoing], *, now: datetime) -> Iterator[Outcome]:
        """Send one after the other; see the module's docstring for what breaks when."""
        for message in messages:
            yield self.hand_over(self.connected(), message)

    def hand_over(self, connection: smtplib.SMTP, message: Outgoing) -> Outcome:
        """Send one message."""
        number = message.delivery_id
        if not parseaddr(message.sender)[1]:
            return Outcome(number, "failed", NO_SENDER)
        is_handed_over = False
        try:
            refused = announce(connection, message)
            if refused is not None:
                return self.refusal(connection, number, *refused)
            is_handed_over = True
            connection.send(stuffed(message.raw))
            code, answer = connection.getreply()
        except (OSError, smtplib.SMTPException):
            self.forget()
            if is_handed_over:
                return Outcome(number, "unknown", LOST)
            return postponed(number)
        if code != 250:
            return self.refusal(connection, number, code, answer)
        return Outcome(number, provider_message_id=answer.decode(errors="replace")[:200])

    def refusal(self, connection: smtplib.SMTP, number: int, code: int, answer: bytes) -> Outcome:
        """Return what a refusing answer means, and make the connection fit for the next."""
        words = " ".join(answer.decode(errors="replace").split())[:150]
        reason = f"provider rejected ({code} {words})"
        if code == TOO_BUSY:
            self.forget()
            return postponed(number, reason)
        with contextlib.suppress(OSError, smtplib.SMTPException):
            connection.rset()
        return postponed(number, reason) if code in TRANSIENT else Outcome(number, "failed", reason)

    def connected(self) -> smtplib.SMTP:
        """Return the connection of this process, opened if there is none or it has died."""
        kept = CONNECTIONS.get(self.key)
        if kept is not None and is_alive(kept):
            kept.used_at = time.monotonic()
            return kept.connection
        self.forget()
        connection = self.open()
        CONNECTIONS[self.key] = Kept(connection)
        return connection

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two connections the same; a forked process has its own."""
        return (os.getpid(), tuple(sorted(self.settings.items())), self.secrets.get("password", ""))

    def forget(self) -> None:
        """Close the connection."""
        kept = CONNECTIONS.pop(self.key, None)
        if kept is not None:
            kept.connection.close()

    def open(self, seconds: float = SECONDS) -> smtplib.SMTP:
        """
        Connect, secure and sign in.

        :raises ProviderError: in words for the marketer.
        """
        host, port = self.settings["host"], int(self.settings["port"])
        try:
            connection = self.greet(host, port, seconds)
            if self.settings.get("user"):
                connection.login(self.settings["user"], self.secrets.get("password", ""))
        except smtplib.SMTPAuthenticationError as refused:
            raise ProviderError(f"{host} did not accept user and password.") from refused
        except smtplib.SMTPNotSupportedError as missing:
            raise ProviderError(f"{host} does not offer what is set up: {missing}") from missing
        except (OSError, smtplib.SMTPException) as broken:
            raise ProviderError(f"{host}:{port} cannot be reached: {broken}") from broken
        return connection

    def greet(self, host: str, port: int, seconds: float) -> smtplib.SMTP:
        """Connect with the security that is set up."""
        context = ssl.create_default_context()
        if self.settings["security"] == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=seconds, context=context)
        connection = smtplib.SMTP(host, port, timeout=seconds)
        if self.settings["security"] == "starttls":
            connection.starttls(context=context)
        return connection


def postponed(delivery_id: int, reason: str = NO_CONNECTION) -> Outcome:
    """Return the outcome of a message that was not taken over and may be later."""
    return Outcome(delivery_id, "deferred", reason, is_attempted=False)


class Kept:
    """An open connection and when it was last used."""

    def __init__(self, connection: smtplib.SMTP) -> None:
        self.connection = connection
        self.used_at = time.monotonic()


CONNECTIONS: dict[tuple[Any, ...], Kept] = {}


def is_alive(kept: Kept) -> bool:
    """Ask a connection that has not been used for a while whether it lives."""
    if time.monotonic() - kept.used_at < FRESH_SECONDS:
        return True
    try:
        return bool(kept.connection.noop()[0] == 250)
    except (OSError, smtplib.SMTPException):
        return False


def announce(connection: smtplib.SMTP, message: Outgoing) -> tuple[int, bytes] | None:
    """Say sender and recipient and ask for DATA; return the answer that refuses, if any."""
    options = [] if message.address.isascii() else ["SMTPUTF8"]
    connection.ehlo_or_helo_if_needed()
    if options and not connection.has_extn("smtputf8"):
        return 550, b"the mail server takes no international addresses"
    code, answer = connection.mail(parseaddr(message.sender)[1], options)
    if code != 250:
        return code, answer
    code, answer = connection.rcpt(message.address)
    if code not in {250, 251}:
        return code, answer
    code, answer = connection.docmd("data")
    return None if code == 354 else (code, answer)


def stuffed(raw: bytes) -> bytes:
    """Return a message as DATA takes it: leading dots doubled, a dot alone at the end."""
    doubled = raw.replace(b"\r\n.", b"\r\n..")
    return doubled + (b"" if doubled.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def clean_port(port: Any, security: str) -> int:
    """Return a port, the usual one of the security where none is given."""
    if port in {None, ""}:
        return {"tls": 465, "starttls": 587}.get(security, 25)
    try:
        number = int(port)
    except (TypeError, ValueError):
        number = 0
    if not 1 <= number <= 65535:
        raise InvalidValueError("port", "A port is a number from 1 to 65535.")
    return number


CARRIER = Smtp
