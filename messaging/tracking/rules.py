"""What an account and a list make of every email that is sent in their name."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from accounts.models import Account, List


@dataclass(frozen=True)
class Rules:
    """
    How emails of one list are finished.

    `analytics_domains` is empty where the list adds no Google Analytics parameters;
    `base` is where short addresses live: the list's own link domain, or the site.
    """

    account_name: str
    postal_address: str
    tracks_opens: bool
    tracks_clicks: bool
    has_removal_header: bool
    has_browser_link: bool
    analytics_domains: tuple[str, ...]
    trusted_domains: tuple[str, ...]
    base: str


def rules_of(in_list: List, account: Account) -> Rules:
    """Read the rules of a list."""
    analytics = tuple(domain.strip().lower() for domain in in_list.google_tracking_domains)
    return Rules(
        account_name=account.name,
        postal_address=account.postal_address.strip(),
        tracks_opens=in_list.track_opens,
        tracks_clicks=in_list.track_clicks,
        has_removal_header=in_list.enable_list_removal_header,
        has_browser_link=in_list.enable_browser_link,
        analytics_domains=analytics if in_list.enable_google_analytics else (),
        trusted_domains=(*analytics, in_list.from_email.rpartition("@")[2].lower()),
        base=link_base(in_list.link_domain_alias),
    )


def link_base(alias: str) -> str:
    """Return where short addresses begin: https as the site, on the list's domain if it has one."""
    if not alias.strip():
        return str(settings.PUBLIC_URL)
    return f"{urlsplit(settings.PUBLIC_URL).scheme}://{alias.strip().lower()}"


def is_within(host: str, domains: tuple[str, ...]) -> bool:
    """Say whether a host is one of some domains, or below one."""
    return any(domain and (host == domain or host.endswith(f".{domain}")) for domain in domains)
