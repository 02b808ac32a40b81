"""What a marketer does with those whom a fault holds: have the step run again, or end them."""

from collections import Counter
from datetime import datetime

from django.db.models import QuerySet

from accounts.actions import record
from accounts.tenancy.wake import wake
from conductor.conversations.models import Enrollment, Flow, Visit

ENDED_BY_HAND = "ended by hand"


def retry_held(*, held: QuerySet[Enrollment], now: datetime) -> int:
    """
    Have the held enrollments among `held` run their step again; return how many.

    The reason stays until then: by it the engine knows a retry from a timer. Done twice
    it changes nothing.
    """
    count = _held(held).update(due_at=now)
    if count:
        wake("advance")
        record(verb="retried", noun="enrollment", now=now, detail={"count": count})
    return count


def end_held(*, held: QuerySet[Enrollment], now: datetime) -> int:
    """End the held enrollments among `held` where they are; return how many."""
    rows = list(_held(held).select_for_update())
    Visit.objects.bulk_create(
        Visit(
            enrollment_id=row.pk,
            conversation_id=row.conversation_id,
            version_id=row.version_id,
            step_key=row.step_key,
            visit_number=row.visit_number,
            arrived_at=row.arrived_at,
            left_at=now,
            exit="end",
        )
        for row in rows
    )
    left = Counter((row.conversation_id, row.version_id, row.step_key) for row in rows)
    Flow.objects.bulk_create(
        Flow(conversation_id=conversation, version_id=version, step_key=key, exit="end", visits=n)
        for (conversation, version, key), n in left.items()
    )
    Enrollment.objects.filter(pk__in=[row.pk for row in rows]).update(
        ended_at=now, end_reason=ENDED_BY_HAND, due_at=None, held_reason=""
    )
    if rows:
        record(verb="ended", noun="enrollment", now=now, detail={"count": len(rows)})
    return len(rows)


def _held(enrollments: QuerySet[Enrollment]) -> QuerySet[Enrollment]:
    return enrollments.filter(ended_at=None).exclude(held_reason="")
