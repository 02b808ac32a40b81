"""What every answer carries beyond the wire: request ids, limits, and idempotency."""

import json
import re
from datetime import timedelta

import pytest

from accounts import api as accounts_api
from accounts.models import ApiClient, ApiUse, KeptAnswer, List
from accounts.tenancy import in_account
from accounts.wire import metering
from accounts.wire.idempotency import forget_answers
from tests.api.conftest import ask_token, connect

LISTS = "/email/v1/List"


def call(wire, method, path, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.call(method, path, body, headers=named)


class TestRequestId:
    def test_is_the_callers_own(self, wire):
        answer = call(wire, "GET", LISTS, X_Request_Id="order-7/2")

        assert answer.headers["X-Request-Id"] == "order-7/2"

    @pytest.mark.parametrize("given", ["", "two words", "x" * 129, "a\tb"])
    def test_is_a_new_one_for_a_strange_one(self, wire, given):
        answer = call(wire, "GET", LISTS, X_Request_Id=given)

        assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])

    def test_is_on_refusals_and_tokens(self, wire, client):
        refused = call(wire, "GET", "/email/v1/Nowhere", X_Request_Id="r-1")
        token = ask_token(client, wire.client_id, wire.client_secret)

        assert refused.headers["X-Request-Id"] == "r-1"
        assert token.headers["X-Request-Id"]


class TestRateLimit:
    def test_is_told_with_every_answer(self, wire, settings):
        settings.API_CALLS_PER_MINUTE = 1000

        first = wire.call("GET", LISTS)
        second = wire.refused("GET", f"{LISTS}/999999")
        third = wire.call("GET", LISTS)

        assert second[0] == 404
        assert first.headers["RateLimit-Limit"] == "1000"
        left = int(first.headers["RateLimit-Remaining"]) - int(third.headers["RateLimit-Remaining"])
        # A minute may have begun meanwhile.
        assert left == 2 or int(third.headers["RateLimit-Remaining"]) >= 997
        assert 1 <= int(first.headers["RateLimit-Reset"]) <= 60

    def test_refuses_what_is_beyond(self, wire, settings):
        settings.API_CALLS_PER_MINUTE = 3

        answers = [wire.call("GET", LISTS) for _ in range(8)]

        late = [answer for answer in answers if answer.status_code == 429]
        assert late
        assert late[0].headers["RateLimit-Remaining"] == "0"
        assert 1 <= int(late[0].headers["Retry-After"]) <= 60
        assert json.loads(late[0].content)["error"] == "ERROR_TOO_MANY_REQUESTS"

    def test_counts_the_calls_of_a_day(self, wire, acme):
        wire.call("GET", LISTS)

        with in_account(acme.pk):
            assert ApiUse.objects.get(client__client_id=wire.client_id).calls == 1

    def test_counts_what_is_refused_and_what_crashes(self, wire, acme, shop, monkeypatch):
        monkeypatch.setattr(metering, "TELL_AFTER", timedelta(0))
        wire.refused("GET", f"{LISTS}/999999")
        wire.refused("POST", LISTS, {})
        monkeypatch.setattr(accounts_api, "list_out", None)
        assert wire.refused("GET", f"{LISTS}/{shop.pk}")[0] == 500

        with in_account(acme.pk):
            client = ApiClient.objects.get()
            assert client.last_used_at is not None
            assert ApiUse.objects.get(client=client).calls == 3

    def test_counts_nobody_who_is_not_let_in(self, wire, acme):
        with in_account(acme.pk):
            ApiClient.objects.update(levels=[])

        assert wire.refused("GET", LISTS)[0] == 401

        with in_account(acme.pk):
            assert ApiClient.objects.get().last_used_at is None
            assert not ApiUse.objects.exists()


class TestIdempotencyKey:
    @pytest.fixture
    def body(self):
        return {"listName": "Spring"}

    def test_answers_the_same_call_again(self, wire, acme, body):
        first = call(wire, "POST", LISTS, body, Idempotency_Key="k-1")
        again = call(wire, "POST", LISTS, body, Idempotency_Key="k-1")

        assert first.status_code == again.status_code == 201
        assert again.content == first.content
        assert again.headers["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first.headers
        with in_account(acme.pk):
            assert List.objects.filter(name="Spring").count() == 1

    @pytest.mark.parametrize("path", [LISTS, f"{LISTS}?x=1"])
    def test_refuses_another_call(self, wire, body, path):
        call(wire, "POST", LISTS, body, Idempotency_Key="k-1")

        other = call(
            wire, "POST", path, {"listName": "Autumn"} if path == LISTS else body,
            Idempotency_Key="k-1",
        )  # fmt: skip

        assert other.status_code == 409
        assert json.loads(other.content)["error"] == "ERROR_IDEMPOTENCY_KEY_REUSED"

    def test_keeps_secrets_and_addresses_encrypted(self, wire, acme, shop):
        hook = {"name": "A", "url": "https://shop.example/x", "kinds": ["sent"]}
        person = {"emailAddress": "grace@mail.example"}
        calls = (("/conductor/v1/Webhook", hook), (f"{LISTS}/{shop.pk}/Contact", person))

        for path, given in calls:
            first = call(wire, "POST", path, given, Idempotency_Key=path[-7:])
            again = call(wire, "POST", path, given, Idempotency_Key=path[-7:])
            assert again.content == first.content

        with in_account(acme.pk):
            kept = " ".join(KeptAnswer.objects.values_list("body", flat=True))
        assert "grace" not in kept
        assert "secret" not in kept

    def test_forgets_what_was_said_of_people_with_them(self, wire, shop, body):
        person = {"emailAddress": "grace@mail.example"}
        contacts = f"{LISTS}/{shop.pk}/Contact"
        call(wire, "POST", LISTS, body, Idempotency_Key="k-1")
        call(wire, "POST", contacts, person, Idempotency_Key="k-2")

        wire.post("/privacy/v1/Forget", person)

        assert call(wire, "POST", LISTS, body, Idempotency_Key="k-1").status_code == 201
        again = call(wire, "POST", contacts, person, Idempotency_Key="k-2")
        assert again.status_code == 409
        assert again.json()["message"] == (
            "The call with this Idempotency-Key was made; its answer is no longer kept."
        )
        assert wire.get(contacts) == []

    def test_is_each_integrations_own(self, wire, acme, now, body):
        other = connect(acme, now, types=["email"])

        call(wire, "POST", LISTS, body, Idempotency_Key="k-1")
        answer = call(other, "POST", LISTS, {"listName": "Autumn"}, Idempotency_Key="k-1")

        assert answer.status_code == 201

    def test_keeps_nothing_of_a_refusal(self, wire, acme, body):
        bad = call(wire, "POST", LISTS, {"listName": ""}, Idempotency_Key="k-1")
        good = call(wire, "POST", LISTS, body, Idempotency_Key="k-1")

        assert (bad.status_code, good.status_code) == (400, 201)

    def test_lasts_a_day(self, wire, acme, now, body):
        call(wire, "POST", LISTS, body, Idempotency_Key="k-1")
        statuses = []
        for passed in (timedelta(hours=23, minutes=50), timedelta(minutes=10)):
            with in_account(acme.pk):
                kept = KeptAnswer.objects.get()
                kept.kept_at -= passed
                kept.save()
            later = call(wire, "POST", LISTS, {"listName": "Autumn"}, Idempotency_Key="k-1")
            statuses.append(later.status_code)

        assert statuses == [409, 201]

    @pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "é"])
    def test_refuses_a_strange_key(self, wire, body, key):
        answer = call(wire, "POST", LISTS, body, Idempotency_Key=key)

        assert answer.status_code == 400
        assert json.loads(answer.content)["message"] == (
            "An invalid value was supplied for Idempotency-Key."
        )

    def test_means_nothing_to_a_read(self, wire):
        assert call(wire, "GET", LISTS, Idempotency_Key="k-1").status_code == 200
        assert "Idempotency-Replayed" not in call(wire, "GET", LISTS, Idempotency_Key="k-1").headers

    def test_is_forgotten_after_a_day(self, wire, acme, body):
        call(wire, "POST", LISTS, body, Idempotency_Key="k-1")
        with in_account(acme.pk):
            kept_at = KeptAnswer.objects.get().kept_at

        forget_answers(kept_at + timedelta(hours=23))
        with in_account(acme.pk):
            assert KeptAnswer.objects.exists()
        forget_answers(kept_at + timedelta(hours=24))

        with in_account(acme.pk):
            assert not KeptAnswer.objects.exists()
