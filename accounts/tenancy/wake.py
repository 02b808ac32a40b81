"""
Wake-ups: a hint that there is work, given when the transaction has committed.

The one place that names tasks of higher packages, by string. Nothing rests on a wake-up:
the pulse finds the same work within a second.
"""

from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

TASKS = {
    "advance": "conductor.engine.tasks.advance",
    "by_hand": "conductor.conversations.tasks.run_errands",
    "broadcast": "messaging.tasks.send_broadcasts",
    "import": "contacts.tasks.run_imports",
    "send": "messaging.tasks.send",
    "urgent": "messaging.tasks.send_urgent",
}
# More tasks than this wait only when no cluster runs: no hint is needed then.
PLENTY = 20


def wake(work: str) -> None:
    """Enqueue the task of a kind of work on commit, unless one waits already."""
    transaction.on_commit(lambda: enqueue(work), robust=True)


def enqueue(work: str, *, most: int = 1) -> bool:
    """
    Enqueue the task of a kind of work unless `most` of it wait already; say whether it did.

    A task that a worker has taken is locked into the future and does not count: it may
    have looked before this work was committed.
    """
    task = TASKS[work]
    waiting = [queued.func() for queued in OrmQ.objects.filter(lock__lte=timezone.now())[:PLENTY]]
    if len(waiting) >= PLENTY or waiting.count(task) >= most:
        return False
    async_task(task, group=work)
    return True
