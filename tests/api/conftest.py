"""An integration of acme, and clients that speak the wire."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from accounts import actions
from accounts.models import Account, IntegrationType
from accounts.tenancy import in_account
from tests.factories import ListFactory

FORM = "application/x-www-form-urlencoded"


@dataclass
class Wire:
    """A client of the API with a token; every answer is checked to be an envelope."""

    client: Client
    token: str = ""
    client_id: str = ""
    client_secret: str = ""

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Send JSON (or `data=` as it is) and return the answer."""
        options.setdefault("content_type", "application/json")
        if self.token:
            options.setdefault("headers", {}).setdefault("Authorization", f"Bearer {self.token}")
        data = options.pop("data", "" if body is None else json.dumps(body))
        answer = self.client.generic(method, path, data=data, **options)
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8", answer.content
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Pragma"] == "no-cache"
        assert answer.headers["Expires"] == "-1"
        envelope = json.loads(answer.content)
        status = envelope["meta"]["statusCode"] if "meta" in envelope else envelope["status"]
        assert status == answer.status_code
        assert ("error" in envelope) == (answer.status_code >= 400)
        return answer

    def get(self, path: str, **query: Any) -> Any:
        """GET; return the data of a 200."""
        answer = self.call("GET", path, query_params=query)
        assert answer.status_code == 200, answer.content
        return json.loads(answer.content)["data"]

    def page(self, path: str, **query: Any) -> dict[str, Any]:
        """GET; return the whole envelope of a 200."""
        answer = self.call("GET", path, query_params=query)
        assert answer.status_code == 200, answer.content
        return dict(json.loads(answer.content))

    def post(self, path: str, body: Any = None, *, status: int = 201) -> Any:
        """POST; return the envelope of the wanted status."""
        answer = self.call("POST", path, body)
        assert answer.status_code == status, answer.content
        return json.loads(answer.content)

    def refused(
        self, method: str, path: str, body: Any = None, **options: Any
    ) -> tuple[int, str, str]:
        """Return status, error and message of a refusal."""
        answer = self.call(method, path, body, **options)
        envelope = json.loads(answer.content)
        assert list(envelope) == ["status", "error", "message"], envelope
        return envelope["status"], envelope["error"], envelope["message"]


def ask_token(client: Client, client_id: str, client_secret: str, **options: Any) -> Any:
    """Ask for a token as most clients do."""
    body = f"grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}"
    return client.generic("POST", "/OAuth2/Token", data=body, content_type=FORM, **options)


def connect(
    account: Account, now: Any, *, types: list[str], levels: list[str] | None = None
) -> Wire:
    """Make an integration and give it a token that has long to live."""
    with in_account(account.pk):
        made = actions.create_integration(name="Shop", types=types, levels=levels, now=now)
    client = Client(raise_request_exception=False)
    token = json.loads(ask_token(client, made.client.client_id, made.secret).content)
    return Wire(client, token["access_token"], made.client.client_id, made.secret)


@pytest.fixture
def wire(acme: Account, now: Any) -> Wire:
    """An integration of acme that may do everything."""
    return connect(acme, now, types=list(IntegrationType.values))


@pytest.fixture
def shop(acme: Account) -> Any:
    """A list of acme."""
    with in_account(acme.pk):
        return ListFactory.create(name="Store Customers")


@pytest.fixture
def foreign(globex: Account) -> Any:
    """A list of somebody else."""
    with in_account(globex.pk):
        return ListFactory.create(name="Globex Customers")
