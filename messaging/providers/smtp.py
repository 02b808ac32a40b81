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

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from accounts.actions import InvalidValueError
from messaging import tokens
from messaging.providers import Carrier, Field, Outcome, Outgoing, ProviderError
from messaging.transports.dkim import Signer, UnfitKeyError, make_key
from messaging.transports.smtp_drive import Drive, sender_address
from messaging.transports.smtp_line import Line, Server
from messaging.transports.smtp_pool import POOL

SECONDS = 30.0  # for each answer; well below the 60 s after which a sender counts as dead
CHECK_SECONDS = 8.0  # a person waits for the answer
SECURITIES = (("starttls", "STARTTLS"), ("tls", "TLS"), ("none", "None"))


class Smtp(Carrier):
    """Mail servers: hosts, port, security, user and password, bounces, DKIM."""

    kind = "smtp"
    label = "SMTP server"
    about = "Your own mail server, or the SMTP relay of any provider."
    icon = "send"
    channels = ("email",)
    batch_size = 5_000
    connections = 4
    worth_connection = 10
    calls_back = True
    only_mime = True
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
