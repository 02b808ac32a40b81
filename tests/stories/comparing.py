"""What the product has come to, what the oracle says, and where they differ."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conductor.conversations.models import Conversation, Enrollment, Refusal, Visit
from conductor.conversations.standing import standing as count_standing
from contacts.models import Subscription
from messaging.models import Delivery
from tests.oracle.interpreter import Oracle
from tests.stories.ground import Ground
from tests.stories.story import POOLS

Told = dict[str, dict[Any, Any]]


def compare(
    ground: Ground, oracle: Oracle, conversations: Mapping[str, Conversation], now: datetime
) -> None:
    """Assert that both tellings agree, down to each visit."""
    real, expected = _real(ground, oracle, conversations), _expected(oracle)
    for part, wanted in expected.items():
        for who in sorted(wanted.keys() | real[part].keys(), key=str):
            found = real[part].get(who)
            assert found == wanted.get(who), (
                f"{part} of {who} at {now}:\n"
                f"  the product: {_lines(found)}\n  the oracle:  {_lines(wanted.get(who))}"
            )
    _compare_counts(conversations)


def _compare_counts(conversations: Mapping[str, Conversation]) -> None:
    """Assert that what the ticks counted is what there is."""
    for name, conversation in conversations.items():
        rows = Enrollment.objects.filter(conversation=conversation)
        inside = Counter(rows.filter(ended_at=None).values_list("step_key", flat=True))
        counted = count_standing(conversation.pk)
        waiting = {key: count for key, count in counted.waiting.items() if count}
        assert (counted.entered, waiting) == (rows.count(), dict(inside)), f"counts of {name}"


def _real(ground: Ground, oracle: Oracle, conversations: Mapping[str, Conversation]) -> Told:
    """Return what the product has come to."""
    people = {person.id: name for name, person in oracle.people.items()}
    titles = {row.pk: name for name, row in conversations.items()}
    enrollments: dict[Any, Any] = {}
    visits: dict[Any, list[Any]] = {}
    deliveries: dict[Any, list[Any]] = {}
    refusals: dict[Any, list[Any]] = {}
    names: dict[int | None, Any] = {}
    for row in Enrollment.objects.order_by("id"):
        key = (titles[row.conversation_id], people[row.contact_id], row.entry_number)
        names[row.pk] = key
        enrollments[key] = _enrollment(
            row.entered_at, row.entry_thread, row.step_key, row.visit_number, row.arrived_at,
            row.due_at, row.held_reason, row.ended_at, row.end_reason,
        )  # fmt: skip
    for visit in Visit.objects.order_by("id"):
        visits.setdefault(names[visit.enrollment_id], []).append((
            visit.step_key, visit.visit_number, visit.arrived_at, visit.due_at,
            visit.left_at, visit.exit,
        ))  # fmt: skip
    for sent in Delivery.objects.filter(enrollment_id__isnull=False).order_by("id"):
        deliveries.setdefault(names[sent.enrollment_id], []).append((
            sent.step_key, sent.visit_number, sent.channel, sent.state, sent.reason,
            sent.address, sent.queued_at, sent.not_before,
        ))  # fmt: skip
    for refusal in Refusal.objects.order_by("id"):
        whose = (titles[refusal.conversation_id], people[refusal.contact_id])
        refusals.setdefault(whose, []).append((refusal.kind, refusal.reason, refusal.refused_at))
    return {
        "enrollment": enrollments,
        "visits": visits,
        "deliveries": deliveries,
        "refusals": refusals,
        "standing": _real_standings(ground, people),
    }


def _real_standings(ground: Ground, people: dict[int, str]) -> dict[Any, Any]:
    lists = {row.pk: name for name, row in ground.lists.items()}
    found = {}
    for row in Subscription.objects.filter(list_id__in=lists, contact_id__in=people):
        profile = {ground.names[key]: _without_code(value) for key, value in row.profile.items()}
        found[(people[row.contact_id], lists[row.list_id])] = (
            row.state, row.subscribed_at, row.resubscribed_at, row.unsubscribed_at,
            dict(sorted(profile.items())),
        )  # fmt: skip
    return found


def _expected(oracle: Oracle) -> Told:
    """Return what the oracle says."""
    enrollments: dict[Any, Any] = {}
    visits: dict[Any, list[Any]] = {}
    deliveries: dict[Any, list[Any]] = {}
    refusals: dict[Any, list[Any]] = {}
    for title, conversation in oracle.conversations.items():
        for one in conversation.enrollments:
            key = (title, one.person.name, one.number)
            enrollments[key] = _enrollment(
                one.entered_at, one.thread, one.step, one.visit, one.arrived_at, one.due_at,
                one.held, one.ended_at, one.reason,
            )  # fmt: skip
            if one.visits:
                visits[key] = [tuple(vars(visit).values()) for visit in one.visits]
            if one.deliveries:
                deliveries[key] = [
                    (
                        sent.step, sent.visit, sent.channel, sent.state, sent.reason,
                        sent.address, sent.queued_at, sent.not_before,
                    )
                    for sent in one.deliveries
                ]  # fmt: skip
        for refusal in conversation.refusals:
            refusals.setdefault((title, refusal.person), []).append(
                (refusal.kind, refusal.reason, refusal.refused_at)
            )
    standings = {
        (name, in_list): (
            one.state, one.subscribed_at, one.resubscribed_at, one.unsubscribed_at,
            {field: _without_code(value) for field, value in sorted(one.profile.items())},
        )
        for name, person in oracle.people.items()
        for in_list, one in person.lists.items()
    }  # fmt: skip
    return {
        "enrollment": enrollments,
        "visits": visits,
        "deliveries": deliveries,
        "refusals": refusals,
        "standing": standings,
    }


def _without_code(value: Any) -> Any:
    """Return a value; of a coupon code only its pool: which one it is does not matter."""
    pool = str(value).rpartition("-")[0]
    return f"one of {pool}" if pool in POOLS else value


def _enrollment(
    entered_at: datetime, thread: str, step: str, visit: int, arrived_at: datetime | None,
    due_at: datetime | None, held: str, ended_at: datetime | None, reason: str,
) -> tuple[Any, ...]:  # fmt: skip
    """Return an enrollment as it is compared; of one that is over, where it was is of no matter."""
    if ended_at is not None:
        return (entered_at, thread, "ended", ended_at, reason)
    # Why a value could not be used is said in the product's own words.
    held = held if held in {"", "loop"} else "held"
    return (entered_at, thread, step, visit, arrived_at, due_at, held)


def _lines(found: Any) -> str:
    if not isinstance(found, list):
        return str(found)
    return "".join(f"\n      {' '.join(str(part) for part in row)}" for row in found)
