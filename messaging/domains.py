"""
What DNS says of a domain that mail is sent from: SPF, DKIM, DMARC, and where answers go.

Gmail and Yahoo ask bulk senders for all three (support.google.com/a/answer/81126). Looked up with
short time-outs, several at a time, and kept as long as DNS says. What cannot be asked is said
so: it is neither there nor missing.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import cache

import dns.exception
import dns.resolver
from django.conf import settings

SECONDS = 2.0  # for each question; a person waits
AT_ONCE = 24
KEPT_ANSWERS = 2000
# Where the usual services publish a sender's keys.
SELECTORS = (
    *("default", "dkim", "mail", "google", "selector1", "selector2", "s1", "s2", "k1", "k2"),
    *("pm", "mailgun", "mg", "brevo1", "brevo2", "sendgrid", "smtp"),
)


class State(Enum):
    """How a record stands."""

    GOOD = "good"
    WEAK = "weak"
    MISSING = "missing"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """Say it in a word or two."""
        return {
            State.GOOD: "In order",
            State.WEAK: "Could be better",
            State.MISSING: "Missing",
            State.UNKNOWN: "Not known",
        }[self]


@dataclass(frozen=True)
class Finding:
    """One record: how it stands, what is there, what that means, what to publish."""

    name: str
    state: State
    found: str
    text: str
    publish: str = ""


class UnansweredError(Exception):
    """DNS did not answer in time."""


def check_domain(domain: str, *, selectors: Iterable[str] = ()) -> list[Finding]:
    """
    Return the findings of a domain, asked all at once: about two seconds where DNS is silent.

    `selectors`: names of keys that are known to be in use; the usual ones are tried, too.
    """
    tried = tuple(dict.fromkeys([*filter(None, selectors), *SELECTORS]))
    with ThreadPoolExecutor(3) as threads:
        others = [threads.submit(ask, domain) for ask in (spf, dmarc, answers)]
        signed = dkim(domain, tried)
        sent, policy, taken = (asked.result() for asked in others)
    return [sent, signed, policy, taken]


def spf(domain: str) -> Finding:
    """Say who may send for the domain."""
    try:
        found = [text for text in texts(domain) if text.lower().split(" ")[0] == "v=spf1"]
    except UnansweredError:
        return unknown("SPF")
    wanted = "v=spf1 include:<your provider's name> ~all"
    if not found:
        text = "It says which servers may send for the domain. Without it mail lands in spam."
        return Finding("SPF", State.MISSING, "", text, f"{domain} TXT {wanted}")
    if len(found) > 1:
        text = "There are several, and receivers then take none: put all into one."
        return Finding("SPF", State.WEAK, "\n".join(found), text, f"{domain} TXT {wanted}")
    ends = found[0].lower().split()[-1]
    if ends in {"+all", "all", "?all"}:
        text = "It lets everybody send for the domain: end it with ~all or -all."
        return Finding("SPF", State.WEAK, found[0], text, f"{domain} TXT {wanted}")
    text = "It says which servers may send for the domain. See that your provider is among them."
    return Finding("SPF", State.GOOD, found[0], text)


def dkim(domain: str, selectors: Sequence[str]) -> Finding:
    """Say whether there is a key that signatures can be checked by."""

    def key(selector: str) -> str | None:
        try:
            said = texts(f"{selector}._domainkey.{domain}")
        except UnansweredError:
            return None
        return next((text for text in said if "p=" in text.replace(" ", "")), "")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        keys = dict(zip(selectors, threads.map(key, selectors), strict=True))
    there = {selector: text for selector, text in keys.items() if text}
    usable = {s: text for s, text in there.items() if not text.replace(" ", "").endswith("p=")}
    if usable:
        found = "\n".join(f"{selector}: {text[:60]}…" for selector, text in usable.items())
        return Finding("DKIM", State.GOOD, found, "Receivers can check who has signed the mail.")
    publish = f"<selector>._domainkey.{domain} TXT v=DKIM1; k=rsa; p=<the public key>"
    if there:
        text = f"The key {', '.join(there)} is withdrawn (p= is empty)."
        return Finding("DKIM", State.MISSING, "", text, publish)
    if None in keys.values():
        return unknown("DKIM")
    text = (
        "It signs each mail, so that nobody can send in your name. None was found under the usual "
        "names: your provider gives you the record, or has one under a name of its own."
    )
    return Finding("DKIM", State.MISSING, "", text, publish)


def dmarc(domain: str) -> Finding:
    """Say what receivers do with mail that fails; a domain above may say it for those below."""
    publish = f"_dmarc.{domain} TXT v=DMARC1; p=none; rua=mailto:dmarc@{domain}"
    try:
        where, found = first_dmarc(domain)
    except UnansweredError:
        return unknown("DMARC")
    if not found:
        text = "It says what to do with mail that fails SPF and DKIM. Gmail and Yahoo ask for it."
        return Finding("DMARC", State.MISSING, "", text, publish)
    said = tags(found)
    policy = said.get("sp", said.get("p", "")) if where != domain else said.get("p", "")
    if policy not in {"none", "quarantine", "reject"}:
        text = "It names no policy that receivers know (p=none, quarantine or reject)."
        return Finding("DMARC", State.WEAK, found, text, publish)
    text = f"The policy is {policy}" + (f", said at {where}." if where != domain else ".")
    if policy == "none":
        text += " That is enough to begin with; quarantine or reject keep forgers out."
    return Finding("DMARC", State.GOOD, found, text)


def first_dmarc(domain: str) -> tuple[str, str]:
    """Return the nearest DMARC record at or above a domain, and where it stands."""
    labels = domain.split(".")
    for place in range(max(1, len(labels) - 1)):
        where = ".".join(labels[place:])
        found = [text for text in texts(f"_dmarc.{where}") if tags(text).get("v") == "dmarc1"]
        if found:
            return where, found[0]
    return domain, ""


def answers(domain: str) -> Finding:
    """Say whether the domain takes mail: bounces and answers come to it."""
    try:
        found = records(domain, "MX")
    except UnansweredError:
        return unknown("MX")
    if not found:
        text = "Nobody takes mail for the domain: answers and bounces are lost, and receivers mind."
        return Finding("MX", State.MISSING, "", text, f"{domain} MX 10 <your mail server>")
    text = "Answers and bounces have where to go."
    return Finding("MX", State.GOOD, "\n".join(sorted(found)), text)


def unknown(name: str) -> Finding:
    """Return the finding of what could not be asked."""
    return Finding(name, State.UNKNOWN, "", "DNS did not answer in time. Look again in a minute.")


def tags(record: str) -> dict[str, str]:
    """Return the tags of a DMARC record, in small letters."""
    pairs = (part.partition("=") for part in record.lower().split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def texts(name: str) -> list[str]:
    """Return the TXT records of a name, each as one text."""
    return records(name, "TXT")


def records(name: str, kind: str) -> list[str]:
    """
    Return the records of a name; none where there are none.

    :raises UnansweredError: if no server says.
    """
    try:
        answer = resolver(tuple(settings.DNS_SERVERS)).resolve(name, kind, lifetime=SECONDS)
    except (
        dns.resolver.NXDOMAIN,
        dns.resolver.NoAnswer,
        dns.name.LabelTooLong,
        dns.name.EmptyLabel,
    ):
        return []
    except (dns.exception.DNSException, OSError) as silent:
        raise UnansweredError from silent
    if kind == "TXT":
        return [b"".join(record.strings).decode(errors="replace") for record in answer]
    return [record.to_text() for record in answer]


@cache
def resolver(servers: tuple[str, ...]) -> dns.resolver.Resolver:
    """Return who is asked: the servers that the deployment names, else the system's."""
    made = dns.resolver.Resolver(configure=not servers)
    if servers:
        hosts = [server.rpartition(":") for server in servers]
        made.nameservers = [host or port for host, _, port in hosts]
        made.nameserver_ports = {host: int(port) for host, _, port in hosts if host}
    made.timeout = SECONDS / 2
    made.cache = dns.resolver.LRUCache(KEPT_ANSWERS)
    return made
