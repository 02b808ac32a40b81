"""Long bodies: read piece by piece, kept in files, never held as a whole."""

import base64
import http.client
import io
import json
import os
import random
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connections

from accounts import actions
from accounts.tenancy import in_account
from accounts.wire import bodies, pieces
from accounts.wire.bodies import Kept
from accounts.wire.errors import BodyTooLargeError, MalformedBodyError
from conductor.engine.benchmarks import api_upload, redirects
from contacts.api.imports import decoded
from contacts.models import Import, ImportReject, Subscription
from tests.factories import ListFactory, ProfileFieldFactory, SubscriptionFactory

ROWS = [
    *({"a": 1}, [], {}, "", "x" * 3000, -12, 1.5e9, 0, None, True, False),
    *("Zürich 😀", 'quote " and \\ slash', [[{"b": [1, 2]}]], "]", ",", "\n\t"),
]


def cut(text, *, size):
    data = text.encode()
    return iter([data[at : at + size] for at in range(0, len(data), size)])


def kept(text):
    data = text if isinstance(text, bytes) else text.encode()
    return Kept(io.BytesIO(data), len(data))


@pytest.fixture
def small(monkeypatch):
    """Take everything but a few letters for long."""
    monkeypatch.setattr(bodies, "TEXT_AT_ONCE", 20)
    monkeypatch.setattr(bodies, "ROWS_AT_ONCE", 4)
    monkeypatch.setattr(bodies, "SHORT", 10)
    for name, value in (("BLOCK", 7), ("LONG", 10)):
        monkeypatch.setattr(pieces, name, value)
        if hasattr(bodies, name):
            monkeypatch.setattr(bodies, name, value)


class TestArray:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
    @pytest.mark.parametrize("ascii_only", [True, False])
    @pytest.mark.parametrize("indent", [None, 2])
    def test_reads_what_json_says_however_it_is_cut(self, size, ascii_only, indent):
        text = json.dumps(ROWS, ensure_ascii=ascii_only, indent=indent)

        read = [item for item, _ in pieces.Array(cut(text, size=size)).items()]

        assert read == ROWS

    @pytest.mark.parametrize("text", ["[]", " [ ] ", "\ufeff[]", "[1]", "[12,34]"])
    def test_reads_short_ones(self, text):
        read = [item for item, _ in pieces.Array(cut(text, size=2)).items()]

        assert read == json.loads(text.removeprefix("\ufeff"))

    @pytest.mark.parametrize(
        "text",
        ["", " ", "{}", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[1]x", "[NaN]", "1",
         '["a]', "[tru]", '[{"a":}]', "[1}"],
    )  # fmt: skip
    def test_refuses_what_is_none(self, text):
        with pytest.raises(ValueError):  # noqa: PT011 (whatever JSON says of it)
            list(pieces.Array(cut(text, size=3)).items())

    def test_holds_no_item_that_is_too_long(self, monkeypatch):
        monkeypatch.setattr(pieces, "MOST_ITEM", 1000)

        with pytest.raises(ValueError, match="16 MB"):
            list(pieces.Array(cut(json.dumps(["x" * 600_000]), size=1000)).items())


class TestRows:
    @pytest.mark.usefixtures("small")
    def test_come_in_batches(self):
        batches = list(bodies.read(kept(json.dumps(list(range(11)))), bodies.ROWS).batches())

        assert [row for rows in batches for row in rows] == list(range(11))
        assert max(map(len, batches)) == 4

    @pytest.mark.usefixtures("small")
    @pytest.mark.parametrize(
        "text", ['[{"a": 1}, {"b": 2}, {"c": 3', "[1,2,3,4,5,6,7,8,9,10,]", b'["' + b"\xff" * 30]
    )
    def test_refuse_what_is_malformed_at_the_end(self, text):
        with pytest.raises(MalformedBodyError):
            list(bodies.read(kept(text), bodies.ROWS).batches())

    def test_refuse_a_short_body_at_once(self):
        with pytest.raises(MalformedBodyError):
            bodies.read(kept('{"a": 1}'), bodies.ROWS)


@pytest.mark.usefixtures("small")
class TestFiles:
    @pytest.mark.parametrize("seed", range(20))
    def test_hold_the_long_texts_of_a_body(self, seed):
        chance = random.Random(seed)
        letters = ['"', "\\", "/", "a", "é", "\n", "+", "日"]
        long = "".join(chance.choice(letters) for _ in range(chance.randrange(11, 200)))
        said = {"fileName": "a.csv", "fileStream": long, "more": [{"x": 'a"b'}], "n": 1}
        text = json.dumps(said, ensure_ascii=chance.random() < 0.5).replace("/", "\\/")

        read = bodies.read(kept(text), bodies.FILES)

        assert b"".join(read.pop("fileStream").blocks()).decode() == long
        assert read == {"fileName": "a.csv", "more": [{"x": 'a"b'}], "n": 1}

    @pytest.mark.parametrize(
        "text",
        ['{"fileStream": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '{"a": "aaaaaaaaaaaaaaa\x01aaaaaa"}',
         b'{"a": "aaaaaaaaaaaaaaaa\xff\xff\xff"}', '{"a": "aaaaaaaaaaaaaaaaaaaa"', '"aaaaaaaaaa\\'],
    )  # fmt: skip
    def test_are_none_of_a_malformed_body(self, text):
        with pytest.raises(MalformedBodyError):
            bodies.read(kept(text), bodies.FILES)

    def test_leave_no_more_than_some_megabytes(self, monkeypatch):
        monkeypatch.setattr(bodies, "MOST_WHOLE", 100)

        with pytest.raises(BodyTooLargeError):
            bodies.read(kept(json.dumps({"n": list(range(100))})), bodies.FILES)

    @pytest.mark.parametrize("length", range(12))
    def test_are_decoded_in_parts(self, length):
        data = bytes(range(length)) * 7

        text = bodies.LongText(io.BytesIO(base64.encodebytes(data)))

        assert decoded(text).read() == data


@pytest.fixture(scope="module")
def served(django_db_setup):
    """A web server of its own on the tests' database, that takes 64 MB; its port and process."""
    address = urlsplit(os.environ["DATABASE_URL"])
    name = connections["default"].settings_dict["NAME"]
    environment = {"DATABASE_URL": urlunsplit(address._replace(path=f"/{name}"))}
    patience = pytest.MonkeyPatch()
    patience.setattr(redirects, "START_SECONDS", 120.0)
    with redirects.served("tests.api.small_bodies:application", environment) as server:
        yield server
    patience.undo()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestWebProcess:
    @pytest.fixture
    def shop(self, acme):
        with in_account(acme.pk):
            return ListFactory.create(name="Store Customers")

    @pytest.fixture
    def headers(self, acme, now):
        with in_account(acme.pk):
            client = actions.create_integration(name="Shop", types=["email"], now=now).client
            # The server's clock is the machine's.
            token = actions.issue_token(client=client, now=datetime.now(UTC))
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def test_holds_little_of_what_it_takes(self, served, acme, shop, headers):
        """A file of 45 MB, 60 MB as base64; then 60 MB of rows, the last one alone on the list."""
        port, pid = served
        base = f"/email/v1/List/{shop.pk}"
        with in_account(acme.pk):
            field = ProfileFieldFactory.create(group__list=shop, name="Engaged")
            SubscriptionFactory.create(list=shop, contact__email="grace@mail.example")
        token = headers["Authorization"].removeprefix("Bearer ")
        asked(port, "GET", base, headers=headers)

        figure = api_upload.measure(
            account=acme, port=port, pid=pid, token=token, path=f"{base}/ListImport", megabytes=45
        )

        assert figure["body_mb"] >= 60
        assert figure["value"] - figure["before"] < 100
        with in_account(acme.pk):
            assert Import.objects.get().size == figure["size"] > 45_000_000

        before = api_upload.resident(pid)
        with api_upload.watched(pid) as most:
            url = f"{base}/Contact/SegmentationField"
            status, made = asked(port, "POST", url, rows(field.pk), headers)

        assert (status, made) == (201, {"status": 201, "resourceId": ""})
        assert max(most) - before < 100
        with in_account(acme.pk):
            assert Subscription.objects.get().profile == {str(field.pk): "often"}
            assert ImportReject.objects.count() == 3_000
            assert (
                Import.objects.get(kind="contacts", list=shop, size=0).counts["processed"] == 3_001
            )

    @pytest.mark.parametrize("is_chunked", [True, False])
    def test_answers_what_is_too_long(self, served, acme, shop, headers, is_chunked):
        port, _ = served
        body = (b" " * 1_000_000 for _ in range(70))
        if not is_chunked:
            headers = {**headers, "Content-Length": "70000000"}

        status, said = asked(port, "POST", f"/email/v1/List/{shop.pk}/ListImport", body, headers)

        assert (status, said["status"]) == (404, 404)
        assert said["message"] == "The request body is larger than 64000000 bytes."

    def test_answers_who_is_not_let_in(self, served, shop):
        port, _ = served
        headers = {"Authorization": "Bearer stale", "Content-Length": "5000000"}
        body = (b" " * 1_000_000 for _ in range(5))

        status, said = asked(port, "POST", f"/email/v1/List/{shop.pk}/ListImport", body, headers)

        assert (status, said["error"]) == (401, "ERROR_UNAUTHORIZED")


def rows(field_id):
    """Yield 60 MB of rows, as they are sent."""
    yield b"["
    for number in range(3_000):
        row = {"emailAddress": f"nobody{number}@mail.example", "note": "x" * 20_000}
        yield json.dumps(row).encode() + b","
    values = [{"segmentationFieldId": field_id, "value": "often"}]
    grace = {"emailAddress": "grace@mail.example", "segmentationFieldValues": values}
    yield json.dumps(grace).encode() + b"]"


def asked(port, method, path, body=None, headers=None):
    """Send a request piece by piece; return status and what was said."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    is_chunked = body is not None and "Content-Length" not in headers
    connection.request(method, path, body=body, headers=headers or {}, encode_chunked=is_chunked)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    return answer.status, said
