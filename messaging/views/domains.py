"""Sender Domains: what DNS says of the domains that the account sends from."""

from collections.abc import Sequence

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.models import List
from accounts.permissions import AccountRequest, requires
from messaging.domains import Finding, check_domain
from messaging.models import Provider, SavedMessage
from messaging.models.message import Channel

MOST = 20


@require_GET
@requires("view")
def sender_domains(request: AccountRequest) -> HttpResponse:
    """Name the domains; what is found of each follows, looked up one by one."""
    return render(
        request,
        "messaging/sender_domains.html",
        {
            "page_title": "Sender Domains",
            "breadcrumbs": [("Help & Support", ""), ("Sender Domains", "")],
            "domains": domains_in_use(),
        },
    )


class Asked(HttpResponse):
    """Carries what DNS is asked out of the account's transaction."""

    selectors: Sequence[str] = ()


@require_GET
@requires("view")
def ask_domain(request: AccountRequest, domain: str) -> HttpResponse:
    """Find what is to be looked up of one of the account's domains, for a member."""
    if domain not in domains_in_use():
        raise Http404
    asked = Asked()
    asked.selectors = own_selectors()
    return asked


def sender_domain(request: HttpRequest, account: str, domain: str) -> HttpResponseBase:
    """
    Look one of the account's domains up; any other is none of its business.

    DNS is asked after the transaction has ended: a slow answer must hold nothing open.
    """
    asked = ask_domain(request, account=account, domain=domain)
    if not isinstance(asked, Asked):
        return asked
    findings = check_domain(domain, selectors=asked.selectors)
    return show_domain(request, account=account, domain=domain, findings=findings)


@require_GET
@requires("view")
def show_domain(request: AccountRequest, domain: str, findings: Sequence[Finding]) -> HttpResponse:
    """Show what was found of a domain."""
    return render(
        request,
        "messaging/sender_domain.html" if request.htmx else "messaging/sender_domain_page.html",
        {
            "page_title": domain,
            "breadcrumbs": [("Help & Support", ""), ("Sender Domains", ""), (domain, "")],
            "domain": domain,
            "findings": findings,
        },
    )


def domains_in_use() -> list[str]:
    """Return the domains of senders of lists and saved messages, by name."""
    senders = [*List.objects.exclude(from_email="").values_list("from_email", flat=True).distinct()]
    senders += (
        SavedMessage.objects.exclude(from_email="").values_list("from_email", flat=True).distinct()
    )
    found = {sender.rpartition("@")[2].lower() for sender in senders}
    return sorted(filter(None, found))[:MOST]


def own_selectors() -> list[str]:
    """Return the names of the keys that the account's own mail servers sign with."""
    rows = Provider.objects.filter(channel=Channel.EMAIL).values_list("settings", flat=True)
    return [str(row.get("dkim_selector", "")) for row in rows]
