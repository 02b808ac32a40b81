"""
The short signed addresses in messages, and where they lead.

A click's token names delivery, message and the link's place in it: the target stands in the
committed message, which never changes. A link that differs from recipient to recipient
carries its target in the token. Either way nobody but us decides where a redirect goes.
"""

from functools import lru_cache
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from django.conf import settings

from messaging import tokens

OPEN = "/t/o/"
CLICK = "/t/c/"
UNSUBSCRIBE = "/m/u/"
PREFERENCES = "/m/p/"
BROWSER = "/m/b/"
CONFIRM = "/m/c/"
SCHEMES = ("http", "https")
MOST_URL = 2000


def unsubscribe_url(account_id: int, delivery_id: int) -> str:
    """Return where a recipient leaves the list."""
    return f"{settings.PUBLIC_URL}{UNSUBSCRIBE}{unsubscribe_token(account_id, delivery_id)}"


@lru_cache(maxsize=1024)
def unsubscribe_token(account_id: int, delivery_id: int) -> str:
    """Return the token of leaving, which stands in a message and in its header."""
    return tokens.sign("unsubscribe", account_id, delivery_id)


def preferences_url(account_id: int, delivery_id: int) -> str:
    """Return where a recipient chooses what to get."""
    return (
        f"{settings.PUBLIC_URL}{PREFERENCES}{tokens.sign('preferences', account_id, delivery_id)}"
    )


def browser_url(account_id: int, delivery_id: int) -> str:
    """Return where a recipient reads the message in a browser."""
    return f"{settings.PUBLIC_URL}{BROWSER}{tokens.sign('browser', account_id, delivery_id)}"


def confirm_url(account_id: int, delivery_id: int) -> str:
    """Return where a recipient who is pending joins the list."""
    return f"{settings.PUBLIC_URL}{CONFIRM}{tokens.sign('confirm', account_id, delivery_id)}"


# What a template may call them.
PAGES = {
    "unsubscribe_url": unsubscribe_url,
    "preferences_url": preferences_url,
    "browser_url": browser_url,
    "confirm_url": confirm_url,
}


def web_address(written: str) -> str:
    """Return an http(s) address as it may stand in a Location header; "" for all else."""
    url = "".join(letter for letter in written.strip() if letter.isprintable())
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme.lower() not in SCHEMES or not host or "\\" in url or len(url) > MOST_URL:
        return ""
    try:
        netloc = parts.netloc.encode("ascii").decode()
    except UnicodeEncodeError:
        netloc = international(parts.netloc)
    path = quote(parts.path, safe="/%:=&?~#+!$,;'@()*[]")
    query = quote(parts.query, safe="/%:=&?~#+!$,;'@()*[]")
    fragment = quote(parts.fragment, safe="/%:=&?~#+!$,;'@()*[]")
    return urlunsplit((parts.scheme.lower(), netloc, path, query, fragment)) if netloc else ""


def international(netloc: str) -> str:
    """Return a host of other letters in the form that headers carry; "" where there is none."""
    try:
        return netloc.encode("idna").decode()
    except UnicodeError:
        return ""


def with_analytics(url: str, campaign: str, content: str = "") -> str:
    """Add Google Analytics parameters to an address; those that it has stay."""
    parts = urlsplit(url)
    given = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    added = {"utm_source": "conductor", "utm_medium": "email", "utm_campaign": campaign}
    added["utm_content"] = content
    more = urlencode({name: value for name, value in added.items() if value and name not in given})
    query = "&".join(filter(None, (parts.query, more)))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))
