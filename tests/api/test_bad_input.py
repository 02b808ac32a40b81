"""
What is wrong with a call is answered in the envelope, and nothing of it is stored.

Over one route of each service, each of another kind: an object, an array, an object in another
envelope, rows that are judged one by one.
"""

import base64
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import ApiToken, ApiUse, IntegrationType, RateCount
from accounts.tenancy import in_account
from contacts.api.crosschannel import event_uid
from contacts.models import Import, ImportReject
from messaging.models import PhoneSubscription, ShortCode
from tests.api.conftest import connect
from tests.api.stored import everything_stored
from tests.factories import (
    ExternalEventFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    ShortCodeFactory,
    SubscriptionFactory,
)

MB = 1_000_000
# Rows of these are judged one by one: the call is answered, what was not taken stands under Imports.
COUNTED = {ApiUse._meta.db_table}
REMARKS = {Import._meta.db_table, ImportReject._meta.db_table}


@dataclass(frozen=True)
class Route:
    """A route, a body that it takes, and where dates, numbers and texts stand in it."""

    path: str
    body: Any
    dates: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    is_judged_by_row: bool = False
    # Of the numbers that are none elsewhere these are good.
    takes: frozenset[str] = frozenset()


ROUTES = {
    "email": Route(
        "/email/v1/List/{list_id}/Contact?eventIds={event_id}",
        {
            "emailAddress": "new@mail.example",
            "subscriptionState": "Subscribed",
            "externalContactID": "C-1",
            "segmentationFieldValues": [
                {"segmentationFieldId": "{text_id}", "value": "gold"},
                {"segmentationFieldId": "{date_id}", "value": "2026-12-31"},
                {"segmentationFieldId": "{number_id}", "value": 12},
            ],
        },
        dates=("segmentationFieldValues.1.value",),
        numbers=(
            "segmentationFieldValues.0.segmentationFieldId",
            "segmentationFieldValues.2.value",
        ),
        texts=("emailAddress", "externalContactID", "segmentationFieldValues.0.value"),
        takes=frozenset({"-1", "0.5", "null", "[]", str(2**31)}),
    ),
    "email rows": Route(
        "/email/v1/List/{list_id}/Contact/SegmentationField",
        [
            {
                "emailAddress": "grace@mail.example",
                "segmentationFieldValues": [{"segmentationFieldId": "{text_id}", "value": "gold"}],
            }
        ],
        numbers=("0.segmentationFieldValues.0.segmentationFieldId",),
        texts=("0.emailAddress", "0.segmentationFieldValues.0.value"),
        is_judged_by_row=True,
    ),
    "email file": Route(
        "/email/v1/List/{list_id}/ListImport",
        {
            "fileDelimiter": ",",
            "fileMappings": [{"fileColumn": 0, "fileColumnType": "Email"}],
            "fileName": "a.csv",
            "fileStream": base64.b64encode(b"a@mail.example\n").decode(),
            "importType": "AddSubscribers",
            "segmentationImportType": "Update",
        },
        numbers=("fileMappings.0.fileColumn",),
        texts=("fileStream", "importType", "fileMappings.0.fileColumnType"),
    ),
    "sms": Route(
        "/sms/v1/ShortCode/{code_id}/PhoneList/{phone_list_id}/Contact",
        {
            "phoneNumber": "12125550123",
            "emailAddress": "new@mail.example",
            "birthday": "1980-02-29",
            "segmentationFieldValues": [{"segmentationFieldId": "{text_id}", "value": "gold"}],
        },
        dates=("birthday",),
        numbers=("segmentationFieldValues.0.segmentationFieldId",),
        texts=("phoneNumber", "emailAddress"),
    ),
    "data": Route(
        "/data/v1/Order",
        [
            {
                "orderNumber": "A-1",
                "email": "new@mail.example",
                "dateEntered": "2026-11-01T12:00:00",
                "orderTotal": 55.5,
                "items": [{"sku": "SHOE", "quantity": 2, "price": 25}],
            }
        ],
        dates=("0.dateEntered",),
        numbers=("0.orderTotal", "0.items.0.quantity", "0.items.0.price"),
        texts=("0.orderNumber", "0.email", "0.items.0.sku"),
        takes=frozenset({"-1", "0.5", "null", '"9e9"', str(2**31)}),
        is_judged_by_row=True,
    ),
    "crosschannel": Route(
        "/crosschannel/v1/eventConfigurations/{event_uid}/events",
        {
            "events": [
                {
                    "identifiers": [
                        {"identifierValue": "grace@mail.example", "identifierType": "EmailAddress"}
                    ],
                    "dataFields": {"price": 12},
                }
            ]
        },
        texts=("events.0.identifiers.0.identifierValue", "events.0.identifiers.0.identifierType"),
        is_judged_by_row=True,
    ),
    "privacy": Route(
        "/privacy/v1/Forget",
        {"emailAddress": "grace@mail.example", "phoneNumber": "12125550123"},
        texts=("emailAddress", "phoneNumber"),
    ),
    "twowaysms": Route(
        "/twowaysms/tickets",
        {"integrationType": "custom", "phoneId": "{phone_id}", "externalTicketId": "T-1"},
        numbers=("phoneId",),
        texts=("integrationType", "externalTicketId"),
    ),
    "conductor": Route(
        "/conductor/v1/List/{list_id}/Event/Batch",
        [
            {
                "emailAddress": "grace@mail.example",
                "event": "{event_id}",
                "occurredAt": "2026-11-01T12:00:00",
                "eventKey": "k-1",
                "properties": {"price": 12},
            }
        ],
        dates=("0.occurredAt",),
        numbers=("0.event",),
        texts=("0.emailAddress", "0.eventKey"),
        is_judged_by_row=True,
    ),
}


@pytest.fixture
def ids(acme, shop):
    """Everything that paths and bodies name."""
    with in_account(acme.pk):
        code: ShortCode = ShortCodeFactory.create(email_list=shop)
        phone_list = PhoneListFactory.create(short_code=code)
        phone: PhoneSubscription = PhoneSubscriptionFactory.create(phone_list=phone_list)
        event = ExternalEventFactory.create(list=shop)
        SubscriptionFactory.create(list=shop, contact__email="grace@mail.example")
        group = ProfileFieldFactory.create(group__list=shop).group
        fields = {
            name: ProfileFieldFactory.create(group=group, data_type=kind, max_length=50).pk
            for name, kind in (("text_id", "Text"), ("date_id", "Date"), ("number_id", "Numeric"))
        }
        return {
            "list_id": shop.pk,
            "code_id": code.pk,
            "phone_list_id": phone_list.pk,
            "phone_id": phone.pk,
            "event_id": event.pk,
            "event_uid": event_uid(event),
            **fields,
        }


def filled(value, ids):
    """Put the ids into a body."""
    if isinstance(value, dict):
        return {key: filled(each, ids) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    name = value[1:-1] if isinstance(value, str) and value.startswith("{") else ""
    return ids.get(name, value)


def changed(body, place, value):
    """Return a body with another value at a place (`0.items.1.sku`)."""
    name, _, rest = place.partition(".")
    inner = body[int(name)] if isinstance(body, list) else body[name]
    new = changed(inner, rest, value) if rest else value
    if isinstance(body, list):
        return [new if number == int(name) else one for number, one in enumerate(body)]
    return {**body, name: new}


@pytest.fixture(params=ROUTES)
def route(request):
    return ROUTES[request.param]


@pytest.fixture
def send(wire, ids, acme, route):
    """
    Send bodies that are wrong; in the end nothing of them is stored.

    A route that judges row by row may take the call, and say of the row why it was not taken.
    """
    path = route.path.format(**ids)
    with in_account(acme.pk):
        before = everything_stored()

    def sent(body=None, *, data=None, **options):
        RateCount.objects.all().delete()  # some routes take few calls in a while
        given = {"data": data} if data is not None else {}
        answer = wire.call("POST", path, body, **given, **options)
        shown = str(data if body is None else body)[:200]
        assert answer.status_code < 500, shown
        assert answer.status_code >= 400 or route.is_judged_by_row, shown
        return answer

    yield sent
    with in_account(acme.pk):
        after = everything_stored()
    news = {table for table, rows in after.items() if rows != before[table]}
    assert news - COUNTED <= (REMARKS if route.is_judged_by_row else set())


MALFORMED = [
    *(b"{", b"[", b"[1,", b'{"a": }', b"nul", b"'a'", b"{} {}", b"[] []", b"{]", b"\x00"),
    *(b'{"a": NaN}', b"[Infinity]", b"[-Infinity]", b'["a\nb"]', b'"\\x"', b"\xef\xbb\xbf"),
    *(b"\xff", b'{"emailAddress": "\xff@mail.example"}', b'["\xc3"]', b'"\xed\xa0\x80"'),
    '{"emailAddress": "a@mail.example"}'.encode("utf-16"),
    *(b"[" * 200_000, b'{"a":' * 100_000, b"[" * 200_000 + b"]" * 200_000),
    *(b"9" * 5_000, b"[" + b"9" * 5_000 + b"]"),
]
OTHER_KINDS: list[Any] = [None, True, 3, "x", 1.5, [], {}, [[]], [None], {"": None}]
VALUES = [[], {}, [1], {"a": 1}, [[[]]], {"emailAddress": {}}]
UNSTORABLE = ["\0", "a\0b@mail.example", "\ud800"]
NUMBERS = [
    *("9" * 400, "-1", "1e400", "-1e400", str(2**63), str(2**31), "0.5", "null"),
    *('"abc"', '"9e9"', "[]"),
]
DATES = [
    *("2026-02-30", "2025-02-29T00:00:00", "2026-13-01", "2026-11-31T10:00:00Z", "13/45/2026"),
    *("0000-00-00", "9999-12-31", "1026-01-01", "yesterday", "2026-11-01T25:00:00", "1" * 5_000),
    *("2026-11-01T12:00:00+99:00", "2026-W10-1", "\u0662\u0660\u0662\u0666-01-01"),
]


class TestBody:
    def test_of_good_form_is_taken(self, wire, ids, route):
        """Or all that follows would be refused for another reason."""
        answer = wire.call("POST", route.path.format(**ids), filled(route.body, ids))

        assert answer.status_code in {200, 201}, answer.content
        assert b"ERROR" not in answer.content
        assert not ImportReject.objects.exists()

    def test_that_is_no_json(self, send):
        for data in MALFORMED:
            answer = send(data=data)

            assert answer.status_code == 400, data[:50]
            assert b"ERROR_MALFORMED_REQUEST_BODY" in answer.content, data[:50]

    def test_of_another_kind(self, send, route):
        for body in OTHER_KINDS:
            if body != [] or not isinstance(route.body, list):
                send(data=json.dumps(body).encode())

    def test_of_another_content_type(self, send, ids, route):
        data = json.dumps(filled(route.body, ids))

        for kind in ("text/plain", "multipart/form-data; boundary=x", "application/xml", ""):
            assert send(data=data, content_type=kind).status_code == 415


class TestValue:
    def test_of_another_kind(self, send, ids, route):
        for place in (*route.texts, *route.dates):
            for value in VALUES:
                if value or not place.endswith("value"):  # an empty one clears a field
                    send(changed(filled(route.body, ids), place, value))

    def test_that_no_database_keeps(self, send, ids, route):
        for place in route.texts:
            for text in UNSTORABLE:
                send(changed(filled(route.body, ids), place, text))

    @pytest.mark.parametrize("route", ["email", "data", "conductor"], indirect=True)
    def test_of_10_mb(self, send, ids, route):
        send(changed(filled(route.body, ids), route.texts[-1], "x" * 10 * MB))

    def test_that_is_no_number_of_ours(self, send, ids, route):
        for place in route.numbers:
            for number in NUMBERS:
                if number not in route.takes:
                    text = json.dumps(changed(filled(route.body, ids), place, "HERE"))
                    send(data=text.replace('"HERE"', number))

    def test_that_is_no_date(self, send, ids, route):
        for place in route.dates:
            for date in DATES:
                send(changed(filled(route.body, ids), place, date))


class TestCaller:
    def test_without_a_token_of_ours_that_counts(self, send, ids, acme, now, route):
        good = json.dumps(filled(route.body, ids))

        for token in ("", "x" * 430, "\xe9", "a b"):
            assert send(data=good, headers={"Authorization": f"Bearer {token}"}).status_code == 401
        with in_account(acme.pk):
            ApiToken.objects.update(expires_at=now - timedelta(days=3650))
        assert send(data=good).status_code == 401

    def test_of_another_account(self, ids, acme, globex, now, route):
        stranger = connect(globex, now, types=list(IntegrationType.values))
        with in_account(acme.pk):
            before = everything_stored()

        answer = stranger.call("POST", route.path.format(**ids), filled(route.body, ids))

        # What names nothing of acme's is the stranger's own affair.
        names_nothing = not re.search(r"{\w+}", route.path + json.dumps(route.body))
        assert answer.status_code == (201 if names_nothing else 404)
        with in_account(acme.pk):
            assert everything_stored() == before


CURSORS = [
    *("x", "=", "%C3%A9", "%00", "null", "undefined", "-1", "A" * 5_000),
    *(
        base64.urlsafe_b64encode(held.encode()).rstrip(b"=").decode()
        for held in (
            *("{}", "null", "[]", '""', '{"after":1}', '{"after":-1,"query":{}}'),
            *('{"after":1e400,"query":{}}', '{"after":"x","query":{}}', '{"after":1,"query":[1]}'),
            f'{{"after":{2**63},"query":{{}}}}',
        )
    ),
]
QUERIES = [
    *("count=x", "count=1e3", f"count={'9' * 5_000}", "count=1.5", "startDate=2026-02-30"),
    *("endDate=tomorrow", "useOriginalSubscribeDate=perhaps", "subscriptionState=Gone"),
    *("segmentationFieldIds=x", f"segmentationFieldIds={'9' * 30}", "segmentationFieldIds=1,-2"),
    *("externalContactID=%00", "startDate=%FF"),
]


class TestQuery:
    def test_with_a_cursor_that_is_none(self, wire, shop):
        for cursor in CURSORS:
            path = f"/email/v1/List/{shop.pk}/Contact?cursor={cursor}"

            assert wire.refused("GET", path) == (
                400,
                "ERROR_INVALID_PARAMETER",
                "An invalid value was supplied for cursor.",
            ), cursor

    def test_with_the_cursor_of_another_query(self, wire, acme, shop):
        """It goes on where it stands, with what it remembers of its own query."""
        with in_account(acme.pk):
            SubscriptionFactory.create_batch(3, list=shop)
        base = f"/email/v1/List/{shop.pk}"
        cursor = wire.page(f"{base}/Contact", count=1)["nextPageCursor"]

        for path in ("/Event", "/ListImport", "/Conversation", "/Message", "/SavedMessage"):
            answer = wire.call("GET", f"{base}{path}", query_params={"cursor": cursor})
            assert answer.status_code == 200, answer.content
        for parameters in ({"subscriptionState": "Unsubscribed"}, {"count": 2}):
            answer = wire.call(
                "GET", f"{base}/Contact", query_params={"cursor": cursor, **parameters}
            )
            assert answer.status_code == 200, answer.content

    def test_with_a_value_that_is_none(self, wire, shop):
        for query in QUERIES:
            refusal = wire.refused("GET", f"/email/v1/List/{shop.pk}/Contact?{query}")

            assert refusal[:2] == (400, "ERROR_INVALID_PARAMETER"), query
            assert refusal[2].removesuffix(".").endswith(query.partition("=")[0])

    def test_with_what_is_taken_leniently(self, wire, shop):
        for query in ("count=0", "count=-5", "count=99999", "cursor=", "x=%FF", "&&="):
            assert wire.get(f"/email/v1/List/{shop.pk}/Contact?{query}") == []
