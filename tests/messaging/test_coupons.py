"""Coupon pools: codes from files, counts, warnings."""

import io
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from accounts.actions import InvalidValueError
from accounts.models import Account
from accounts.tenancy import in_account
from contacts.actions.imports import run_import
from contacts.models import Import
from messaging.actions.coupon_codes import import_codes
from messaging.actions.coupons import (
    count_codes,
    create_pool,
    is_low,
    update_pool,
    warn_of_low_pools,
)
from messaging.models import CouponCode, CouponPool


@pytest.fixture
def pool(inside_acme: Account, now: datetime) -> CouponPool:
    """A pool of unique codes."""
    return create_pool(name="Welcome 10", now=now)


@pytest.fixture
def seasons(inside_acme: Account, now: datetime) -> CouponPool:
    """A pool of static codes."""
    return create_pool(name="Seasons", kind="static", now=now)


def add(pool: CouponPool, text: str, now: datetime, **how: Any) -> Import:
    """Take a file of codes from beginning to end."""
    imported = import_codes(pool=pool, file=text.encode(), file_name="codes.csv", now=now)
    run_import(imported.pk, now, **how)
    imported.refresh_from_db()
    return imported


def rejects(imported: Import) -> list[tuple[int, str]]:
    """Return the rejected lines with their reasons."""
    return list(imported.rejects.order_by("line").values_list("line", "reason"))


def codes(pool: CouponPool) -> dict[str, Any]:
    """Return the last day of each code of a pool."""
    return dict(CouponCode.objects.filter(pool=pool).values_list("code", "expires_on"))


class TestCreatePool:
    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": "Welcome 10"}, "name"),
            ({"name": "x" * 121}, "name"),
            ({"kind": "shared"}, "kind"),
            ({"cutoff_days": -1}, "cutoff_days"),
            ({"low_at": -1}, "low_at"),
            ({"low_at": 10}, "alert_emails"),
            ({"alert_emails": ["nobody"]}, "alert_emails"),
            ({"fallback_code": "x" * 101}, "fallback_code"),
            ({"fallback_code": "a\x07b"}, "fallback_code"),
        ],
    )
    def test_refuses(
        self, pool: CouponPool, now: datetime, given: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(InvalidValueError) as refused:
            create_pool(**{"name": "Another", "now": now, **given})

        assert refused.value.field == field
        assert CouponPool.objects.count() == 1

    def test_keeps_a_pool_by_its_own_name(self, pool: CouponPool, now: datetime) -> None:
        update_pool(pool=pool, now=now, name="Welcome 10", fallback_code="SORRY5", is_active=False)

        pool.refresh_from_db()
        assert (pool.fallback_code, pool.is_active) == ("SORRY5", False)


class TestUniqueCodes:
    def test_are_taken_line_by_line(self, pool: CouponPool, now: datetime) -> None:
        imported = add(pool, "A1\nB2, 2027-01-31\n\n C3 ,12/31/2026\n", now)

        assert codes(pool) == {"A1": None, "B2": date(2027, 1, 31), "C3": date(2026, 12, 31)}
        assert (imported.status, imported.counts["created"]) == ("ProcessingCompleted", 3)

    @pytest.mark.parametrize(
        "text",
        [
            "Code\nA1\n",
            "coupon code;expires on\nA1;\n",
            "Expiration Date,Batch,CODE\n,first,A1\n",
            "\ufeffPromo code\nA1",
            "A1\r\n",
        ],
    )
    def test_are_found_below_any_header(self, pool: CouponPool, now: datetime, text: str) -> None:
        imported = add(pool, text, now)

        assert (codes(pool), rejects(imported)) == ({"A1": None}, [])

    def test_leave_out_bad_lines_with_their_reason(self, pool: CouponPool, now: datetime) -> None:
        add(pool, "OLD\n", now)

        imported = add(
            pool,
            f"A1\nA1\nOLD\nB2,soon\nC3,2020-01-01\n{'x' * 101}\n,2027-01-01\nD4,2027-01-01,more\nE5\n",
            now,
        )

        assert set(codes(pool)) == {"OLD", "A1", "E5"}
        assert rejects(imported) == [
            (2, "The code stands in line 1 already."),
            (3, "The pool has this code already."),
            (4, "The last day: 'soon' is no date; write 2026-12-31."),
            (5, "The code has expired on 2020-01-01."),
            (6, "The code is longer than 100 characters."),
            (7, "The code is empty."),
            (8, "The line has more columns than code, expires."),
        ]
        assert (imported.counts["created"], imported.counts["rejected"]) == (2, 7)

    def test_are_taken_in_chunks_as_in_one(self, pool: CouponPool, now: datetime) -> None:
        lines = [f"K{number}" for number in range(95)] + ["K3", "K94"]

        imported = add(pool, "\n".join(lines), now, chunk_records=10)

        assert len(codes(pool)) == 95
        assert rejects(imported) == [
            (96, "The pool has this code already."),
            (97, "The code stands in line 95 already."),
        ]

    def test_of_two_pools_may_be_alike(self, pool: CouponPool, now: datetime) -> None:
        other = create_pool(name="Other", now=now)
        add(pool, "A1", now)

        add(other, "A1", now)

        assert set(codes(other)) == {"A1"}


class TestStaticCodes:
    def test_stand_side_by_side(self, seasons: CouponPool, now: datetime) -> None:
        imported = add(
            seasons,
            "code,starts,ends\nSPRING,2027-03-01,2027-05-31\nWINTER,2026-12-01,2027-02-28\n",
            now,
        )

        assert rejects(imported) == []
        found = CouponCode.objects.order_by("starts_on").values_list("code", flat=True)
        assert list(found) == ["WINTER", "SPRING"]

    def test_leave_out_dates_that_overlap_or_lack(self, seasons: CouponPool, now: datetime) -> None:
        add(seasons, "WINTER,2026-12-01,2027-02-28", now)

        imported = add(
            seasons,
            "A,2027-02-28,2027-03-01\nB,2026-11-01,2026-12-01\nC,2026-12-05,2026-12-06\n"
            "D,2026-11-01,2027-12-31\nE,2027-03-02\nF,2027-03-02,2027-03-01\n"
            "G,2027-03-01,2027-03-01\nWINTER,2028-01-01,2028-01-02\n",
            now,
        )

        taken = "The code WINTER is handed out from 2026-12-01 to 2027-02-28 already."
        assert rejects(imported) == [
            (1, taken),
            (2, taken),
            (3, taken),
            (4, taken),
            (5, "A static code needs its first and its last day."),
            (6, "The last day, 2027-03-01, is before the first, 2027-03-02."),
            (8, "The pool has this code already."),
        ]
        assert set(codes(seasons)) == {"WINTER", "G"}


class TestCounts:
    def test_tell_available_handed_and_expired(self, pool: CouponPool, now: datetime) -> None:
        update_pool(pool=pool, now=now, cutoff_days=7)
        add(pool, "A\nB,2026-11-24\nC,2026-11-25\nD\n", now)
        CouponCode.objects.filter(code="D").update(handed_at=now)

        counts = count_codes([pool], now=now)[pool.pk]

        assert (counts.available, counts.handed, counts.expired) == (2, 1, 1)
        assert counts.total == 4

    def test_are_none_without_codes(self, pool: CouponPool, now: datetime) -> None:
        assert count_codes([pool], now=now)[pool.pk].total == 0


@pytest.mark.django_db(transaction=True)
class TestWarning:
    @pytest.fixture
    def low(self, acme: Account, now: datetime) -> CouponPool:
        """A pool with two codes, fewer than its threshold."""
        with in_account(acme.pk):
            made = create_pool(
                name="Low", now=now, low_at=3, alert_emails=["Mia@acme.example", "ben@acme.example"]
            )
            add(made, "A\nB\n", now)
        return made

    def test_is_mailed_once(self, acme: Account, low: CouponPool, now: datetime) -> None:
        assert warn_of_low_pools(now) == 1
        assert warn_of_low_pools(now + timedelta(minutes=1)) == 0

        (sent,) = mail.outbox
        assert sent.to == ["mia@acme.example", "ben@acme.example"]
        assert sent.subject == "Coupon pool Low: 2 codes left"

    def test_comes_again_after_codes_were_added(
        self, acme: Account, low: CouponPool, now: datetime
    ) -> None:
        warn_of_low_pools(now)
        with in_account(acme.pk):
            add(low, "C\n", now)

        assert warn_of_low_pools(now) == 0
        with in_account(acme.pk):
            CouponCode.objects.filter(code="C").update(handed_at=now)
        assert warn_of_low_pools(now) == 1

    @pytest.mark.parametrize("change", [{"is_active": False}, {"low_at": 2}, {"low_at": 0}])
    def test_is_not_mailed(
        self, acme: Account, low: CouponPool, now: datetime, change: dict[str, Any]
    ) -> None:
        with in_account(acme.pk):
            update_pool(pool=low, now=now, **change)

        assert warn_of_low_pools(now) == 0

    def test_counts_only_what_may_go_out(
        self, acme: Account, low: CouponPool, now: datetime
    ) -> None:
        with in_account(acme.pk):
            update_pool(pool=low, now=now, cutoff_days=30)
            add(low, "C,2026-12-01\nD,2026-12-01\n", now)

            assert is_low(low, now=now)

    def test_is_tried_again_where_the_mail_server_is_gone(
        self, acme: Account, low: CouponPool, now: datetime, settings: Any
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

        assert warn_of_low_pools(now) == 0

        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        assert warn_of_low_pools(now) == 1


@pytest.mark.django_db(transaction=True)
class TestCommand:
    def test_takes_a_file_and_prints_what_became_of_it(
        self, acme: Account, now: datetime, tmp_path: Any
    ) -> None:
        with in_account(acme.pk):
            made = create_pool(name="Welcome 10", now=now)
        file = tmp_path / "codes.csv"
        file.write_text("A1\nB2\nA1\n")
        out, err = io.StringIO(), io.StringIO()

        call_command(
            "import_coupons", "--account", "acme-shoes", "--pool", "Welcome 10", str(file),
            stdout=out, stderr=err,
        )  # fmt: skip

        assert '"created": 2' in out.getvalue()
        assert "line 3: The code stands in line 1 already." in err.getvalue()
        with in_account(acme.pk):
            assert set(codes(made)) == {"A1", "B2"}

    @pytest.mark.parametrize(
        ("account", "pool", "sentence"),
        [
            ("nowhere", "Welcome 10", "There is no account 'nowhere'."),
            ("acme-shoes", "Nowhere", "The account has no coupon pool named 'Nowhere'."),
        ],
    )
    def test_refuses_with_a_sentence(
        self, acme: Account, tmp_path: Any, account: str, pool: str, sentence: str
    ) -> None:
        file = tmp_path / "codes.csv"
        file.write_text("A1\n")

        with pytest.raises(CommandError, match=sentence.replace(".", r"\.")):
            call_command("import_coupons", "--account", account, "--pool", pool, str(file))
