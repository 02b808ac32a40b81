"""Tokens and lists: `POST /OAuth2/Token`, and List under /email/v1."""

import hmac
import json
import re
from datetime import datetime, timedelta
from typing import Annotated, Any

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, QueryDict
from pydantic import Field, field_validator

from accounts import actions, folders
from accounts import secrets as vault
from accounts.lists import delete_list
from accounts.mailboxes import checked_mailbox
from accounts.models import ApiClient, BounceHandling, Folder, IpPool, List, Secret
from accounts.tenancy import in_account, lookups
from accounts.tenancy.rows import row_of
from accounts.wire import (
    Collection,
    Created,
    Deleted,
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    Refused,
    Resource,
    Updated,
    WireIn,
    WireOut,
    WireRequest,
    access,
    created,
    deleted,
    found,
    updated,
)
from accounts.wire.bodies import SHORT, receive
from accounts.wire.envelopes import storable
from accounts.wire.errors import UnsupportedMethodError
from accounts.wire.limits import count_call
from accounts.wire.rendering import answer

TOKEN_CONTENT_TYPE = "application/json;charset=UTF-8"  # noqa: S105 (no secret)
# Generous: Segment asks for a token with each batch, and the tap gives up at a 429.
TOKENS_PER_CLIENT = 600
TOKENS_PER_ADDRESS = 1200
TOKEN_WINDOW = timedelta(minutes=1)
LONGEST_ADDRESS = 254


def token(request: HttpRequest, *, now: datetime) -> HttpResponse:
    """
    Exchange client id and secret for a bearer token of 3599 seconds.

    Form or JSON, whatever the content type says; an Authorization header is ignored. Every
    refusal of credentials (unknown, wrong, paused, address not allowed) reads the same.
    """
    if request.method != "POST":
        raise UnsupportedMethodError
    address = access.address_of(request)
    count_call(f"token from {address}", limit=TOKENS_PER_ADDRESS, window=TOKEN_WINDOW, now=now)
    given = token_request(request)
    if given.get("grant_type") != "client_credentials":
        return _token_answer({"error": "unsupported_grant_type"}, status=400)
    bearer = _token_for(given, address=address, now=now)
    if bearer is None:
        return _token_answer({"error": "Invalid Credentials"}, status=400)
    lifetime = int(actions.TOKEN_LIFETIME.total_seconds())
    return _token_answer(
        {"access_token": bearer, "token_type": "bearer", "expires_in": lifetime}, status=200
    )


def token_request(request: HttpRequest) -> dict[str, str]:
    """
    Return the parameters by lower-case name; what is no text that we keep is left out.

    :raises BodyTooLargeError: beyond 64 KB: nobody has shown yet who it is.
    """
    body = receive(request, most=SHORT).whole().lstrip()
    if body.startswith(b"{"):
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            given = {}
    else:
        given = _form(body)
    return {
        key.lower(): value
        for key, value in given.items()
        if isinstance(value, str) and storable(value)
    }


def _form(body: bytes) -> dict[str, str]:
    try:
        return QueryDict(body, encoding="utf-8").dict() if body.isascii() else {}
    except TooManyFieldsSent:
        return {}


def _token_for(given: dict[str, str], *, address: str, now: datetime) -> str | None:
    """Return a token for good credentials, else None."""
    client_id = given.get("client_id", "")
    known = lookups.api_client(client_id)
    if known is None:
        return None
    account_id, client_key = known
    # Who guesses at the secret uses up the calls of its own address, not the integration's.
    count_for_client(f"{client_id} from {address}", now=now)
    with in_account(account_id):
        client = ApiClient.objects.get(pk=client_key)
    secret_hash = actions.hash_secret(given.get("client_secret", ""))
    is_right = hmac.compare_digest(secret_hash, client.secret_hash)
    if not (is_right and client.is_active and access.is_allowed(address, client.ip_allow)):
        return None
    count_for_client(client_id, now=now)
    with in_account(account_id):
        return actions.issue_token(client=client, now=now)


def count_for_client(whose: str, *, now: datetime) -> None:
    """
    Count a call for a token of an integration, whose id is known.

    :raises TooManyRequestsError: beyond the limit.
    """
    count_call(f"token of {whose}", limit=TOKENS_PER_CLIENT, window=TOKEN_WINDOW, now=now)


def _token_answer(data: dict[str, Any], *, status: int) -> HttpResponse:
    return answer(data, status=status, content_type=TOKEN_CONTENT_TYPE)


lists = Frame("/email/v1", integration="email", tag="List")

# As pages take it: labels of letters, digits and hyphens; others in their IDNA form.
HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.IGNORECASE
)
ALIASES = ("bounce_domain_alias", "link_domain_alias", "media_domain_alias")
Domain = Annotated[str, Field(max_length=253)]
Count = Annotated[int, Field(ge=0, lt=2**31)]


class ListIn(WireIn):
    """A list to be; all but the name may be left out."""

    list_name: str
    folder_id: int = 0
    ip_pool_id: Count = 0
    bounce_domain_alias: Domain = ""
    bounce_handling: str = BounceHandling.STANDARD.value
    bounce_unsubscribe_count: Count = 5
    enable_browser_link: bool = False
    enable_double_opt_in: bool = False
    enable_dynamic_content: bool = False
    enable_google_analytics: bool = False
    enable_internationalization: bool = False
    enable_list_hygiene: bool = True
    enable_list_removal_header: bool = True
    enable_list_removal_link: bool = True
    enable_listrak_analytics: bool = False
    enable_spam_score_personalization: bool = False
    enable_to_name_personalization: bool = False
    enable_universal_email_key_setting: bool = False
    from_email: Annotated[str, Field(max_length=LONGEST_ADDRESS)] = ""
    from_name: Annotated[str, Field(max_length=120)] = ""
    google_tracking_domains: list[Domain] = []
    link_domain_alias: Domain = ""
    media_domain_alias: Domain = ""

    @field_validator("bounce_handling")
    @classmethod
    def known_handling(cls, given: str) -> str:
        """Match the value in any case."""
        return one_of(given, BounceHandling.values)

    @field_validator("from_email")
    @classmethod
    def good_address(cls, given: str) -> str:
        """Take no sender's address, or one that mail may come from."""
        return checked_mailbox(given.strip()) if given.strip() else ""


class ListOut(WireOut):
    """A list; the contract has no null in it."""

    list_id: int
    list_name: str
    folder_id: int
    ip_pool_id: int
    bounce_domain_alias: str
    bounce_handling: str
    bounce_unsubscribe_count: int
    create_date: datetime
    enable_browser_link: bool
    enable_double_opt_in: bool
    enable_dynamic_content: bool
    enable_google_analytics: bool
    enable_internationalization: bool
    enable_list_hygiene: bool
    enable_list_removal_header: bool
    enable_list_removal_link: bool
    enable_listrak_analytics: bool
    enable_spam_score_personalization: bool
    enable_to_name_personalization: bool
    enable_universal_email_key_setting: bool
    from_email: str
    from_name: str
    google_tracking_domains: list[str]
    link_domain_alias: str
    media_domain_alias: str


def one_of(given: str, known: list[str]) -> str:
    """
    Return the known value that is meant, in any case.

    :raises ValueError: for another one (the frame names the parameter).
    """
    for value in known:
        if value.lower() == given.strip().lower():
            return value
    raise ValueError("unknown value")


def list_out(shown: List) -> ListOut:
    """Write a list as the wire has it."""
    settings = {
        name: getattr(shown, name)
        for name in ListOut.model_fields
        if name not in {"list_id", "list_name", "folder_id", "create_date"}
    }
    return ListOut(
        list_id=shown.pk,
        list_name=shown.name,
        folder_id=shown.folder_id or 0,
        create_date=shown.created_at,
        **settings,
    )


def found_list(list_id: int) -> List:
    """
    Return a list of the account.

    :raises NotFoundError: if it has none of that id.
    """
    row = row_of(List, "id = %(id)s", id=list_id) if 0 < list_id < 2**63 else None
    if row is None:
        raise NotFoundError
    return row


@lists.get("/List", answer=Collection[ListOut], levels=["List"])
def all_lists(request: WireRequest) -> Collection[ListOut]:
    """
    Return all lists.

    No value is null: what a list has not is "", 0, false or []. Folder and pool 0 are none.
    """
    return Collection[ListOut](data=[list_out(each) for each in List.objects.order_by("pk")])


@lists.post("/List", levels=["List"], names={"name": "listName"})
def create_list(request: WireRequest, body: ListIn) -> Created:
    """
    Create a list.

    `listName` alone is needed, and is the account's own, in any case. `bounceHandling` is None,
    Standard (the default) or Aggressive. An alias that is no domain is refused with
    `ERROR_DOMAIN_ALIAS_INVALID`. `linkDomainAlias` is the host of tracked links, whose DNS has to
    lead here; the other two are kept.
    """
    made = actions.create_list(
        name=body.list_name, now=request.now, by=request.client, **list_settings(body)
    )
    return created(made.pk)


def list_settings(body: ListIn, *, pool_id: int = 0) -> dict[str, Any]:
    """
    Return a list's settings as the model has them; `pool_id` is the one it has.

    :raises InvalidParameterError: for a folder or a pool that is not there.
    :raises Refused: for an alias that is no domain.
    """
    settings = body.model_dump(exclude={"list_name", "folder_id"})
    for name in ALIASES:
        settings[name] = checked_alias(name, settings[name])
    is_known = body.ip_pool_id in {0, pool_id}
    if not (is_known or IpPool.objects.filter(pk=body.ip_pool_id).exists()):
        raise InvalidParameterError("ipPoolId")
    settings["folder"] = None
    if body.folder_id:
        try:
            settings["folder"] = found(Folder.objects.all(), pk=body.folder_id)
        except NotFoundError as unknown:
            raise InvalidParameterError("folderId") from unknown
    return settings


def checked_alias(name: str, given: str) -> str:
    """
    Return a domain, "" for none.

    :raises Refused: for what is no domain.
    """
    alias = given.strip()
    if alias and HOST.fullmatch(alias) is None:
        invalid = InvalidParameterError(name)
        raise Refused(code="ERROR_DOMAIN_ALIAS_INVALID", message=invalid.message)
    return alias


@lists.get("/List/{list_id}", answer=Resource[ListOut], levels=["List"])
def one_list(request: WireRequest, list_id: Id) -> Resource[ListOut]:
    """Return one list."""
    return Resource[ListOut](data=list_out(found_list(list_id)))


@lists.put("/List/{list_id}", answer=Updated, levels=["List"], names={"name": "listName"})
def replace_list(request: WireRequest, list_id: Id, body: ListIn) -> Updated:
    """
    Change a list; a setting that is left out goes back to its default.

    Read it first, and send it whole. Messages that are scheduled take the sender that they were
    given.
    """
    changed = found_list(list_id)
    actions.update_list(
        changed=changed,
        name=body.list_name,
        now=request.now,
        by=request.client,
        **list_settings(body, pool_id=changed.ip_pool_id),
    )
    return updated(list_id)


@lists.delete("/List/{list_id}", levels=["List"])
def delete_one_list(request: WireRequest, list_id: Id) -> Deleted:
    """
    Delete a list that nobody is on and nothing is drawn on, with its settings.

    While it has contacts, conversations, short codes or deliveries it is refused with
    `ERROR_RESOURCE_DEPENDENCY`. Its profile fields, events and campaigns go with it.
    """
    delete_list(deleted=found_list(list_id), now=request.now, by=request.client)
    return deleted()


drawers = Frame("/email/v1", integration="email", tag="Folder")


class FolderIn(WireIn):
    """A folder to be."""

    folder_name: str


class FolderOut(WireOut):
    """A drawer for lists."""

    folder_id: int
    folder_name: str


def folder_out(folder: Folder) -> FolderOut:
    """Write a folder as the wire has it."""
    return FolderOut(folder_id=folder.pk, folder_name=folder.name)


@drawers.get("/Folder", answer=Collection[FolderOut], levels=["List"])
def all_folders(request: WireRequest) -> Collection[FolderOut]:
    """Return all folders."""
    return Collection[FolderOut](data=[folder_out(one) for one in Folder.objects.order_by("pk")])


@drawers.post("/Folder", levels=["List"])
def create_folder(request: WireRequest, body: FolderIn) -> Created:
    """Create a folder."""
    made = folders.create_folder(name=body.folder_name, now=request.now, by=request.client)
    return created(made.pk)


@drawers.get("/Folder/{folder_id}", answer=Resource[FolderOut], levels=["List"])
def one_folder(request: WireRequest, folder_id: Id) -> Resource[FolderOut]:
    """Return one folder."""
    return Resource[FolderOut](data=folder_out(found(Folder.objects.all(), pk=folder_id)))


@drawers.put("/Folder/{folder_id}", answer=Updated, levels=["List"])
def rename_folder(request: WireRequest, folder_id: Id, body: FolderIn) -> Updated:
    """Rename a folder."""
    folder = found(Folder.objects.all(), pk=folder_id)
    folders.rename_folder(folder=folder, name=body.folder_name, now=request.now, by=request.client)
    return updated(folder_id)


secrets = Frame("/conductor/v1", integration="email", tag="Secret")


class SecretIn(WireIn):
    """A secret for webhook steps; its value is kept encrypted and never returned."""

    name: str
    value: str


class KeptSecretOut(WireOut):
    """A secret without its value; `hint` is the end of a long one."""

    secret_id: int
    name: str
    hint: str
    create_date: datetime
    last_modified_date: datetime


@secrets.get("/Secret", answer=Collection[KeptSecretOut], levels=["Message"])
def all_secrets(request: WireRequest) -> Collection[KeptSecretOut]:
    """Return the names of the account's secrets."""
    return Collection[KeptSecretOut](
        data=[
            KeptSecretOut(
                secret_id=kept.pk,
                name=kept.name,
                hint=kept.hint,
                create_date=kept.created_at,
                last_modified_date=kept.updated_at,
            )
            for kept in Secret.objects.order_by("name")
        ]
    )


@secrets.post("/Secret", answer={201: Created, 200: Updated}, levels=["Message"])
def keep_secret(request: WireRequest, body: SecretIn) -> Created | Updated:
    """Keep a secret; one of that name gets the new value."""
    kept = Secret.objects.filter(name=body.name.strip()).first()
    if kept is not None:
        vault.replace_secret(secret=kept, value=body.value, now=request.now, by=request.client)
        return updated(kept.pk)
    made = vault.create_secret(name=body.name, value=body.value, now=request.now, by=request.client)
    return created(made.pk)


@secrets.delete("/Secret/{secret_id}", levels=["Message"])
def forget_secret(request: WireRequest, secret_id: Id) -> Deleted:
    """Forget a secret."""
    kept = found(Secret.objects.all(), pk=secret_id)
    vault.delete_secret(secret=kept, now=request.now, by=request.client)
    return deleted()


__all__ = ["drawers", "found_list", "lists", "one_of", "secrets", "token"]
