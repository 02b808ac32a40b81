"""What the frame around every page shows: choosers, navigation, search."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, cast

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse

from accounts.models import Account, List
from accounts.permissions import AccountRequest, may

REMEMBERED = "list_of_account"


@dataclass(frozen=True)
class Choice:
    """One entry of the list chooser."""

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
    items: Sequence[NavItem] = ()


# Pages of packages above are named here, not imported: one that does not exist is left out.
NAVIGATION = [
    NavGroup("", [NavItem("Home", "home", "desk:home", per_list=False)]),
    NavGroup(
        "Contacts",
        [
            NavItem("Lists", "list", "contacts:lists", per_list=False),
            NavItem("Contacts", "users", "contacts:contacts"),
            NavItem("Profile Fields", "forms", "contacts:fields"),
            NavItem("External Events", "bolt", "contacts:events"),
            NavItem("Segments", "filter", "conversations:segments"),
            NavItem("Imports", "file-import", "contacts:imports"),
            NavItem("Suppression List", "circle-minus", "messaging:suppressions", per_list=False),
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
            NavItem("Sending Rules", "clock", "messaging:sending_rules", per_list=False),
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
            ),
            NavItem("Secrets", "key", "accounts:secrets", per_list=False, verb="manage"),
            NavItem("Webhooks", "webhook", "webhooks:endpoints", per_list=False, verb="manage"),
            NavItem("Connect Apps", "link", "messaging:apps", per_list=False, verb="manage"),
            NavItem(
                "Segment",
                "switch-horizontal",
                "contacts:segment_com",
                per_list=False,
                verb="manage",
            ),
        ],
    ),
    NavGroup(
        "Help & Support",
        [
            NavItem("API ID Information", "id", "desk:api_ids"),
            NavItem("Sender Domains", "shield-check", "messaging:sender_domains", per_list=False),
            NavItem(
                "Account Settings", "settings", "accounts:settings", per_list=False, verb="manage"
            ),
        ],
    ),
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


class Frame:
    """The parts of the frame, each asked for only by a page that shows it."""

    def __init__(self, request: AccountRequest) -> None:
        self.request = request

    @cached_property
    def lists(self) -> list[List]:
        """The account's lists, by name."""
        return list(List.objects.order_by("name", "pk"))

    @cached_property
    def list(self) -> List | None:
        """The list in use: the address's, else the one used last, else the first."""
        if self.request.list is not None:
            return self.request.list
        match = self.request.resolver_match
        named = match.kwargs.get("list_id") if match else None
        wanted = named or self.request.session.get(REMEMBERED, {}).get(self.request.account.slug)
        first = self.lists[0] if self.lists else None
        return next((one for one in self.lists if one.pk == wanted), first)

    @cached_property
    def navigation(self) -> "Sequence[NavGroup]":
        """The sidebar."""
        return build_navigation(self.request, self.list)

    @property
    def list_choices(self) -> "Sequence[Choice]":
        """The lists; choosing one stays on the same kind of page."""
        items = [item for group in self.navigation for item in group.items]
        here = next((item for item in items if item.current and item.per_list), None)
        view = here.view if here else "contacts:contacts"
        account, used = self.request.account, self.list
        return [
            Choice(one.name, address(view, account, one), used is not None and one.pk == used.pk)
            for one in self.lists
        ]

    @property
    def lists_url(self) -> str:
        """Where lists are made and changed."""
        return address("contacts:lists", self.request.account)

    @property
    def home_url(self) -> str:
        """The account's home."""
        return address("desk:home", self.request.account)

    @property
    def search_url(self) -> str:
        """Where the search asks."""
        return address("desk:search", self.request.account)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return account, list, role and the frame's parts; nothing outside of an account."""
    if getattr(request, "account", None) is None:
        return {}
    inside = cast(AccountRequest, request)
    parts = Frame(inside)
    return {
        "account": inside.account,
        "membership": inside.membership,
        "may_edit": may(inside.membership.role, "edit"),
        "may_publish": may(inside.membership.role, "publish"),
        "may_manage": may(inside.membership.role, "manage"),
        # A template calls it: a fragment that does not show the list asks no question.
        "list": lambda: parts.list,
        "frame": parts,
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


def build_navigation(request: AccountRequest, chosen: List | None) -> Sequence[NavGroup]:
    """Return the sidebar: what exists, what the role may open, and where the reader is."""
    groups = []
    for group in NAVIGATION:
        items = [
            replace(item, url=item_address(item, request.account, chosen))
            for item in group.items
            if may(request.membership.role, item.verb)
        ]
        # A heading within a group stands only above a page that exists.
        shown = [
            item
            for item, following in pairwise([*items, NavItem("", "")])
            if item.url or (not item.view and following.nested and following.url)
        ]
        if any(item.url for item in shown):
            groups.append(NavGroup(group.label, shown))
    return mark_current(groups, request.path)


def item_address(item: NavItem, account: Account, chosen: List | None) -> str:
    """Return where a link leads; "" for a heading, a missing page, a missing list."""
    if not item.view or (item.per_list and chosen is None):
        return ""
    return address(item.view, account, chosen if item.per_list else None)


def mark_current(groups: Sequence[NavGroup], path: str) -> Sequence[NavGroup]:
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
