"""The pages of webhooks."""

import re

import pytest
from django.urls import reverse

from accounts.secrets import unseal
from accounts.tenancy import in_account
from conductor.webhooks import actions
from conductor.webhooks.models import Call, Endpoint

FORM = {
    "name": "Warehouse",
    "url": "https://warehouse.example/hook",
    "kinds": ["clicked", "sent"],
    "format": "segment",
    "batch_size": "20",
}
FURTHER = ("secret", "pause", "resume", "replay", "delete")


def page(view, *args, account="acme-shoes"):
    return reverse(f"webhooks:{view}", args=[account, *args])


@pytest.fixture
def endpoint(acme, now):
    with in_account(acme.pk):
        made = actions.create_endpoint(
            name="Shop", url="https://shop.example/", kinds=["clicked"], now=now
        )
        return made.endpoint


class TestEndpoints:
    def test_there_are_none_at_first(self, client, ada, acme):
        client.force_login(ada)

        assert "No webhooks yet" in client.get(page("endpoints")).text

    def test_one_is_created_and_its_secret_shown_once(self, client, ada, acme):
        client.force_login(ada)

        first = client.post(page("endpoints"), FORM, follow=True)
        again = client.get(first.redirect_chain[-1][0])

        secret = re.search(r'data-copy="(whsec_[\w-]+)"', first.text)
        with in_account(acme.pk):
            made = Endpoint.objects.get()
        assert secret is not None
        assert unseal(made.sealed_secret) == secret[1]
        assert secret[1] not in again.text + made.sealed_secret
        assert (made.kinds, made.format, made.batch_size) == (["sent", "clicked"], "segment", 20)
        assert "Nothing was told yet" in again.text

    @pytest.mark.parametrize(
        ("field", "value", "text"),
        [
            ("url", "http://127.0.0.1/", "not on the public internet"),
            ("url", "http://[::1]/", "not on the public internet"),
            ("url", "http://localhost:8000/", "not on the public internet"),
            ("url", "ftp://shop.example/", "not an http or https one"),
            ("kinds", [], "Choose at least one."),
            ("batch_size", "0", "greater than or equal to 1"),
        ],
    )
    def test_a_wrong_one_answers_its_form(self, client, ada, acme, field, value, text):
        client.force_login(ada)

        answer = client.post(page("endpoints"), {**FORM, field: value})

        assert answer.status_code == 422
        assert text in answer.text
        with in_account(acme.pk):
            assert not Endpoint.objects.exists()

    def test_one_is_changed_paused_and_deleted(self, client, ada, acme, endpoint):
        client.force_login(ada)

        client.post(page("endpoint", endpoint.pk), FORM)
        paused = client.post(page("pause", endpoint.pk), follow=True)
        with in_account(acme.pk):
            kept = Endpoint.objects.get()
        client.post(page("resume", endpoint.pk))
        with in_account(acme.pk):
            assert not Endpoint.objects.get().is_paused
        client.post(page("delete", endpoint.pk))

        assert (kept.name, kept.is_paused) == ("Warehouse", True)
        assert "Undo" in paused.text
        with in_account(acme.pk):
            assert not Endpoint.objects.exists()

    def test_shows_the_log_and_replays(self, client, ada, acme, endpoint, now):
        client.force_login(ada)
        with in_account(acme.pk):
            Call.objects.create(
                endpoint=endpoint,
                happenings=[7, 8],
                state="failed",
                attempts=3,
                next_at=now,
                claimed_at=now,
                retry_until=now,
                status=500,
                milliseconds=12,
                response="<b>broken</b>",
                created_at=now,
                ended_at=now,
            )

        shown = client.get(page("endpoint", endpoint.pk)).text
        again = client.post(page("replay", endpoint.pk), {"cursor": "6"}, follow=True)
        wrong = client.post(page("replay", endpoint.pk), {"cursor": "six"})

        assert "&lt;b&gt;broken&lt;/b&gt;" in shown
        assert "12 ms" in shown
        assert "0 events are told again." in again.text
        assert (wrong.status_code, "A cursor is a number." in wrong.text) == (422, True)

    def test_who_may(self, client, ben, mia, zoe, endpoint):
        asked = [("get", page("endpoints")), ("post", page("endpoints"))]
        asked += [("get", page("endpoint", endpoint.pk)), ("post", page("endpoint", endpoint.pk))]
        asked += [("post", page(view, endpoint.pk)) for view in FURTHER]

        answers = []
        for user in (zoe, ben, mia):
            client.force_login(user)
            answers.append({getattr(client, method)(url).status_code for method, url in asked})

        assert answers == [{404}, {403}, {403}]

    def test_another_accounts_is_not_there(self, client, zoe, globex, endpoint):
        client.force_login(zoe)

        asked = [client.get(page("endpoint", endpoint.pk, account="globex"))]
        asked += [client.post(page(view, endpoint.pk, account="globex")) for view in FURTHER]

        assert {answer.status_code for answer in asked} == {404}
