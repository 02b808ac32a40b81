"""What a marketer does with those whom a fault holds: have the step run again, or end them."""

from datetime import datetime

from conductor.conversations.actions.by_hand import END
from conductor.conversations.actions.errands import HELD, By, run
from conductor.conversations.models import Conversation


def retry_held(
    *, conversation: Conversation, now: datetime, enrollment_id: int | None = None, by: By = None
) -> int:
    """
    Have the held of a conversation, or one of them, run their step again; count them.

    The reason stays until then: by it the engine knows a retry from a timer. Done twice
    it changes nothing. Of more than a few the first are counted, the rest follows.
    """
    return _do(conversation, "", enrollment_id, "retried", now=now, by=by)


def end_held(
    *, conversation: Conversation, now: datetime, enrollment_id: int | None = None, by: By = None
) -> int:
    """End the held of a conversation, or one of them, with the next tick; count as above."""
    return _do(conversation, END, enrollment_id, "ended by hand", now=now, by=by)


def _do(
    conversation: Conversation,
    told: str,
    enrollment_id: int | None,
    verb: str,
    *,
    now: datetime,
    by: By,
) -> int:
    one = {} if enrollment_id is None else {"enrollment_id": enrollment_id}
    return run(conversation, {"act": HELD, "told": told, "one": one}, verb=verb, now=now, by=by)
