"""
Wake-ups: a hint that there is work, given when the transaction has committed.

The one place that names tasks of higher packages, by string. Nothing rests on a wake-up:
the pulse finds the same work within a second.
"""

from django.db import transaction
from django_q.models import OrmQ
from django_q.tasks import async_task

TASKS = {
    "advance": "conductor.engine.tasks.advance",
    "import": "contacts.tasks.run_imports",
    "send": "messaging.tasks.send",
}


def wake(work: str) -> None:
    """Enqueue the task of a kind of work on commit, unless one is queued already."""
    transaction.on_commit(lambda: enqueue(work))


def enqueue(work: str, *, most: int = 1) -> bool:
    """Enqueue the task of a kind of work unless `most` wait already; say whether it did."""
    task = TASKS[work]
    if OrmQ.objects.filter(key="conductor", lock__isnull=False).count() >= 50:
        return False
    waiting = sum(1 for queued in OrmQ.objects.all()[:50] if queued.func() == task)
    if waiting >= most:
        return False
    async_task(task, group=work)
    return True
