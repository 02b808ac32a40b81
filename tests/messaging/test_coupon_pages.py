"""Pages of coupon pools, and their routes under /conductor/v1."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import List
from accounts.tenancy import in_account
from contacts.actions.imports import run_import
from contacts.models import Import
from messaging.actions.coupons import create_pool
from messaging.models import CouponCode, CouponPool
from tests.api.conftest import connect
from tests.factories import ListFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool(acme: Any, now: Any) -> CouponPool:
    """A pool of acme."""
    with in_account(acme.pk):
        return create_pool(name="Welcome 10", now=now, low_at=5, alert_emails=["mia@acme.example"])


@pytest.fixture
def page(acme: Any) -> Any:
    """Return the address of a page by its name."""
    with in_account(acme.pk):
        in_list: List = ListFactory.create(name="Store Customers")

    def address(view: str, **kwargs: int) -> str:
        return reverse(
            f"messaging:{view}",
            kwargs={"account": "acme-shoes", "list_id": in_list.pk, **kwargs},
        )

    return address


class TestPools:
    def test_are_listed_with_their_state(
        self, client: Any, ben: Any, acme: Any, now: Any, page: Any, pool: CouponPool
    ) -> None:
        with in_account(acme.pk):
            CouponCode.objects.create(pool=pool, code="A1")
            create_pool(name="Bare", now=now)
        client.force_login(ben)

        text = client.get(page("coupons")).text

        assert "Welcome 10" in text
        assert "Running low" in text
        assert "Empty" in text
        assert "Create coupon pool" not in text

    def test_are_made(self, client: Any, mia: Any, acme: Any, page: Any) -> None:
        client.force_login(mia)
        given = {
            "name": "Spring", "kind": "static", "cutoff_days": "0", "low_at": "0",
            "is_active": "on", "alert_emails": "", "fallback_code": "SORRY5",
        }  # fmt: skip

        answer = client.post(page("new_coupon_pool"), given)

        with in_account(acme.pk):
            made = CouponPool.objects.get()
        assert answer.headers["Location"] == page("coupon_pool", pool_id=made.pk)
        assert (made.kind, made.fallback_code, made.is_active) == ("static", "SORRY5", True)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"name": ""}, "This field is required"),
            ({"name": "Welcome 10"}, "already"),
            ({"low_at": "3"}, "Say whom to mail"),
            ({"low_at": "3", "alert_emails": "nobody"}, "is no email address"),
            ({"cutoff_days": "-1"}, "greater than or equal to 0"),
        ],
    )
    def test_with_a_fault_are_shown_again(
        self, client: Any, mia: Any, page: Any, pool: CouponPool, changes: Any, words: str
    ) -> None:
        client.force_login(mia)
        given = {"name": "Spring", "kind": "unique", "cutoff_days": "0", "low_at": "0"}

        answer = client.post(page("new_coupon_pool"), given | changes)

        assert answer.status_code == 422
        assert words in answer.text

    def test_are_changed(
        self, client: Any, mia: Any, acme: Any, page: Any, pool: CouponPool
    ) -> None:
        client.force_login(mia)
        given = {"name": "Welcome 15", "cutoff_days": "7", "low_at": "0"}

        client.post(page("edit_coupon_pool", pool_id=pool.pk), given)

        with in_account(acme.pk):
            pool.refresh_from_db()
        assert (pool.name, pool.cutoff_days, pool.is_active) == ("Welcome 15", 7, False)


class TestCodes:
    @pytest.mark.parametrize("is_file", [False, True])
    def test_are_added_and_their_problems_shown(
        self,
        client: Any,
        mia: Any,
        acme: Any,
        now: Any,
        page: Any,
        pool: CouponPool,
        is_file: bool,  # noqa: FBT001
    ) -> None:
        client.force_login(mia)
        text = "A1\nA1\n=B2\n"
        given = (
            {"file": SimpleUploadedFile("codes.csv", text.encode())} if is_file else {"codes": text}
        )

        answer = client.post(page("add_coupon_codes", pool_id=pool.pk), given)

        with in_account(acme.pk):
            made = Import.objects.get()
        shown = page("coupon_file", pool_id=pool.pk, import_id=made.pk)
        assert answer.headers["Location"] == shown
        assert "poll" in client.get(shown).text
        with in_account(acme.pk):
            run_import(made.pk, now)
        done = client.get(shown).text
        assert "The code stands in line 1 already." in done
        assert 'hx-trigger="poll"' not in done
        problems = client.get(page("coupon_problems", pool_id=pool.pk, import_id=made.pk))
        assert "2,reject,The code stands in line 1 already.,A1" in problems.getvalue().decode()
        with in_account(acme.pk):
            assert set(CouponCode.objects.values_list("code", flat=True)) == {"A1", "=B2"}
        assert "codes" in client.get(page("coupon_pool", pool_id=pool.pk)).text

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({}, "Paste the codes, or choose a file."),
            ({"codes": " \n "}, "Paste the codes, or choose a file."),
            ({"file": SimpleUploadedFile("codes.xlsx", b"PK\x03\x04abc")}, "Excel workbook"),
        ],
    )
    def test_that_cannot_be_read_are_asked_for_again(
        self, client: Any, mia: Any, page: Any, pool: CouponPool, given: Any, words: str
    ) -> None:
        client.force_login(mia)

        answer = client.post(page("add_coupon_codes", pool_id=pool.pk), given)

        assert answer.status_code == 422
        assert words in answer.text

    def test_of_a_pool_are_no_import_of_contacts(
        self, client: Any, mia: Any, acme: Any, page: Any, pool: CouponPool
    ) -> None:
        client.force_login(mia)
        client.post(page("add_coupon_codes", pool_id=pool.pk), {"codes": "A1"})

        imports = page("coupons").replace("coupons/", "imports/")

        assert "Pasted codes" not in client.get(imports).text


class TestRoutes:
    URL = "/conductor/v1/CouponPool"

    @pytest.fixture
    def wire(self, client: Any, acme: Any, now: Any) -> Any:
        """A client of acme with a token."""
        return connect(acme, now, types=["email"])

    def test_make_read_change_and_fill_a_pool(self, wire: Any) -> None:
        made = wire.post(self.URL, {"name": "Welcome 10", "cutoffDays": 7})
        one = f"{self.URL}/{made['resourceId']}"

        added = wire.post(
            f"{one}/Code",
            {
                "codes": [
                    {"code": "A1"},
                    {"code": "A1"},
                    {"code": "B2", "expires": "2026-13-01"},
                    {"code": "C3", "expires": "2199-12-31"},
                ]
            },
        )
        wire.call("PUT", one, {"isActive": False})

        assert added["data"]["added"] == 2
        assert [(row["index"], row["code"]) for row in added["data"]["problems"]] == [
            (1, "A1"),
            (2, "B2"),
        ]
        shown = wire.get(one)
        assert (shown["available"], shown["handedOut"], shown["isActive"]) == (2, 0, False)
        assert shown["cutoffDays"] == 7
        assert wire.get(self.URL) == [shown]

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({"name": ""}, "name"),
            ({"name": "A", "kind": "shared"}, "kind"),
            ({"name": "A", "lowAt": 3}, "alertEmails"),
            ({"name": "A", "cutoffDays": -3}, "cutoffDays"),
        ],
    )
    def test_refuse_what_is_wrong(self, wire: Any, body: Any, name: str) -> None:
        status, error, message = wire.refused("POST", self.URL, body)

        assert (status, error) == (400, "ERROR_INVALID_PARAMETER")
        assert name in message

    def test_find_no_pool_of_another_account(
        self, client: Any, globex: Any, now: Any, pool: CouponPool
    ) -> None:
        stranger = connect(globex, now, types=["email"])

        assert stranger.refused("GET", f"{self.URL}/{pool.pk}")[0] == 404
        assert stranger.refused("PUT", f"{self.URL}/{pool.pk}", {"name": "Mine"})[0] == 404
        body = {"codes": [{"code": "A1"}]}
        assert stranger.refused("POST", f"{self.URL}/{pool.pk}/Code", body)[0] == 404
