"""
What a role may do, and the one decorator that asks.

| verb     | viewer | marketer | owner | what it covers                                    |
|----------|--------|----------|-------|---------------------------------------------------|
| view     | yes    | yes      | yes   | every page, read only                             |
| edit     |        | yes      | yes   | lists, contacts, messages, conversations, imports |
| publish  |        | yes      | yes   | put a conversation live, pause, resume            |
| manage   |        |          | yes   | integrations, members, providers                  |
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase
from django_htmx.middleware import HtmxDetails

from accounts.models import Account, List, Membership, Role, User
from accounts.tenancy import in_account, lookups

VERBS: dict[str, set[str]] = {
    "view": {Role.VIEWER, Role.MARKETER, Role.OWNER},
    "edit": {Role.MARKETER, Role.OWNER},
    "publish": {Role.MARKETER, Role.OWNER},
    "manage": {Role.OWNER},
}

P = ParamSpec("P")


class AccountRequest(HttpRequest):
    """A request inside an account: who asks, in which account, with which role."""

    user: User
    htmx: HtmxDetails
    account: Account
    membership: Membership
    list: List | None = None  # set by `accounts.context.choose_list`


def may(role: str, verb: str) -> bool:
    """Say whether a role covers a verb."""
    return role in VERBS[verb]


def requires(
    verb: str,
) -> Callable[
    [Callable[Concatenate[AccountRequest, P], HttpResponseBase]],
    Callable[..., HttpResponseBase],
]:
    """
    Open the account that the address names, for a member whose role covers `verb`.

    The view runs inside `in_account`, one transaction, and takes `request` and the
    address's parameters without the account's slug. A stranger gets 404, as for an
    account that does not exist; a member with too weak a role 403; an answer of 400 or
    above rolls back what the view wrote.
    """

    def decorate(
        view: Callable[Concatenate[AccountRequest, P], HttpResponseBase],
    ) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def opened(request: HttpRequest, account: str, **kwargs: Any) -> HttpResponseBase:
            account_id = lookups.account_by_slug(account)
            if account_id is None:
                raise Http404
            with in_account(account_id):
                inside = _enter(request, account_id, verb)
                response = view(inside, **kwargs)  # type: ignore[call-arg]
                if response.status_code >= 400:
                    transaction.set_rollback(True)
                return response

        return cast(
            Callable[..., HttpResponseBase],
            login_required(opened),
        )

    return decorate


def _enter(request: HttpRequest, account_id: int, verb: str) -> AccountRequest:
    """Put account and membership on the request, or refuse."""
    inside = cast(AccountRequest, request)
    membership = Membership.objects.filter(user=inside.user).select_related("account").first()
    if membership is None:
        raise Http404
    inside.membership = membership
    inside.list = None
    inside.account = membership.account
    if not may(membership.role, verb):
        raise PermissionDenied
    return inside
