"""
A message made ready to be filled in: its links marked, its footer and pixel in place.

Done once per message and list, not per recipient. Only `href`s of links are touched, and only
those that lead to http(s): anchors, mail addresses, telephone numbers and everything else
stay as they were written. A mark is put where a link stands in the template; what the
template makes of it is replaced, recipient by recipient, by a short signed address.
"""

import html as markup
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urlsplit

from messaging import tokens
from messaging.models.message import UNTRACKED, UTM_CAMPAIGN, UTM_CONTENT
from messaging.tracking.links import CLICK, OPEN, PAGES, web_address, with_analytics
from messaging.tracking.rules import Rules, is_within
from messaging.tracking.shown import ADDRESS, WAYS_OUT, shows, surely_shown

TEMPLATE_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
COVER = "\x00"  # stands for each character of a template's tag, while HTML is looked at
HREF = re.compile(
    r"<(?:a|area|v:[a-z]+)\s(?:[^<>]*?\s)?href\s*=\s*"
    r"(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'<>]+))",
    re.IGNORECASE,
)
BODY_TAG = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
STARTS_WEB = re.compile(r"\s*https?://", re.IGNORECASE)
# What comes with the data may lead to a mailbox, a telephone, or a place in the page besides.
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
HARMLESS = frozenset({"mailto", "tel", "sms"})
NOWHERE = "#"
# Nobody who writes a template can guess it, so nobody writes one.
MARK = f"q{secrets.token_hex(6)}"
MARKED = re.compile(rf"{MARK}l(\d+):(.*?){MARK}e", re.DOTALL)
PIXEL_MARK = f"{MARK}pixel"
PIXEL = (
    '<img src="{url}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;'
    'border:0">'
)
FOOTER = (
    '<div style="margin:0 auto;max-width:600px;padding:24px 16px;font:12px/1.6 Arial,sans-serif;'
    'color:#5f6368;text-align:center">{lines}</div>'
)
LEAVE = (
    '<a href="{{ unsubscribe_url }}" style="color:#5f6368">Unsubscribe</a> &#183; '
    '<a href="{{ preferences_url }}" style="color:#5f6368">Choose what you get</a>'
)
LEAVE_TEXT = "Unsubscribe: {{ unsubscribe_url }}"
IN_BROWSER = (
    '<div style="padding:8px 16px;font:12px/1.6 Arial,sans-serif;color:#5f6368;text-align:center">'
    '<a href="{{ browser_url }}" style="color:#5f6368">View this message in your browser</a></div>'
)
OPEN_COMMENT = re.compile(r"<!--(?!.*?-->)", re.DOTALL)


@dataclass(frozen=True)
class Plan:
    """
    One message as its list sends it.

    `sources`: part -> (template, escaped); `links`: targets by place, "" where it differs by
    recipient; `pages`: which of the recipient's own pages the templates mention; `hosts`: those
    that the message itself links to.
    """

    sources: Mapping[str, tuple[str, bool]]
    links: tuple[str, ...]
    hosts: frozenset[str]
    pages: tuple[str, ...]
    labels: tuple[str, str]  # what the links tell Google Analytics: utm_campaign, utm_content
    rules: Rules
    missing: tuple[str, ...]

    def addresses(self, account_id: int, delivery_id: int) -> dict[str, str]:
        """Return the recipient's own pages, those that the templates mention."""
        return {name: PAGES[name](account_id, delivery_id) for name in self.pages}

    def fill(self, html: str, *, account_id: int, message_id: int, delivery_id: int) -> str:
        """Put one recipient's addresses where the marks stand."""
        if MARK not in html:
            return html
        put = Filling(self, account_id, message_id, delivery_id)
        filled = MARKED.sub(put.link, html)
        return filled.replace(PIXEL_MARK, put.pixel()) if self.rules.tracks_opens else filled

    @property
    def is_foreseen(self) -> bool:
        """Say whether all addresses are known before the templates are filled in."""
        return all(self.links)

    @property
    def marks(self) -> tuple[str, ...]:
        """What stands for addresses that are known before: the links', then the pixel's."""
        links = tuple(f"{MARK}l{place}:{MARK}e" for place in range(len(self.links)))
        return (*links, PIXEL_MARK) if self.rules.tracks_opens else links

    def in_place_of_marks(
        self, *, account_id: int, message_id: int, delivery_id: int
    ) -> tuple[str, ...]:
        """Return one recipient's addresses, in the order of the marks."""
        put = Filling(self, account_id, message_id, delivery_id)
        links = tuple(put.address(place) for place in range(len(self.links)))
        return (*links, put.pixel()) if self.rules.tracks_opens else links

    def is_trusted(self, host: str) -> bool:
        """Say whether the marketer named a host: in this message, or as one of the list's."""
        return host in self.hosts or is_within(host, (*self.hosts, *self.rules.trusted_domains))


class Filling:
    """One recipient's addresses."""

    def __init__(self, plan: Plan, account_id: int, message_id: int, delivery_id: int) -> None:
        self.plan = plan
        self.account_id, self.message_id, self.delivery_id = account_id, message_id, delivery_id
        # A preview's links work, and are nobody's.
        self.is_preview = not (delivery_id and message_id)

    @cached_property
    def click(self) -> tokens.Signer:
        """What signs the links."""
        return tokens.Signer("click", self.account_id, self.delivery_id, self.message_id)

    def link(self, found: "re.Match[str]") -> str:
        """Return what takes the place of a mark."""
        return self.address(int(found[1]), found[2])

    def address(self, place: int, written: str = "") -> str:
        """Return a link's address; `written` is what the template made of it, if it did."""
        target = self.plan.links[place]
        if target and not self.plan.rules.tracks_clicks:
            return markup.escape(target)
        if target and not self.is_preview:
            return f"{self.plan.rules.base}{CLICK}{self.click.sign(place)}"
        return self.own_link(place, target, written)

    def own_link(self, place: int, target: str, written: str) -> str:
        """Return the address of a link whose target stands in its token."""
        url = target or web_address(markup.unescape(written))
        if not url:
            return written if is_harmless(written) else NOWHERE
        if not target:
            url = analysed(url, self.plan.rules, self.plan.labels)
        host = urlsplit(url).hostname or ""
        # A host that came with the data is linked as it is: our name vouches for no such place.
        if not self.plan.rules.tracks_clicks or not (target or self.plan.is_trusted(host)):
            return markup.escape(url)
        return f"{self.plan.rules.base}{CLICK}{self.click.sign(place, text=url)}"

    def pixel(self) -> str:
        """Return the picture whose loading says that the message was opened."""
        token = tokens.sign("open", self.account_id, self.delivery_id)
        return PIXEL.format(url=f"{self.plan.rules.base}{OPEN}{token}.gif")


def plan_of(content: Mapping[str, Any], *, name: str, rules: Rules, transactional: bool) -> Plan:
    """
    Make a message ready; the same message and rules give the same plan, from memory.

    `content`: subject, preheader, from_name, html, text; templates all. A message may forbid
    what its list allows: that its opens and clicks are seen; and name its campaign itself.
    """
    if content.get(UNTRACKED):
        rules = replace(rules, tracks_opens=False, tracks_clicks=False)
    parts = tuple(str(content.get(part, "")) for part in ("subject", "preheader", "from_name"))
    return _plan(
        parts,
        str(content.get("html", "")),
        str(content.get("text", "")),
        (str(content.get(UTM_CAMPAIGN) or name), str(content.get(UTM_CONTENT) or "")),
        rules,
        transactional,
    )


@lru_cache(maxsize=512)
def _plan(
    parts: tuple[str, ...],
    html: str,
    text: str,
    labels: tuple[str, str],
    rules: Rules,
    transactional: bool,  # noqa: FBT001
) -> Plan:
    footer = Footer(html, text, rules, transactional=transactional)
    links = Links(rules, labels)
    marked = footer.on_html(links.mark(html)) if html.strip() else html
    if html.strip() and rules.tracks_opens:
        marked = before_end(marked, PIXEL_MARK)
    subject, preheader, from_name = parts
    sources = {
        "subject": (subject, False),
        "preheader": (preheader, False),
        "from_name": (from_name, False),
        "text": (footer.on_text(text), False),
        "html": (marked, True),
    }
    said = "\0".join(source for source, _ in sources.values())
    return Plan(
        sources=sources,
        links=tuple(links.targets),
        hosts=frozenset(links.hosts),
        pages=tuple(page for page in PAGES if page in said),
        labels=labels,
        rules=rules,
        missing=tuple(footer.missing()),
    )


class Links:
    """Finds the links of one message's HTML and marks them."""

    def __init__(self, rules: Rules, labels: tuple[str, str]) -> None:
        self.rules = rules
        self.labels = labels
        self.targets: list[str] = []
        self.hosts: set[str] = set()

    def mark(self, html: str) -> str:
        """Return the template with each link marked; what is no link to the web stays."""
        pieces, end = [], 0
        for start, stop in places(html):
            written = html[start:stop]
            put = self.marked(written)
            pieces += [html[end:start], put]
            end = stop
        return "".join([*pieces, html[end:]])

    def marked(self, written: str) -> str:
        """Return what stands in the `href` from now on."""
        first = TEMPLATE_TAG.search(written)
        if first is None:
            url = web_address(markup.unescape(written))
            if not url:
                return written
            self.hosts.add(urlsplit(url).hostname or "")
            return self.place(analysed(url, self.rules, self.labels), "")
        leads = written[: first.start()].strip()
        if any(page in written for page in PAGES) or (leads and not STARTS_WEB.match(leads)):
            return written
        host = written_host(leads)
        if host:
            self.hosts.add(host)
        return self.place("", written)

    def place(self, target: str, written: str) -> str:
        """Give a link its place, and return its mark."""
        self.targets.append(target)
        return f"{MARK}l{len(self.targets) - 1}:{written}{MARK}e"


def places(html: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where each `href` of a link reaches; a template's tags hide nothing."""
    covered = TEMPLATE_TAG.sub(lambda tag: COVER * len(tag[0]), html)
    for found in HREF.finditer(covered):
        for quoted in ("double", "single", "bare"):
            if found[quoted] is not None:
                yield found.span(quoted)


def is_harmless(written: str) -> bool:
    """Say whether what a template made of somebody's data runs no script and is no broken address."""
    # Browsers pass over blanks and controls, and read entities, before they look at the scheme.
    plain = "".join(one for one in markup.unescape(written) if one.isprintable() and one != " ")
    scheme = SCHEME.match(plain)
    return scheme is None or scheme[1].lower() in HARMLESS


def written_host(leads: str) -> str:
    """Return the host that stands before the first tag, if all of it does."""
    scheme, _, rest = leads.partition("://")
    host, slash, _ = rest.partition("/")
    return (urlsplit(f"{scheme}://{host}/").hostname or "") if slash else ""


def analysed(url: str, rules: Rules, labels: tuple[str, str]) -> str:
    """Add Google Analytics parameters where the list has them for that host."""
    host = urlsplit(url).hostname or ""
    return with_analytics(url, *labels) if is_within(host, rules.analytics_domains) else url


class Footer:
    """What the law asks of a message that is no transaction, where its writer left it out."""

    def __init__(self, html: str, text: str, rules: Rules, *, transactional: bool) -> None:
        self.rules = rules
        self.transactional = transactional
        self.html, self.text = html, text

    def missing(self) -> list[str]:
        """Name what is added: `address`, `unsubscribe`; of the part that people see."""
        has_html = bool(self.html.strip())
        return list(self.lacks(self.html if has_html else self.text, is_html=has_html))

    def lacks(self, source: str, *, is_html: bool) -> Iterator[str]:
        """Name what a part does not say to everybody."""
        if self.transactional:
            return
        shown = surely_shown(source, is_html=is_html)
        if not says(shown, self.rules.postal_address):
            yield "address"
        if not shows(shown, WAYS_OUT):
            yield "unsubscribe"

    def on_html(self, html: str) -> str:
        """Return the template with footer and the line that leads to the browser."""
        lacks = set(self.lacks(self.html, is_html=True))
        lines = []
        if "address" in lacks and self.rules.postal_address:
            lines.append(in_html(f"{self.rules.account_name}\n{self.rules.postal_address}"))
        if "unsubscribe" in lacks:
            lines.append(LEAVE)
        if lines:
            html = before_end(html, FOOTER.format(lines="<br>".join(lines)))
        if self.rules.has_browser_link and "browser_url" not in self.html:
            html = at_start(html, IN_BROWSER)
        return html

    def on_text(self, text: str) -> str:
        """Return the plain part with its footer."""
        lacks = set(self.lacks(text, is_html=False)) if text.strip() else set()
        lines = []
        if "address" in lacks and self.rules.postal_address:
            lines += ["{{ account.name }}", "{{ account.postal_address }}"]
        if "unsubscribe" in lacks:
            lines.append(LEAVE_TEXT)
        return "\n".join([text.rstrip("\n"), "", "-- ", *lines, ""]) if lines else text


def says(shown: str, address: str) -> bool:
    """Say whether what is surely shown names the postal address: as a variable, or by its words."""
    if shows(shown, ADDRESS):
        return True
    words = re.sub(r"<[^>]*>|[\s,;\x00]+", " ", markup.unescape(shown)).split()
    wanted = re.sub(r"[\s,;]+", " ", address).split()
    return bool(wanted) and f" {' '.join(wanted)} ".lower() in f" {' '.join(words)} ".lower()


def in_html(lines: str) -> str:
    """Return lines of plain text for a template of HTML; braces say nothing to it."""
    escaped = markup.escape(lines).replace("{", "&#123;").replace("}", "&#125;")
    return "<br>".join(line.strip() for line in escaped.splitlines() if line.strip())


def before_end(html: str, piece: str) -> str:
    """Put a piece where everybody sees it: before the end of the body."""
    ends = list(BODY_END.finditer(surely_shown(html, is_html=True)))
    unclosed = OPEN_COMMENT.search(html)
    at = ends[-1].start() if ends else unclosed.start() if unclosed else len(html)
    return html[:at] + piece + html[at:]


def at_start(html: str, piece: str) -> str:
    """Put a piece where the body begins."""
    body = BODY_TAG.search(html)
    at = body.end() if body else 0
    return html[:at] + piece + html[at:]
