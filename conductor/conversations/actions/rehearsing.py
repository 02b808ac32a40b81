"""
The run tester: a draft is run by named contacts, before anybody else enters it.

A test run is a conversation of its own, hidden from lists, with the draft frozen as its
only version and no trigger: its contacts are let in by hand. So nothing of it counts in
the conversation that it rehearses, and nobody who is inside is in the way. Its messages
are tests; they go to the sandbox or, if so asked, by email to members of the account.
What its steps do to the contacts is done in the run alone: later steps, messages and
webhooks of the run see it, the contacts stay as they are, and nobody else hears of it (see
conductor.engine.apart). Webhooks are called, and say that it is a test run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from accounts.actions import InvalidValueError, record
from accounts.models import Membership, User
from accounts.tenancy import in_account, lookups
from accounts.tenancy.wake import wake
from conductor.conversations.actions.commits import folded_messages
from conductor.conversations.actions.listening import listen
from conductor.conversations.actions.publishing import UnsoundConversationError
from conductor.conversations.document import parse_document
from conductor.conversations.models import Call, Conversation, Enrollment, Version, Visit
from conductor.conversations.names import ListNames
from conductor.conversations.problems import find_problems
from conductor.conversations.program import compile_program, entry_into
from contacts.identity import normalise_email
from contacts.models import Intake, Listener, Subscription
from messaging.models import Delivery

MOST_CONTACTS = 20
# Longer than a real wait in most drafts; a test of a longer one is started again.
KEPT_FOR = timedelta(days=30)

Speed = Literal["full", "real"]


@dataclass(frozen=True)
class Start:
    """
    How the contacts enter: by which thread, and by which event, as if it had happened.

    `event` is an external event of the list by name ("" = none); rules on the entry and
    templates see it with its properties.
    """

    thread: str = ""
    event: str = ""
    properties: Mapping[str, Any] | None = None


def start_rehearsal(
    *,
    conversation: Conversation,
    emails: Sequence[str],
    speed: Speed,
    write_to_own: bool,
    start: Start,
    now: datetime,
    by: User | None = None,
) -> Conversation:
    """
    Run the draft for up to 20 contacts of the list; return the run.

    At `full` speed nobody waits; at `real` the waits are as drawn. With `write_to_own`,
    email to members of the account leaves the house, by the account's own provider.

    :raises UnsoundConversationError: if the draft has problems.
    :raises InvalidValueError: field `emails`, `thread` or `event`.
    """
    people = _people(conversation, emails)
    document = parse_document(conversation.draft)
    names = ListNames(conversation.list, zone=document.heading.time_zone)
    problems = find_problems(document, names, conversation.commits)
    if problems:
        raise UnsoundConversationError(problems)
    messages = folded_messages(document, conversation.commits, names, now=now)
    program = compile_program(document, names, messages=messages, zone=conversation.account.zone)
    step_key = _entry(program["entries"], start.thread)
    event = names.event(start.event) if start.event else None
    if start.event and event is None:
        raise InvalidValueError("event", f"The list has no external event “{start.event}”.")
    about = {"speed": speed, "own": _own() if write_to_own else []}
    run = Conversation.objects.create(
        list=conversation.list,
        name=conversation.name,
        draft=conversation.draft,
        commits=conversation.commits,
        rehearsal_of=conversation,
        rehearsal={**about, "emails": [person.contact.email for person in people]},
        created_at=now,
        modified_at=now,
    )
    version = Version.objects.create(
        conversation=run,
        number=1,
        document=conversation.draft,
        commits=conversation.commits,
        program={**program, "triggers": [], "rehearsal": about},
        published_at=now,
        published_by=by,
    )
    listen(conversation=run, version=version, now=now)
    Conversation.objects.filter(pk=run.pk).update(published=version)
    run.published = version
    Intake.objects.bulk_create(
        Intake(
            conversation_id=run.pk,
            kind="by_hand",
            external_event_id=event.pk if event else None,
            contact_id=person.contact_id,
            subscription_id=person.pk,
            step_key=step_key,
            occurred_at=now,
            recorded_at=now,
            method="test",
            properties=dict(start.properties or {}),
        )
        for person in people
    )
    wake("advance")
    record(verb="rehearsed", noun="conversation", object_id=conversation.pk, now=now, by=by)
    return run


def end_rehearsal(*, run: Conversation, now: datetime, by: User | None = None) -> None:
    """Remove a test run with all that it wrote."""
    rehearsed = run.rehearsal_of_id
    _remove(run)
    record(verb="ended test run", noun="conversation", object_id=rehearsed, now=now, by=by)


def forget_rehearsals(now: datetime) -> None:
    """Remove, in every account, the test runs that were started a month ago."""
    for account_id in lookups.all_accounts():
        with in_account(account_id):
            for run in Conversation.objects.filter(
                rehearsal_of__isnull=False, created_at__lt=now - KEPT_FOR
            ):
                _remove(run)


def remove_rehearsals(*, conversation: Conversation) -> None:
    """Remove every test run of a conversation that is about to be deleted."""
    for run in Conversation.objects.filter(rehearsal_of=conversation):
        _remove(run)


def _remove(run: Conversation) -> None:
    # A tick that is moving its contacts is waited for: what it writes goes, too.
    Conversation.objects.select_for_update(of=("self",)).get(pk=run.pk)
    Listener.objects.filter(conversation_id=run.pk).delete()
    Intake.objects.filter(conversation_id=run.pk).delete()
    Call.objects.filter(conversation_id=run.pk).delete()
    Delivery.objects.filter(conversation_id=run.pk).delete()
    Visit.objects.filter(conversation_id=run.pk).delete()
    Enrollment.objects.filter(conversation=run).delete()
    run.delete()


def _people(conversation: Conversation, emails: Sequence[str]) -> list[Subscription]:
    wanted = list(dict.fromkeys(normalise_email(email) for email in emails if email.strip()))
    if not wanted:
        raise InvalidValueError("emails", "Name at least one contact of the list.")
    if len(wanted) > MOST_CONTACTS:
        raise InvalidValueError("emails", f"A test is run by at most {MOST_CONTACTS} contacts.")
    rows = Subscription.objects.filter(
        list=conversation.list, contact__email_norm__in=wanted
    ).select_related("contact")
    found = {row.contact.email_norm: row for row in rows}
    missing = [email for email in wanted if email not in found]
    if missing:
        raise InvalidValueError("emails", f"Not on this list: {', '.join(missing)}.")
    return [found[email] for email in wanted]


def _entry(entries: Mapping[str, str], thread: str) -> str:
    found = entry_into(entries, thread)
    if found is None:
        raise InvalidValueError("thread", f"There is no thread “{thread}”.")
    return found


def _own() -> list[str]:
    """Return the addresses of the account's members."""
    emails = Membership.objects.values_list("user__email", flat=True)
    return sorted({email.strip().lower() for email in emails})
