"""The suppression list: what is on it, who keeps it, what it stops."""

import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse

from accounts.actions import InvalidValueError
from accounts.models import AuditEntry
from accounts.tenancy import in_account
from contacts.actions.imports import run_import
from contacts.models import Import
from messaging.actions.suppressions import hashed_address, read_address, release, suppress
from messaging.models import PhoneSubscription, Suppression
from tests.api.conftest import connect
from tests.factories import ListFactory, PhoneListFactory, PhoneSubscriptionFactory

GRACE = "grace@mail.example"


def kept() -> list[tuple[str, str, str]]:
    """Return what is on the list."""
    rows = Suppression.objects.order_by("channel", "address", "pk")
    return [(one.channel, one.address, one.reason) for one in rows]


@pytest.mark.usefixtures("inside_acme")
class TestSuppress:
    def test_twice_changes_nothing(self, now: Any) -> None:
        suppress(channel="email", addresses=[GRACE], reason="hard bounce", now=now)

        again = suppress(channel="email", addresses=[GRACE, GRACE], reason="complaint", now=now)

        assert again == 0
        assert kept() == [("email", GRACE, "hard bounce")]

    def test_keeps_a_list_apart_from_the_account(self, now: Any) -> None:
        for in_list in (None, ListFactory.create(), ListFactory.create()):
            suppress(channel="email", addresses=[GRACE], reason="manual", list=in_list, now=now)

        assert Suppression.objects.count() == 3

    def test_keeps_the_erased_as_a_hash(self, now: Any) -> None:
        for address in (GRACE, hashed_address(GRACE)):
            suppress(channel="email", addresses=[address], reason="erased", now=now)

        assert kept() == [("email", hashed_address(GRACE), "erased")]

    def test_takes_100_000_addresses(self, now: Any) -> None:
        addresses = [f"p{number}@mail.example" for number in range(100_000)]

        assert suppress(channel="email", addresses=addresses, reason="import", now=now) == 100_000

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"channel": "fax", "reason": "manual"}, "channel"),
            ({"channel": "email", "reason": "whim"}, "reason"),
        ],
    )
    def test_refuses_what_it_does_not_know(self, now: Any, given: Any, field: str) -> None:
        with pytest.raises(InvalidValueError) as refused:
            suppress(addresses=[GRACE], now=now, **given)

        assert refused.value.field == field

    def test_knows_no_number_of_one_list(self, now: Any) -> None:
        with pytest.raises(InvalidValueError):
            suppress(
                channel="sms",
                addresses=["+12125550123"],
                reason="manual",
                list=ListFactory.create(),
                now=now,
            )

    def test_is_undone_with_an_entry_in_the_audit(self, now: Any, mia: Any) -> None:
        suppress(channel="email", addresses=[GRACE], reason="manual", now=now)

        gone = release(suppressions=list(Suppression.objects.all()), now=now, by=mia)

        entry = AuditEntry.objects.get(verb="released")
        assert (gone, kept(), entry.by_user) == (1, [], mia)
        assert GRACE not in json.dumps(entry.detail)

    def test_is_undone_for_many_by_as_many_statements(
        self, now: Any, mia: Any, django_assert_num_queries: Any
    ) -> None:
        addresses = [f"a{number}@mail.example" for number in range(5)]
        suppress(channel="email", addresses=addresses, reason="manual", now=now)
        found = list(Suppression.objects.all())

        with django_assert_num_queries(2):
            gone = release(suppressions=found, now=now, by=mia)

        noted = AuditEntry.objects.filter(verb="released").values_list("object_id", flat=True)
        assert (gone, set(noted)) == (5, {one.pk for one in found})


class TestReadAddress:
    @pytest.mark.parametrize(
        ("written", "read"),
        [
            (" Grace@Mail.Example ", ("email", GRACE)),
            ("(212) 555-0123", ("sms", "+12125550123")),
            ("+44 20 7946 0958", ("sms", "+442079460958")),
        ],
    )
    def test_tells_emails_from_numbers(self, written: str, read: tuple[str, str]) -> None:
        assert read_address(written) == read

    @pytest.mark.parametrize(
        "written",
        ["", "grace", "a@b", "+1212555012345678", "x" * 5000 + "@mail.example", "٢١٢٥٥٥"],
    )
    def test_refuses_what_is_neither(self, written: str) -> None:
        with pytest.raises(InvalidValueError):
            read_address(written)


LINES = "email,name\nGrace@mail.example,G\nnobody,N\n,E\n212 555 0123,P\ngrace@mail.example,G\n"


@pytest.mark.django_db(transaction=True)
class TestFiles:
    def test_are_taken_by_the_command_with_each_bad_line(self, acme: Any, tmp_path: Any) -> None:
        file = tmp_path / "stop.csv"
        file.write_text(LINES)
        out, err = io.StringIO(), io.StringIO()

        call_command(
            "import_addresses", "--account", "acme-shoes", "--as", "suppressions", str(file),
            stdout=out, stderr=err,
        )  # fmt: skip

        assert json.loads(out.getvalue())["created"] == 2
        assert "line 3: 'nobody' is neither an email address nor a phone number." in err.getvalue()
        assert "line 4: There is no address in the line." in err.getvalue()
        with in_account(acme.pk):
            assert kept() == [("email", GRACE, "import"), ("sms", "+12125550123", "import")]

    def test_of_deactivated_numbers_end_every_consent(self, acme: Any, tmp_path: Any) -> None:
        with in_account(acme.pk):
            for phone in ("+12125550123", "+12125550123", "+12125550199"):
                PhoneSubscriptionFactory.create(
                    phone_list=PhoneListFactory.create(), phone_e164=phone
                )
        file = tmp_path / "gone.txt"
        file.write_text("12125550123\n12125550777\nabc\n")
        out = io.StringIO()

        call_command(
            "import_addresses", "--account", "acme-shoes", "--as", "deactivations", str(file),
            stdout=out, stderr=io.StringIO(),
        )  # fmt: skip

        assert json.loads(out.getvalue())["unsubscribed"] == 2
        with in_account(acme.pk):
            found = PhoneSubscription.objects.filter(state="Unsubscribed")
            assert {(one.phone_e164, one.opt_out_reason) for one in found} == {
                ("+12125550123", "Deactivated")
            }


@pytest.mark.django_db
class TestPages:
    def address(self, view: str, **more: int) -> str:
        return reverse(f"messaging:{view}", kwargs={"account": "acme-shoes", **more})

    def test_find_an_address_however_it_is_written(
        self, client: Any, acme: Any, ben: Any, now: Any
    ) -> None:
        with in_account(acme.pk):
            suppress(
                channel="email", addresses=[GRACE, "kay@mail.example"], reason="manual", now=now
            )
            suppress(channel="email", addresses=["ed@mail.example"], reason="erased", now=now)
        client.force_login(ben)

        exact = client.get(self.address("suppressions"), {"q": " GRACE@mail.example"}).text
        part = client.get(self.address("suppressions"), {"q": "kay"}).text
        erased = client.get(self.address("suppressions"), {"q": "ed@mail.example"}).text

        assert GRACE in exact
        assert "kay@" not in exact
        assert "kay@mail.example" in part
        assert "erased, kept as a hash" in erased
        assert "Suppress addresses" not in exact

    def test_take_pasted_addresses_all_or_none(self, client: Any, acme: Any, mia: Any) -> None:
        client.force_login(mia)
        url = self.address("add_suppressions")

        bad = client.post(url, {"addresses": "grace@mail.example\nnobody"})
        good = client.post(url, {"addresses": "grace@mail.example\n+12125550123\n"})

        assert (bad.status_code, good.status_code) == (422, 302)
        assert "is neither an email address nor a phone number" in bad.text
        with in_account(acme.pk):
            assert kept() == [("email", GRACE, "manual"), ("sms", "+12125550123", "manual")]

    def test_take_a_file_and_show_its_bad_lines(
        self, client: Any, acme: Any, mia: Any, now: Any
    ) -> None:
        client.force_login(mia)
        file = SimpleUploadedFile("stop.csv", LINES.encode())

        answer = client.post(self.address("add_suppressions"), {"file": file})
        with in_account(acme.pk):
            run_import(Import.objects.get().pk, now)
        shown = client.get(answer.headers["Location"]).text

        assert "is neither an email address nor a phone number" in shown
        problems = client.get(self.address("address_problems", import_id=self.only_file(acme)))
        assert b"There is no address" in problems.getvalue()
        assert "stop.csv" in client.get(self.address("suppressions")).text

    def only_file(self, acme: Any) -> int:
        with in_account(acme.pk):
            return int(Import.objects.get().pk)

    def test_queue_a_file_of_deactivated_numbers(self, client: Any, acme: Any, mia: Any) -> None:
        client.force_login(mia)
        file = SimpleUploadedFile("gone.txt", b"12125550123\n")

        answer = client.post(self.address("add_deactivations"), {"file": file})
        empty = client.post(self.address("add_deactivations"), {})

        assert (answer.status_code, empty.status_code) == (302, 422)

    def test_remove_an_address(self, client: Any, acme: Any, mia: Any, now: Any) -> None:
        with in_account(acme.pk):
            suppress(channel="email", addresses=[GRACE], reason="manual", now=now)
            one = Suppression.objects.get()
        client.force_login(mia)

        client.post(self.address("release_suppression", suppression_id=one.pk))

        with in_account(acme.pk):
            assert kept() == []
            assert AuditEntry.objects.get(verb="released").by_user == mia

    @pytest.mark.parametrize(
        ("method", "view", "named"),
        [
            ("get", "suppressions", {}),
            ("post", "add_suppressions", {}),
            ("post", "add_deactivations", {}),
            ("post", "release_suppression", {"suppression_id": 1}),
            ("get", "address_file", {"import_id": 1}),
            ("get", "address_problems", {"import_id": 1}),
        ],
    )
    def test_are_closed_to_strangers_and_viewers_may_only_look(
        self, client: Any, acme: Any, zoe: Any, ben: Any, method: str, view: str, named: Any
    ) -> None:
        url = self.address(view, **named)
        client.force_login(zoe)
        assert getattr(client, method)(url).status_code == 404

        client.force_login(ben)
        expected = 403 if method == "post" else 404 if named else 200
        assert getattr(client, method)(url).status_code == expected


@pytest.mark.django_db
class TestApi:
    URL = "/conductor/v1/Suppression"

    def test_adds_lists_and_takes_away(self, acme: Any, now: Any) -> None:
        wire = connect(acme, now, types=["email"])

        added = wire.post(self.URL, {"addresses": ["Grace@mail.example", "nobody"]})["data"]
        (row,) = wire.get(self.URL, address="grace@mail.example")
        gone = wire.call("DELETE", f"{self.URL}/{row['suppressionId']}")

        assert added["suppressed"] == 1
        assert [problem["index"] for problem in added["problems"]] == [1]
        assert (row["channel"], row["address"], row["reason"]) == ("email", GRACE, "manual")
        assert gone.status_code == 200
        assert wire.get(self.URL) == []

    def test_narrows_to_a_list(self, acme: Any, now: Any) -> None:
        wire = connect(acme, now, types=["email"])
        with in_account(acme.pk):
            in_list = ListFactory.create()

        body = {"addresses": [GRACE, "+12125550123"], "listId": in_list.pk}
        added = wire.post(self.URL, body)["data"]

        assert (added["suppressed"], len(added["problems"])) == (1, 1)
        assert wire.get(self.URL)[0]["listId"] == in_list.pk

    def test_refuses_strangers_and_bad_requests(self, acme: Any, globex: Any, now: Any) -> None:
        wire = connect(acme, now, types=["email"])
        wire.post(self.URL, {"addresses": [GRACE]})
        (row,) = wire.get(self.URL)
        one = f"{self.URL}/{row['suppressionId']}"
        stranger = connect(globex, now, types=["email"])
        weak = connect(acme, now, types=["email"], levels=["Message"])

        assert stranger.refused("DELETE", one)[0] == 404
        assert stranger.get(self.URL) == []
        assert weak.refused("GET", self.URL)[0] == 401
        assert wire.refused("POST", self.URL, {"addresses": []})[0] == 400
        assert wire.refused("POST", self.URL, {"addresses": [GRACE], "reason": "whim"})[0] == 400
        assert wire.refused("POST", self.URL, {"addresses": [GRACE], "listId": 999_999})[0] == 400
        assert wire.refused("GET", self.URL + "?channel=fax")[0] == 400
