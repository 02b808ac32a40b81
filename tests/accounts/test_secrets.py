"""Secrets: kept, used by name, shown to nobody."""

import pytest
from django.db import connections
from django.urls import reverse

from accounts import secrets
from accounts.actions import InvalidValueError
from accounts.models import AuditEntry, Secret
from accounts.tenancy import in_account, sql
from tests.factories import NOON

VALUE = "sk-live-0123456789"


@pytest.fixture
def kept(acme):
    """A secret of acme."""
    with in_account(acme.pk):
        return secrets.create_secret(name="TOKEN", value=VALUE, now=NOON)


def page(view, *args):
    return reverse(f"accounts:{view}", args=["acme-shoes", *args])


class TestVault:
    def test_keeps_no_plain_text(self, acme, kept):
        with in_account(acme.pk):
            row = sql.fetch_value("SELECT secret::text FROM accounts_secret AS secret")

            assert VALUE not in row
            assert "live-0123" not in row
            assert secrets.reveal(["TOKEN", "OTHER"]) == {"TOKEN": VALUE}
            assert VALUE not in repr(list(AuditEntry.objects.values()))

    def test_reveals_none_of_another_account(self, globex, kept):
        with in_account(globex.pk):
            assert secrets.reveal(["TOKEN"]) == {}

    def test_says_that_another_key_sealed_it(self, acme, kept, settings):
        settings.ENCRYPTION_KEY = "A" * 43 + "="

        with in_account(acme.pk), pytest.raises(secrets.UnreadableSecretError):
            secrets.reveal(["TOKEN"])

    @pytest.mark.parametrize(
        ("name", "value", "field"),
        [
            ("", "x", "name"),
            ("1st", "x", "name"),
            ("a-b", "x", "name"),
            ("a" * 61, "x", "name"),
            ("TOKEN", "x", "name"),
            ("OTHER", "", "value"),
            ("OTHER", "x" * 4001, "value"),
            ("OTHER", "a\0b", "value"),
        ],
    )
    def test_refuses(self, acme, kept, name, value, field):
        with in_account(acme.pk), pytest.raises(InvalidValueError) as refused:
            secrets.create_secret(name=name, value=value, now=NOON)

        assert refused.value.field == field

    def test_refuses_a_name_that_somebody_takes_at_this_moment(self, acme):
        def take_first(execute, text, *rest):
            if text.startswith('INSERT INTO "accounts_secret"'):
                execute(text, *rest)
            return execute(text, *rest)

        with (
            in_account(acme.pk),
            connections["default"].execute_wrapper(take_first),
            pytest.raises(InvalidValueError) as refused,
        ):
            secrets.create_secret(name="TOKEN", value=VALUE, now=NOON)

        assert refused.value.field == "name"

    def test_hints_at_long_ones_only(self, acme, kept):
        with in_account(acme.pk):
            short = secrets.create_secret(name="PIN", value="12345678901", now=NOON)

        assert kept.hint == "6789"
        assert short.hint == ""


class TestPages:
    def test_list_names_and_hints_and_never_a_value(self, client, ada, kept):
        client.force_login(ada)

        answer = client.get(page("secrets"))

        assert "TOKEN" in answer.text
        assert "…6789" in answer.text
        assert VALUE not in answer.text + client.get(page("secret", kept.pk)).text

    def test_keep_replace_and_delete_one(self, client, ada, acme):
        client.force_login(ada)

        client.post(page("secrets"), {"name": "TOKEN", "value": "one"})
        with in_account(acme.pk):
            made = Secret.objects.get()
            assert secrets.reveal(["TOKEN"]) == {"TOKEN": "one"}
        client.post(page("secret", made.pk), {"value": "two"})
        with in_account(acme.pk):
            assert secrets.reveal(["TOKEN"]) == {"TOKEN": "two"}
        client.post(page("secret_delete", made.pk))
        with in_account(acme.pk):
            assert not Secret.objects.exists()
            verbs = AuditEntry.objects.filter(noun="secret").order_by("pk")
            assert [entry.verb for entry in verbs] == ["created", "updated", "deleted"]
            assert {entry.by_user_id for entry in verbs} == {ada.pk}

    def test_show_a_refusal_without_the_value(self, client, ada, kept):
        client.force_login(ada)

        answer = client.post(page("secrets"), {"name": "TOKEN", "value": "sk-another-value"})

        assert answer.status_code == 422
        assert "There is a secret named TOKEN already." in answer.text
        assert "sk-another-value" not in answer.text

    def test_are_the_owners(self, client, mia, ben, zoe, kept):
        for user, status in ((mia, 403), (ben, 403), (zoe, 404)):
            client.force_login(user)
            assert client.get(page("secrets")).status_code == status
            assert client.post(page("secret", kept.pk), {"value": "x"}).status_code == status
            assert client.post(page("secret_delete", kept.pk)).status_code == status


class TestRoutes:
    @pytest.fixture
    def bearer(self, acme):
        from accounts import actions

        with in_account(acme.pk):
            client = actions.create_integration(name="Shop", types=["email"], now=NOON).client
            return self.token_of(client)

    def token_of(self, client):
        from datetime import UTC, datetime

        from accounts import actions

        token = actions.issue_token(client=client, now=datetime.now(UTC))
        return {"headers": {"Authorization": f"Bearer {token}"}, "content_type": "application/json"}

    def test_keep_name_and_forget_secrets(self, client, acme, bearer):
        path = "/conductor/v1/Secret"

        made = client.post(path, {"name": "TOKEN", "value": VALUE}, **bearer)
        again = client.post(path, {"name": "TOKEN", "value": "other-value-123"}, **bearer)
        listed = client.get(path, **bearer)

        assert (made.status_code, again.status_code) == (201, 200)
        assert made.json()["resourceId"] == again.json()["resourceId"]
        (shown,) = listed.json()["data"]
        assert (shown["name"], shown["hint"]) == ("TOKEN", "-123")
        assert VALUE not in listed.text + made.text
        with in_account(acme.pk):
            assert secrets.reveal(["TOKEN"]) == {"TOKEN": "other-value-123"}
        gone = client.delete(f"{path}/{shown['secretId']}", **bearer)
        assert gone.status_code == 200
        assert client.get(path, **bearer).json()["data"] == []
        assert client.delete(f"{path}/{shown['secretId']}", **bearer).status_code == 404

    def test_refuse_bad_names_and_values_without_repeating_them(self, client, bearer):
        answer = client.post(
            "/conductor/v1/Secret", {"name": "a b", "value": "sk-unkept"}, **bearer
        )

        assert answer.status_code == 400
        assert "sk-unkept" not in answer.text
