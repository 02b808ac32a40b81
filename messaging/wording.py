"""
What a message's templates name: what there is to name, and what of it there is not.

Of an email the MJML is read where there is one, so that lines are those that its writer sees.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from accounts.models import List
from contacts.models import ProfileField
from messaging.models.message import LITERAL, Channel
from messaging.purchases import MORE_WORDS, WORDS, snake
from messaging.rendering.names import (
    ANYTHING,
    Mention,
    Path,
    Unknown,
    is_known,
    mentions,
    unknown_names,
)
from messaging.tracking.links import PAGES

Names = Mapping[str, Any]

PARTS = {
    "subject": "Subject",
    "preheader": "Preheader",
    "from_name": "From name",
    "mjml": "MJML",
    "html": "HTML",
    "text": "Text",
}
CONTACT = (
    *("email", "phone", "first_name", "last_name", "birthday", "postal_code", "external_id"),
    *("time_zone", "locale"),
)
# What every recipient's values hold.
ALWAYS: Mapping[str, Any] = {
    "contact": dict.fromkeys(CONTACT),
    "list": dict.fromkeys(["id", "name", "public_name"]),
    "account": dict.fromkeys(["name", "postal_address"]),
    "coupon": dict.fromkeys(["code", "pool"]),
    "now": None,
    "time_zone": None,
}
MOST_WARNINGS = 50


@dataclass(frozen=True)
class Warned:
    """A name in a part of a message that there is not."""

    part: str
    unknown: Unknown

    def __str__(self) -> str:
        return f"{PARTS[self.part]}, {str(self.unknown)[0].lower()}{str(self.unknown)[1:]}"


def names_of(in_list: List, channel: str) -> Names:
    """Return what a message of a list may name: name -> what is below it, None for a value."""
    fields = ProfileField.objects.filter(list=in_list).select_related("group")
    names: dict[str, Any] = {
        **ALWAYS,
        "fields": field_names((one.group.name, one.name) for one in fields),
        "event": ANYTHING,
        "order": order_names(),
    }
    if channel == Channel.EMAIL:
        names |= dict.fromkeys(PAGES)
    return names


def field_names(fields: Iterator[tuple[str, str]]) -> dict[str, Any]:
    """Return profile fields as `Group` -> `Field` and as `Group.Field`."""
    groups: dict[str, Any] = {}
    whole: dict[str, Any] = {}
    for group, name in fields:
        groups.setdefault(group, {})[name] = None
        whole[f"{group}.{name}"] = None
    return {**groups, **whole} or {"": None}


def order_names() -> dict[str, Any]:
    """Return the names of an order, in the API's spelling and in the templates' own."""
    plain = (*WORDS, *MORE_WORDS, "dateEntered", "shipDate")
    names: dict[str, Any] = {**dict.fromkeys(map(snake, plain)), **dict.fromkeys(plain)}
    for below in ("items", "billingAddress", "shippingAddress"):
        names[below] = names[snake(below)] = ANYTHING
    return names


def warnings_of(content: Mapping[str, Any], names: Names) -> list[Warned]:
    """Return what a message names and there is not, part by part."""
    found = [
        Warned(part, unknown)
        for part in PARTS
        if not (part == "html" and content.get("mjml"))
        for unknown in unknown_names(str(content.get(part) or ""), names)
    ]
    return found[:MOST_WARNINGS]


def names(content: Mapping[str, Any], root: str) -> bool:
    """Say whether a message's templates name something, such as `order`."""
    return any(root in source and root in roots(source) for source in sources(content))


@lru_cache(maxsize=1024)
def roots(source: str) -> frozenset[str]:
    """Return the first words of what a template names."""
    return frozenset(one.path[0] for one in mentions(source))


def sources(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the templates of a message as it is sent; words that are sent as they stand are none."""
    if content.get(LITERAL):
        return
    for part in PARTS:
        source = content.get(part)
        if part != "mjml" and isinstance(source, str) and "{" in source:
            yield source


def shown_names(content: Mapping[str, Any]) -> tuple[Path, ...]:
    """
    Return the paths that a message shows without a word on what if they are missing.

    Those that nobody lacks are left out.
    """
    return shown_of(tuple(sources(content)))


@lru_cache(maxsize=512)
def shown_of(written: tuple[str, ...]) -> tuple[Path, ...]:
    """Return those paths, each once."""
    found: list[Mention] = [one for source in written for one in mentions(source)]
    return tuple(
        dict.fromkeys(
            one.path
            for one in found
            if one.is_shown and one.path[0] not in PAGES and not is_known(one.path, ALWAYS)
        )
    )
