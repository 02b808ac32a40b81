"""
Find the demo account, or make it.

While it is made it is flagged as a benchmark's: pulse and workers pass over it. Taking the
flag away is the last step, so that a run that was killed is recognised, and done again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from accounts.actions import create_account
from accounts.models import Account, User
from accounts.tenancy import in_account, lookups, sql
from conductor.demo import history
from conductor.demo.generator import YEAR, invent
from conductor.engine.benchmarks.account import remove_benchmark_account
from contacts.models import Import

NAME = "Acme Shoes"
OWNER = "demo@acme-shoes.example"
POSTAL_ADDRESS = "1 Main Street\nSpringfield, IL 62701"
SHOPPERS = 10_000
SEED = 1997
DEMO_LOCK = 7_304

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Demo:
    """The account and who signs in; `password` is "" once its owner has changed it."""

    account: Account
    owner: User
    password: str


def demo_account(
    *,
    password: str,
    clock: Clock,
    tell: Callable[[str], None],
    size: int = SHOPPERS,
    seed: int = SEED,
) -> Demo:
    """Return the demo account; made, with `password`, where there is none yet."""
    with _alone():
        account = _finished() or _make(password, clock, tell, size, seed)
    owner = User.objects.get(email=OWNER)
    return Demo(account, owner, password if owner.check_password(password) else "")


def _finished() -> Account | None:
    """Return the demo account; remove what a killed run has left of one."""
    owner = User.objects.filter(email=OWNER).first()
    for account_id in lookups.accounts_of_user(owner.pk) if owner else []:
        with in_account(account_id):
            account = Account.objects.get(pk=account_id)
            if not account.is_benchmark:
                return account
            for imported in Import.objects.exclude(file=""):
                imported.file.delete(save=False)
        remove_benchmark_account(account_id)
    return None


def _make(
    password: str, clock: Clock, tell: Callable[[str], None], size: int, seed: int
) -> Account:
    until = clock()
    opened = until - YEAR
    made = create_account(
        name=NAME,
        owner_email=OWNER,
        postal_address=POSTAL_ADDRESS,
        now=opened,
        password=password,
        is_benchmark=True,
    )
    with in_account(made.account.pk):
        place = history.open_shop(account_id=made.account.pk, owner=made.owner, now=opened)
    shoppers = invent(size=size, until=until, seed=seed)
    history.live(place, shoppers, until=until, clock=clock, tell=tell)
    with in_account(made.account.pk):
        Account.objects.filter(pk=made.account.pk).update(is_benchmark=False)
    made.account.is_benchmark = False
    return made.account


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for another run to end; the lock goes with the session, whatever happens."""
    sql.fetch_value("SELECT pg_advisory_lock(%(lock)s)", lock=DEMO_LOCK)
    try:
        yield
    finally:
        sql.fetch_value("SELECT pg_advisory_unlock(%(lock)s)", lock=DEMO_LOCK)
