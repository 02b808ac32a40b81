"""Webhooks under /conductor/v1: endpoints, the log of deliveries, replay from a cursor."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Query
from pydantic import Field

from accounts.wire import (
    Collection,
    Created,
    Deleted,
    Frame,
    Id,
    InvalidParameterError,
    Page,
    PageQuery,
    Resource,
    Updated,
    WireIn,
    WireOut,
    WireRequest,
    deleted,
    found,
    page_of,
    updated,
)
from conductor.webhooks import actions
from conductor.webhooks.models import Call, Endpoint, Format

webhooks = Frame("/conductor/v1", integration="email", tag="Webhook")

LEVELS = ["Contact", "Message"]
# What the actions call it, and the wire.
NAMES = {"batch_size": "batchSize", "lists": "listIds"}
START = "start"
LARGEST_CURSOR = 2**63


class WebhookIn(WireIn):
    """
    An endpoint to be: an https address on the public internet, and what it hears of.

    `kinds`: subscribed, unsubscribed, sent, opened, clicked, bounced, complained, converted,
    entered, ended (a conversation). The first two tell of email lists (`list`) and of phone lists
    (`phoneList`). `listIds`: email lists, with the phone lists of their short codes; empty: all.
    `format`: conductor (`{"events": [...]}`) or segment (`{"batch": [...]}`, identify and track).
    """

    name: str
    url: str
    kinds: list[str]
    list_ids: list[int] = []
    format: str = Format.CONDUCTOR.value
    batch_size: Annotated[int, Field(ge=1, le=actions.LARGEST_BATCH)] = 100
    is_paused: bool = False


class WebhookOut(WireOut):
    """An endpoint, without its secret."""

    webhook_id: int
    name: str
    url: str
    kinds: list[str]
    list_ids: list[int]
    format: str
    batch_size: int
    is_paused: bool
    create_date: datetime
    last_modified_date: datetime


class WebhookCreated(Created):
    """Made; `secret` signs every call and is answered this once."""

    secret: str


class SecretOut(WireOut):
    """The new secret, answered this once."""

    secret: str


class DeliveryOut(WireOut):
    """
    One batch of events and what came of it.

    `state`: calling, queued (tried again at `nextAttemptDate`), done, failed. `statusCode` and
    `milliseconds` are the last attempt's, 0 without an answer: `error` says why.
    """

    delivery_id: int
    state: str
    events: int
    first_cursor: str
    last_cursor: str
    attempts: int
    status_code: int
    milliseconds: int
    response: str
    error: str
    create_date: datetime
    next_attempt_date: datetime | None
    end_date: datetime | None


class ReplayIn(WireIn):
    """Behind which event to begin: the `cursor` that it carried, or Start for all kept."""

    cursor: str


class ReplayOut(WireOut):
    """How many events will be told again."""

    events: int


def own() -> Any:
    """Return the endpoints of this page of the product: not Segment's."""
    return Endpoint.objects.filter(is_source=False)


def endpoint_out(endpoint: Endpoint) -> WebhookOut:
    """Write an endpoint as the wire has it."""
    return WebhookOut(
        webhook_id=endpoint.pk,
        name=endpoint.name,
        url=endpoint.url,
        kinds=endpoint.kinds,
        list_ids=endpoint.lists,
        format=endpoint.format,
        batch_size=endpoint.batch_size,
        is_paused=endpoint.is_paused,
        create_date=endpoint.created_at,
        last_modified_date=endpoint.updated_at,
    )


def delivery_out(call: Call) -> DeliveryOut:
    """Write a line of the log as the wire has it."""
    return DeliveryOut(
        delivery_id=call.pk,
        state=call.state,
        events=len(call.happenings),
        first_cursor=str(call.happenings[0]),
        last_cursor=str(call.happenings[-1]),
        attempts=call.attempts,
        status_code=call.status or 0,
        milliseconds=call.milliseconds or 0,
        response=call.response,
        error=call.error,
        create_date=call.created_at,
        next_attempt_date=None if call.ended_at else call.next_at,
        end_date=call.ended_at,
    )


def settings_of(body: WebhookIn) -> dict[str, Any]:
    """Return the settings as the actions take them."""
    return {
        "name": body.name,
        "url": body.url,
        "kinds": [kind.strip().lower() for kind in body.kinds],
        "lists": body.list_ids,
        "format": body.format.strip().lower(),
        "batch_size": body.batch_size,
    }


def turn(request: WireRequest, endpoint: Endpoint, *, is_paused: bool) -> None:
    """Pause or resume an endpoint, if it is not so already."""
    act = actions.pause_endpoint if is_paused else actions.resume_endpoint
    act(endpoint=endpoint, now=request.now, by=request.client)


@webhooks.get("/Webhook", answer=Collection[WebhookOut], levels=LEVELS)
def all_webhooks(request: WireRequest) -> Collection[WebhookOut]:
    """Return the account's webhooks."""
    return Collection[WebhookOut](data=[endpoint_out(one) for one in own().order_by("pk")])


@webhooks.post("/Webhook", answer={201: WebhookCreated}, levels=LEVELS, names=NAMES)
def create_webhook(request: WireRequest, body: WebhookIn) -> WebhookCreated:
    """
    Create a webhook; it hears of what happens from now on.

    Each call carries `Conductor-Signature: t=<unix>,v1=<hex>`, the HMAC-SHA256 of `<t>.<body>`
    under the secret, and an `Idempotency-Key` that is the same at every attempt. Whatever is
    not answered 2xx within 10 seconds is tried again for 24 hours.
    """
    made = actions.create_endpoint(now=request.now, by=request.client, **settings_of(body))
    turn(request, made.endpoint, is_paused=body.is_paused)
    return WebhookCreated(resource_id=str(made.endpoint.pk), secret=made.secret)


@webhooks.get("/Webhook/{webhook_id}", answer=Resource[WebhookOut], levels=LEVELS)
def one_webhook(request: WireRequest, webhook_id: Id) -> Resource[WebhookOut]:
    """Return one webhook."""
    return Resource[WebhookOut](data=endpoint_out(found(own(), pk=webhook_id)))


@webhooks.put("/Webhook/{webhook_id}", answer=Updated, levels=LEVELS, names=NAMES)
def replace_webhook(request: WireRequest, webhook_id: Id, body: WebhookIn) -> Updated:
    """
    Change a webhook, pause or resume it; what happens during a pause is told afterwards.

    What was not told yet goes to the new address, in the new format.
    """
    endpoint = found(own(), pk=webhook_id)
    actions.update_endpoint(
        endpoint=endpoint, now=request.now, by=request.client, **settings_of(body)
    )
    turn(request, endpoint, is_paused=body.is_paused)
    return updated(webhook_id)


@webhooks.delete("/Webhook/{webhook_id}", levels=LEVELS)
def delete_webhook(request: WireRequest, webhook_id: Id) -> Deleted:
    """Delete a webhook with its log and what it was still to be told."""
    endpoint = found(own(), pk=webhook_id)
    actions.delete_endpoint(endpoint=endpoint, now=request.now, by=request.client)
    return deleted()


@webhooks.post("/Webhook/{webhook_id}/Secret", answer=Resource[SecretOut], levels=LEVELS)
def new_secret(request: WireRequest, webhook_id: Id) -> Resource[SecretOut]:
    """Make a new secret; calls made from now on are signed with it alone."""
    endpoint = found(own(), pk=webhook_id)
    made = actions.rotate_secret(endpoint=endpoint, now=request.now, by=request.client)
    return Resource[SecretOut](data=SecretOut(secret=made.secret))


@webhooks.get("/Webhook/{webhook_id}/Delivery", answer=Page[DeliveryOut], levels=LEVELS)
def deliveries(request: WireRequest, webhook_id: Id, paging: Query[PageQuery]) -> Page[DeliveryOut]:
    """
    Return the log of a webhook, kept for 30 days, oldest first.

    One line for each batch of events: attempts, the last status, the beginning of what was answered.
    A failed one may be told again by `Replay`, with a cursor before its `firstCursor`.
    """
    endpoint = found(own(), pk=webhook_id)
    rows = page_of(Call.objects.filter(endpoint=endpoint), paging, request)
    return rows.answer(DeliveryOut, map(delivery_out, rows))


@webhooks.post("/Webhook/{webhook_id}/Replay", answer=Resource[ReplayOut], levels=LEVELS)
def replay(request: WireRequest, webhook_id: Id, body: ReplayIn) -> Resource[ReplayOut]:
    """
    Tell a webhook again what happened behind a cursor, with the same event ids.

    What is kept is what happened in the last 30 days while any webhook listened to it.
    """
    endpoint = found(own(), pk=webhook_id)
    count = actions.replay(
        endpoint=endpoint, after=read_cursor(body.cursor), now=request.now, by=request.client
    )
    return Resource[ReplayOut](data=ReplayOut(events=count))


def read_cursor(cursor: str) -> int:
    """
    Return the id that a cursor names.

    :raises InvalidParameterError: for a text that is none.
    """
    cursor = cursor.strip().lower()
    if cursor == START:
        return 0
    if not (cursor.isascii() and cursor.isdigit()) or int(cursor[:20]) >= LARGEST_CURSOR:
        raise InvalidParameterError("cursor")
    return int(cursor[:20])
