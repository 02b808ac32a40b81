"""
SMTP: any mail server, or several that stand in for each other, over connections kept open.

A server that refuses one recipient for good fails that message alone; for now (a full
mailbox, greylisting) it is put off alone, as RFC 5321, 4.2.1 asks. A server that takes no
more of us (421, 452, no sender accepted) is left alone as a whole. A connection that
breaks before a message was handed over costs nothing; one that breaks afterwards leaves
the outcome unknown, since SMTP has no way to ask.
Private addresses are allowed on purpose: most relays stand in the sender's own network,
and only an owner, or the shell, can set one.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from typing import Any

from accounts.actions import InvalidValueError
from messaging import tokens
from messaging.providers import Carrier, Field, Outcome, Outgoing, ProviderError, ThrottledError
from messaging.transports.dkim import Signer, UnfitKeyError, make_key
from messaging.transports.smtp_line import (
    SHUTS_DOWN,
    Line,
    LineBrokenError,
    Reply,
    Server,
    fit,
    is_about_us,
    is_hard_bounce,
    is_soft_bounce,
    stuffed,
)

SECONDS = 30.0  # for each answer; well below the 60 s after which a sender counts as dead
CHECK_SECONDS = 8.0  # a person waits for the answer
FRESH_SECONDS = 5.0  # a connection used so recently is not asked whether it lives
IDLE_SECONDS = 60.0  # one unused for longer is closed
DOWN_SECONDS = 60.0  # a server that could not be reached is the last to be tried for so long
PUT_OFF_IN_A_ROW = 20  # so many recipients put off and none taken: it is us
SECURITIES = (("starttls", "STARTTLS"), ("tls", "TLS"), ("none", "None"))
NO_CONNECTION = "provider rejected (no connection)"
NO_SENDER = "invalid sender / unverified domain"
UNFIT_ADDRESS = "invalid address"
LOST = "connection lost"


class Smtp(Carrier):
    """Mail servers: hosts, port, security, user and password, bounces, DKIM."""

    kind = "smtp"
    label = "SMTP server"
    about = "Your own mail server, or the SMTP relay of any provider."
    icon = "send"
    channels = ("email",)
    batch_size = 1_000
    connections = 4
    worth_connection = 10
    calls_back = True
    fields = (
        Field(
            "host",
            "Host",
            "Such as mail.acme.com. Several, separated by commas, stand in for each other.",
            required=True,
        ),
        Field("port", "Port", "Empty: the usual one of the security.", is_number=True),
        Field("security", "Security", choices=SECURITIES, initial="starttls"),
        Field("user", "User"),
        Field("password", "Password", "Kept encrypted.", secret=True),
        Field(
            "bounce_domain",
            "Bounce domain",
            "Where undeliverable mail returns to, such as bounces.acme.com; its mail server "
            "hands it to the address below. Empty: it returns to the sender of the message.",
        ),
        Field("dkim_domain", "DKIM domain", "Sign as this domain. Empty: no signature."),
        Field("dkim_selector", "DKIM selector", initial="conductor"),
        Field(
            "dkim_key",
            "DKIM key",
            "A private key as PEM (RSA or Ed25519). Empty: we make one.",
            secret=True,
            is_long=True,
        ),
    )

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is stored; refuse what cannot be a mail server."""
        clean = super().clean(settings)
        hosts = [one.strip().rstrip(".") for one in clean["host"].split(",") if one.strip()]
        clean["host"] = ", ".join(hosts)
        if not hosts or not all(map(is_host, hosts)):
            raise InvalidValueError("host", "Give the mail server's name, such as mail.acme.com.")
        clean["port"] = clean_port(settings.get("port"), clean["security"])
        for name in ("bounce_domain", "dkim_domain", "dkim_selector"):
            clean[name] = clean[name].lower().rstrip(".")
            if clean[name] and not is_host(clean[name]):
                raise InvalidValueError(name, "Give a domain's name, such as acme.com.")
        return clean

    @classmethod
    def clean_secrets(
        cls, secrets: Mapping[str, str], settings: Mapping[str, Any]
    ) -> dict[str, str]:
        """Keep password and key; make a key where one is wanted and there is none."""
        clean = super().clean_secrets(secrets, settings)
        if settings.get("dkim_domain") and not clean.get("dkim_key"):
            clean["dkim_key"] = make_key()
        if clean.get("dkim_key"):
            try:
                Signer("example.com", "any", clean["dkim_key"])
            except UnfitKeyError as unfit:
                raise InvalidValueError("dkim_key", str(unfit)) from unfit
        return clean

    @property
    def servers(self) -> list[Server]:
        """The servers, in the order in which they are tried."""
        given = str(self.settings["host"]).split(",")
        return [self.server(host.strip()) for host in given]

    def server(self, host: str) -> Server:
        """Return one server; `host:port` names a port of its own."""
        name, colon, own = host.partition(":")
        return Server(
            host=name,
            port=int(own if colon and own.isdecimal() else self.settings["port"]),
            security=self.settings["security"],
            user=self.settings.get("user", ""),
            password=self.secrets.get("password", ""),
        )

    @property
    def signer(self) -> Signer | None:
        """What signs messages, if anything does."""
        domain, key = self.settings.get("dkim_domain"), self.secrets.get("dkim_key")
        if not domain or not key:
            return None
        return signer(domain, self.settings.get("dkim_selector") or "conductor", key)

    def records(self) -> list[tuple[str, str, str]]:
        """Return the DNS records to publish: name, type, value."""
        signs = self.signer
        return [signs.record] if signs is not None else []

    def check(self) -> str:
        """Connect to every server and sign in, as sending would."""
        for server in self.servers:
            try:
                server.open(CHECK_SECONDS).close()
            except ProviderError as wrong:
                return wrong.message
        return ""

    def carry(self, messages: Iterator[Outgoing], *, now: datetime) -> Iterator[Outcome]:
        """Send one after the other; see the module's docstring for what breaks when."""
        drive = Drive(self, messages)
        try:
            yield from drive.run()
        finally:
            drive.end()

    def open(self) -> Line:
        """
        Return a connection: a kept one, or one to the first server that takes us.

        :raises ProviderError: of the last server that was tried, if none does.
        """
        problem: ProviderError | None = None
        for server in POOL.by_health(self.servers):
            kept = POOL.take(server)
            if kept is not None:
                return kept
            try:
                line = server.open(SECONDS)
            except ProviderError as wrong:
                POOL.note_down(server)
                problem = wrong
            else:
                POOL.note_up(server)
                return line
        raise problem or ProviderError("No mail server is set up.")

    def envelope_sender(self, message: Outgoing) -> str:
        """Return whom undeliverable mail returns to."""
        domain = self.settings.get("bounce_domain")
        if not domain:
            return sender_address(message.sender)
        return f"b-{tokens.sign('delivery', message.account_id, message.delivery_id)}@{domain}"


class Drive:
    """One thread's way through its share of a batch."""

    def __init__(self, carrier: Smtp, messages: Iterator[Outgoing]) -> None:
        self.carrier = carrier
        self.messages = messages
        self.signer = carrier.signer
        self.line: Line | None = None
        # Announced to this line together with the content before it: its answers are due.
        self.announced: list[bytes] = []
        self.put_off = 0

    def run(self) -> Iterator[Outcome]:
        """Send until there is nothing left; the next message is taken while one travels."""
        message = next(self.messages, None)
        while message is not None:
            outcome = self.unfit(message) or self.announce(message)
            following = next(self.messages, None)
            yield self.judged(outcome or self.send(message, following))
            message = following

    def end(self) -> None:
        """Keep the connection for the next batch."""
        if self.line is not None:
            if self.announced:
                self.line.close()
            else:
                POOL.keep(self.line)
            self.line = None

    def unfit(self, message: Outgoing) -> Outcome | None:
        """Return the outcome of a message that no server would take."""
        if self.announced:
            return None
        if not sender_address(message.sender):
            return Outcome(message.delivery_id, "failed", NO_SENDER)
        if not fit(message.address):
            return Outcome(message.delivery_id, "failed", UNFIT_ADDRESS)
        return None

    def announce(self, message: Outgoing) -> Outcome | None:
        """Have a message announced; return its outcome if it may not be sent."""
        is_retry = False
        while True:
            is_used = self.line is not None or bool(self.announced)
            try:
                line = self.line = self.line or self.carrier.open()
                is_used = is_used or line.messages > 0
                commands, self.announced = self.announced, []
                answers = line.announce(
                    commands or self.commands(line, message), are_sent=bool(commands)
                )
                if answers[-1].code != SHUTS_DOWN and answers[0].code != SHUTS_DOWN:
                    return self.answered(line, message, answers)
                # A server may end a connection after so many messages: another one, once.
                problem = answers[0] if answers[0].code == SHUTS_DOWN else answers[-1]
            except LineBrokenError:
                problem = None
            self.drop()
            if is_retry or not is_used:
                if problem is not None:
                    raise ThrottledError(words(problem))
                return Outcome(message.delivery_id, "deferred", NO_CONNECTION)
            is_retry = True

    def commands(self, line: Line, message: Outgoing) -> list[bytes]:
        """Return the commands that announce a message."""
        return line.envelope(self.carrier.envelope_sender(message), fit(message.address))

    def answered(self, line: Line, message: Outgoing, answers: list[Reply]) -> Outcome | None:
        """Return what a refusal means for a message; None where its content may follow."""
        if not line.takes_utf8 and not message.address.rpartition("@")[0].isascii():
            self.drop()
            return refused(
                message, Reply(550, b"5.6.7 the mail server takes no international addresses"), 0
            )
        for place, reply in enumerate(answers):
            if not reply.is_good:
                if answers[-1].code == 354:
                    # It wants the content although it takes no recipient: give it none.
                    line.write(b".\r\n")
                    line.read()
                return refused(message, reply, place)
        return None

    def send(self, message: Outgoing, following: Outgoing | None) -> Outcome:
        """Send a message's content, with the announcement of the next one."""
        line = self.line
        assert line is not None  # noqa: S101 - it was announced there
        raw = self.signer.signed(message.raw) if self.signer is not None else message.raw
        content = stuffed(raw)
        line.is_clean = True
        commands: list[bytes] = []
        if following is not None and line.is_pipelined and self.unfit(following) is None:
            commands = self.commands(line, following)
        try:
            line.write(content + b"".join(commands))
            reply = line.read()
        except LineBrokenError:
            self.drop()
            return Outcome(message.delivery_id, "unknown", LOST)
        self.announced = commands
        line.messages += 1
        if not reply.is_good:
            return refused(message, reply, 3)
        self.put_off = 0
        return Outcome(
            message.delivery_id, provider_message_id=reply.words.decode(errors="replace")[:200]
        )

    def judged(self, outcome: Outcome) -> Outcome:
        """See whether what is put off again and again is us."""
        if outcome.state == "deferred":
            self.put_off += 1
            if self.put_off >= PUT_OFF_IN_A_ROW:
                raise ThrottledError(outcome.reason)
        return outcome

    def drop(self) -> None:
        """Close the connection; what was announced on it is forgotten with it."""
        if self.line is not None:
            self.line.close()
        self.line = None
        self.announced = []


def refused(message: Outgoing, reply: Reply, place: int) -> Outcome:
    """
    Return the outcome of a message that was refused.

    :raises ThrottledError: if the server takes no more of us.
    """
    if is_about_us(reply, place):
        raise ThrottledError(words(reply))
    if reply.is_for_now:
        return Outcome(message.delivery_id, "deferred", reply.reason)
    soft = "soft" if place and is_soft_bounce(reply) else ""
    bounce = "hard" if is_hard_bounce(reply, place) else soft
    return Outcome(message.delivery_id, "failed", reply.reason, bounce=bounce)


def words(reply: Reply) -> str:
    """Return a refusal for the provider's page."""
    said = " ".join(reply.words.decode(errors="replace").split())[:300]
    return f"The mail server takes no more for now: {reply.code} {said}"


class Pool:
    """The connections of this process that are open and not in use, by server."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lines: defaultdict[tuple[Any, ...], list[Line]] = defaultdict(list)
        self.down: dict[str, float] = {}
        self.servers: dict[str, Server] = {}

    def take(self, server: Server) -> Line | None:
        """Return a connection that lives."""
        self.servers[server.name] = server
        while True:
            with self.lock:
                kept = self.lines[os.getpid(), server]
                line = kept.pop() if kept else None
            if line is None or line.is_alive(FRESH_SECONDS):
                return line
            line.close()

    def keep(self, line: Line) -> None:
        """Put a connection back; close those that have not been used for long."""
        server = self.servers.get(line.name)
        if server is None:
            line.close()
            return
        now = time.monotonic()
        with self.lock:
            kept = self.lines[os.getpid(), server]
            for old in [one for one in kept if now - one.used_at > IDLE_SECONDS]:
                kept.remove(old)
                old.close()
            kept.append(line)

    def by_health(self, servers: list[Server]) -> list[Server]:
        """Return servers, those that could not be reached lately last."""
        now = time.monotonic()
        return sorted(servers, key=lambda one: now - self.down.get(one.name, -1e9) < DOWN_SECONDS)

    def note_down(self, server: Server) -> None:
        """Remember that a server could not be reached."""
        self.down[server.name] = time.monotonic()

    def note_up(self, server: Server) -> None:
        """Forget it."""
        self.down.pop(server.name, None)

    def clear(self) -> None:
        """Close all connections."""
        with self.lock:
            for kept in self.lines.values():
                for line in kept:
                    line.close()
            self.lines.clear()
            self.down.clear()


POOL = Pool()


@lru_cache(maxsize=1_000)
def sender_address(sender: str) -> str:
    """Return the address of `Name <address>`; "" for one that no server would take."""
    return fit(parseaddr(sender)[1])


@lru_cache(maxsize=200)
def signer(domain: str, selector: str, key: str) -> Signer:
    """Return what signs as a domain; reading a key takes longer than signing."""
    return Signer(domain, selector, key)


def is_host(name: str) -> bool:
    """Say whether something may be the name of a host."""
    return bool(name) and not any(letter.isspace() or letter in "/@<>\"'" for letter in name)


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
