"""The envelope on every status, the leniencies, access and paging."""

import json
from datetime import UTC, timedelta

import pytest

from accounts import actions
from accounts.models import ApiClient, ApiToken, IpPool, List
from accounts.tenancy import in_account
from tests.api.conftest import connect
from tests.factories import ListFactory, SubscriptionFactory

BASE = "/email/v1"
UNAUTHORIZED = (401, "ERROR_UNAUTHORIZED", "Authorization was denied for this request.")


class TestEnvelope:
    def test_answers_an_unknown_route(self, wire):
        assert wire.refused("GET", f"{BASE}/Nothing")[:2] == (404, "ERROR_UNKNOWN_ROUTE")
        assert wire.refused("GET", "/email/v1")[:2] == (404, "ERROR_UNKNOWN_ROUTE")
        assert wire.refused("GET", "/privacy/v1/Remember")[:2] == (404, "ERROR_UNKNOWN_ROUTE")

    @pytest.mark.parametrize(
        "path", ["//email/v1/List", "/email/v1//List", "/media/v1/fonts", "/MobileClient/device"]
    )
    def test_answers_where_the_vendor_has_more_and_slashes_are_doubled(self, wire, path):
        assert wire.refused("GET", "/", PATH_INFO=path)[:2] == (404, "ERROR_UNKNOWN_ROUTE")

    @pytest.mark.parametrize("method", ["DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PUT"])
    def test_answers_a_method_that_the_route_lacks(self, wire, method):
        answer = wire.client.generic(method, f"{BASE}/List")

        assert answer.status_code == 405
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        if method != "HEAD":
            assert json.loads(answer.content)["error"] == "ERROR_UNSUPPORTED_METHOD"

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
    def test_answers_another_content_type(self, wire, kind):
        refusal = wire.refused("POST", f"{BASE}/List", {"listName": "A"}, content_type=kind)

        assert refusal[:2] == (415, "ERROR_UNSUPPORTED_CONTENT_TYPE")

    @pytest.mark.parametrize("body", [b"{", b"[1,", b"\xff\xfe", b'{"a": NaN}', b"[" * 9000, b"[]"])
    def test_answers_malformed_json(self, wire, body):
        refusal = wire.refused("POST", f"{BASE}/List", data=body)

        assert refusal[:2] == (400, "ERROR_MALFORMED_REQUEST_BODY")

    def test_answers_a_crash_and_keeps_personal_data_out_of_the_log(
        self, wire, monkeypatch, caplog
    ):
        def crash(**_):
            raise RuntimeError("@".join(["grace", "mail.example"]))

        monkeypatch.setattr(actions, "create_list", crash)

        refusal = wire.refused("POST", f"{BASE}/List", {"listName": "A"})

        assert refusal[:2] == (500, "ERROR_UNHANDLED_EXCEPTION")
        assert "RuntimeError" in caplog.text
        assert "grace@" not in caplog.text

    def test_does_not_log_the_path_of_a_refusal(self, wire, shop, caplog):
        wire.refused("GET", f"{BASE}/List/{shop.pk}/Nobody/grace@mail.example")

        assert "grace" not in caplog.text

    def test_answers_for_a_host_that_nobody_announced(self, wire):
        assert wire.get(f"{BASE}/List") == []
        answer = wire.call("GET", f"{BASE}/List", headers={"Host": "api.shop.example"})
        assert answer.status_code == 200

    @pytest.mark.parametrize("letter", ["<", ">", "&"])
    def test_refuses_unsafe_routes(self, wire, letter):
        assert wire.refused("GET", f"{BASE}/List/{letter}")[:2] == (400, "ERROR_UNSAFE_ROUTE")

    def test_names_the_parameters_of_the_path(self, wire):
        assert wire.refused("GET", f"{BASE}/List/999") == (
            404,
            "ERROR_UNABLE_TO_LOCATE_RESOURCE",
            "Unable to locate a resource associated with the listId supplied.",
        )

    @pytest.mark.parametrize("given", ["abc", "-1", "9" * 30, "1.5", "%00", "%EF%BC%91"])
    def test_finds_nothing_for_what_is_no_id(self, wire, given):
        assert wire.refused("GET", f"{BASE}/List/{given}")[:2] == (
            404,
            "ERROR_UNABLE_TO_LOCATE_RESOURCE",
        )

    def test_names_the_parameter_in_camel_case(self, wire):
        message = "An invalid value was supplied for {}."
        for body, name in (
            ({}, "listName"),
            ({"listName": None}, "listName"),
            ({"listName": "A\x00"}, "listName"),
            ({"listName": "A", "bounceHandling": "Never"}, "bounceHandling"),
            ({"listName": "A", "bounceUnsubscribeCount": "x"}, "bounceUnsubscribeCount"),
            ({"listName": "A", "fromEmail": "nobody"}, "fromEmail"),
            ({"listName": "A", "fromEmail": "shop@\u0430cme.example"}, "fromEmail"),
            ({"listName": "A", "fromEmail": "shop@acme.example\r\nBcc: a@b.example"}, "fromEmail"),
            ({"listName": "A", "folderId": 77}, "folderId"),
            ({"listName": "A", "enableListHygiene": "perhaps"}, "enableListHygiene"),
            ({"listName": "x" * 121}, "listName"),
        ):
            assert wire.refused("POST", f"{BASE}/List", body) == (
                400,
                "ERROR_INVALID_PARAMETER",
                message.format(name),
            )


class TestLeniency:
    @pytest.mark.parametrize("path", ["/email/v1/List/", "/EMAIL/V1/list", "/Email/v1/LIST/"])
    def test_takes_any_case_and_a_trailing_slash_without_a_redirect(self, wire, shop, path):
        assert [each["listId"] for each in wire.get(path)] == [shop.pk]
        assert wire.call("POST", path, {"listName": "Second"}).status_code == 201

    def test_takes_keys_in_any_case_and_ignores_unknown_ones(self, wire):
        made = wire.post(
            "/email/v1/List",
            {"LISTNAME": "A", "FromName": "Acme", "enablebrowserlink": "True", "colour": 3},
        )

        shown = wire.get(f"/email/v1/List/{made['resourceId']}")
        assert (shown["fromName"], shown["enableBrowserLink"]) == ("Acme", True)

    def test_takes_a_byte_order_mark_and_json_of_any_name(self, wire):
        body = b'\xef\xbb\xbf{"listName": "A"}'
        kind = "application/vnd.api+json; charset=utf-8"

        assert wire.call("POST", "/email/v1/List", data=body, content_type=kind).status_code == 201

    def test_takes_an_offset_whose_plus_was_not_escaped(self, wire, acme, shop):
        with in_account(acme.pk):
            row = SubscriptionFactory.create(list=shop)
        at = row.subscribed_at.astimezone(UTC)
        asked = f"{at - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}+00:00"
        later = f"{at + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}+0000"

        assert len(wire.get(f"{BASE}/List/{shop.pk}/Contact?startDate={asked}")) == 1
        assert wire.get(f"{BASE}/List/{shop.pk}/Contact?startDate={later}") == []

    def test_passes_over_what_comes_with_a_get(self, wire, shop):
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            answer = wire.call("GET", f"{BASE}/List/{shop.pk}", data="x=y", content_type=kind)
            assert answer.status_code == 200

    def test_leaves_pages_alone(self, client):
        answer = client.get("/sign-in/login")

        assert answer.headers["Content-Type"].startswith("text/html")


class TestAccess:
    @pytest.mark.parametrize(
        "header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic abc", "Bearer undefined"]
    )
    def test_refuses_without_a_good_token(self, wire, header):
        refusal = wire.refused("GET", f"{BASE}/List", headers={"Authorization": header})

        assert refusal == UNAUTHORIZED

    def test_takes_the_scheme_in_any_case(self, wire):
        headers = {"authorization": f"bearer {wire.token}"}

        assert wire.call("GET", f"{BASE}/List", headers=headers).status_code == 200

    def test_refuses_the_wrong_type_or_level(self, acme, now):
        sms = connect(acme, now, types=["sms"])
        reader = connect(acme, now, types=["email"], levels=["Contact"])

        assert sms.refused("GET", f"{BASE}/List") == UNAUTHORIZED
        assert reader.refused("GET", f"{BASE}/List") == UNAUTHORIZED

    def test_asks_for_the_token_before_it_reads_the_body(self, wire):
        headers = {"Authorization": "Bearer wrong"}

        assert wire.refused("POST", f"{BASE}/List", data="{", headers=headers) == UNAUTHORIZED

    def test_refuses_a_paused_integration_and_an_expired_token(self, wire, acme, now):
        with in_account(acme.pk):
            actions.pause_integration(client=ApiClient.objects.get(), now=now)
        assert wire.refused("GET", f"{BASE}/List") == UNAUTHORIZED

        with in_account(acme.pk):
            actions.resume_integration(client=ApiClient.objects.get(), now=now)
        assert wire.get(f"{BASE}/List") == []

        with in_account(acme.pk):
            ApiToken.objects.update(expires_at=now)
        assert wire.refused("GET", f"{BASE}/List") == UNAUTHORIZED

    @pytest.mark.parametrize(
        ("entry", "is_let_in"),
        [
            ("127.0.0.1", True),
            ("127.0.*.*", True),
            ("127.0.0.0-127.0.0.9", True),
            ("127.0.0.0/8", True),
            ("10.0.0.1", False),
            ("10.*.*.*", False),
            ("127.0.0.2-127.0.0.9", False),
            ("nonsense", False),
            ("::1", False),
        ],
    )
    def test_keeps_the_allow_list(self, wire, acme, entry, is_let_in):
        with in_account(acme.pk):
            ApiClient.objects.update(ip_allow=["192.0.2.7", entry])

        answer = wire.call("GET", f"{BASE}/List")

        assert answer.status_code == (200 if is_let_in else 401)

    def test_believes_the_proxies_of_its_own(self, wire, acme, settings):
        settings.PROXIES = 1
        with in_account(acme.pk):
            ApiClient.objects.update(ip_allow=["192.0.2.7"])

        for forwarded, status in (("192.0.2.7", 200), ("192.0.2.7, 198.51.100.1", 401)):
            headers = {"X-Forwarded-For": forwarded, "Authorization": f"Bearer {wire.token}"}
            assert wire.call("GET", f"{BASE}/List", headers=headers).status_code == status

    def test_does_not_find_the_lists_of_others(self, wire, shop, foreign):
        assert [each["listId"] for each in wire.get(f"{BASE}/List")] == [shop.pk]
        assert wire.refused("GET", f"{BASE}/List/{foreign.pk}")[0] == 404

    def test_notes_when_an_integration_last_called(self, wire, acme):
        wire.get(f"{BASE}/List")

        with in_account(acme.pk):
            assert ApiClient.objects.get().last_used_at is not None


class TestList:
    def test_emits_every_key_and_no_null(self, wire, acme):
        with in_account(acme.pk):
            shown = ListFactory.create(name="My First List", from_name="", from_email="")
            List.objects.filter(pk=shown.pk).update(created_at="2015-08-31T20:02:41.650Z")

        assert wire.get(f"{BASE}/List") == [
            {
                "listId": shown.pk,
                "listName": "My First List",
                "folderId": 0,
                "ipPoolId": 0,
                "bounceDomainAlias": "",
                "bounceHandling": "Standard",
                "bounceUnsubscribeCount": 5,
                "createDate": "2015-08-31T16:02:41.65",
                "enableBrowserLink": False,
                "enableDoubleOptIn": False,
                "enableDynamicContent": False,
                "enableGoogleAnalytics": False,
                "enableInternationalization": False,
                "enableListHygiene": True,
                "enableListRemovalHeader": True,
                "enableListRemovalLink": True,
                "enableListrakAnalytics": False,
                "enableSpamScorePersonalization": False,
                "enableToNamePersonalization": False,
                "enableUniversalEmailKeySetting": False,
                "fromEmail": "",
                "fromName": "",
                "googleTrackingDomains": [],
                "linkDomainAlias": "",
                "mediaDomainAlias": "",
            }
        ]

    def test_gives_the_id_as_text(self, wire):
        made = wire.post(f"{BASE}/List", {"listName": "A", "bounceHandling": "aggressive"})

        assert list(made) == ["status", "resourceId"]
        assert wire.get(f"{BASE}/List/{made['resourceId']}")["bounceHandling"] == "Aggressive"

    def test_refuses_a_name_that_is_taken(self, wire, shop):
        assert wire.refused("POST", f"{BASE}/List", {"listName": shop.name}) == (
            400,
            "ERROR_INVALID_PARAMETER",
            "An invalid value was supplied for listName.",
        )

    @pytest.mark.parametrize("alias", ["linkDomainAlias", "bounceDomainAlias", "mediaDomainAlias"])
    def test_takes_domains_alone_for_aliases(self, wire, alias):
        for given in ("no domain/at all?", "localhost", "a..example", "-a.example", "a.example:80"):
            assert wire.refused("POST", f"{BASE}/List", {"listName": "A", alias: given}) == (
                400,
                "ERROR_DOMAIN_ALIAS_INVALID",
                f"An invalid value was supplied for {alias}.",
            )
        made = wire.post(f"{BASE}/List", {"listName": "A", alias: " links.acme.example "})
        shown = wire.get(f"{BASE}/List/{made['resourceId']}")
        assert shown[alias] == "links.acme.example"

    def test_takes_pools_that_are_there(self, wire, acme, shop):
        url = f"{BASE}/List/{shop.pk}"
        with in_account(acme.pk):
            pool = IpPool.objects.create(description="Shared")
            List.objects.filter(pk=shop.pk).update(ip_pool_id=4712)

        for method, path in (("POST", f"{BASE}/List"), ("PUT", url)):
            assert wire.refused(method, path, {"listName": "A", "ipPoolId": 4711}) == (
                400,
                "ERROR_INVALID_PARAMETER",
                "An invalid value was supplied for ipPoolId.",
            )
        # Its own it may keep.
        for known in (4712, pool.pk, 0):
            assert wire.call("PUT", url, {"listName": "A", "ipPoolId": known}).status_code == 200
            assert wire.get(url)["ipPoolId"] == known


class TestDocs:
    @pytest.mark.parametrize(
        "path", ["/Conductor/v1/Docs", "/conductor/v1/docs/", "/CONDUCTOR/V1/OpenApi.json/"]
    )
    def test_are_found_in_any_case(self, client, path):
        assert client.get(path).status_code == 200

    def test_describe_every_route(self, client, capsys):
        page = client.get("/conductor/v1/docs")
        schema = client.get("/conductor/v1/openapi.json").json()

        assert page.status_code == 200
        operation = schema["paths"]["/email/v1/List/{listId}"]["get"]
        assert [parameter["name"] for parameter in operation["parameters"]] == ["listId"]
        assert operation["x-access-levels"] == ["List"]
        # Two routes of one name would be said on stdout.
        assert capsys.readouterr().out == ""
