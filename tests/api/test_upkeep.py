"""Routes that keep the house: folders, lists, event groups, events, fields; changed and deleted."""

import pytest

from accounts.tenancy import in_account
from contacts.models import ProfileField, Segment
from tests.api.conftest import connect
from tests.factories import (
    ExternalEventFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
)

INVALID = "ERROR_INVALID_PARAMETER"
IN_USE = "ERROR_RESOURCE_DEPENDENCY"


def put(wire, path, body):
    answer = wire.call("PUT", path, body)
    assert answer.status_code == 200, answer.content


class TestFolder:
    def test_is_made_renamed_and_listed(self, wire):
        number = int(wire.post("/email/v1/Folder", {"folderName": "Shops"})["resourceId"])

        put(wire, f"/email/v1/Folder/{number}", {"folderName": "Stores"})

        stores = {"folderId": number, "folderName": "Stores"}
        assert wire.get("/email/v1/Folder") == [stores]
        assert wire.get(f"/email/v1/Folder/{number}") == stores

    @pytest.mark.parametrize("name", ["", " ", "Shops", "x" * 121])
    def test_refuses_a_bad_name(self, wire, name):
        wire.post("/email/v1/Folder", {"folderName": "Shops"})

        refused = wire.refused("POST", "/email/v1/Folder", {"folderName": name})

        assert refused[:2] == (400, INVALID)
        assert "folderName" in refused[2]

    def test_is_of_one_account(self, wire, globex, now):
        number = wire.post("/email/v1/Folder", {"folderName": "Shops"})["resourceId"]
        stranger = connect(globex, now, types=["email"])

        assert stranger.refused("GET", f"/email/v1/Folder/{number}")[0] == 404
        body = {"folderName": "Mine"}
        assert stranger.refused("PUT", f"/email/v1/Folder/{number}", body)[0] == 404


class TestList:
    def test_is_changed(self, wire, shop):
        folder = int(wire.post("/email/v1/Folder", {"folderName": "Shops"})["resourceId"])

        put(
            wire,
            f"/email/v1/List/{shop.pk}",
            {"listName": "Everybody", "folderId": folder, "bounceHandling": "aggressive"},
        )

        shown = wire.get(f"/email/v1/List/{shop.pk}")
        assert (shown["listName"], shown["folderId"]) == ("Everybody", folder)
        assert shown["bounceHandling"] == "Aggressive"

    @pytest.mark.parametrize(
        ("changed", "parameter"),
        [({"listName": ""}, "listName"), ({"folderId": 99999}, "folderId")],
    )
    def test_names_what_is_wrong(self, wire, shop, changed, parameter):
        body = {"listName": "Everybody", **changed}

        refused = wire.refused("PUT", f"/email/v1/List/{shop.pk}", body)

        assert refused == (400, INVALID, f"An invalid value was supplied for {parameter}.")
        assert wire.get(f"/email/v1/List/{shop.pk}")["listName"] == "Store Customers"


class TestEventGroup:
    @pytest.fixture
    def base(self, shop):
        return f"/email/v1/List/{shop.pk}"

    @pytest.fixture
    def group(self, wire, base):
        made = wire.post(f"{base}/EventGroup", {"eventGroupName": "Carts"})
        return int(made["resourceId"])

    def test_is_made_renamed_and_listed(self, wire, base, group):
        put(wire, f"{base}/EventGroup/{group}", {"eventGroupName": "Baskets"})

        baskets = {"eventGroupId": group, "eventGroupName": "Baskets"}
        assert wire.get(f"{base}/EventGroup") == [baskets]
        assert wire.get(f"{base}/EventGroup/{group}") == baskets

    def test_holds_events(self, wire, base, group):
        event = {"eventName": "Cart", "eventGroupId": group, "status": "Active"}
        number = int(wire.post(f"{base}/Event", event)["resourceId"])

        assert wire.get(f"{base}/Event/{number}") == {"eventId": number, **event}
        assert wire.refused("DELETE", f"{base}/EventGroup/{group}")[:2] == (400, IN_USE)

    def test_is_deleted_when_it_is_empty(self, wire, base, group):
        answer = wire.call("DELETE", f"{base}/EventGroup/{group}")

        assert answer.status_code == 200
        assert wire.refused("GET", f"{base}/EventGroup/{group}")[0] == 404

    def test_refuses_a_taken_name_and_an_unknown_group(self, wire, base, group):
        taken = wire.refused("POST", f"{base}/EventGroup", {"eventGroupName": "carts"})
        unknown = wire.refused("POST", f"{base}/Event", {"eventName": "x", "eventGroupId": 999})

        assert taken[2] == "An invalid value was supplied for eventGroupName."
        assert unknown[2] == "An invalid value was supplied for eventGroupId."

    def test_is_closed_to_others(self, wire, base, group, acme, globex, now):
        weak = connect(acme, now, types=["email"], levels=["List"])
        stranger = connect(globex, now, types=["email"])

        for method, body in (
            ("GET", None), ("PUT", {"eventGroupName": "x"}), ("DELETE", None),
        ):  # fmt: skip
            assert weak.refused(method, f"{base}/EventGroup/{group}", body)[0] == 401
            assert stranger.refused(method, f"{base}/EventGroup/{group}", body)[0] == 404


class TestEvent:
    def test_is_renamed_blocked_and_moved(self, wire, shop, acme):
        base = f"/email/v1/List/{shop.pk}"
        with in_account(acme.pk):
            event = ExternalEventFactory.create(list=shop, name="Cart")
        group = int(wire.post(f"{base}/EventGroup", {"eventGroupName": "Carts"})["resourceId"])

        body = {"eventName": "Basket", "eventGroupId": group, "status": "Blocked"}
        put(wire, f"{base}/Event/{event.pk}", body)
        assert wire.get(f"{base}/Event/{event.pk}") == {"eventId": event.pk, **body}

        put(wire, f"{base}/Event/{event.pk}", {"eventName": "Basket"})
        assert wire.get(f"{base}/Event/{event.pk}")["eventGroupId"] == 0


class TestField:
    @pytest.fixture
    def group(self, acme, shop):
        with in_account(acme.pk):
            return ProfileFieldGroupFactory.create(list=shop, name="Profile")

    @pytest.fixture
    def field(self, acme, group):
        with in_account(acme.pk):
            return ProfileFieldFactory.create(list=group.list, group=group, name="Note")

    @pytest.fixture
    def url(self, shop, group):
        return f"/email/v1/List/{shop.pk}/SegmentationFieldGroup/{group.pk}"

    def test_is_changed(self, wire, url, field):
        body = {"segmentationFieldName": "Remark", "dataType": "Text", "maxLength": 50}

        put(wire, f"{url}/SegmentationField/{field.pk}", {**body, "position": 7})

        shown = wire.get(f"{url}/SegmentationField/{field.pk}")
        assert (shown["segmentationFieldName"], shown["maxLength"]) == ("Remark", 50)
        assert shown["position"] == 7

    def test_is_deleted(self, wire, url, field, acme):
        assert wire.call("DELETE", f"{url}/SegmentationField/{field.pk}").status_code == 200

        with in_account(acme.pk):
            assert not ProfileField.objects.filter(pk=field.pk).exists()

    def test_stays_while_a_segment_names_it(self, wire, url, field, acme, shop, now):
        with in_account(acme.pk):
            Segment.objects.create(
                list=shop,
                name="VIPs",
                rule={"all": [{"field": "profile.note", "is": "vip"}]},
                created_at=now,
                modified_at=now,
            )

        refused = wire.refused("DELETE", f"{url}/SegmentationField/{field.pk}")

        assert refused == (400, IN_USE, "Profile.Note is used by VIPs.")

    def test_keeps_its_group(self, wire, url, field):
        put(wire, url, {"segmentationFieldGroupName": "Person", "position": 3})
        shown = wire.get(url)
        assert (shown["segmentationFieldGroupName"], shown["position"]) == ("Person", 3)

        assert wire.refused("DELETE", url)[:2] == (400, IN_USE)
        wire.call("DELETE", f"{url}/SegmentationField/{field.pk}")
        assert wire.call("DELETE", url).status_code == 200
        assert wire.refused("GET", url)[0] == 404
