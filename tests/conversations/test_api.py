"""Conversations under /conductor/v1."""

import json

import pytest

from accounts.tenancy import in_account
from conductor.conversations.actions import create_conversation
from conductor.conversations.models import Conversation
from tests.api.conftest import connect
from tests.conversations.conftest import WINBACK, parsed, winback
from tests.conversations.test_summary import deliver, enroll
from tests.factories import ListFactory

BASE = "/conductor/v1/List"
ONE = "/conductor/v1/Conversation"


@pytest.fixture
def wire(acme, now, db):
    """An integration that may do everything."""
    return connect(acme, now, types=["email", "sms"])


@pytest.fixture
def path(store):
    """The conversations of the store's list."""
    return f"{BASE}/{store.list.pk}/Conversation"


@pytest.fixture
def winback_id(wire, path):
    """WINBACK, posted."""
    return wire.post(path, parsed(WINBACK).write())["resourceId"]


def call_yaml(wire, path, text, content_type="application/yaml"):
    return wire.call("POST", path, data=text, content_type=content_type)


class TestPostConversation:
    def test_takes_json(self, wire, path):
        answer = wire.post(path, parsed(WINBACK).write())

        assert list(answer) == ["status", "resourceId", "problems", "created", "warnings"]
        assert (answer["problems"], answer["created"]) == ([], [])
        assert isinstance(answer["resourceId"], str)

    @pytest.mark.parametrize("kind", ["application/yaml", "text/yaml", "application/x-yaml"])
    def test_takes_yaml(self, wire, path, kind):
        answer = call_yaml(wire, path, WINBACK, kind)

        assert answer.status_code == 201
        assert json.loads(answer.content)["problems"] == []

    def test_replaces_a_draft_with_200(self, wire, path, winback_id):
        wire.post(f"{ONE}/{winback_id}/Publication")

        answer = json.loads(call_yaml(wire, path, winback(P3D="P7D")).content)

        assert (answer["status"], answer["resourceId"]) == (200, winback_id)
        assert wire.get(path)[0]["status"] == "Edits Pending"

    def test_needs_no_list_but_the_right_one(self, wire, path):
        assert call_yaml(wire, path, winback(**{"list: Store Customers\n": ""})).status_code == 201

        refused = wire.refused(
            "POST", path, data=winback(**{"Store Customers": "Other"}), content_type="text/yaml"
        )

        assert refused[:2] == (400, "ERROR_MALFORMED_REQUEST_BODY")
        assert refused[2].startswith("list: ")

    def test_tells_every_fault_and_stores_nothing(self, wire, path):
        file = parsed(WINBACK).write()
        file["threads"][0]["steps"][2]["mobile_message"]["short_code"] = 54321
        file["threads"][0]["steps"][3]["wait"] = {"for": "P9Y"}

        status, _, message = wire.refused("POST", path, file)

        assert status == 400
        assert [line.partition(": ")[0] for line in message.splitlines()] == [
            "threads[0].steps[2].mobile_message.short_code",
            "threads[0].steps[3].wait.for",
        ]
        assert wire.get(path) == []

    @pytest.mark.parametrize("body", ["{", '{"conversation": "A", "conversation": "B"}', "[]", ""])
    def test_refuses_what_is_no_file(self, wire, path, body):
        refused = wire.refused("POST", path, data=body)

        assert refused[:2] == (400, "ERROR_MALFORMED_REQUEST_BODY")

    def test_refuses_other_content_types(self, wire, path):
        refused = wire.refused("POST", path, data=WINBACK, content_type="text/plain")

        assert refused[0] == 415

    def test_lists_problems_and_what_it_created(self, wire, path):
        text = winback(**{"We miss you": "Nothing", "Order Imported": "New"}) + "events: [New]\n"

        answer = json.loads(call_yaml(wire, path, text).content)

        assert answer["created"] == [{"event": "New"}]
        assert [list(problem) for problem in answer["problems"]] == [
            ["path", "thread", "step", "code", "text"]
        ]
        assert answer["problems"][0]["code"] == "unknown_message"


class TestGetConversation:
    def test_lists_them(self, wire, path, winback_id):
        (row,) = wire.get(path)

        assert list(row) == [
            "conversationId", "conversationName", "status", "version", "modifiedDate",
        ]  # fmt: skip
        assert (row["conversationId"], row["status"], row["version"]) == (
            int(winback_id), "Draft", None,
        )  # fmt: skip

    def test_gives_the_file(self, wire, path, winback_id):
        file = wire.get(f"{ONE}/{winback_id}")

        assert list(file)[:4] == ["conversation", "description", "list", "reentry"]
        assert file["threads"] == parsed(WINBACK).write()["threads"]

    def test_gives_canonical_yaml(self, wire, path, winback_id):
        headers = {"Accept": "application/yaml", "Authorization": f"Bearer {wire.token}"}
        answer = wire.client.get(f"{ONE}/{winback_id}", headers=headers)

        assert answer.headers["Content-Type"] == "application/yaml; charset=utf-8"
        assert answer.content.decode().startswith(WINBACK)
        again = call_yaml(wire, path, answer.content)
        assert again.status_code == 200
        assert wire.client.get(f"{ONE}/{winback_id}", headers=headers).content == answer.content

    def test_gives_versions(self, wire, path, winback_id):
        assert wire.refused("GET", f"{ONE}/{winback_id}?version=published")[0] == 404
        wire.post(f"{ONE}/{winback_id}/Publication")
        call_yaml(wire, path, winback(P3D="P7D"))

        def wait(query):
            return wire.get(f"{ONE}/{winback_id}{query}")["threads"][0]["steps"][3]["wait"]

        assert wait("") == {"for": "P7D"}
        assert wait("?version=published") == wait("?version=1") == {"for": "P3D"}
        assert wire.refused("GET", f"{ONE}/{winback_id}?version=9")[0] == 404
        assert wire.refused("GET", f"{ONE}/{winback_id}?version=last")[0] == 400


class TestPublication:
    def test_publishes_once(self, wire, path, winback_id):
        first = wire.post(f"{ONE}/{winback_id}/Publication")
        again = wire.post(f"{ONE}/{winback_id}/Publication", status=200)

        assert (first["status"], first["resourceId"]) == (201, "1")
        assert again["resourceId"] == "1"
        assert (wire.get(path)[0]["status"], wire.get(path)[0]["version"]) == ("Active", 1)

    def test_tells_of_an_email_that_gets_the_standard_footer(self, wire, path, winback_id):
        put = wire.post(path, parsed(winback(P3D="P7D")).write(), status=200)
        first = wire.post(f"{ONE}/{winback_id}/Publication")
        again = wire.post(f"{ONE}/{winback_id}/Publication", status=200)

        text = (
            "The email lacks the postal address and an unsubscribe link: it is sent with the "
            "standard footer."
        )
        assert first["warnings"] == again["warnings"] == put["warnings"]
        assert first["warnings"] == [
            {
                "path": "threads[0].steps[4].message",
                "thread": "Winback",
                "step": "reminder",
                "code": "standard_footer",
                "text": text,
            }
        ]

    def test_refuses_problems_with_the_first_ones_text(self, wire, path, winback_id):
        call_yaml(wire, path, winback(**{"We miss you": "Nothing"}))

        refused = wire.refused("POST", f"{ONE}/{winback_id}/Publication")

        assert refused == (
            400,
            "ERROR_INVALID_CONVERSATION",
            "There is no message named “Nothing” on this list.",
        )
        assert wire.get(path)[0]["status"] == "Draft"

    def test_pauses_and_resumes(self, wire, path, winback_id):
        assert wire.refused("DELETE", f"{ONE}/{winback_id}/Publication")[0] == 404
        wire.post(f"{ONE}/{winback_id}/Publication")

        assert wire.call("DELETE", f"{ONE}/{winback_id}/Publication").status_code == 200
        assert wire.call("DELETE", f"{ONE}/{winback_id}/Publication").status_code == 200
        assert wire.get(path)[0]["status"] == "Paused"
        assert wire.post(f"{ONE}/{winback_id}/Publication")["resourceId"] == "1"
        assert wire.get(path)[0]["status"] == "Active"


class TestReports:
    def test_sum_up(self, wire, path, published, now):
        enrollment = enroll(published, now, to="pause")
        enroll(published, now, to="lapsed", ended="otherwise")
        deliver(enrollment, now, key="text", channel="sms", state="queued")

        data = wire.get(f"{ONE}/{published.pk}/Summary")

        assert list(data) == [
            "entered", "waiting", "ended", "converted", "steps", "deliveries", "remarks",
        ]  # fmt: skip
        assert (data["entered"], data["waiting"], data["ended"]) == (2, 1, 1)
        assert data["converted"] == 0
        assert data["steps"][1] == {
            "thread": "Winback",
            "stepKey": "lapsed",
            "arrivals": 2,
            "waiting": 0,
            "exits": {"next": 1, "otherwise": 1},
        }
        assert data["deliveries"] == [
            {
                "thread": "Winback",
                "stepKey": "text",
                "channel": "sms",
                "state": "queued",
                "reason": None,
                "count": 1,
            }
        ]
        assert wire.get(f"{ONE}/{published.pk}/Summary?version=1") == data

    def test_list_enrollments(self, wire, path, published, now):
        enroll(published, now, to="pause")
        enroll(published, now, to="text", held="step_error 22P02")
        enroll(published, now, to="end", ended="end")

        first = wire.page(f"{ONE}/{published.pk}/Enrollment", count=2)
        rest = wire.page(f"{ONE}/{published.pk}/Enrollment", cursor=first["nextPageCursor"])

        assert [row["state"] for row in first["data"]] == ["waiting", "held"]
        assert (first["data"][1]["reason"], first["data"][1]["text"]) == (
            "step_error 22P02",
            "a value cannot be read as what is needed here (22P02)",
        )
        assert list(first["data"][0]) == [
            "enrollmentId", "emailAddress", "version", "thread", "stepKey", "state",
            "enteredDate", "arrivedDate", "dueDate", "endedDate", "reason", "text",
        ]  # fmt: skip
        assert first["data"][0]["enteredDate"] == "2026-11-18T07:00:00"
        assert first["data"][0]["reason"] is None
        assert first["data"][1]["reason"] == "step_error 22P02"
        assert rest["nextPageCursor"] is None
        (ended,) = rest["data"]
        assert (ended["state"], ended["stepKey"], ended["dueDate"]) == ("ended", "end", None)


ROUTES = [
    ("GET", "", "List"),
    ("POST", "", "Message"),
    ("GET", "/{id}", "List"),
    ("POST", "/{id}/Publication", "Message"),
    ("DELETE", "/{id}/Publication", "Message"),
    ("GET", "/{id}/Summary", "List"),
    ("GET", "/{id}/Enrollment", "Contact"),
]
BY_ID = [route for route in ROUTES if route[1]]


class TestAccess:
    @pytest.mark.parametrize(("method", "route", "level"), ROUTES)
    def test_needs_its_level_and_no_other(self, acme, now, path, published, method, route, level):
        route = path + route.format(id=published.pk)
        others = [one for one in ("List", "Message", "Contact", "Event") if one != level]

        with_it = connect(acme, now, types=["email"], levels=[level])
        without = connect(acme, now, types=["email"], levels=others)
        sms = connect(acme, now, types=["sms"])

        body = parsed(WINBACK).write() if (method, route) == ("POST", path) else None
        assert with_it.call(method, route, body).status_code in {200, 201}
        assert without.refused(method, route, body)[:2] == (401, "ERROR_UNAUTHORIZED")
        assert sms.refused(method, route, body)[0] == 401

    @pytest.mark.parametrize(("method", "route", "level"), BY_ID)
    def test_asks_the_same_by_id(self, acme, now, published, method, route, level):
        route = f"{ONE}{route.format(id=published.pk)}"
        others = [one for one in ("List", "Message", "Contact", "Event") if one != level]
        with_it = connect(acme, now, types=["email"], levels=[level])
        without = connect(acme, now, types=["email"], levels=others)

        assert with_it.call(method, route).status_code in {200, 201}
        assert without.refused(method, route)[:2] == (401, "ERROR_UNAUTHORIZED")

    @pytest.mark.parametrize(("method", "route", "level"), BY_ID)
    def test_finds_nothing_of_another_account_by_id(
        self, globex, now, acme_conversation, method, route, level
    ):
        stranger = connect(globex, now, types=["email"])

        refused = stranger.refused(method, f"{ONE}{route.format(id=acme_conversation[1])}")

        assert refused == (
            404,
            "ERROR_UNABLE_TO_LOCATE_RESOURCE",
            "Unable to locate a resource associated with the conversationId supplied.",
        )

    def test_openapi_names_each_route_once(self, client):
        paths = client.get("/conductor/v1/openapi.json").json()["paths"]

        ours = [path for path in paths if "/Conversation" in path and "/email/" not in path]
        assert ours == [
            "/conductor/v1/List/{listId}/Conversation",
            "/conductor/v1/Conversation/{conversationId}",
            "/conductor/v1/Conversation/{conversationId}/Publication",
            "/conductor/v1/Conversation/{conversationId}/Summary",
            "/conductor/v1/Conversation/{conversationId}/Enrollment",
            "/conductor/v1/Conversation/{conversationId}/Explanation",
            "/conductor/v1/Conversation/{conversationId}/Enrollment/Enter",
            "/conductor/v1/Conversation/{conversationId}/Enrollment/Move",
            "/conductor/v1/Conversation/{conversationId}/Enrollment/End",
        ]

    @pytest.mark.parametrize(("method", "route", "level"), ROUTES)
    def test_finds_nothing_of_another_account(
        self, globex, now, acme, acme_conversation, method, route, level
    ):
        list_id, conversation_id = acme_conversation
        stranger = connect(globex, now, types=["email"])
        names = "listId and conversationId" if "{id}" in route else "listId"
        route = f"{BASE}/{list_id}/Conversation{route.format(id=conversation_id)}"

        refused = stranger.refused(method, route, parsed(WINBACK).write())

        assert refused[:2] == (404, "ERROR_UNABLE_TO_LOCATE_RESOURCE")
        assert names in refused[2]

    def test_finds_no_conversation_under_another_list(self, wire, published, acme):
        other = ListFactory()

        refused = wire.refused("GET", f"{BASE}/{other.pk}/Conversation/{published.pk}")

        assert refused[0] == 404


@pytest.fixture
def acme_conversation(acme, now):
    """A conversation of acme, seen from outside of it: ids of its list and itself."""
    with in_account(acme.pk):
        made = create_conversation(list=ListFactory(), name="Post Purchase", now=now)
        return made.list_id, made.pk


def test_the_wire_and_the_page_see_one_conversation(wire, path, winback_id):
    assert Conversation.objects.get().pk == int(winback_id)
