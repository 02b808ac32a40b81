"""Months of visits and events go as whole tables, never while somebody may ask for them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from accounts.models import Account
from accounts.tenancy import in_account, sql
from accounts.tenancy.partitions import make_partitions
from conductor.conversations.models import Visit
from conductor.retention import drop_old_months, first_kept
from tests.factories import EnrollmentFactory

NOW = datetime(2031, 6, 15, 12, tzinfo=UTC)
MONTHS = ("conversations_visit_2031_03", "conversations_visit_2031_04")


def exists(table: str) -> bool:
    return bool(sql.fetch_value("SELECT to_regclass(%(table)s) IS NOT NULL", table=table))


@pytest.fixture
def months(acme: Account):
    """Partitions of March to July 2031, with a visit in March and in April."""
    make_partitions(now=datetime(2031, 3, 1, tzinfo=UTC))
    with in_account(acme.pk):
        for month in (3, 4):
            Visit.objects.create(
                enrollment_id=1,
                conversation_id=1,
                version_id=1,
                step_key="start",
                visit_number=1,
                arrived_at=datetime(2031, month, 5, tzinfo=UTC),
                left_at=datetime(2031, month, 5, tzinfo=UTC),
                exit="next",
            )


def enter(account: Account, at: datetime, **more: object) -> None:
    with in_account(account.pk):
        EnrollmentFactory(entered_at=at, **more)


@pytest.mark.usefixtures("months")
class TestDropOldMonths:
    def test_keeps_all_by_default(self) -> None:
        assert drop_old_months(NOW) == 0
        assert all(map(exists, MONTHS))

    def test_drops_what_is_older_than_the_setting(self, acme: Account, settings) -> None:
        settings.KEEP_MONTHS = 2
        enter(acme, NOW - timedelta(days=1))

        dropped = drop_old_months(NOW)

        # March of events and of visits; earlier months may be there as well.
        assert dropped >= 2
        assert [exists(table) for table in MONTHS] == [False, True]
        with in_account(acme.pk):
            assert Visit.objects.count() == 1

    def test_drops_nothing_that_somebody_inside_may_ask_for(self, acme: Account, settings) -> None:
        settings.KEEP_MONTHS = 2
        enter(acme, datetime(2031, 3, 31, tzinfo=UTC))

        drop_old_months(NOW)

        assert all(map(exists, MONTHS))

    def test_does_not_wait_for_who_has_ended(self, acme: Account, settings) -> None:
        settings.KEEP_MONTHS = 1
        at = datetime(2031, 3, 4, tzinfo=UTC)
        enter(acme, at, ended_at=at, due_at=None, end_reason="terminated")

        drop_old_months(NOW)

        assert not any(map(exists, MONTHS))


class TestFirstKept:
    @pytest.mark.parametrize(
        ("today", "months", "first"),
        [
            (date(2031, 6, 15), 0, None),
            (date(2031, 6, 15), 2, date(2031, 4, 1)),
            (date(2031, 1, 31), 1, date(2030, 12, 1)),
            (date(2031, 6, 1), 18, date(2029, 12, 1)),
        ],
    )
    def test_counts_full_months(self, today: date, months: int, first: date | None) -> None:
        assert first_kept(today, months) == first
