"""Tasks of django-q2: coarse, found by name in `accounts.tenancy.wake`."""

import time

from django.utils import timezone

from accounts.tenancy import in_account, lookups
from accounts.tenancy.wake import enqueue
from conductor.conversations.actions.errands import go_on

TASK_SECONDS = 2.0


def run_errands() -> None:
    """
    Do what was asked by hand for many, a batch of each account in turn, for two seconds.

    What is left is queued again. Lost or run twice, nothing changes: a batch notes how far
    it has come in its own transaction.
    """
    ends = time.monotonic() + TASK_SECONDS
    accounts = lookups.errand_accounts()
    while accounts and time.monotonic() < ends:
        account_id = accounts.pop(0)
        with in_account(account_id):
            if go_on(now=timezone.now()):
                accounts.append(account_id)
    if accounts:
        enqueue("by_hand")
