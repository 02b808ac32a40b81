"""
Small clients that behave as the real ones were seen to behave.

Over a real server, since what they rely on is in the bytes: header case, redirects,
unescaped cursors, bodies without a content type.
"""

import http.client
import io
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from accounts import actions
from accounts.models import IntegrationType
from accounts.tenancy import in_account
from tests.factories import ExternalEventFactory, ListFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def credentials(acme, now):
    with in_account(acme.pk):
        made = actions.create_integration(
            name="Shop", types=IntegrationType.values, levels=None, now=now
        )
    return made.client.client_id, made.secret


@pytest.fixture
def shop(acme):
    with in_account(acme.pk):
        return ListFactory.create(name="Store Customers")


@pytest.fixture
def send(live_server):
    """Send one request as it is written; follow nothing, escape nothing."""
    server = urlsplit(live_server.url)

    def sent(method: str, path: str, body: Any = None, headers: Any = None) -> tuple[int, Any, Any]:
        connection = http.client.HTTPConnection(server.hostname or "", server.port, timeout=60)
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), json.loads(data)

    return sent


def token_of(send, credentials):
    client_id, secret = credentials
    status, _, body = send(
        "POST",
        "/OAuth2/Token",
        f"grant_type=client_credentials&client_id={client_id}&client_secret={secret}",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert status == 200
    return body["access_token"]


class TestSegment:
    def test_asks_for_a_token_with_a_stray_header(self, send, credentials):
        client_id, secret = credentials

        status, headers, body = send(
            "POST",
            "/OAuth2/Token",
            f"client_id={client_id}&client_secret={secret}&grant_type=client_credentials",
            {
                "authorization": "Bearer undefined",
                "accept": "text/plain",
                "content-type": "application/x-www-form-urlencoded",
            },
        )

        assert status == 200
        assert headers["Content-Type"] == "application/json;charset=UTF-8"
        assert isinstance(body["expires_in"], int)

    def test_asks_again_after_a_401(self, send, credentials, shop):
        status, _, body = send(
            "GET", f"/email/v1/List/{shop.pk}", None, {"authorization": "Bearer stale"}
        )
        assert (status, body["status"], body["error"]) == (401, 401, "ERROR_UNAUTHORIZED")

        token = token_of(send, credentials)
        headers = {"authorization": f"Bearer {token}"}
        assert send("GET", f"/email/v1/List/{shop.pk}", None, headers)[0] == 200


class TestTap:
    def test_follows_cursors_until_null(self, send, credentials, acme, shop):
        """It re-sends every parameter, and would loop for ever on an empty cursor."""
        with in_account(acme.pk):
            SubscriptionFactory.create_batch(7, list=shop)
        headers = {"Authorization": f"Bearer {token_of(send, credentials)}"}
        seen: list[Any] = []
        cursor: Any = "Start"
        calls = 0

        while cursor is not None:
            status, _, body = send(
                "GET",
                f"/email/v1/List/{shop.pk}/Contact?cursor={cursor}&count=3"
                "&startDate=2010-01-01T00:00:00Z&subscriptionState=Subscribed",
                None,
                headers,
            )
            assert status == 200
            seen += body["data"]
            cursor, calls = body["nextPageCursor"], calls + 1

        assert (len(seen), calls) == (7, 3)
        for record in seen:
            for name in ("emailAddress", "emailKey", "subscriptionState", "subscribeDate"):
                assert record[name]
            assert record["segmentationFieldValues"] == []


class TestWrapper:
    def test_puts_slashes_at_the_end_and_pastes_cursors(self, send, credentials, acme, shop):
        with in_account(acme.pk):
            SubscriptionFactory.create_batch(3, list=shop)
        headers = {
            "Authorization": f"Bearer {token_of(send, credentials)}",
            "Content-Type": "application/json",
        }
        url = f"/email/v1/List/{shop.pk}/Contact/"

        body = json.dumps({"emailAddress": "a+b@mail.example", "subscriptionState": "Subscribed"})
        status, _, made = send(
            "POST", f"{url}?overrideUnsubscribe=False&updateType=Update", body, headers
        )
        assert (status, made["resourceId"]) == (201, "a+b@mail.example")

        page = send("GET", f"{url}?count=2", None, headers)[2]
        rest = send("GET", f"{url}?cursor={page['nextPageCursor']}", None, headers)[2]
        assert (len(page["data"]), len(rest["data"])) == (2, 2)
        assert rest["nextPageCursor"] is None
        assert send("GET", f"{url}a+b@mail.example/", None, headers)[0] == 200


class TestVendorSample:
    def test_writes_pascal_case(self, send, credentials, acme, shop):
        with in_account(acme.pk):
            event = ExternalEventFactory.create(list=shop)
        headers = {
            "Authorization": f"Bearer {token_of(send, credentials)}",
            "Content-Type": "application/json; charset=utf-8",
        }
        body = json.dumps(
            {"EmailAddress": "grace@mail.example", "SegmentationFieldValues": [], "Extra": {}}
        )

        url = f"/email/v1/list/{shop.pk}/contact?EventIds={event.pk}&OverrideUnsubscribe=True"
        assert send("POST", url, body, headers)[0] == 201


class TestTagTemplate:
    def test_posts_nothing_without_a_content_type(self, send, credentials):
        headers = {"Authorization": f"Bearer {token_of(send, credentials)}"}

        status, _, body = send(
            "POST", "/sms/v1/ShortCode/1/Contact/12125552368/PhoneList/1", None, headers
        )

        assert (status, body["error"]) == (404, "ERROR_UNABLE_TO_LOCATE_RESOURCE")


class TestCommit:
    def test_keeps_what_was_answered_201(self, send, credentials):
        headers = {
            "Authorization": f"Bearer {token_of(send, credentials)}",
            "Content-Type": "application/json",
        }

        status, _, made = send("POST", "/email/v1/List", '{"listName": "Kept"}', headers)

        assert status == 201
        shown = send("GET", f"/email/v1/List/{made['resourceId']}", None, headers)[2]
        assert shown["data"]["listName"] == "Kept"


class TestChunks:
    def test_are_put_together(self, wire):
        """A body without a Content-Length is no empty body."""
        body = io.BytesIO(b'{"listName": "Chunky"}')

        answer = wire.client.generic(
            "POST",
            "/email/v1/List",
            headers={"Authorization": f"Bearer {wire.token}", "Transfer-Encoding": "chunked"},
            **{"wsgi.input": body, "CONTENT_LENGTH": "", "CONTENT_TYPE": "application/json"},
        )

        assert answer.status_code == 201

    @pytest.mark.parametrize("length", ["", "12"])
    def test_of_more_than_250_mb_are_answered_404(self, wire, settings, length):
        settings.API_BODY_BYTES = 10
        headers = {"Authorization": f"Bearer {wire.token}"}
        if not length:
            headers["Transfer-Encoding"] = "chunked"

        answer = wire.client.generic(
            "POST",
            "/data/v1/Order",
            headers=headers,
            **{"wsgi.input": io.BytesIO(b" " * 12), "CONTENT_LENGTH": length},
        )

        assert (answer.status_code, json.loads(answer.content)["status"]) == (404, 404)
