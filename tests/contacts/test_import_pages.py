"""Imports by page: the file, its columns, the bar, the rejects."""

import csv
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.tenancy import in_account
from contacts.models import Import, ImportReject
from tests.factories import NOON, ListFactory, PhoneListFactory, ProfileFieldFactory

SHOPPERS = b"Email;First name;Shoe size\ngrace@mail.example;Grace;38\nada@mail.example;Ada;37\n"


@pytest.fixture
def customers(acme):
    """A list with a field that a column may fill."""
    with in_account(acme.pk):
        customers = ListFactory.create(name="Store Customers")
        ProfileFieldFactory.create(
            group__list=customers, group__name="Profile", name="Shoe size", data_type="Numeric"
        )
        return customers


@pytest.fixture
def make(acme, customers):
    """Return a function that makes an import as the worker leaves it."""

    def made(**values):
        with in_account(acme.pk):
            return Import.objects.create(
                **{
                    "kind": "contacts",
                    "list": customers,
                    "file_name": "shoppers.csv",
                    "size": 1000,
                    "created_at": NOON,
                    **values,
                }
            )

    return made


def page(view, *args):
    return reverse(f"contacts:{view}", args=["acme-shoes", *args])


def upload(client, customers, content=SHOPPERS, kind="contacts", name="shoppers.csv"):
    return client.post(
        page("new_import", customers.pk),
        {"kind": kind, "file": SimpleUploadedFile(name, content)},
    )


class TestUpload:
    def test_leads_to_the_columns_with_a_guess(self, client, mia, acme, customers):
        client.force_login(mia)

        answer = upload(client, customers)
        shown = client.get(answer.url)

        assert [row["target"].partition(":")[0] for row in shown.context["form"].rows()] == [
            "email",
            "first_name",
            "field",
        ]
        assert "grace@mail.example, ada@mail.example" in shown.text
        assert "Start conversations" in shown.text

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "empty"),
            (b"PK\x03\x04rest of a workbook", "Excel workbook"),
            (b"Email,Email\na@mail.example,b\n", "columns 1 and 2"),
        ],
    )
    def test_of_what_is_no_csv_says_why_and_keeps_nothing(
        self, client, mia, acme, customers, content, reason
    ):
        client.force_login(mia)

        answer = upload(client, customers, content)

        assert answer.status_code == 422
        assert reason in answer.text
        with in_account(acme.pk):
            assert not Import.objects.exists()

    def test_without_a_file_is_refused(self, client, mia, customers):
        client.force_login(mia)

        answer = client.post(page("new_import", customers.pk), {"kind": "orders"})

        assert answer.status_code == 422
        assert "id_file_error" in answer.text


class TestColumns:
    def test_start_the_import(self, client, mia, acme, customers):
        client.force_login(mia)
        address = upload(client, customers).url

        answer = client.post(
            f"{address}start/",
            {"target": ["email", "first_name", ""], "start_conversations": "on"},
        )

        with in_account(acme.pk):
            started = Import.objects.get()
        assert answer.url == address
        assert started.status == "DataReadyForProcessing"
        assert started.mapping["columns"] == [
            {"column": 0, "target": "email"},
            {"column": 1, "target": "first_name"},
        ]
        assert started.options["start_conversations"] is True

    def test_that_name_nobody_are_refused_and_kept(self, client, mia, acme, customers):
        client.force_login(mia)
        address = upload(client, customers).url

        answer = client.post(f"{address}start/", {"target": ["", "first_name", ""]})

        assert answer.status_code == 422
        assert "A column is missing: Email" in answer.text
        assert [row["target"] for row in answer.context["form"].rows()] == ["", "first_name", ""]
        with in_account(acme.pk):
            assert Import.objects.get().status == "DataUploaded"

    def test_are_read_again_with_another_delimiter(self, client, mia, acme, customers):
        client.force_login(mia)
        address = upload(client, customers).url

        client.post(f"{address}read-again/", {"encoding": "cp1252", "delimiter": ","})

        with in_account(acme.pk):
            mapping = Import.objects.get().mapping
        assert (mapping["encoding"], mapping["delimiter"]) == ("cp1252", ",")
        assert mapping["has_header"] is False

    def test_with_consents_demand_their_evidence(self, client, mia, acme, customers):
        with in_account(acme.pk):
            phones = PhoneListFactory.create(name="News", short_code__email_list=customers)
        client.force_login(mia)
        address = upload(client, customers, b"Mobile\n+12125550143\n").url
        target = {"target": [f"phone_list:{phones.pk}"]}
        source = {"consent_source": "Checkout", "consent_text": "Text me."}

        page = client.get(address).text
        without = client.post(f"{address}start/", target)
        unconfirmed = client.post(f"{address}start/", {**target, **source})
        whole = client.post(f"{address}start/", {**target, **source, "consent_confirmed": "on"})

        assert f'data-shown-by="target=phone_list:{phones.pk}"' in page
        assert "id_consent_source_error" in without.text
        assert "id_consent_confirmed_error" in unconfirmed.text
        assert 'value="Checkout"' in unconfirmed.text
        assert (without.status_code, unconfirmed.status_code, whole.status_code) == (422, 422, 302)

    def test_a_started_import_has_none_to_choose(self, client, mia, customers, make):
        running = make(status="ProcessingData")
        client.force_login(mia)

        answer = client.post(page("start_import", customers.pk, running.pk), {"target": ["email"]})

        assert answer.status_code == 404


class TestProgress:
    def test_moves_and_is_polled_while_it_runs(self, client, ben, customers, make):
        running = make(status="ProcessingData", position=620, counts={"processed": 62})
        client.force_login(ben)

        whole = client.get(page("import", customers.pk, running.pk)).text
        part = client.get(
            page("import", customers.pk, running.pk), headers={"HX-Request": "true"}
        ).text

        assert 'data-poll="1000"' in whole
        assert 'value="62"' in part
        assert "<html" not in part
        assert "You may leave this page" in part

    def test_ends_with_what_came_of_it(self, client, ben, acme, customers, make):
        done = make(
            status="ProcessingCompleted",
            position=1000,
            counts={"processed": 100, "created": 90, "rejected": 1},
            ended_at=NOON,
        )
        with in_account(acme.pk):
            ImportReject.objects.create(
                imported=done, line=7, code="email", reason="no email address", raw="x,y"
            )
        client.force_login(ben)

        text = client.get(page("import", customers.pk, done.pk)).text

        assert "data-poll" not in text
        for words in ("100%", "New", "no email address", "Download CSV"):
            assert words in text

    def test_says_why_it_failed(self, client, ben, customers, make):
        failed = make(status="ProcessingFailed", failure="The file is gone.")
        client.force_login(ben)

        assert "The file is gone." in client.get(page("import", customers.pk, failed.pk)).text

    def test_never_says_all_before_the_end(self, client, ben, customers, make):
        running = make(status="ProcessingData", position=1000)
        client.force_login(ben)

        assert 'value="99"' in client.get(page("import", customers.pk, running.pk)).text


class TestRejects:
    def test_are_downloaded_with_line_and_reason(self, client, ben, acme, customers, make):
        done = make(status="ProcessingCompleted")
        with in_account(acme.pk):
            ImportReject.objects.bulk_create(
                ImportReject(
                    imported=done,
                    line=number // 2,
                    code="email",
                    reason="=1+1 is no email address",
                    raw='a,"b"',
                )
                for number in range(2, 2502)
            )
        client.force_login(ben)

        answer = client.get(page("rejects", customers.pk, done.pk))
        text = b"".join(answer.streaming_content).decode("utf-8-sig")

        rows = list(csv.reader(io.StringIO(text)))
        assert "shoppers-rejects.csv" in answer["Content-Disposition"]
        assert rows[0] == ["line", "severity", "reason", "row"]
        assert rows[1] == ["1", "reject", "'=1+1 is no email address", 'a,"b"']
        assert len(rows) == 2501
        assert rows[-1][0] == "1250"


class TestWhoMay:
    @pytest.mark.parametrize("view", ["imports", "import", "rejects"])
    def test_read(self, client, ben, zoe, customers, make, view):
        done = make(status="ProcessingCompleted")
        address = page(view, customers.pk, *([] if view == "imports" else [done.pk]))

        answers = []
        for user in (zoe, ben):
            client.force_login(user)
            answers.append(client.get(address).status_code)

        assert answers == [404, 200]

    @pytest.mark.parametrize("view", ["new_import", "start_import", "read_again"])
    def test_write(self, client, ben, zoe, customers, make, view):
        waiting = make()
        address = page(view, customers.pk, *([] if view == "new_import" else [waiting.pk]))

        answers = []
        for user in (zoe, ben):
            client.force_login(user)
            answers.append(client.post(address).status_code)

        assert answers == [404, 403]

    def test_another_accounts_import_is_not_there(self, client, zoe, globex, customers, make):
        done = make(status="ProcessingCompleted")
        with in_account(globex.pk):
            theirs = ListFactory.create()
        client.force_login(zoe)

        for view in ("import", "rejects"):
            address = reverse(f"contacts:{view}", args=["globex", theirs.pk, done.pk])
            assert client.get(address).status_code == 404

    def test_an_import_of_another_list_is_not_there(self, client, ben, acme, make):
        done = make(status="ProcessingCompleted")
        with in_account(acme.pk):
            other = ListFactory.create()
        client.force_login(ben)

        assert client.get(page("import", other.pk, done.pk)).status_code == 404

    def test_pages_hold_nothing_inline(self, client, mia, customers, make):
        running = make(status="ProcessingData")
        client.force_login(mia)

        for address in (
            page("imports", customers.pk),
            page("new_import", customers.pk),
            page("import", customers.pk, running.pk),
        ):
            text = client.get(address).text
            assert not re.search(r"""\sstyle=|\son[a-z]+=|<style|<script(?! src)""", text)
