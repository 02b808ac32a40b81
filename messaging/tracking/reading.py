"""Read what was sent: where its links lead, and how it looks without being counted as opened."""

import html as markup
import re

from django.conf import settings

from messaging import tokens
from messaging.tracking.links import CLICK, OPEN

PIXEL = re.compile(rf'<img src="[^"]*{OPEN}[\w-]+\.gif"[^>]*>')


def without_pixel(html: str) -> str:
    """Return a mail's HTML as it may be shown to whom it was not sent."""
    return PIXEL.sub("", html)


def target_of(url: str, links: tuple[str, ...]) -> str:
    """Return where a link of a mail leads; `links` are its message's, by their place."""
    _, found, written = url.partition(CLICK)
    token = tokens.read("click", written) if found else None
    if token is None or len(token.numbers) != 3:
        return url
    place = token.numbers[2]
    return token.text or (links[place] if place < len(links) else url)


def is_own_page(url: str) -> bool:
    """Say whether a link leads to one of the recipient's own pages."""
    return markup.unescape(url).startswith(f"{settings.PUBLIC_URL}/m/")
