"""
Links in text messages, made short: a text's link is a signed path, as an email's click is.

Only links that stand in the committed text as they are get one: the place among them is in the
token, and the target stays in the message, which never changes. A link that a template makes
for each contact goes as it is.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from messaging import tokens
from messaging.tracking.links import CLICK, web_address

TEMPLATE_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
COVER = "\x00"
URL = re.compile(r"https?://[^\s<>\"'\x00]+", re.IGNORECASE)
ENDS = ".,;:!?)]}"  # of a sentence, not of an address
# What a preview's links are made of, and up to which ids their length is right.
SAMPLE = "x"
LATE_DELIVERY, LATE_MESSAGE = (1 << 28) - 1, (1 << 21) - 1


def links_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the targets of a committed text's links, by their place."""
    return _links(str(content.get("text", "")))


@lru_cache(maxsize=1024)
def _links(text: str) -> tuple[str, ...]:
    covered = TEMPLATE_TAG.sub(lambda tag: COVER * len(tag[0]), text)
    found = []
    for match in URL.finditer(covered):
        after = covered[match.end() : match.end() + 1]
        url = match[0].rstrip(ENDS)
        if after != COVER and web_address(url):
            found.append(url)
    return tuple(dict.fromkeys(found))


def with_short_links(
    text: str,
    content: Mapping[str, Any],
    *,
    base: str,
    account_id: int,
    delivery_id: int,
    message_id: int,
) -> str:
    """Return a filled-in text with a short signed address for each link of its message."""
    return _shortened(
        text,
        content,
        base=base,
        token=lambda place: tokens.sign("click", account_id, delivery_id, message_id, place),
    )


def with_sample_links(text: str, content: Mapping[str, Any], *, base: str, account_id: int) -> str:
    """
    Return a filled-in text as a preview shows it: its links as long as they will be.

    They lead nowhere: whose they were is not known yet. As long as those of a late delivery.
    """
    return _shortened(
        text,
        content,
        base=base,
        token=lambda place: (
            SAMPLE * len(tokens.sign("click", account_id, LATE_DELIVERY, LATE_MESSAGE, place))
        ),
    )


def _shortened(
    text: str, content: Mapping[str, Any], *, base: str, token: Callable[[int], str]
) -> str:
    places = {url: place for place, url in enumerate(links_of(content))}
    if not places:
        return text

    def short(match: "re.Match[str]") -> str:
        url = match[0].rstrip(ENDS)
        if url not in places:
            return match[0]
        return f"{base}{CLICK}{token(places[url])}{match[0][len(url) :]}"

    return URL.sub(short, text)
