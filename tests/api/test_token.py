"""POST /OAuth2/Token."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from accounts import actions, api
from accounts.models import ApiClient
from accounts.tenancy import in_account
from tests.api.conftest import FORM, ask_token

INVALID = {"error": "Invalid Credentials"}


def asked(wire, data, kind=FORM, **options):
    return wire.client.generic("POST", "/OAuth2/Token", data=data, content_type=kind, **options)


class TestToken:
    def test_answers_to_the_letter(self, wire):
        answer = ask_token(wire.client, wire.client_id, wire.client_secret)

        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Pragma"] == "no-cache"
        assert answer.headers["Expires"] == "-1"
        body = json.loads(answer.content)
        assert list(body) == ["access_token", "token_type", "expires_in"]
        assert len(body["access_token"]) == 430
        assert (body["token_type"], body["expires_in"]) == ("bearer", 3599)

    @pytest.mark.parametrize("kind", [FORM, "application/json", "text/plain", ""])
    def test_takes_json_under_any_content_type(self, wire, kind):
        body = {
            "grant_type": "client_credentials",
            "client_id": wire.client_id,
            "client_secret": wire.client_secret,
        }

        assert asked(wire, json.dumps(body), kind).status_code == 200

    def test_ignores_a_stray_authorization_header(self, wire):
        """Segment sends this with the request for its first token."""
        body = (
            f"client_id={wire.client_id}&client_secret={wire.client_secret}"
            "&grant_type=client_credentials"
        )
        headers = {"Authorization": "Bearer undefined", "Accept": "text/plain"}

        assert asked(wire, body, headers=headers).status_code == 200

    @pytest.mark.parametrize("path", ["/oauth2/token", "/OAuth2/Token/", "/OAUTH2/TOKEN"])
    def test_is_found_in_any_case(self, wire, path):
        answer = wire.client.generic("POST", path, data="grant_type=client_credentials")

        assert (answer.status_code, json.loads(answer.content)) == (400, INVALID)

    @pytest.mark.parametrize(
        ("client_id", "secret"),
        [("", ""), ("x", "y"), (None, "wrong"), ("%00", "y"), (None, "%FF")],
    )
    def test_refuses_bad_credentials(self, wire, client_id, secret):
        answer = ask_token(wire.client, wire.client_id if client_id is None else client_id, secret)

        assert (answer.status_code, json.loads(answer.content)) == (400, INVALID)
        assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"

    @pytest.mark.parametrize("body", ["", "grant_type=password", "{}", "{", "[]", "\xff"])
    def test_refuses_another_grant(self, wire, body):
        answer = asked(wire, body)

        assert (answer.status_code, json.loads(answer.content)) == (
            400,
            {"error": "unsupported_grant_type"},
        )

    def test_refuses_a_paused_integration_and_a_foreign_address(self, wire, acme, now):
        with in_account(acme.pk):
            actions.pause_integration(client=ApiClient.objects.get(), now=now)
        assert ask_token(wire.client, wire.client_id, wire.client_secret).status_code == 400

        with in_account(acme.pk):
            actions.resume_integration(client=ApiClient.objects.get(), now=now)
            ApiClient.objects.update(ip_allow=["10.0.0.1"])
        answer = ask_token(wire.client, wire.client_id, wire.client_secret)
        assert (answer.status_code, json.loads(answer.content)) == (400, INVALID)

    def test_refuses_another_method(self, wire):
        assert wire.refused("GET", "/OAuth2/Token")[:2] == (405, "ERROR_UNSUPPORTED_METHOD")

    @pytest.mark.parametrize("limit", ["TOKENS_PER_CLIENT", "TOKENS_PER_ADDRESS"])
    def test_counts_calls_and_says_when_to_come_back(self, wire, monkeypatch, limit, time_machine):
        monkeypatch.setattr(api, limit, 1)

        answer = ask_token(wire.client, wire.client_id, wire.client_secret)

        assert answer.status_code == 429
        assert json.loads(answer.content)["error"] == "ERROR_TOO_MANY_REQUESTS"
        assert 1 <= int(answer.headers["Retry-After"]) <= 61

        time_machine.move_to(datetime.now(UTC) + timedelta(seconds=61))
        assert ask_token(wire.client, wire.client_id, wire.client_secret).status_code == 200

    def test_is_not_asked_for_at_length(self, wire):
        """Before anybody has shown who it is, little is read."""
        body = (
            "grant_type=client_credentials"
            f"&client_id={wire.client_id}&client_secret={wire.client_secret}&x={'x' * 70_000}"
        )

        answer = asked(wire, body)

        assert answer.status_code == 404
        assert json.loads(answer.content)["message"] == (
            "The request body is larger than 65536 bytes."
        )

    def test_is_given_while_somebody_else_guesses(self, wire, monkeypatch):
        monkeypatch.setattr(api, "TOKENS_PER_CLIENT", 3)
        monkeypatch.setattr(api, "TOKEN_WINDOW", timedelta(days=1))
        guesses = [
            ask_token(wire.client, wire.client_id, "wrong", REMOTE_ADDR="10.9.9.9").status_code
            for _ in range(5)
        ]

        answer = ask_token(wire.client, wire.client_id, wire.client_secret, REMOTE_ADDR="10.1.1.1")

        assert guesses == [400, 400, 400, 429, 429]
        assert answer.status_code == 200

    def test_is_not_given_to_a_right_guess_after_many(self, wire, monkeypatch):
        monkeypatch.setattr(api, "TOKENS_PER_CLIENT", 3)
        monkeypatch.setattr(api, "TOKEN_WINDOW", timedelta(days=1))
        for _ in range(3):
            ask_token(wire.client, wire.client_id, "wrong", REMOTE_ADDR="10.9.9.9")

        answer = ask_token(wire.client, wire.client_id, wire.client_secret, REMOTE_ADDR="10.9.9.9")

        assert answer.status_code == 429
