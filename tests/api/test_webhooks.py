"""Webhooks over the wire."""

import pytest

from accounts.secrets import unseal
from accounts.tenancy import in_account
from conductor.webhooks.models import Call, Endpoint, Pending
from contacts.actions.subscriptions import subscribe
from tests.api.conftest import connect

BODY = {"name": "Shop", "url": "https://shop.example/", "kinds": ["subscribed", "Clicked"]}
ROUTE = "/conductor/v1/Webhook"


@pytest.fixture
def made(wire):
    """The id and the secret of a webhook."""
    answer = wire.call("POST", ROUTE, BODY)
    assert answer.status_code == 201
    return answer.json()


class TestWebhooks:
    def test_one_is_created_read_changed_and_deleted(self, wire, acme, made):
        one = f"{ROUTE}/{made['resourceId']}"
        with in_account(acme.pk):
            assert unseal(Endpoint.objects.get().sealed_secret) == made["secret"]

        read = wire.call("GET", one).json()["data"]
        changed = wire.call("PUT", one, {**BODY, "isPaused": True, "format": "segment"})
        (listed,) = wire.call("GET", ROUTE).json()["data"]
        gone = wire.call("DELETE", one)

        assert read["kinds"] == ["subscribed", "clicked"]
        assert "secret" not in read
        assert changed.status_code == 200
        assert (listed["isPaused"], listed["format"]) == (True, "segment")
        assert (gone.status_code, wire.call("GET", one).status_code) == (200, 404)

    @pytest.mark.parametrize(
        ("wrong", "named"),
        [
            ({"url": "http://10.0.0.7/"}, "url"),
            ({"kinds": ["sold"]}, "kinds"),
            ({"kinds": []}, "kinds"),
            ({"listIds": [999999]}, "listIds"),
            ({"batchSize": 0}, "batchSize"),
            ({"format": "xml"}, "format"),
            ({"name": ""}, "name"),
        ],
    )
    def test_a_wrong_one_is_refused_by_name(self, wire, acme, wrong, named):
        status, _, message = wire.refused("POST", ROUTE, {**BODY, **wrong})

        assert status == 400
        assert message.endswith(f" {named}.")
        with in_account(acme.pk):
            assert not Endpoint.objects.exists()

    def test_replays_from_a_cursor_and_shows_the_log(self, wire, acme, shop, made, now):
        one = f"{ROUTE}/{made['resourceId']}"
        with in_account(acme.pk):
            for email in ("ann@mail.example", "bob@mail.example"):
                subscribe(list=shop, email=email, now=now, method="api")
            ids = sorted(Pending.objects.values_list("happening_id", flat=True))
            Pending.objects.all().delete()
            Call.objects.create(
                endpoint=Endpoint.objects.get(),
                happenings=ids,
                state="done",
                next_at=now,
                claimed_at=now,
                retry_until=now,
                status=204,
                milliseconds=9,
                created_at=now,
                ended_at=now,
            )

        (line,) = wire.call("GET", f"{one}/Delivery").json()["data"]
        again = wire.call("POST", f"{one}/Replay", {"cursor": line["firstCursor"]}).json()
        whole = wire.call("POST", f"{one}/Replay", {"cursor": "Start"}).json()

        assert (line["state"], line["statusCode"], line["events"]) == ("done", 204, 2)
        # What is to be told in any case is not told twice.
        assert (again["data"]["events"], whole["data"]["events"]) == (1, 1)
        assert wire.refused("POST", f"{one}/Replay", {"cursor": "x"})[0] == 400

    def test_a_new_secret_takes_the_place_of_the_old(self, wire, made):
        fresh = wire.call("POST", f"{ROUTE}/{made['resourceId']}/Secret").json()["data"]["secret"]

        assert fresh.startswith("whsec_")
        assert fresh != made["secret"]

    def test_without_the_levels_nothing_is_said(self, acme, made, now):
        weak = connect(acme, now, types=["email"], levels=["List"])

        assert weak.call("GET", ROUTE).status_code == 401
