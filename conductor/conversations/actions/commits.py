"""
Commit messages to steps: what a conversation sends is a copy, not the message itself.

A conversation's `commits` map a step's key to the copy of its message as that was. What
the step itself changes in it (a subject, a text) is folded in when it is published.
"""

from collections.abc import Mapping
from datetime import datetime

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, User
from conductor.conversations.coupons import coupons_given
from conductor.conversations.document import Document, StepNode, parse_document
from conductor.conversations.models import Conversation
from conductor.conversations.names import ListNames
from conductor.steps import MessageUse
from messaging.actions import commit_email, commit_sms
from messaging.actions.commits import keep, with_coupon
from messaging.models import CommittedMessage, SavedMessage
from messaging.models.message import Channel

By = User | ApiClient | None
Commits = dict[str, int]


def commit_message(
    *, conversation: Conversation, step_key: str, now: datetime, by: By = None
) -> CommittedMessage:
    """
    Copy a step's message, as it is now, into the draft.

    :raises InvalidValueError: if there is no such step, or its message does not exist.
    """
    document = parse_document(conversation.draft)
    step = document.steps().get(step_key)
    use = step.type.message(step.config) if step else None
    names = ListNames(conversation.list)
    committed = commit_use(use, names, now=now) if use and use.saved else None
    if committed is None:
        raise InvalidValueError("step", f"The step “{step_key}” has no message to commit.")
    conversation.commits = {**conversation.commits, step_key: committed.pk}
    conversation.modified_at = now
    conversation.save(update_fields=["commits", "modified_at"])
    record(
        verb="committed",
        noun="message",
        object_id=conversation.pk,
        now=now,
        by=by,
        detail={"step": step_key},
    )
    return committed


def commit_use(use: MessageUse, names: ListNames, *, now: datetime) -> CommittedMessage | None:
    """Copy the message that a step names, without the step's changes; None if there is none."""
    if use.channel == "email":
        named = names.saved_message(use.saved)
        if named is None:
            return None
        whole = SavedMessage.objects.select_related("list").get(pk=named.pk)
        return commit_email(saved_message=whole, now=now)
    message = names.sms_message(use.short_code, use.phone_list, use.saved)
    phone_list = names.phone_list(use.short_code, use.phone_list)
    if message is None or phone_list is None:
        return None
    return commit_sms(sms_message=message, phone_list=phone_list, now=now)


def commits_by_file(
    document: Document, former: Conversation | None, names: ListNames, *, now: datetime
) -> Commits:
    """
    Return the commits of a document that came as a file.

    A step's message is committed when the step is new, names another message, was never
    committed, or says `commit: latest`; otherwise its commit stays.
    """
    kept = commits_kept(document, former)
    commits: Commits = {}
    # Many steps may send one message: it is copied once.
    copies: dict[tuple[str, ...], CommittedMessage | None] = {}
    for step, use in _uses(document):
        if step.key in kept and not use.commit_latest:
            commits[step.key] = kept[step.key]
            continue
        if _named(use) not in copies:
            copies[_named(use)] = commit_use(use, names, now=now)
        committed = copies[_named(use)]
        if committed is not None:
            commits[step.key] = committed.pk
    return commits


def commits_by_page(
    document: Document, former: Conversation, names: ListNames, *, now: datetime
) -> Commits:
    """
    Return the commits of a document that was drawn in the page.

    An email is committed by hand (*Commit Message to Conversation*), or with the
    instruction `commit: latest`; a text message whenever another one is chosen.
    """
    kept = commits_kept(document, former)
    commits: Commits = {}
    for step, use in _uses(document):
        if step.key in kept and not use.commit_latest:
            commits[step.key] = kept[step.key]
        elif use.commit_latest or use.channel == "sms":
            committed = commit_use(use, names, now=now)
            if committed is not None:
                commits[step.key] = committed.pk
    return commits


def commits_kept(document: Document, former: Conversation | None) -> Commits:
    """Return the former commits of the steps that still name the same message."""
    if former is None:
        return {}
    before = {step.key: use for step, use in _uses(parse_document(former.draft))}
    return {
        step.key: former.commits[step.key]
        for step, use in _uses(document)
        if step.key in former.commits
        and step.key in before
        and _named(before[step.key]) == _named(use)
    }


def folded_messages(
    document: Document, commits: Mapping[str, int], names: ListNames, *, now: datetime
) -> Commits:
    """
    Return what each message step sends: its commit with the step's changes folded in.

    Only for a document without problems. The copies are kept by content, so that
    publishing again adds none.
    """
    rows = CommittedMessage.objects.select_related("list").in_bulk(set(commits.values()))
    coupons = coupons_given(document)
    messages: Commits = {}
    for _, _, step in document.places():
        use = step.type.message(step.config)
        if use is not None:
            base = rows.get(commits[step.key]) if use.saved else None
            folded = _folded(use, base, names, now=now)
            given = coupons.get(step.key)
            field = names.field(given.field) if given else None
            if given and field is not None:
                folded = with_coupon(folded, field_id=field.pk, pool=given.pool, now=now)
            messages[step.key] = folded.pk
    return messages


def _folded(
    use: MessageUse, base: CommittedMessage | None, names: ListNames, *, now: datetime
) -> CommittedMessage:
    if base is not None and not use.overrides:
        return base
    if base is not None:
        return keep(
            in_list=base.list,
            channel=Channel(base.channel),
            name=base.name,
            content={**base.content, **use.overrides},
            now=now,
        )
    phone_list = names.phone_list(use.short_code, use.phone_list)
    if phone_list is None:
        raise ValueError("Only a step without problems is compiled.")
    return commit_sms(sms_message=None, phone_list=phone_list, now=now, **use.overrides)


def _uses(document: Document) -> list[tuple[StepNode, MessageUse]]:
    """Return the steps that send a message kept elsewhere, with what they name."""
    found = []
    for _, _, step in document.places():
        use = step.type.message(step.config)
        if use is not None and use.saved:
            found.append((step, use))
    return found


def _named(use: MessageUse) -> tuple[str, ...]:
    return (use.channel, use.saved, use.short_code, use.phone_list)
