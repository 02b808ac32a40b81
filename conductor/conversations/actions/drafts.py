"""Conversations as drafts: create, save, copy, throw away."""

from datetime import datetime

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from conductor.conversations.actions.commits import Commits, commits_by_page
from conductor.conversations.actions.rehearsing import remove_rehearsals
from conductor.conversations.document import Document, Heading, parse_document
from conductor.conversations.models import Conversation, Revision
from conductor.conversations.names import ListNames
from conductor.conversations.problems import Problem, find_problems

By = User | ApiClient | None

# So many edits of a conversation can be undone.
MOST_REVISIONS = 50


class ConversationChangedError(Exception):
    """Somebody else saved the conversation in between; the edit was not made."""


def create_conversation(
    *,
    list: List,
    name: str,
    now: datetime,
    description: str = "",
    by: By = None,
) -> Conversation:
    """
    Create an empty conversation on a list.

    :raises InvalidValueError: for a bad name, or one that the list has already.
    """
    lock_list(list)
    name = free_name(list, name)
    heading = Heading.read({"conversation": name, "description": description.strip()})
    return add_conversation(list=list, document=Document(heading), commits={}, now=now, by=by)


def lock_list(in_list: List) -> None:
    """Let one at a time create conversations on a list: names are looked up, then taken."""
    List.objects.select_for_update().get(pk=in_list.pk)


def add_conversation(
    *,
    list: List,
    document: Document,
    commits: Commits,
    now: datetime,
    by: By,
) -> Conversation:
    """Store a document as a new conversation's draft."""
    made = Conversation.objects.create(
        list=list,
        name=document.name,
        draft=document.write(),
        commits=commits,
        created_at=now,
        modified_at=now,
    )
    record(verb="created", noun="conversation", object_id=made.pk, now=now, by=by)
    return made


def save_draft(
    *,
    conversation: Conversation,
    document: Document,
    now: datetime,
    commits: Commits | None = None,
    revision: int | None = None,
    by: By = None,
) -> Conversation:
    """
    Replace the draft; what runs goes on unchanged. The former draft can be had back (undo).

    `revision` is the one that the edit began from. Without `commits` they follow from what
    was drawn in the page.

    :raises ConversationChangedError: if another edit was saved since `revision`.
    :raises InvalidValueError: if another conversation of the list has the new name.
    """
    former = Conversation.objects.select_for_update(of=["self"]).get(pk=conversation.pk)
    if revision is not None and former.revision != revision:
        raise ConversationChangedError
    if commits is None:
        names = ListNames(former.list)
        commits = commits_by_page(document, former, names, now=now)
    draft = document.write()
    if (draft, commits) != (former.draft, former.commits):
        keep_revision(former, now=now)
        conversation.revision = former.revision + 1
        conversation.name = _own_name(former, document.name)
        conversation.draft, conversation.commits = draft, commits
        conversation.modified_at = now
        conversation.save(update_fields=["revision", "name", "draft", "commits", "modified_at"])
        record(verb="edited", noun="conversation", object_id=conversation.pk, now=now, by=by)
    return conversation


def keep_revision(former: Conversation, *, now: datetime) -> None:
    """Keep a draft that is about to be replaced; the oldest ones go."""
    Revision.objects.create(
        conversation=former,
        number=former.revision,
        draft=former.draft,
        commits=former.commits,
        replaced_at=now,
    )
    oldest = former.revision - MOST_REVISIONS
    Revision.objects.filter(conversation=former, number__lte=oldest).delete()


def undo(*, conversation: Conversation, now: datetime, by: By = None) -> bool:
    """
    Put the draft back as it was before its last edit; False if there is none to undo.

    :raises InvalidValueError: if another conversation has taken its former name.
    """
    former = Conversation.objects.select_for_update(of=["self"]).get(pk=conversation.pk)
    revision = Revision.objects.filter(conversation=former).order_by("-number").first()
    if revision is None:
        return False
    conversation.revision = former.revision + 1
    conversation.name = _own_name(former, str(revision.draft["conversation"]))
    conversation.draft, conversation.commits = revision.draft, revision.commits
    conversation.modified_at = now
    conversation.save(update_fields=["revision", "name", "draft", "commits", "modified_at"])
    revision.delete()
    record(verb="undone", noun="conversation", object_id=conversation.pk, now=now, by=by)
    return True


def document_of(conversation: Conversation) -> Document:
    """Return the draft as a document."""
    return parse_document(conversation.draft)


def problems_of(conversation: Conversation) -> list[Problem]:
    """Return what keeps the draft from being published."""
    document = document_of(conversation)
    names = ListNames(conversation.list, zone=document.heading.time_zone)
    return find_problems(document, names, conversation.commits)


def duplicate_conversation(
    *, conversation: Conversation, now: datetime, by: By = None
) -> Conversation:
    """Copy the draft into a new conversation of the same list: `Copy of Post Purchase`."""
    lock_list(conversation.list)
    document = document_of(conversation)
    name, number = f"Copy of {conversation.name}"[:110], 1
    taken = set(
        Conversation.objects.filter(list=conversation.list, rehearsal_of=None).values_list(
            "name", flat=True
        )
    )
    while (copied := name if number == 1 else f"{name} {number}") in taken:
        number += 1
    heading = document.heading.model_copy(update={"conversation": copied})
    return add_conversation(
        list=conversation.list,
        document=Document(heading, document.threads),
        commits=dict(conversation.commits),
        now=now,
        by=by,
    )


def discard_draft(*, conversation: Conversation, now: datetime, by: By = None) -> None:
    """
    Throw away the edits since the last publication (undo brings them back).

    :raises InvalidValueError: if the conversation was never published.
    """
    version = conversation.published
    if version is None:
        raise InvalidValueError("conversation", "This conversation was never published.")
    save_draft(
        conversation=conversation,
        document=parse_document(version.document),
        commits=dict(version.commits),
        now=now,
        by=by,
    )


def delete_conversation(*, conversation: Conversation, now: datetime, by: By = None) -> None:
    """
    Delete a conversation that never ran, with its test runs.

    :raises InvalidValueError: if it was published: its contacts and reports are kept.
    """
    if conversation.published_id is not None:
        raise InvalidValueError(
            "conversation", "A conversation that was published cannot be deleted; pause it."
        )
    record(verb="deleted", noun="conversation", object_id=conversation.pk, now=now, by=by)
    remove_rehearsals(conversation=conversation)
    conversation.delete()


def free_name(in_list: List, name: str) -> str:
    """
    Return a conversation's name without needless blanks.

    :raises InvalidValueError: for an empty, too long or taken name.
    """
    name = " ".join(name.split())
    if not name or len(name) > 120 or "\0" in name:
        raise InvalidValueError("name", "The conversation needs a name of 1 to 120 characters.")
    if Conversation.objects.filter(list=in_list, name=name, rehearsal_of=None).exists():
        raise InvalidValueError("name", f"There is a conversation named {name} already.")
    return name


def _own_name(former: Conversation, name: str) -> str:
    return name if name == former.name else free_name(former.list, name)
