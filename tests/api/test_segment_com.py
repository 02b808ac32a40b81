"""Segment (segment.com): what is mapped, who may call, what its calls write."""

import base64
import json

import pytest

from accounts.models import ApiClient
from accounts.tenancy import in_account
from contacts.actions.segment_mappings import make_write_key
from contacts.models import (
    ExternalEvent,
    Intake,
    Listener,
    ProfileField,
    SegmentInlet,
    SegmentMapping,
    Subscription,
)
from tests.factories import ListFactory, ProfileFieldFactory, SubscriptionFactory

MAPPINGS = "/conductor/v1/SegmentMapping"
SOURCE = "/conductor/v1/source/segment"
REFUSED_SOURCE = "The source should not be a Listrak source"


@pytest.fixture
def vip(acme, shop):
    """A check box of the list."""
    with in_account(acme.pk):
        return ProfileFieldFactory.create(
            group__list=shop, group__name="Engage", name="VIP", data_type="CheckBox"
        )


@pytest.fixture
def grace(acme, shop):
    """Somebody Subscribed."""
    with in_account(acme.pk):
        return SubscriptionFactory.create(list=shop, contact__email="grace@mail.example")


@pytest.fixture
def call(client, acme, now):
    """Call as Segment does; return what became of each call."""
    with in_account(acme.pk):
        key = make_write_key(now=now)

    def send(body, *, key=key, status=200, scheme="Basic"):
        code = base64.b64encode(f"{key}:".encode()).decode()
        answer = client.generic(
            "POST",
            SOURCE,
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"{scheme} {code if scheme == 'Basic' else key}"},
        )
        assert answer.status_code == status, answer.content
        envelope = json.loads(answer.content)
        if status != 200:
            return envelope["error"]
        return [(one["status"], one["result"], one["message"]) for one in envelope["data"]]

    return send


@pytest.fixture
def mapped(wire, shop, vip):
    """Make a mapping; return its id."""

    def make(**given):
        body = {
            "mappingName": "VIPs",
            "listId": shop.pk,
            "eventType": "track",
            "values": {str(vip.pk): "useAudienceKey"},
            **given,
        }
        return int(wire.post(MAPPINGS, body)["resourceId"])

    return make


ON, OFF = True, False


def track(value: object = ON, email="grace@mail.example", **more):
    """A call as Segment's audiences make it."""
    return {
        "type": "track",
        "event": "Audience Entered" if value is True else "Audience Exited",
        "properties": {"audience_key": "vips", "vips": value},
        "context": {"traits": {"email": email}, "personas": {"computation_key": "vips"}},
        **more,
    }


def vip_of(acme, subscription, vip):
    with in_account(acme.pk):
        return Subscription.objects.get(pk=subscription.pk).profile.get(str(vip.pk))


class TestMappings:
    def test_are_stored_listed_changed_and_deleted(self, wire, shop, vip, mapped):
        mapping_id = mapped(eventName="Audience Entered", audienceKey="vips")

        shown = wire.get(f"{MAPPINGS}/{mapping_id}")
        assert shown["values"] == {str(vip.pk): "useAudienceKey"}
        assert (shown["eventName"], shown["audienceKey"]) == ("Audience Entered", "vips")
        changed = {**shown, "mappingName": "Best", "values": {"engage.vip": "on"}}
        assert wire.call("PUT", f"{MAPPINGS}/{mapping_id}", changed).status_code == 200
        assert [(one["mappingName"], one["values"]) for one in wire.get(MAPPINGS)] == [
            ("Best", {str(vip.pk): "on"})
        ]
        assert wire.call("DELETE", f"{MAPPINGS}/{mapping_id}").status_code == 200
        assert wire.get(MAPPINGS) == []
        assert wire.refused("GET", f"{MAPPINGS}/{mapping_id}")[0] == 404

    def test_are_fifty_at_most(self, acme, wire, shop, vip, mapped, now):
        with in_account(acme.pk):
            SegmentMapping.objects.bulk_create(
                SegmentMapping(
                    name=str(n), list=shop, event_type="track", created_at=now, modified_at=now
                )
                for n in range(49)
            )
        fiftieth = mapped()
        body = {
            "mappingName": "One more",
            "listId": shop.pk,
            "eventType": "track",
            "values": {str(vip.pk): "on"},
        }

        refused = wire.refused("POST", MAPPINGS, body)

        assert refused == (
            400,
            "ERROR_SEGMENT_MAPPING_LIMIT_MET",
            "An account has 50 Segment mappings at most.",
        )
        assert wire.call("DELETE", f"{MAPPINGS}/{fiftieth}").status_code == 200
        wire.post(MAPPINGS, body)

    @pytest.mark.parametrize(
        ("wrong", "named"),
        [
            ({"eventType": "page"}, "eventType"),
            ({"mappingName": " "}, "mappingName"),
            ({"listId": 999999}, "listId"),
            ({"values": {}}, "values"),
            ({"values": {"Engage.VIP": "perhaps"}}, "values"),
            ({"values": {"Engage.VIP": ["on"]}}, "values"),
            ({"values": {"Engage.Nothing": "on"}}, "values"),
            ({"emailPath": "traits..email"}, "emailPath"),
            ({"eventName": "x" * 201}, "eventName"),
            ({"audienceKey": "a\ud800"}, "audienceKey"),
            ({"eventType": "identify", "eventName": "Bought"}, "eventName"),
            ({"eventType": "identify", "audienceKey": "vips"}, "audienceKey"),
            ({"eventType": "identify"}, "values"),
        ],
    )
    def test_refuse(self, wire, shop, vip, wrong, named):
        body = {
            "mappingName": "VIPs",
            "listId": shop.pk,
            "eventType": "track",
            "values": {"Engage.VIP": "useAudienceKey"},
            **wrong,
        }

        status, error, message = wire.refused("POST", MAPPINGS, body)

        assert (status, error) == (400, "ERROR_INVALID_PARAMETER")
        assert message.startswith(f"An invalid value was supplied for {named}.")

    def test_keep_their_fields_from_being_deleted(self, wire, shop, vip, mapped):
        mapping_id = mapped()
        field = (
            f"/email/v1/List/{shop.pk}/SegmentationFieldGroup/{vip.group_id}"
            f"/SegmentationField/{vip.pk}"
        )

        assert wire.refused("DELETE", field)[0] == 400
        wire.call("DELETE", f"{MAPPINGS}/{mapping_id}")
        assert wire.call("DELETE", field).status_code == 200


class TestKey:
    def test_lets_nobody_in_without_it(self, acme, wire, call, now):
        assert call(track(), key="wrong", status=401) == "ERROR_UNAUTHORIZED"
        assert wire.refused("POST", SOURCE, track())[0] == 401

    def test_ends_when_another_is_made(self, acme, call, now):
        assert call(track()) == [(200, "unmapped", "")]

        with in_account(acme.pk):
            newer = make_write_key(now=now)

        assert call(track(), status=401) == "ERROR_UNAUTHORIZED"
        assert call(track(), key=newer) == [(200, "unmapped", "")]

    def test_opens_nothing_else(self, acme, client, call, now):
        with in_account(acme.pk):
            key = make_write_key(now=now)

        assert call(track(), key=key, scheme="Bearer", status=401) == "ERROR_UNAUTHORIZED"
        for header in (f"Bearer {key}", f"Bearer basic {key}"):
            answer = client.get("/email/v1/List", headers={"Authorization": header})
            assert answer.status_code == 401

    def test_is_kept_as_a_hash(self, acme, now):
        with in_account(acme.pk):
            key = make_write_key(now=now)

            (client,) = ApiClient.objects.all()
            assert SegmentInlet.objects.get().hint == key[-4:]
            assert key not in str(client.tokens.values_list("token_hash", flat=True))
            assert (client.types, client.levels) == (["segment"], [])


class TestTrack:
    @pytest.mark.parametrize(("value", "kept"), [(True, "on"), (False, "off")])
    def test_switches_by_the_audience_key(self, acme, call, mapped, grace, vip, value, kept):
        mapped(audienceKey="vips", computationKey="vips")

        assert call(track(value)) == [(200, "taken", "")]

        assert vip_of(acme, grace, vip) == kept

    @pytest.mark.parametrize("value", [None, "true", 1, {}])
    def test_without_a_boolean_is_refused_and_writes_nothing(
        self, acme, call, mapped, grace, vip, value
    ):
        mapped()
        mapped(values={str(vip.pk): "on"})

        ((status, result, message),) = call(track(value))

        assert (status, result) == (400, "refused")
        assert message == "The property that audience_key names is no boolean."
        assert vip_of(acme, grace, vip) is None

    @pytest.mark.parametrize(
        "condition",
        [{"eventName": "Bought"}, {"audienceKey": "others"}, {"computationKey": "others"}],
    )
    def test_of_other_conditions_is_nobody_s(self, acme, call, mapped, grace, vip, condition):
        mapped(**condition)

        assert call(track()) == [(200, "unmapped", "")]

        assert vip_of(acme, grace, vip) is None

    def test_writes_literals(self, acme, call, wire, mapped, grace, vip, shop):
        with in_account(acme.pk):
            tier = ProfileFieldFactory.create(group=vip.group, name="Tier", data_type="Text")
        mapped(values={"Engage.VIP": "on", "Engage.Tier": "gold"})

        call(track("whatever"))

        with in_account(acme.pk):
            profile = Subscription.objects.get(pk=grace.pk).profile
        assert profile == {str(vip.pk): "on", str(tier.pk): "gold"}

    @pytest.mark.parametrize(
        "parts",
        [
            {"context": {"traits": {"email": "Grace@Mail.example"}}},
            {"context": {}, "traits": {"email": "grace@mail.example"}},
            {"properties": {"audience_key": "v", "v": True, "email": "grace@mail.example"}},
        ],
    )
    def test_finds_the_address_in_three_places(self, acme, call, mapped, grace, vip, parts):
        mapped()

        assert call({**track(), "context": {}, **parts}) == [(200, "taken", "")]

        assert vip_of(acme, grace, vip) == "on"

    def test_finds_the_address_where_the_mapping_says(self, acme, call, mapped, grace, vip):
        mapped(emailPath="properties.customer.mail")
        bought = track()

        assert call(bought) == [(400, "refused", "The call has no email address.")]
        bought["properties"]["customer"] = {"mail": "grace@mail.example"}
        assert call(bought) == [(200, "taken", "")]


class TestIdentify:
    def test_writes_the_trait(self, acme, call, mapped, grace, vip):
        mapped(eventType="identify", values={"Engage.VIP": "is_vip"})
        traits: dict[str, object] = {"email": "grace@mail.example", "is_vip": False}
        identify = {"type": "identify", "traits": traits}

        assert call(identify) == [(200, "taken", "")]
        assert vip_of(acme, grace, vip) == "off"
        traits["is_vip"] = True
        assert call(identify) == [(200, "taken", "")]
        assert vip_of(acme, grace, vip) == "on"
        del traits["is_vip"]
        assert call(identify) == [(400, "refused", "The call has no trait is_vip.")]
        traits["is_vip"] = "perhaps"
        assert call(identify) == [(400, "refused", "VIP does not take the value of the call.")]
        assert vip_of(acme, grace, vip) == "on"

    def test_is_no_track_s(self, call, mapped):
        mapped()

        assert call({"type": "identify", "traits": {"email": "grace@mail.example"}}) == [
            (200, "unmapped", "")
        ]


class TestLoops:
    @pytest.mark.parametrize(
        "context",
        [
            {"integration": {"name": "Listrak"}},
            {"library": {"name": "listrak-source", "version": "1"}},
            {"integration": {"name": "Conductor"}},
            {"library": {"name": "Conductor"}},
        ],
    )
    def test_are_refused(self, acme, call, mapped, grace, vip, context):
        mapped()

        assert call(track(context={**track()["context"], **context})) == [
            (400, "refused", REFUSED_SOURCE)
        ]

        assert vip_of(acme, grace, vip) is None

    def test_are_refused_where_the_whole_batch_says_so(self, call, mapped):
        mapped()

        refused = call({"batch": [track()], "context": {"integration": {"name": "Listrak"}}})

        assert refused == [(400, "refused", REFUSED_SOURCE)]


class TestBatch:
    def test_answers_for_each_call_and_counts(self, acme, call, wire, mapped, grace, vip, shop):
        mapping_id = mapped()
        with in_account(acme.pk):
            ann = SubscriptionFactory.create(
                list=shop, contact__email="ann@mail.example", state="Unsubscribed"
            )
        batch = [
            track(),
            track(email="ann@mail.example"),
            track(email="nobody@mail.example"),
            track(None),
            {"type": "page", "name": "Home"},
            "bad",
            track(OFF),
        ]

        outcomes = call({"batch": batch})

        assert [result for _, result, _ in outcomes] == [
            *("taken", "skipped", "skipped", "refused", "unmapped", "refused", "taken")
        ]
        assert [status for status, _, _ in outcomes] == [200, 200, 200, 400, 200, 400, 200]
        assert (vip_of(acme, grace, vip), vip_of(acme, ann, vip)) == ("off", None)
        shown = wire.get(f"{MAPPINGS}/{mapping_id}")
        assert (shown["takenCount"], shown["skippedCount"], shown["refusedCount"]) == (2, 2, 1)
        with in_account(acme.pk):
            inlet = SegmentInlet.objects.get()
        assert (inlet.taken, inlet.skipped, inlet.refused, inlet.unmapped) == (2, 2, 2, 1)
        assert inlet.last_refusal == "A call is a JSON object."

    def test_writes_by_as_many_statements_as_one(
        self, acme, call, mapped, shop, django_assert_max_num_queries
    ):
        mapped()
        with in_account(acme.pk):
            people = [SubscriptionFactory.create(list=shop) for _ in range(30)]

        with django_assert_max_num_queries(30):
            outcomes = call({"batch": [track(email=one.contact.email) for one in people]})

        assert {result for _, result, _ in outcomes} == {"taken"}

    def test_tells_who_listens(self, acme, call, mapped, grace, shop):
        mapped()
        with in_account(acme.pk):
            Listener.objects.create(
                list=shop, kind="profile_updated", role="trigger", conversation_id=7
            )

        call(track())

        with in_account(acme.pk):
            assert Intake.objects.get().subscription_id == grace.pk

    def test_of_two_lists_takes_whom_one_of_them_has(self, acme, call, wire, mapped, grace):
        mapped()
        with in_account(acme.pk):
            other = ListFactory.create()
            there = ProfileFieldFactory.create(group__list=other, data_type="Text")
        mapped(listId=other.pk, values={str(there.pk): "yes"})

        assert call(track()) == [(200, "taken", "")]

        with in_account(acme.pk):
            assert [*SegmentMapping.objects.order_by("pk").values_list("taken", "skipped")] == [
                (1, 0),
                (0, 1),
            ]

    @pytest.mark.parametrize("body", [{"batch": {}}, {"batch": [{}] * 10_001}, []])
    def test_refuses_what_cannot_be_read(self, call, body):
        assert call(body, status=400) == "ERROR_MALFORMED_REQUEST_BODY"

    @pytest.mark.parametrize(
        "bad",
        [
            {},
            None,
            7,
            {"type": ["track"]},
            {"type": "track", "context": 7, "properties": [], "traits": ""},
            {"type": "track", "properties": {"email": "\ud800@mail.example"}},
            {"type": "track", "properties": {"email": "g\x00@mail.example", "audience_key": {}}},
        ],
    )
    def test_refuses_bad_calls_alone(self, acme, call, mapped, grace, vip, bad):
        mapped()

        outcomes = call({"batch": [bad, track()]})

        assert [result for _, result, _ in outcomes] == ["refused", "taken"]

    def test_keeps_no_text_that_cannot_be_kept(self, acme, call, mapped, grace, vip):
        with in_account(acme.pk):
            ProfileField.objects.filter(pk=vip.pk).update(data_type="Text")
        mapped(eventType="identify", values={"Engage.VIP": "tier"})
        traits = {"email": "grace@mail.example", "tier": "\ud800"}

        ((status, _, _),) = call({"type": "identify", "traits": traits})

        assert status == 400

    def test_of_a_field_that_is_gone_is_refused(self, acme, call, mapped, grace, vip):
        mapped()
        with in_account(acme.pk):
            ProfileField.objects.filter(pk=vip.pk).delete()

        assert call(track()) == [(400, "refused", "A profile field of the mapping VIPs is gone.")]
        with in_account(acme.pk):
            assert not ExternalEvent.objects.exists()
