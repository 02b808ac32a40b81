"""Which facts a conversation hears of: listeners, written at publish."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts.tenancy import in_account, lookups
from conductor.conversations.models import Conversation, Enrollment, Version
from conductor.conversations.program import Hearing, listeners
from contacts import segments
from contacts.models import Listener, Segment

WHATEVER = Hearing("watch", "any")


def listen(*, conversation: Conversation, version: Version, now: datetime) -> None:
    """
    Let a conversation hear what the version that new contacts enter listens to.

    What an older version watches for stays while somebody is inside; `forget_listeners`
    removes it once nobody is. Segments that it starts from are tracked from now on. Doing
    it twice changes nothing.
    """
    Listener.objects.filter(pk__in=_stale(conversation.pk, live=version)).delete()
    wanted = listeners(version.program)
    present = {
        _hearing(row): row for row in Listener.objects.filter(conversation_id=conversation.pk)
    }
    new, changed = [], []
    for hearing, span in wanted.items():
        row = present.get(hearing)
        within = dict(zip(("months", "days", "seconds"), span, strict=True)) if span else None
        if row is not None and row.within != within:
            row.within = within
            changed.append(row)
        elif row is None:
            new.append(
                Listener(
                    conversation_id=conversation.pk,
                    list_id=conversation.list_id,
                    within=within,
                    **hearing._asdict(),
                )
            )
    Listener.objects.bulk_update(changed, ["within"])
    Listener.objects.bulk_create(new)
    segments.follow(list=conversation.list, now=now)
    _admit(conversation, version, now)


def _admit(conversation: Conversation, version: Version, now: datetime) -> None:
    """Let in who is in a segment already, by the triggers that include them since this version."""
    former = conversation.published.program if conversation.published else {"triggers": []}
    known = {(row["step_key"], row["segment_id"]) for row in _including(former)}
    for trigger in _including(version.program):
        if (trigger["step_key"], trigger["segment_id"]) not in known:
            segments.admit(
                segment=Segment.objects.get(pk=trigger["segment_id"]),
                conversation_id=conversation.pk,
                step_key=trigger["step_key"],
                now=now,
            )


def _including(program: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [trigger for trigger in program["triggers"] if trigger.get("include_existing")]


def forget_listeners(_now: datetime) -> None:
    """Remove, in every account, what only versions watch for that nobody is inside of."""
    for account_id in lookups.all_accounts():
        with in_account(account_id):
            _forget()


def _forget() -> None:
    rows = Listener.objects.filter(role="watch", conversation_id__isnull=False)
    for found in rows.values_list("conversation_id", flat=True).distinct():
        conversation_id = found or 0
        if not _stale(conversation_id, live=_live(conversation_id)):
            continue
        # Under the lock of whoever publishes, and asked again: a version that goes live
        # meanwhile may want a listener that is there already.
        Conversation.objects.select_for_update(of=("self",)).filter(pk=conversation_id).first()
        stale = _stale(conversation_id, live=_live(conversation_id))
        Listener.objects.filter(pk__in=stale).delete()


def _live(conversation_id: int) -> Version | None:
    published = Conversation.objects.filter(pk=conversation_id).values("published_id")
    return Version.objects.filter(pk__in=published).first()


def _stale(conversation_id: int, *, live: Version | None) -> list[int]:
    """
    Return the ids of what a conversation listens to and neither new contacts need nor others.

    New contacts enter the version `live`; who is inside an older one needs what that watches for,
    unless everything is heard of anyway.
    """
    needed = set(listeners(live.program)) if live else set()
    rows = Listener.objects.filter(conversation_id=conversation_id)
    stale = [row for row in rows if _hearing(row) not in needed]
    if WHATEVER not in needed and any(row.role == "watch" for row in stale):
        older = _heard_by(_with_somebody_inside(conversation_id))
        stale = [row for row in stale if row.role != "watch" or _hearing(row) not in older]
    return [row.pk for row in stale]


def _hearing(row: Listener) -> Hearing:
    return Hearing(row.role, row.kind, row.external_event_id, row.segment_id)


def _with_somebody_inside(conversation_id: int) -> QuerySet[Version]:
    inside = Enrollment.objects.filter(conversation_id=conversation_id, ended_at=None)
    return Version.objects.filter(
        conversation_id=conversation_id, pk__in=inside.values("version_id")
    )


def _heard_by(versions: QuerySet[Version]) -> set[Hearing]:
    return {hearing for version in versions for hearing in listeners(version.program)}
