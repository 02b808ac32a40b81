"""Segments under /conductor/v1."""

import pytest

from accounts.models import IntegrationType
from accounts.tenancy import in_account
from contacts.models import ProfileField, Segment
from tests.api.conftest import connect
from tests.factories import ProfileFieldFactory, SubscriptionFactory

RULE = {"field": "Profile.Points", "at_least": 10}


@pytest.fixture
def segments(shop, acme):
    """The address of the list's segments."""
    with in_account(acme.pk):
        ProfileFieldFactory(
            group__list=shop, group__name="Profile", name="Points", data_type="Numeric"
        )
    return f"/conductor/v1/List/{shop.pk}/Segment"


@pytest.fixture
def people(shop, acme, segments):
    """Three contacts with 9, 10 and 11 points."""
    with in_account(acme.pk):
        field = str(ProfileField.objects.get(list=shop).pk)
        return [
            SubscriptionFactory.create(list=shop, profile={field: points}).contact.email
            for points in (9, 10, 11)
        ]


class TestSegment:
    def test_is_made_changed_and_deleted(self, wire, segments):
        made = wire.post(segments, {"segmentName": "VIPs", "rule": RULE})["resourceId"]

        shown = wire.get(f"{segments}/{made}")
        assert (shown["segmentName"], shown["kind"], shown["rule"]) == ("VIPs", "rule", RULE)
        assert wire.get(segments) == [shown]

        change = {"segmentName": "Best", "rule": {"not": {"any": [RULE]}}}
        assert wire.call("PUT", f"{segments}/{made}", change).status_code == 200
        changed = wire.get(f"{segments}/{made}")
        assert (changed["segmentName"], changed["rule"]) == ("Best", change["rule"])

        assert wire.call("DELETE", f"{segments}/{made}").status_code == 200
        assert wire.get(segments) == []

    @pytest.mark.parametrize(
        ("body", "parameter"),
        [
            ({"segmentName": "", "rule": RULE}, "segmentName"),
            ({"rule": RULE}, "segmentName"),
            ({"segmentName": "X", "kind": "magic"}, "kind"),
            ({"segmentName": "X", "kind": "manual", "rule": RULE}, "rule"),
            ({"segmentName": "X"}, "rule"),
            ({"segmentName": "X", "rule": {"all": [{"field": "No.Field", "is": 1}]}},
             "rule.all[0].field"),
            ({"segmentName": "X", "rule": {"entry": {"method": "api"}}}, "rule.entry"),
        ],
    )  # fmt: skip
    def test_says_what_is_wrong(self, wire, segments, body, parameter):
        status, error, message = wire.refused("POST", segments, body)

        assert (status, error) == (400, "ERROR_INVALID_PARAMETER")
        assert message.startswith(f"An invalid value was supplied for {parameter}.")

    def test_in_use_stays(self, wire, segments):
        made = wire.post(segments, {"segmentName": "VIPs", "rule": RULE})["resourceId"]
        wire.post(segments, {"segmentName": "Others", "rule": {"not": {"segment": "VIPs"}}})

        status, error, message = wire.refused("DELETE", f"{segments}/{made}")

        assert (status, error) == (400, "ERROR_SEGMENT_IN_USE")
        assert "the segment “Others”" in message

    def test_is_counted_and_listed(self, wire, segments, people):
        made = wire.post(segments, {"segmentName": "VIPs", "rule": RULE})["resourceId"]

        assert wire.get(f"{segments}/{made}/Count")["count"] == 2
        assert wire.get(f"{segments}/{made}")["memberCount"] == 2
        first = wire.page(f"{segments}/{made}/Member", count=1)
        second = wire.page(f"{segments}/{made}/Member", cursor=first["nextPageCursor"])
        assert [row["emailAddress"] for row in first["data"] + second["data"]] == people[1:]
        assert second["nextPageCursor"] is None

    def test_kept_by_hand_takes_members(self, wire, segments, people):
        made = wire.post(segments, {"segmentName": "Picked", "kind": "manual"})["resourceId"]
        members = f"{segments}/{made}/Member"

        added = wire.post(members, {"emailAddresses": [*people[:2], "nobody@mail.example"]})
        again = wire.post(members, {"emailAddresses": people})
        removed = wire.call("DELETE", members, {"emailAddresses": people[:1]})

        unknown = ["nobody@mail.example"]
        assert added["data"] == {"count": 2, "unchanged": 0, "unknown": unknown}
        assert again["data"] == {"count": 1, "unchanged": 2, "unknown": []}
        assert removed.status_code == 200
        assert wire.get(f"{segments}/{made}/Count")["count"] == 2

    def test_of_a_rule_takes_no_members(self, wire, segments, people):
        made = wire.post(segments, {"segmentName": "VIPs", "rule": RULE})["resourceId"]

        status, _, message = wire.refused(
            "POST", f"{segments}/{made}/Member", {"emailAddresses": people}
        )

        assert status == 400
        assert "segment" in message

    def test_of_another_account_is_not_there(self, wire, globex, now, segments, foreign):
        made = wire.post(segments, {"segmentName": "VIPs", "rule": RULE})["resourceId"]
        stranger = connect(globex, now, types=list(IntegrationType.values))

        for method, path, body in (
            ("GET", segments, None),
            ("POST", segments, {"segmentName": "X", "rule": RULE}),
            ("GET", f"{segments}/{made}", None),
            ("PUT", f"{segments}/{made}", {"segmentName": "Mine"}),
            ("DELETE", f"{segments}/{made}", None),
            ("GET", f"{segments}/{made}/Count", None),
            ("GET", f"{segments}/{made}/Member", None),
            ("POST", f"{segments}/{made}/Member", {"emailAddresses": ["a@b.example"]}),
            ("DELETE", f"{segments}/{made}/Member", {"emailAddresses": ["a@b.example"]}),
        ):
            assert stranger.refused(method, path, body)[0] == 404
        elsewhere = f"/conductor/v1/List/{foreign.pk}/Segment/{made}"
        assert stranger.refused("GET", elsewhere)[0] == 404
        with in_account(foreign.account_id):
            assert not Segment.objects.exists()
