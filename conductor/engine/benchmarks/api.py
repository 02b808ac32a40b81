"""
How fast the API takes what integrations send: real HTTP over the loopback.

The web server is the one of `bin/up`, with its threads, and the client a process of its own.
`POST Contact` stands beside an authenticated call that does nothing, before and after, on the
same server; calls of many contacts or events beside the same rows written by hand, one statement
a call and table. What was answered is counted in the database at the end.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict

from accounts.actions import create_integration, issue_token
from accounts.models import Account
from accounts.tenancy import in_account, sql
from accounts.wire.paging import write_cursor
from conductor.engine.benchmarks import api_calls, api_hands, api_upload
from conductor.engine.benchmarks.ground import Ground, prepare, publish
from conductor.engine.benchmarks.redirects import served
from contacts.models import Event, Intake, ProfileField, Subscription

log = logging.getLogger(__name__)

DEFAULT_SIZE = 1_000_000
CONNECTIONS = 16
MANY_AT_ONCE = 2
SINGLES, WARM = 3_000, 300
VALUES_A_CALL, EVENTS_A_CALL = 1_000, 10_000
VALUES, EVENTS = 100_000, 100_000
PAGE, PAGES = 5_000, 5
SINGLE_FLOOR = 0.5
ACCEPTED, APPLIED, STORED = 20_000, 10_000, 20_000
LAST_PAGE, MOST_MB = 2.0, 300
FILE_MB = 100
PING = "/ping/v1/Ping"
APPLIED_VALUES = """
    SELECT count(*)
    FROM contacts_subscription AS subscription
    WHERE subscription.profile ->> %(field)s LIKE 'now %%'
"""


class LostCallsError(RuntimeError):
    """Calls were refused, or what they brought is not there."""


@dataclass(frozen=True)
class Caller:
    """Who calls, and what it writes into."""

    ground: Ground
    token: str
    port: int
    field_id: int

    def request(self, method: str, path: str, body: Any = None) -> bytes:
        """Return a whole request, after its length."""
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        whole = head.encode() + data
        return len(whole).to_bytes(api_calls.LENGTH, "big") + whole

    @property
    def contacts(self) -> str:
        """Return the path of the list's contacts."""
        return f"/email/v1/List/{self.ground.in_list.pk}/Contact"


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """
    Yield the figures of `benchmark api`, in an account flagged `is_benchmark`.

    `size` is how many contacts the list has that is paged through; `web_mb` what the web
    process holds afterwards.

    :raises LostCallsError: if a call was refused, or less is there than was answered.
    """
    ground = prepare(account, now=now, size=size, seed=seed)
    log.info("%s contacts are there.", size)
    with in_account(account.pk):
        client = create_integration(name="Shop", types=["email"], now=now).client
        token = issue_token(client=client, now=now)
        field = ProfileField.objects.get(name="Mobile")
    environment = {"CONDUCTOR_API_CALLS_PER_MINUTE": "100000000"}
    with served("conductor.engine.benchmarks.api_ping:application", environment) as (port, pid):
        caller = Caller(ground, token, port, field.pk)
        for figure, many in (
            (singles, min(SINGLES, size)),
            (values, min(VALUES, size)),
            (events, min(EVENTS, size)),
            (pages, size),
        ):
            yield figure(caller, many) | {"web_mb": round(api_upload.resident(pid))}
        yield api_upload.measure(
            account=account,
            port=port,
            pid=pid,
            token=token,
            path=f"/email/v1/List/{ground.in_list.pk}/ListImport",
            megabytes=FILE_MB,
        ) | {"most_mb": MOST_MB}


def call(caller: Caller, requests: list[bytes], *, connections: int, status: str) -> dict[str, Any]:
    """
    Send requests from a process of its own; return what it took.

    :raises LostCallsError: unless each was answered with `status`.
    """
    ran = subprocess.run(  # noqa: S603 - a module of ours
        [sys.executable, api_calls.__file__, str(caller.port), str(connections)],
        input=b"".join(requests),
        stdout=subprocess.PIPE,
        check=True,
    )
    came: dict[str, Any] = json.loads(ran.stdout)
    log.info("%s requests took %.2f s.", len(requests), came["seconds"])
    if came["statuses"] != {status: len(requests)}:
        raise LostCallsError(f"{came['statuses']} for {len(requests)} calls: {came['refusal']}")
    return came


def singles(caller: Caller, many: int) -> dict[str, Any]:
    """Measure `POST Contact`, each of a new contact with one value, beside a ping."""

    def posts(first: int, last: int) -> list[bytes]:
        return [
            caller.request(
                "POST",
                caller.contacts,
                {
                    "emailAddress": f"new{number}@mail.example",
                    "subscriptionState": "Subscribed",
                    "segmentationFieldValues": [
                        {"segmentationFieldId": caller.field_id, "value": f"{number}"}
                    ],
                },
            )
            for number in range(first, last)
        ]

    pings = [caller.request("GET", PING)] * many
    given = {"connections": CONNECTIONS}
    call(caller, pings[:WARM], status="200", **given)
    call(caller, posts(many, many + WARM), status="201", **given)
    raw = [call(caller, pings, status="200", **given)["seconds"]]
    ours = call(caller, posts(0, many), status="201", **given)
    raw.append(call(caller, pings, status="200", **given)["seconds"])
    with in_account(caller.ground.account.pk):
        there = Subscription.objects.filter(contact__email_norm__startswith="new").count()
    if there != many + WARM:
        raise LostCallsError(f"{there} of {many + WARM} contacts are there.")
    return {
        "name": "POST Contact, by an authenticated ping",
        "value": round(many / ours["seconds"]),
        "unit": "requests/s",
        "size": many,
        "seconds": round(ours["seconds"], 2),
        "raw": round(many / min(raw)),
        "ratio": round(min(raw) / ours["seconds"], 3),
        "connections": CONNECTIONS,
        "floor": SINGLE_FLOOR,
    }


def values(caller: Caller, many: int) -> dict[str, Any]:
    """Measure `Contact/SegmentationField`: what is answered is applied."""
    path = f"{caller.contacts}/SegmentationField"
    requests = [
        caller.request(
            "POST",
            path,
            [
                {
                    "emailAddress": f"shopper{number}@mail.example",
                    "segmentationFieldValues": [
                        {"segmentationFieldId": caller.field_id, "value": f"now {number}"}
                    ],
                }
                for number in range(first, min(first + VALUES_A_CALL, many + 1))
            ],
        )
        for first in range(1, many + 1, VALUES_A_CALL)
    ]
    raw = [api_hands.set_values(caller.ground, caller.field_id, many, VALUES_A_CALL, "before")]
    ours = call(caller, requests, connections=MANY_AT_ONCE, status="201")["seconds"]
    with in_account(caller.ground.account.pk):
        there = sql.fetch_value(APPLIED_VALUES, field=str(caller.field_id))
    if there != many:
        raise LostCallsError(f"{there} of {many} values are there.")
    raw.append(api_hands.set_values(caller.ground, caller.field_id, many, VALUES_A_CALL, "after"))
    return {
        "name": f"Contact/SegmentationField in calls of {VALUES_A_CALL:,}, applied when answered",
        "value": round(many / ours),
        "unit": "contacts/s",
        "size": many,
        "seconds": round(ours, 2),
        "raw": round(many / min(raw)),
        "ratio": round(min(raw) / ours, 3),
        "connections": MANY_AT_ONCE,
        "floor_value": ACCEPTED,
        "floor_applied": APPLIED,
    }


def events(caller: Caller, many: int) -> dict[str, Any]:
    """Measure `Event/Batch`: each event stored, and queued for the conversation that listens."""
    with in_account(caller.ground.account.pk):
        conversation = publish(caller.ground, "Listening")
    path = f"/conductor/v1/List/{caller.ground.in_list.pk}/Event/Batch"
    requests = [
        caller.request(
            "POST",
            path,
            [
                {
                    "emailAddress": f"shopper{number}@mail.example",
                    "event": caller.ground.event.name,
                    "properties": {"sku": f"SHOE-{number % 1000}", "price": 49.9},
                }
                for number in range(first, min(first + EVENTS_A_CALL, many + 1))
            ],
        )
        for first in range(1, many + 1, EVENTS_A_CALL)
    ]
    raw = [api_hands.raise_events(caller.ground, conversation, many, EVENTS_A_CALL)]
    before = _counts(caller)
    ours = call(caller, requests, connections=MANY_AT_ONCE, status="200")["seconds"]
    came = tuple(now - then for now, then in zip(_counts(caller), before, strict=True))
    if came != (many, many):
        raise LostCallsError(f"{came[0]} events of {many} are there, {came[1]} of them queued.")
    raw.append(api_hands.raise_events(caller.ground, conversation, many, EVENTS_A_CALL))
    return {
        "name": f"Event/Batch in calls of {EVENTS_A_CALL:,}, stored and queued",
        "value": round(many / ours),
        "unit": "events/s",
        "size": many,
        "seconds": round(ours, 2),
        "raw": round(many / min(raw)),
        "ratio": round(min(raw) / ours, 3),
        "connections": MANY_AT_ONCE,
        "floor_value": STORED,
    }


def _counts(caller: Caller) -> tuple[int, int]:
    with in_account(caller.ground.account.pk):
        return Event.objects.count(), Intake.objects.filter(kind="external_event").count()


def pages(caller: Caller, size: int) -> dict[str, Any]:
    """Measure the first and the last pages of the list, each asked for alone."""
    count = min(PAGE, max(1, size // (2 * PAGES)))
    with in_account(caller.ground.account.pk):
        rows = Subscription.objects.filter(list=caller.ground.in_list, state="Subscribed")
        ids = rows.order_by("-pk").values_list("pk", flat=True)
        starts = [ids[count * page] for page in range(PAGES, 0, -1)]
        firsts = list(rows.order_by("pk").values_list("pk", flat=True)[: count * PAGES])
    early = [0, *firsts[count - 1 : -1 : count]][:PAGES]
    took = {}
    for name, places in (("first", early), ("last", starts)):
        requests = [
            caller.request(
                "GET",
                f"{caller.contacts}?count={count}&segmentationFieldIds={caller.field_id}"
                f"&cursor={write_cursor(after=place, query=QueryDict())}",
            )
            for place in places
        ]
        # The first time each page is read from disk.
        times = [call(caller, requests, connections=1, status="200")["took"] for _ in range(2)]
        took[name] = sorted(times[1])[len(places) // 2]
    return {
        "name": f"GET Contact, the last pages of {count:,} by the first",
        "value": round(took["last"] / took["first"], 2),
        "unit": "times",
        "size": size,
        "first_ms": round(took["first"]),
        "last_ms": round(took["last"]),
        "ceiling": LAST_PAGE,
    }
