"""The account that benchmarks run in: flagged, passed over by pulse and workers, removed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.apps import apps

from accounts.actions import free_slug
from accounts.models import Account, Membership
from accounts.tenancy import in_account, lookups, sql
from accounts.tenancy.models import TenantModel

NAME = "Benchmark"
SLUG = "conductor-benchmark"
BENCHMARK_LOCK = 7_303
# Rows point downward: an app's rows go before those that they point to.
# But for those that point to a later one.
FIRST = ("contacts_listener",)
APPS = ("conversations", "messaging", "contacts", "accounts")


class BenchmarkRunsError(RuntimeError):
    """Another benchmark runs on this data; two would measure each other."""


@contextmanager
def benchmark_account(*, now: datetime) -> Iterator[Account]:
    """
    Make an account flagged `is_benchmark` and remove it with all its rows at the end.

    What a killed benchmark has left is removed first.

    :raises BenchmarkRunsError: if another benchmark runs.
    """
    with _alone(), made_account(SLUG, now=now) as account:
        yield account


@contextmanager
def made_account(slug: str, *, now: datetime) -> Iterator[Account]:
    """Make a flagged account of that slug, in place of what a killed benchmark has left of it."""
    left = lookups.account_by_slug(slug)
    if left is not None:
        _take_back(left)
        remove_benchmark_account(left)
    account = _create(now, slug)
    try:
        yield account
    finally:
        remove_benchmark_account(account.pk)


def remove_benchmark_account(account_id: int) -> int:
    """Delete a benchmark account and every row of it; return how many rows. Others stay."""
    with in_account(account_id):
        account = Account.objects.filter(is_benchmark=True).first()
        if account is None:
            return 0
        gone = sum(sql.execute(f'DELETE FROM "{table}"') for table in _tables())
        return gone + sql.execute(
            "DELETE FROM accounts_account WHERE id = %(account_id)s", account_id=account.pk
        )


def _take_back(account_id: int) -> None:
    """Flag an account again that workers were let into, and whose benchmark was killed."""
    with in_account(account_id):
        if not Membership.objects.exists():
            Account.objects.filter(pk=account_id, name=NAME).update(is_benchmark=True)


def _create(now: datetime, slug: str = SLUG) -> Account:
    account_id = int(
        sql.fetch_value("SELECT nextval(pg_get_serial_sequence('accounts_account', 'id'))")
    )
    with in_account(account_id):
        return Account.objects.create(
            id=account_id,
            name=NAME,
            slug=free_slug(slug),
            postal_address="1 Main Street, Springfield, IL 62701",
            is_benchmark=True,
            created_at=now,
        )


def _tables() -> list[str]:
    """Return the tenant tables, the latest defined first: they point to earlier ones."""
    tables = [
        model._meta.db_table  # noqa: SLF001 (where Django keeps a table's name)
        for label in APPS
        for model in reversed(list(apps.get_app_config(label).get_models()))
        if issubclass(model, TenantModel)
    ]
    return [*FIRST, *(table for table in tables if table not in FIRST)]


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the database's lock on benchmarks; it goes with the session, whatever happens."""
    if not sql.fetch_value("SELECT pg_try_advisory_lock(%(lock)s)", lock=BENCHMARK_LOCK):
        raise BenchmarkRunsError("Another benchmark is running; wait for its end.")
    try:
        yield
    finally:
        sql.fetch_value("SELECT pg_advisory_unlock(%(lock)s)", lock=BENCHMARK_LOCK)
