"""Put a conversation live, hold it, let it go on."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from accounts.actions import record
from accounts.models import Account, ApiClient, User
from accounts.tenancy.wake import wake
from conductor.conversations.actions.commits import folded_messages
from conductor.conversations.actions.listening import listen
from conductor.conversations.actions.status import has_edits
from conductor.conversations.alarms import set_alarms
from conductor.conversations.document import parse_document
from conductor.conversations.models import Conversation, Version
from conductor.conversations.names import ListNames
from conductor.conversations.notices import listen_to_steps
from conductor.conversations.problems import Problem, find_problems
from conductor.conversations.program import compile_program

By = User | ApiClient | None


class UnsoundConversationError(Exception):
    """The draft has problems and was not published; nothing changed."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0].text)
        self.problems = problems


class NotPublishedError(Exception):
    """The conversation was never published, so there is nothing to pause."""


@dataclass(frozen=True)
class Publication:
    """What publishing did: a new version, a resumption, both, or neither."""

    version: Version
    is_new: bool
    resumed: bool

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return self.is_new or self.resumed


def publish_conversation(
    *, conversation: Conversation, now: datetime, by: By = None
) -> Publication:
    """
    Put the draft live if it differs from what runs, and resume.

    From now on new contacts enter the new version; those inside finish on theirs. Doing
    it twice changes nothing.

    :raises UnsoundConversationError: if the draft has problems.
    """
    locked = (
        Conversation.objects.select_for_update(of=["self"])
        .select_related("list", "published", "account")
        .get(pk=conversation.pk)
    )
    version, is_new = locked.published, False
    if version is None or has_edits(locked):
        version, is_new = _freeze(locked, now=now, by=by), True
    resumed = locked.paused_at is not None
    Conversation.objects.filter(pk=locked.pk).update(published=version, paused_at=None)
    conversation.published, conversation.paused_at = version, None
    if is_new or resumed:
        wake("advance")
    if resumed:
        record(verb="resumed", noun="conversation", object_id=locked.pk, now=now, by=by)
    return Publication(version=version, is_new=is_new, resumed=resumed)


def pause_conversation(*, conversation: Conversation, now: datetime, by: By = None) -> None:
    """
    Hold the conversation: nobody enters or moves, nothing is lost, the first pause stands.

    :raises NotPublishedError: if it never ran.
    """
    if conversation.published_id is None:
        raise NotPublishedError
    paused = Conversation.objects.filter(pk=conversation.pk, paused_at=None).update(paused_at=now)
    if paused:
        conversation.paused_at = now
        record(verb="paused", noun="conversation", object_id=conversation.pk, now=now, by=by)


def resume_conversation(*, conversation: Conversation, now: datetime, by: By = None) -> None:
    """Let a paused conversation go on with the version that ran; the draft stays a draft."""
    resumed = Conversation.objects.filter(pk=conversation.pk, paused_at__isnull=False).update(
        paused_at=None
    )
    if resumed:
        conversation.paused_at = None
        record(verb="resumed", noun="conversation", object_id=conversation.pk, now=now, by=by)
        wake("advance")


def _freeze(conversation: Conversation, *, now: datetime, by: By) -> Version:
    """Compile the draft into the next version and listen to what it listens to."""
    document = parse_document(conversation.draft)
    names = ListNames(conversation.list, zone=document.heading.time_zone)
    problems = find_problems(document, names, conversation.commits)
    if problems:
        raise UnsoundConversationError(problems)
    messages = folded_messages(document, conversation.commits, names, now=now)
    account: Account = conversation.account
    last = Version.objects.filter(conversation=conversation).aggregate(last=Max("number"))["last"]
    version = Version.objects.create(
        conversation=conversation,
        number=(last or 0) + 1,
        document=conversation.draft,
        commits=conversation.commits,
        program=compile_program(document, names, messages=messages, zone=account.zone),
        published_at=now,
        published_by=by if isinstance(by, User) else None,
    )
    listen(conversation=conversation, version=version, now=now)
    set_alarms(
        conversation=conversation,
        version=version,
        previous=conversation.published,
        account_zone=account.time_zone,
        now=now,
    )
    listen_to_steps(conversation=conversation, program=version.program, now=now)
    record(
        verb="published",
        noun="conversation",
        object_id=conversation.pk,
        now=now,
        by=by,
        detail={"version": version.number},
    )
    return version
