"""
What is done by hand to many: a first batch at once, the rest by a task, batch by batch.

A batch looks through so many of those who may be meant, along an index, and notes what is
decided for those who are: a fact for the intake, or `told` and a due time on the enrollment.
Who is in a segment is asked when its batch is looked at. Nobody is told twice, and whoever
comes to a step after it was asked for is left alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, User
from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from conductor.conversations.models import Conversation, Errand
from contacts import filters
from contacts.models import Segment

By = User | ApiClient | None

# So many are looked through at once: by whoever asks, and by the task.
BATCH = 2_000

ENTER, TELL, HELD = "enter", "tell", "held"
# What stands before the first, as `after`.
START: Mapping[str, list[Any]] = {ENTER: [0], TELL: [0], HELD: ["-infinity", 0]}

# Whom a batch looks through: ids in their order, and what the next batch begins after.
OF_LIST = """
    SELECT subscription.id, NULL::bigint AS enrollment_id, to_jsonb(ARRAY[subscription.id]) AS place
    FROM contacts_subscription AS subscription
    WHERE subscription.list_id = %(list_id)s AND subscription.id > %(after_id)s {one}
    ORDER BY subscription.id
    LIMIT %(most)s
"""
INSIDE = """
    SELECT
        enrollment.subscription_id AS id, enrollment.id AS enrollment_id,
        to_jsonb(ARRAY[enrollment.subscription_id]) AS place
    FROM conversations_enrollment AS enrollment
    WHERE
        enrollment.conversation_id = %(conversation_id)s
        AND enrollment.ended_at IS NULL
        AND enrollment.subscription_id > %(after_id)s
        {one}
    ORDER BY enrollment.subscription_id
    LIMIT %(most)s
"""
HELD_INSIDE = """
    SELECT
        enrollment.subscription_id AS id, enrollment.id AS enrollment_id,
        jsonb_build_array(enrollment.arrived_at, enrollment.id) AS place
    FROM conversations_enrollment AS enrollment
    WHERE
        enrollment.conversation_id = %(conversation_id)s
        AND enrollment.ended_at IS NULL
        AND enrollment.held_reason <> ''
        AND (enrollment.arrived_at, enrollment.id) > (%(after_at)s::timestamptz, %(after_id)s)
        {one}
    ORDER BY enrollment.arrived_at, enrollment.id
    LIMIT %(most)s
"""
LOOK = """
WITH looked AS MATERIALIZED (
    SELECT found.*, row_number() OVER () AS number FROM ({looked}) AS found
), {act}
SELECT
    (SELECT count(*) FROM looked),
    (SELECT looked.place::text FROM looked ORDER BY looked.number DESC LIMIT 1),
    (SELECT count(*) FROM done)
"""
THEIRS = "ANY(ARRAY(SELECT looked.id FROM looked))"
# Whom a marketer lets in, as facts. `people` is a SELECT of subscription id and contact id.
QUEUE = f"""
done AS (
    INSERT INTO contacts_intake (
        conversation_id, kind, contact_id, subscription_id, step_key, occurred_at, recorded_at,
        method, properties, depth
    )
    SELECT
        %(conversation_id)s, 'by_hand', people.contact_id, people.id, %(step_key)s, %(now)s,
        %(now)s, 'by hand', '{{{{}}}}', 0
    FROM ({{people}}) AS people
    WHERE people.id = {THEIRS}
    ORDER BY people.id
    RETURNING 1
)
"""
# By which exit enrollments leave their step in the next tick. One that a tick has locked is
# waited for, and asked again where it then is.
NOTE_EXIT = """
done AS (
    UPDATE conversations_enrollment AS enrollment
    SET told = way.told, due_at = %(now)s
    FROM jsonb_to_recordset(%(ways)s::jsonb) AS way (version_id bigint, step_key text, told text)
    WHERE
        enrollment.id = ANY(ARRAY(SELECT looked.enrollment_id FROM looked))
        AND enrollment.ended_at IS NULL
        AND enrollment.told = ''
        AND enrollment.arrived_at <= %(asked_at)s
        AND enrollment.version_id = way.version_id
        AND enrollment.step_key = way.step_key
        AND {member}
    RETURNING 1
)
"""
# A reason that stays tells a retry from a timer.
NOTE_HELD = """
done AS (
    UPDATE conversations_enrollment AS enrollment
    SET told = %(told)s, due_at = %(now)s
    WHERE
        enrollment.id = ANY(ARRAY(SELECT looked.enrollment_id FROM looked))
        AND enrollment.ended_at IS NULL
        AND enrollment.held_reason <> ''
        AND enrollment.told = ''
    RETURNING 1
)
"""
ON_LIST = """
    SELECT subscription.id, subscription.contact_id
    FROM contacts_subscription AS subscription
    WHERE subscription.list_id = %(list_id)s
"""


@dataclass(frozen=True)
class Batch:
    """One batch: how many were looked at, what the next begins after, for how many it was noted."""

    looked: int
    after: list[Any]
    done: int


def run(
    conversation: Conversation,
    asked: dict[str, Any],
    *,
    verb: str,
    now: datetime,
    by: By = None,
) -> int:
    """
    Do what is asked to the first batch, leave the rest to the task; count the first.

    `asked` is {act, segment_id, one: {enrollment_id | contact_id}} and for `enter` {step_key},
    for `tell` {ways: [{version_id, step_key, told}]}, for `held` {told}.

    :raises InvalidValueError: field `segment` for one whose rule names what is gone.
    """
    batch = _do(conversation, asked, START[asked["act"]], asked_at=now, now=now)
    goes_on = batch.looked == BATCH
    if goes_on:
        Errand.objects.create(
            conversation=conversation,
            asked={**asked, "verb": verb},
            after=batch.after,
            done=batch.done,
            asked_at=now,
            by_user_id=by.pk if isinstance(by, User) else None,
            by_client_id=by.pk if isinstance(by, ApiClient) else None,
        )
        wake("by_hand")
    if batch.done:
        wake("advance")
    if batch.done or goes_on:
        _note(conversation, asked, verb, batch.done, now=now, by=by, goes_on=goes_on)
    return batch.done


def go_on(*, now: datetime) -> bool:
    """Do the next batch of the current account's oldest errand; say whether more is left."""
    errand = Errand.objects.select_for_update(skip_locked=True).order_by("pk").first()
    if errand is None:
        return False
    conversation = Conversation.objects.select_related("list", "account").get(
        pk=errand.conversation_id
    )
    try:
        batch = _do(conversation, errand.asked, errand.after, asked_at=errand.asked_at, now=now)
    except InvalidValueError:
        # The segment is gone: who was not asked yet is in it no more.
        batch = Batch(0, errand.after, 0)
    if batch.done:
        wake("advance")
    errand.done += batch.done
    errand.after = batch.after
    if batch.looked == BATCH:
        errand.save(update_fields=["after", "done"])
        return True
    by: By = (
        User.objects.filter(pk=errand.by_user_id or 0).first()
        or ApiClient.objects.filter(pk=errand.by_client_id or 0).first()
    )
    _note(conversation, errand.asked, errand.asked["verb"], errand.done, now=now, by=by)
    errand.delete()
    return Errand.objects.exists()


def is_under_way(conversation: Conversation) -> bool:
    """Say whether something is being done by hand to many of a conversation."""
    return Errand.objects.filter(conversation=conversation).exists()


def _do(
    conversation: Conversation,
    asked: dict[str, Any],
    after: Sequence[Any],
    *,
    asked_at: datetime,
    now: datetime,
) -> Batch:
    act, one = asked["act"], asked.get("one") or {}
    looked = {ENTER: OF_LIST, TELL: INSIDE, HELD: HELD_INSIDE}[act].format(one=_one(act, one))
    people, given = _people(conversation, asked.get("segment_id"), now)
    member = (
        f"enrollment.subscription_id IN (SELECT people.id FROM ({people}) AS people "
        f"WHERE people.id = {THEIRS})"
        if asked.get("segment_id")
        else "TRUE"
    )
    written = {ENTER: QUEUE, TELL: NOTE_EXIT, HELD: NOTE_HELD}[act]
    row = sql.fetch_one(
        LOOK.format(looked=looked, act=written.format(people=people, member=member)),
        **{
            **given,
            **one,
            "conversation_id": conversation.pk,
            "list_id": conversation.list_id,
            "after_id": after[-1],
            "after_at": after[0],
            "most": BATCH,
            "now": now,
            "asked_at": asked_at,
            "step_key": asked.get("step_key", ""),
            "told": asked.get("told", ""),
            "ways": json.dumps(asked.get("ways", [])),
        },
    )
    looked_at, place, done = row or (0, None, 0)
    return Batch(looked_at, json.loads(place) if place else list(after), done)


def _one(act: str, one: dict[str, Any]) -> str:
    """Return the condition on the one who is meant, "" where many are."""
    if "enrollment_id" in one:
        return "AND enrollment.id = %(enrollment_id)s"
    if "contact_id" in one:
        return f"AND {'subscription' if act == ENTER else 'enrollment'}.contact_id = %(contact_id)s"
    return ""


def _people(
    conversation: Conversation, segment_id: int | None, now: datetime
) -> tuple[str, dict[str, Any]]:
    """
    Return a SELECT of the subscriptions that may be meant, and its parameters.

    :raises InvalidValueError: field `segment` for one that is gone, or whose rule names what is.
    """
    if segment_id is None:
        return ON_LIST, {}
    name = Segment.objects.filter(pk=segment_id).values_list("name", flat=True).first()
    try:
        matching = filters.matching(
            {"leaf": "segment", "segment_id": segment_id},
            columns="subscription.id, subscription.contact_id",
            list_id=conversation.list_id,
            time_zone=conversation.account.time_zone,
            now=now,
        )
    except filters.VanishedError as gone:
        text = f"Nobody can be found by {name or 'the segment'}: {gone.reason}."
        raise InvalidValueError("segment", text) from gone
    return matching.sql, matching.params


def _note(
    conversation: Conversation,
    asked: dict[str, Any],
    verb: str,
    count: int,
    *,
    now: datetime,
    by: By,
    goes_on: bool = False,
) -> None:
    detail: dict[str, Any] = {"count": count}
    if goes_on:
        detail["goes_on"] = True
    if asked.get("segment_id"):
        names = Segment.objects.filter(pk=asked["segment_id"]).values_list("name", flat=True)
        detail["segment"] = names.first() or "a segment that is gone"
    detail |= asked.get("one") or {}
    record(verb=verb, noun="conversation", object_id=conversation.pk, now=now, by=by, detail=detail)
