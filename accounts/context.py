"""What the frame around every page shows: choosers, navigation, search."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse

from accounts.models import Account, List
from accounts.permissions import AccountRequest, may
from accounts.tenancy import lookups

REMEMBERED = "list_of_account"


@dataclass(frozen=True)
class Choice:
    """One entry of the account or list chooser."""

    name: str
    url: str
    current: bool


@dataclass(frozen=True)
class NavItem:
    """A link of the sidebar; without a view it is a heading inside its group."""

    label: str
    icon: str
    view: str = ""
    per_list: bool = True
    nested: bool = False
    verb: str = "view"
    url: str = ""
    current: bool = False


@dataclass(frozen=True)
class NavGroup:
    """A titled part of the sidebar."""

    label: str
    items: list[NavItem] = field(default_factory=list)


# Pages of packages above are named here, not imported: one that does not exist is left out.
NAVIGATION = [
    NavGroup("", [NavItem("Home", "home", "desk:home", per_list=False)]),
    NavGroup(
        "Contacts",
        [
            NavItem("Lists", "list", "accounts:lists", per_list=False),
            NavItem("Contacts", "users", "contacts:contacts"),
            NavItem("Profile Fields", "forms", "contacts:fields"),
            NavItem("External Events", "bolt", "contacts:events"),
            NavItem("Segments", "filter", "contacts:segments"),
            NavItem("Imports", "file-import", "contacts:imports"),
        ],
    ),
    NavGroup(
        "Authoring",
        [
            NavItem("Conductor", "route"),
            NavItem("Conversations", "git-branch", "conversations:conversations", nested=True),
            NavItem("Saved Messages", "mail", "messaging:saved_messages"),
            NavItem("SMS", "device-mobile", "messaging:sms"),
            NavItem("Coupons", "ticket", "messaging:coupons"),
            NavItem("Deliveries", "send", "messaging:deliveries"),
            NavItem("Sandbox Inbox", "inbox", "messaging:sandbox"),
        ],
    ),
    NavGroup("Analytics", [NavItem("Analytics", "chart-bar", "analytics:overview")]),
    NavGroup(
        "Integrations",
        [
            NavItem(
                "Integrations Management",
                "plug-connected",
                "accounts:integrations",
                per_list=False,
                verb="manage",
            )
        ],
    ),
    NavGroup("Help & Support", [NavItem("API ID Information", "id", "desk:api_ids")]),
]


def choose_list(request: AccountRequest, list_id: int) -> List:
    """
    Return the list that the address names, and remember it as the one in use.

    :raises Http404: if the account has no such list.
    """
    chosen = get_object_or_404(List, pk=list_id)
    request.list = chosen
    remembered = request.session.get(REMEMBERED, {})
    if remembered.get(request.account.slug) != list_id:
        request.session[REMEMBERED] = {**remembered, request.account.slug: list_id}
    return chosen


def list_in_use(request: AccountRequest, lists: Iterable[List]) -> List | None:
    """Return the list of the address, else the one used last, else the first of `lists`."""
    if request.list is not None:
        return request.list
    named = (request.resolver_match.kwargs if request.resolver_match else {}).get("list_id")
    wanted = named or request.session.get(REMEMBERED, {}).get(request.account.slug)
    known = list(lists)
    return next((one for one in known if one.pk == wanted), known[0] if known else None)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return account, list, choosers and navigation; nothing outside of an account."""
    if getattr(request, "account", None) is None:
        return {}
    inside = cast(AccountRequest, request)
    if inside.htmx and not inside.htmx.boosted:
        # A fragment has no frame around it: spare it the choosers' queries.
        return {"account": inside.account, "membership": inside.membership, "list": inside.list}
    lists = list(List.objects.order_by("name", "pk"))
    chosen = list_in_use(inside, lists)
    navigation = build_navigation(inside, chosen)
    return {
        "account": inside.account,
        "membership": inside.membership,
        "may_edit": may(inside.membership.role, "edit"),
        "list": chosen,
        "accounts": account_choices(inside),
        "lists": list_choices(inside, navigation, lists, chosen),
        "lists_url": address("accounts:lists", inside.account),
        "home_url": address("desk:home", inside.account),
        "search_url": address("desk:search", inside.account, chosen),
        "navigation": navigation,
    }


def address(view: str, account: Account, in_list: List | None = None) -> str:
    """Return the address of a view in an account (and list); "" where there is none."""
    kwargs: dict[str, Any] = {"account": account.slug}
    if in_list is not None:
        kwargs["list_id"] = in_list.pk
    try:
        return reverse(view, kwargs=kwargs)
    except NoReverseMatch:
        return ""


def account_choices(request: AccountRequest) -> list[Choice]:
    """Return the accounts that the user is a member of, by name."""
    ids = lookups.accounts_of_user(request.user.pk)
    return [
        Choice(account.name, address("desk:home", account), account.pk == request.account.pk)
        for account in Account.objects.filter(pk__in=ids).order_by("name", "pk")
    ]


def build_navigation(request: AccountRequest, chosen: List | None) -> list[NavGroup]:
    """Return the sidebar: what exists, what the role may open, and where the reader is."""
    groups = []
    for group in NAVIGATION:
        items = [
            replace(item, url=item_address(item, request.account, chosen))
            for item in group.items
            if may(request.membership.role, item.verb)
        ]
        shown = [item for item in items if item.url or not item.view]
        if any(item.url for item in shown):
            groups.append(NavGroup(group.label, shown))
    return mark_current(groups, request.path)


def item_address(item: NavItem, account: Account, chosen: List | None) -> str:
    """Return where a link leads; "" for a heading, a missing page, a missing list."""
    if not item.view or (item.per_list and chosen is None):
        return ""
    return address(item.view, account, chosen if item.per_list else None)


def mark_current(groups: list[NavGroup], path: str) -> list[NavGroup]:
    """Mark the link with the longest address that begins the page's own."""
    addresses = [item.url for group in groups for item in group.items if item.url]
    best = max((url for url in addresses if path.startswith(url)), key=len, default="")
    return [
        NavGroup(
            group.label,
            [replace(item, current=bool(best) and item.url == best) for item in group.items],
        )
        for group in groups
    ]


def list_choices(
    request: AccountRequest, navigation: list[NavGroup], lists: list[List], chosen: List | None
) -> list[Choice]:
    """Return the lists; choosing one stays on the same kind of page."""
    items = [item for group in navigation for item in group.items]
    here = next((item for item in items if item.current and item.per_list), None)
    view = here.view if here else "contacts:contacts"
    return [
        Choice(
            one.name,
            address(view, request.account, one) or request.path,
            chosen is not None and one.pk == chosen.pk,
        )
        for one in lists
    ]
