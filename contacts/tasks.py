"""Tasks of the contacts app: imports."""

import time

from django.utils import timezone

from accounts.models import Account
from accounts.tenancy import in_account, sql
from accounts.tenancy.wake import enqueue
from contacts.imports.running import run_import
from contacts.models import Import
from contacts.models.imports import ImportStatus

TASK_SECONDS = 60.0
# An account's import gives way after this long, so that a short one waits for no long one.
TURN_SECONDS = 5.0


def run_imports() -> None:
    """
    Take the imports of all accounts in turns, for about a minute.

    Work that is left is queued again: a task much longer than that would be taken for
    dead. Twice at the same time does no harm.
    """
    ends = time.monotonic() + TASK_SECONDS
    accounts = _accounts()
    while accounts and time.monotonic() < ends:
        accounts = [account_id for account_id in accounts if _take_turn(account_id)]
    if accounts:
        # This very task still counts as queued.
        enqueue("import", most=2)


def _accounts() -> list[int]:
    """Return the accounts with unfinished imports; benchmarks run their own."""
    found = []
    for (account_id,) in sql.fetch_all("SELECT account_id FROM lookup_import_accounts()"):
        with in_account(account_id):
            if not Account.objects.get(pk=account_id).is_benchmark:
                found.append(account_id)
    return found


def _take_turn(account_id: int) -> bool:
    """Run the account's oldest import for a few seconds; return whether work is left."""
    with in_account(account_id):
        unfinished = Import.objects.filter(status__in=[ImportStatus.READY, ImportStatus.PROCESSING])
        import_id = unfinished.order_by("pk").values_list("pk", flat=True).first()
    if import_id is None:
        return False
    ends = time.monotonic() + TURN_SECONDS
    left = run_import(
        import_id,
        timezone.now(),
        account_id=account_id,
        clock=timezone.now,
        until=lambda: time.monotonic() > ends,
    )
    with in_account(account_id):
        return left or unfinished.exclude(pk=import_id).exists()
