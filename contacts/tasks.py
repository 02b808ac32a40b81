"""Tasks of django-q2: coarse, found by name in `accounts.tenancy.wake`."""

import time

from django.utils import timezone

from accounts.models import Account
from accounts.tenancy import in_account, sql
from accounts.tenancy.places import place
from accounts.tenancy.wake import enqueue
from contacts.imports.running import run_import
from contacts.models import Import
from contacts.models.imports import ImportStatus

# Between two looks at the queue; one chunk may take as long.
TASK_SECONDS = 5.0
# Advisory locks from here on, one for each import that may run at the same time.
FIRST_PLACE = 7_400


def run_imports() -> None:
    """
    Take the imports of all accounts in turns, a chunk each, for a few seconds.

    What is left is queued again. One worker always stays free for other tasks, where
    there are several; a task that is lost or run twice changes nothing.
    """
    ends = time.monotonic() + TASK_SECONDS
    accounts: list[int] = []
    with place(FIRST_PLACE) as is_free:
        if is_free:
            accounts = _accounts()
            while accounts and time.monotonic() < ends:
                account_id = accounts.pop(0)
                if _take_turn(account_id):
                    accounts.append(account_id)
    if accounts:
        enqueue("import")


def _accounts() -> list[int]:
    """Return the accounts with unfinished imports; benchmarks run their own."""
    found = []
    for (account_id,) in sql.fetch_all("SELECT account_id FROM lookup_import_accounts()"):
        with in_account(account_id):
            if not Account.objects.get(pk=account_id).is_benchmark:
                found.append(account_id)
    return found


def _take_turn(account_id: int) -> bool:
    """Take a chunk of the account's oldest import; return whether work is left for us."""
    with in_account(account_id):
        unfinished = Import.objects.filter(status__in=[ImportStatus.READY, ImportStatus.PROCESSING])
        import_id = unfinished.order_by("pk").values_list("pk", flat=True).first()
    if import_id is None:
        return False
    left = run_import(
        import_id,
        timezone.now(),
        account_id=account_id,
        clock=timezone.now,
        until=lambda: True,
    )
    with in_account(account_id):
        return left or unfinished.exclude(pk=import_id).exists()
