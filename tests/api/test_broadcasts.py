"""Messages to audiences: who gets them, when, why others do not, and what came of them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from accounts.tenancy import in_account
from accounts.wire.times import wire_time
from contacts.actions.segments import add_members, create_segment
from contacts.models import Subscription
from messaging import tasks
from messaging.actions import record_receipts
from messaging.actions.broadcasts import plan_broadcast
from messaging.models import Broadcast, Delivery, SandboxMessage
from messaging.sending.broadcasts import send_some
from messaging.sending.heart import Heart
from messaging.sending.lanes import Lane
from messaging.sending.sender import serve
from tests.factories import (
    CommittedMessageFactory,
    ProfileFieldFactory,
    SavedMessageFactory,
    SubscriptionFactory,
    make,
)

HELLO = {
    "subject": "Hello {{ contact.first_name }}",
    "bodyHtml": '<p>Hi <a href="https://shop.example/sale">Sale</a></p>',
    "fromEmail": "shop@acme.example",
    "fromName": "Acme",
}


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def messages(shop):
    return f"/email/v1/List/{shop.pk}/Message"


@pytest.fixture
def field(acme, shop):
    with in_account(acme.pk):
        return ProfileFieldFactory.create(group__list=shop, group__name="Shop", name="Colour")


@pytest.fixture
def people(acme, shop, field):
    """Grace likes blue, Alan red; Ada has left the list."""
    with in_account(acme.pk):
        return {
            name: SubscriptionFactory.create(
                list=shop,
                contact__email=f"{name}@mail.example",
                contact__first_name=name.title(),
                state=state,
                profile=profile,
            )
            for name, state, profile in (
                ("grace", "Subscribed", {str(field.pk): "Blue"}),
                ("alan", "Subscribed", {str(field.pk): "Red"}),
                ("ada", "Unsubscribed", {str(field.pk): "Blue"}),
            )
        }


def send_all(account: Account) -> None:
    """Let the broadcasts that are due reach the outbox, and the outbox the sandbox."""
    tasks.send_broadcasts(clock())
    with Heart(clock) as heart:
        for lane in Lane:
            serve(account.pk, heart=heart, clock=clock, lane=lane)


def reached(account: Account) -> list[str]:
    with in_account(account.pk):
        return sorted(SandboxMessage.objects.values_list("address", flat=True))


def on_field(compare, *values, name="Colour"):
    return {
        "segmentationFieldGroup": "Shop",
        "segmentationField": name,
        "compareType": compare,
        "values": [{"value": value} for value in values],
    }


class TestMessage:
    def test_goes_to_who_is_subscribed(self, wire, messages, acme, people):
        message_id = wire.post(messages, HELLO)["resourceId"]

        send_all(acme)

        assert reached(acme) == ["alan@mail.example", "grace@mail.example"]
        status = wire.get(f"{messages}/{message_id}/Status")
        assert (status["sendCount"], status["status"], status["type"]) == (2, "Sent", "List")
        shown = wire.get(f"/conductor{messages.removeprefix('/email')}/{message_id}/Audience")
        assert shown == {"eligible": 2, "reasons": [{"reason": "suppressed", "count": 1}]}
        with in_account(acme.pk):
            message = SandboxMessage.objects.get(address="grace@mail.example")
            assert message.subject == "Hello Grace"
            assert b"List-Unsubscribe" in message.mime

    @pytest.mark.parametrize(
        ("filter_", "expected"),
        [
            (on_field("Equals", "blue"), ["grace"]),
            (on_field("NotEquals", "blue"), ["alan"]),
            (on_field("InCommaList", "blue, red"), ["alan", "grace"]),
            (on_field("IsEmpty"), []),
            (
                {
                    "filters": [
                        on_field("Equals", "Blue"),
                        {"joinType": "Or", **on_field("Contains", "re")},
                    ]
                },
                ["alan", "grace"],
            ),
            (
                {
                    "filters": [
                        on_field("IsNotEmpty"),
                        {"joinType": "AndNot", **on_field("Equals", "Blue")},
                    ]
                },
                ["alan"],
            ),
        ],
    )
    def test_is_filtered_by_the_wires_grammar(
        self, wire, messages, acme, people, filter_, expected
    ):
        wire.post(messages, {**HELLO, "filter": filter_})

        send_all(acme)

        assert reached(acme) == [f"{name}@mail.example" for name in expected]

    def test_goes_to_a_saved_audience_without_those_excluded(
        self, wire, messages, acme, shop, people, now
    ):
        with in_account(acme.pk):
            wanted = create_segment(list=shop, name="Wanted", kind="manual", now=now)
            add_members(
                segment=wanted, subscription_ids=[row.pk for row in people.values()], now=now
            )
            spared = create_segment(list=shop, name="Spared", kind="manual", now=now)
            add_members(segment=spared, subscription_ids=[people["alan"].pk], now=now)
        (first, _) = wire.get(f"/email/v1/List/{shop.pk}/SavedAudience")
        assert (first["name"], first["savedAudienceId"]) == ("Wanted", wanted.pk)

        body = {**HELLO, "savedAudienceId": wanted.pk, "excludedSegments": ["spared"]}
        message_id = wire.post(messages, body)["resourceId"]
        send_all(acme)

        assert reached(acme) == ["grace@mail.example"]
        shown = wire.get(f"{messages}/{message_id}")
        assert shown["segmentsApplied"] == {
            "includedSegments": ["Wanted"],
            "excludedSegments": ["Spared"],
        }
        assert shown["savedAudienceId"] == wanted.pk

    def test_waits_for_its_time_and_is_called_back(self, wire, messages, acme, people, shop):
        late = (clock() + timedelta(days=1)).isoformat()
        answer = wire.call("POST", f"{messages}?sendDate={late.replace('+00:00', 'Z')}", HELLO)
        assert answer.status_code == 201, answer.content
        (shown,) = wire.get(messages)
        assert shown["messageStatus"] == "ToBeSent"

        send_all(acme)
        assert reached(acme) == []
        ours = f"/conductor/v1/List/{shop.pk}/Message/{shown['messageId']}"
        assert wire.call("DELETE", ours).status_code == 200
        assert wire.refused("DELETE", ours)[1] == "ERROR_MESSAGE_SENT"

        tasks.send_broadcasts(clock() + timedelta(days=2))
        with in_account(acme.pk):
            assert not Delivery.objects.exists()

    def test_is_tested_at_one_address_alone(self, wire, messages, acme, people):
        url = f"{messages}?sendTestMessage=True&testEmailAddress=me@acme.example"
        assert wire.call("POST", url, HELLO).status_code == 201

        send_all(acme)

        assert reached(acme) == ["me@acme.example"]
        assert wire.get(messages) == []
        (shown,) = wire.get(messages, includeTestMessages="true")
        assert wire.get(f"{messages}/{shown['messageId']}/Status")["type"] == "Test"

    def test_is_reviewed_by_the_owners(self, wire, messages, acme, people, ada):
        assert wire.call("POST", f"{messages}?sendReviewMessage=true", HELLO).status_code == 201

        send_all(acme)

        assert reached(acme) == [ada.email]

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            ("sendTestMessage=true&sendReviewMessage=true", "TEST_FLAG_AND_REVIEW_FLAG_SET"),
            ("sendTestMessage=true&sendDate=2030-01-01", "TEST_FLAG_AND_SEND_DATE_SET"),
            ("sendReviewMessage=true&sendDate=2030-01-01", "REVIEW_FLAG_AND_SEND_DATE_SET"),
            ("sendTestMessage=true", "INVALID_PARAMETER"),
            ("sendDate=someday", "INVALID_PARAMETER"),
        ],
    )
    def test_refuses_what_contradicts_itself(self, wire, messages, query, error):
        assert wire.refused("POST", f"{messages}?{query}", HELLO)[1] == f"ERROR_{error}"

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"subject": " "}, "subject"),
            ({"bodyHtml": ""}, "bodyHtml"),
            ({"campaignId": 9}, "campaignId"),
            ({"savedAudienceId": 9}, "savedAudienceId"),
            ({"includedSegments": ["none"]}, "includedSegments"),
            ({"filter": on_field("Equals", "x", name="Taste")}, "segmentationField"),
            ({"filter": on_field("Between", "x")}, "values"),
            ({"filter": on_field("Likes", "x")}, "compareType"),
            (
                {"filter": {"filters": [on_field("IsEmpty"), on_field("IsEmpty")]}},
                "joinType",
            ),
            (
                {"filter": {"compareType": "Equals", "values": [{"value": "VIP"}]}},
                "segmentationField",
            ),
            ({"filter": {"joinType": "And"}}, "segmentationField"),
            ({"filter": {"filters": [{}]}}, "segmentationField"),
            ({"filter": {"segmentationFeild": "Colour"}}, "segmentationFeild"),
            ({"filter": {**on_field("IsEmpty"), "filters": [on_field("IsEmpty")]}}, "filters"),
        ],
    )
    def test_names_what_is_wrong(self, wire, messages, field, change, named):
        refusal = wire.refused("POST", messages, {**HELLO, **change})

        assert refusal[:2] == (400, "ERROR_INVALID_PARAMETER")
        assert refusal[2].startswith(f"An invalid value was supplied for {named}.")

    def test_is_listed_without_its_body(self, wire, messages, shop):
        for _ in range(2):
            wire.post(messages, {**HELLO, "bodyHtml": "<p>" + "x" * 1000})

        with CaptureQueriesContext(connections["default"]) as asked:
            shown = wire.get(messages)

        assert [row["subject"] for row in shown] == [HELLO["subject"]] * 2
        (query,) = [one["sql"] for one in asked if "messaging_broadcast" in one["sql"]]
        read = query.partition(" FROM ")[0]
        assert "->> 'subject'" in read
        assert not re.search(r'"content"(?! ->>)', read)

    def test_is_found_by_the_date_that_is_shown(self, wire, messages, acme, people):
        wire.post(messages, HELLO)
        send_all(acme)

        (shown,) = wire.get(messages)

        at = shown["sendDate"]
        assert wire.get(messages, startDate=at, endDate=at) == [shown]
        assert wire.get(messages, startDate="2010-01-01", endDate="2010-01-02") == []

    def test_is_tracked_as_it_says(self, wire, messages, acme, shop, people):
        with in_account(acme.pk):
            shop.enable_google_analytics = True
            shop.google_tracking_domains = ["shop.example"]
            shop.save()
        named = {"googleAnalyticsCampaignName": "Spring", "googleAnalyticsCampaignContent": "Top"}

        wire.post(messages, {**HELLO, **named, "enableTracking": False})
        send_all(acme)

        with in_account(acme.pk):
            html = SandboxMessage.objects.get(address="grace@mail.example").html
        assert "/t/" not in html
        assert "utm_campaign=Spring&amp;utm_content=Top" in html

    def test_goes_to_all_with_a_filter_that_is_empty(self, wire, messages, acme, people):
        wire.post(messages, {**HELLO, "filter": {"compareType": "", "values": [], "filters": []}})

        send_all(acme)

        assert len(reached(acme)) == 2

    def test_needs_a_postal_address(self, wire, messages, acme):
        with in_account(acme.pk):
            Account.objects.update(postal_address="")

        assert wire.refused("POST", messages, HELLO)[0] == 400

    def test_is_sent_once_however_often_it_is_begun(self, acme, shop, now):
        with in_account(acme.pk):
            make(SubscriptionFactory, 7, list=shop)
            made = plan_broadcast(
                message=CommittedMessageFactory.create(list=shop), send_at=now, now=now
            )

            more = [send_some(made.pk, now=now, most=3) for _ in range(4)]
            Broadcast.objects.update(status="Sending", position=0)
            send_some(made.pk, now=now)

            assert more == [True, True, False, False]
            assert Delivery.objects.filter(broadcast_id=made.pk).count() == 7

    def test_is_not_ready_once_its_segment_is_gone(self, acme, shop, people, now):
        with in_account(acme.pk):
            segment = create_segment(list=shop, name="Gone", kind="manual", now=now)
            made = plan_broadcast(
                message=CommittedMessageFactory.create(list=shop),
                send_at=now,
                now=now,
                included=[segment],
            )
            segment.delete()

            assert send_some(made.pk, now=now) is False

            made.refresh_from_db()
            assert made.status == "NotReady"
            assert not Delivery.objects.exists()

    def test_that_cannot_be_sent_keeps_no_other_from_it(self, acme, shop, people, now):
        with in_account(acme.pk):
            message = CommittedMessageFactory.create(list=shop)
            for rule in ({"leaf": "none of ours"}, None):
                plan_broadcast(message=message, send_at=now, now=now, rule=rule)

        tasks.send_broadcasts(clock())

        with in_account(acme.pk):
            states = Broadcast.objects.order_by("pk").values_list("status", flat=True)
            assert list(states) == ["ToBeSent", "Sent"]

    def test_tells_what_came_of_it(self, wire, messages, acme, people):
        message_id = wire.post(messages, HELLO)["resourceId"]
        send_all(acme)
        opened = clock() + timedelta(hours=1)
        with in_account(acme.pk):
            sent = Delivery.objects.get(address="grace@mail.example")
            for hours, kind in enumerate(("opened", "clicked", "clicked"), start=1):
                record_receipts(
                    delivery=sent,
                    kind=kind,
                    now=opened + timedelta(hours=hours - 1),
                    detail={"url": "https://shop.example/sale"} if kind == "clicked" else {},
                )
        url = f"{messages}/{message_id}"

        whole = wire.get(f"{url}/Summary")
        rows = wire.get(f"{url}/Activity")

        assert (whole["sentCount"], whole["openCount"], whole["clickCount"]) == (2, 1, 1)
        assert (whole["visitCount"], whole["revenue"], whole["averageOrderValue"]) == (2, 0, 0)
        by_address = {row["emailAddress"]: row for row in rows}
        grace = by_address["grace@mail.example"]
        assert (grace["open"], grace["click"], grace["clickCount"]) == (True, True, 2)
        assert (grace["bounce"], grace["bounceReason"]) == (False, None)
        assert grace["activityDate"] == wire_time(opened, acme.zone)
        assert by_address["alan@mail.example"]["activityDate"] is None
        assert len(wire.get(f"{url}/Activity", activityType="click")) == 1
        assert len(wire.get(f"{url}/Activity", emailAddress="Alan@mail.example")) == 1
        past = "2020-01-01"
        assert wire.get(f"{url}/Activity", endDate=past) == []
        assert wire.get(f"{url}/Activity", dateType="Activity", endDate=past) == []
        assert len(wire.get(f"{url}/Activity", dateType="Activity", startDate=past)) == 1
        (link,) = wire.get(f"{url}/Link")
        assert (link["linkUrl"], link["clickCount"]) == ("https://shop.example/sale", 2)
        clicks = wire.get(f"{url}/Link/{link['linkId']}/Clicker")
        assert [click["emailAddress"] for click in clicks] == ["grace@mail.example"] * 2
        assert wire.refused("GET", f"{url}/Activity?activityType=Dance")[0] == 400
        for number in (0, link["linkId"] + 1, 9):
            assert wire.refused("GET", f"{url}/Link/{number}")[0] == 404
            assert wire.refused("GET", f"{url}/Link/{number}/Clicker")[0] == 404

    def test_tells_who_went_where_no_link_leads(self, wire, messages, acme, people):
        """Links that differ by recipient are one, the last; it is there once somebody followed one."""
        message_id = wire.post(messages, HELLO)["resourceId"]
        send_all(acme)
        url = f"{messages}/{message_id}"
        (fixed,) = wire.get(f"{url}/Link")
        with in_account(acme.pk):
            sent = Delivery.objects.get(address="grace@mail.example")
            elsewhere = {"url": "https://shop.example/cart/7"}
            record_receipts(delivery=sent, kind="clicked", now=clock(), detail=elsewhere)

        last = wire.get(f"{url}/Link")[-1]

        assert wire.get(f"{url}/Link/{fixed['linkId']}/Clicker") == []
        (click,) = wire.get(f"{url}/Link/{last['linkId']}/Clicker")
        assert click["emailAddress"] == "grace@mail.example"

    def test_is_paged_by_recipient(self, wire, messages, acme, people):
        message_id = wire.post(messages, HELLO)["resourceId"]
        send_all(acme)

        first = wire.page(f"{messages}/{message_id}/Activity", count=1)
        second = wire.page(f"{messages}/{message_id}/Activity", cursor=first["nextPageCursor"])

        assert second["nextPageCursor"] is None
        shown = {row["emailAddress"] for row in [*first["data"], *second["data"]]}
        assert shown == {"grace@mail.example", "alan@mail.example"}


class TestSavedMessage:
    def test_is_sent_as_it_is_now(self, wire, acme, shop, people):
        with in_account(acme.pk):
            saved = SavedMessageFactory.create(list=shop, subject="Come back")

        url = f"/email/v1/List/{shop.pk}/SavedMessage/{saved.pk}/Message"
        assert wire.post(url)["status"] == 201
        send_all(acme)

        assert len(reached(acme)) == 2


class TestSplitTest:
    GROUPS = [{**HELLO, "groupName": name, "percent": 50} for name in ("A", "B")]

    @pytest.fixture
    def url(self, shop):
        return f"/conductor/v1/List/{shop.pk}/SplitTest"

    def test_goes_to_its_saved_audience_alone(self, wire, acme, shop, url, people, now):
        with in_account(acme.pk):
            wanted = create_segment(list=shop, name="Wanted", kind="manual", now=now)
            add_members(segment=wanted, subscription_ids=[people["grace"].pk], now=now)
        body = {"splitTestName": "Subjects", "groups": self.GROUPS}

        wire.post(url, {**body, "audience": {"subject": "x", "savedAudienceId": wanted.pk}})
        for _ in range(2):
            send_all(acme)

        assert reached(acme) == ["grace@mail.example"]

    @pytest.mark.parametrize(
        ("audience", "group", "named"),
        [
            ({"savedAudienceId": 9}, {}, "savedAudienceId"),
            ({"savedAudiense": 9}, {}, "savedAudiense"),
            ({"includedSegments": ["none"]}, {}, "includedSegments"),
            ({}, {"savedAudienceId": 9}, "savedAudienceId"),
            ({}, {"filter": on_field("IsEmpty")}, "filter"),
            ({}, {"includedSegments": ["none"]}, "includedSegments"),
            ({}, {"excludedSegments": ["none"]}, "excludedSegments"),
            ({}, {"campaignId": 9}, "campaignId"),
        ],
    )
    def test_names_what_is_wrong(self, wire, acme, url, field, audience, group, named):
        groups = [self.GROUPS[0], {**self.GROUPS[1], **group}]
        body = {"splitTestName": "Subjects", "groups": groups, "audience": audience}

        refusal = wire.refused("POST", url, body)

        assert refusal[:2] == (400, "ERROR_INVALID_PARAMETER")
        assert refusal[2].startswith(f"An invalid value was supplied for {named}.")
        with in_account(acme.pk):
            assert not Broadcast.objects.exists()

    def test_sends_each_share_its_message(self, wire, acme, shop):
        with in_account(acme.pk):
            make(SubscriptionFactory, 40, list=shop)
        groups = [
            {**HELLO, "groupName": name, "percent": 50, "subject": f"Hello {name}"}
            for name in ("A", "B")
        ]
        url = f"/conductor/v1/List/{shop.pk}/SplitTest"
        test_id = wire.post(url, {"splitTestName": "Subjects", "groups": groups})["resourceId"]

        for _ in range(2):
            send_all(acme)

        subjects = []
        with in_account(acme.pk):
            assert SandboxMessage.objects.count() == Subscription.objects.count() == 40
            assert len(set(reached(acme))) == 40
            subjects = list(SandboxMessage.objects.values_list("subject", flat=True))
        assert 0 < subjects.count("Hello A") < 40  # by draw: one in 10^11
        shown = wire.get(f"/email/v1/List/{shop.pk}/SplitTest/{test_id}")
        assert (shown["status"], shown["testType"]) == ("Sent", "No Remainder")
        assert shown["testCriteria"] == "Subject"
        parts = wire.get(f"/email/v1/List/{shop.pk}/SplitTest/{test_id}/Message")
        assert [part["segmentSize"] for part in parts] == [50, 50]
        assert [part["groupName"] for part in parts] == ["A", "B"]

    def test_has_a_remainder_for_its_winner(self, wire, acme, url, shop, people):
        groups = [{**group, "percent": 10} for group in self.GROUPS]
        body = {"splitTestName": "Subjects", "winnerMetric": "clicks", "winnerAfterHours": 4}

        test_id = wire.post(url, {**body, "groups": groups})["resourceId"]

        read = f"/email/v1/List/{shop.pk}/SplitTest/{test_id}"
        assert wire.get(read)["testType"] == "Remainder"
        *_, rest = wire.get(f"{read}/Message")
        assert (rest["messageType"], rest["groupName"]) == ("Remainder", "")
        assert rest["segmentSize"] is None
        result = wire.get(f"{url}/{test_id}/Result")
        assert (result["winnerMessageId"], result["decidedDate"]) == (0, None)
        assert [group["groupName"] for group in result["groups"]] == ["A", "B"]

    @pytest.mark.parametrize(("percent", "hours"), [(50, 4), (10, -1), (10, 721)])
    def test_refuses_a_remainder_of_nobody_or_never(self, wire, acme, url, percent, hours):
        groups = [{**group, "percent": percent} for group in self.GROUPS]
        body = {"splitTestName": "Subjects", "winnerAfterHours": hours, "groups": groups}

        refusal = wire.refused("POST", url, body)

        assert refusal[:2] == (400, "ERROR_INVALID_PARAMETER")
        with in_account(acme.pk):
            assert not Broadcast.objects.exists()
