"""The conversation file in and out: apply one to a list, export one whole."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actions import InvalidValueError
from accounts.models import ApiClient, List, User
from conductor.conversations.actions.commits import commits_by_file
from conductor.conversations.actions.drafts import add_conversation, lock_list, save_draft
from conductor.conversations.document import (
    Document,
    FieldContent,
    Heading,
    MessageContent,
    SmsContent,
    parse_document,
)
from conductor.conversations.models import Conversation
from conductor.conversations.names import AskedNames, ListNames
from conductor.conversations.problems import Problem, find_problems
from conductor.conversations.reading import Fault, MalformedConversationError
from contacts.actions import create_external_event, create_field, create_field_group
from contacts.models import ProfileFieldGroup
from messaging.actions import create_sms_message, save_message
from messaging.models import PhoneList, SavedMessage, SmsMessage

By = User | ApiClient | None

EMAIL_PARTS = (
    "subject",
    "preheader",
    "from_name",
    "from_email",
    "reply_to",
    "html",
    "mjml",
    "text",
)


@dataclass(frozen=True)
class Applied:
    """
    What applying a file did.

    `created` lists what the file brought and the list lacked: {"saved_message": name},
    {"sms_message": name}, {"field": Group.Name} or {"event": name}.
    """

    conversation: Conversation
    is_new: bool
    problems: list[Problem]
    created: list[dict[str, str]]


def apply_file(*, list: List, document: Document, now: datetime, by: By = None) -> Applied:
    """
    Make a file the draft of the list's conversation of that name; create it if need be.

    Messages, fields and events that the file brings and the list lacks are created; what
    exists is never changed. What runs goes on.

    :raises MalformedConversationError: for another list's file, or content that cannot be
        stored (a template that does not compile); nothing is stored then.
    """
    with transaction.atomic():
        return _apply(list, document, now=now, by=by)


def exported(
    conversation: Conversation, *, document: dict[str, Any] | None = None
) -> dict[str, Any]:
    """
    Return the whole file's structure: the draft, or a version's `document`.

    It holds the list's name and the content of what the steps use.
    """
    drawn = parse_document(conversation.draft if document is None else document)
    names = AskedNames(conversation.list, zone=drawn.heading.time_zone)
    find_problems(drawn, names, conversation.commits)
    heading = drawn.heading.model_copy(
        update={"list_": conversation.list.name, **_contents(drawn.heading, names)}
    )
    return Document(heading, drawn.threads).write()


def _apply(in_list: List, document: Document, *, now: datetime, by: By) -> Applied:
    if document.heading.list_ not in {"", in_list.name}:
        text = f"This file is for the list “{document.heading.list_}”, not “{in_list.name}”."
        raise MalformedConversationError([Fault("list", text)])
    lock_list(in_list)
    creator = _Creator(in_list, now, by)
    left = creator.create_missing(document)
    kept = document.heading.model_copy(
        update={"list_": "", "messages": [], "fields": [], "events": [], "sms_messages": left}
    )
    document = Document(kept, document.threads)
    names = ListNames(in_list, zone=kept.time_zone)
    former = Conversation.objects.filter(
        list=in_list, name=document.name, rehearsal_of=None
    ).first()
    commits = commits_by_file(document, former, names, now=now)
    if former is None:
        conversation = add_conversation(
            list=in_list, document=document, commits=commits, now=now, by=by
        )
    else:
        conversation = save_draft(
            conversation=former, document=document, commits=commits, now=now, by=by
        )
    problems = find_problems(document, names, commits)
    return Applied(conversation, former is None, problems, creator.created)


class _Creator:
    """Creates what a file brings and its list lacks."""

    def __init__(self, in_list: List, now: datetime, by: By) -> None:
        self.list = in_list
        self.now = now
        self.by = by
        self.names = ListNames(in_list)
        self.created: list[dict[str, str]] = []

    def create_missing(self, document: Document) -> list[Any]:
        """Create it all; return the text messages whose phone list does not exist yet."""
        heading = document.heading
        for place, entry in enumerate(heading.fields):
            if self.names.field(entry.field) is None:
                self.attempt(f"fields[{place}].field", lambda entry=entry: self.field(entry))
        for place, name in enumerate(heading.events):
            if self.names.event(name) is None:
                self.attempt(f"events[{place}]", lambda name=name: self.event(name))
        for place, message in enumerate(heading.messages):
            if self.names.saved_message(message.saved_message) is None:
                self.attempt(f"messages[{place}]", lambda message=message: self.message(message))
        return self.sms_messages(document)

    def attempt(self, path: str, create: Any) -> None:
        """Create one thing; what it refuses is a fault of the file."""
        try:
            create()
        except InvalidValueError as refused:
            field = refused.field if path.startswith(("messages", "sms_")) else ""
            at = f"{path}.{field}" if field and field != "name" else path
            raise MalformedConversationError([Fault(at, refused.message)]) from refused

    def field(self, entry: Any) -> None:
        """Create a profile field, and its group if need be."""
        group_name, _, name = entry.field.partition(".")
        groups = ProfileFieldGroup.objects.filter(list=self.list, name__iexact=group_name)
        group = groups.first() or create_field_group(
            list=self.list, name=group_name, now=self.now, by=self.by
        )
        create_field(group=group, name=name, data_type=entry.type, now=self.now, by=self.by)
        self.created.append({"field": entry.field})

    def event(self, name: str) -> None:
        """Create an external event."""
        create_external_event(list=self.list, name=name, now=self.now, by=self.by)
        self.created.append({"event": name})

    def message(self, entry: Any) -> None:
        """Create a saved message."""
        parts = {part: getattr(entry, part) for part in EMAIL_PARTS if getattr(entry, part)}
        save_message(list=self.list, name=entry.saved_message, now=self.now, by=self.by, **parts)
        self.created.append({"saved_message": entry.saved_message})

    def sms_messages(self, document: Document) -> list[Any]:
        """Create the text messages on the phone lists of the steps that send them."""
        left = []
        for place, entry in enumerate(document.heading.sms_messages):
            phone_lists = self.phone_lists(document, entry.sms_message)
            if not phone_lists:
                left.append(entry)
            for phone_list in phone_lists:
                code = phone_list.short_code.code
                if self.names.sms_message(code, phone_list.name, entry.sms_message) is None:
                    self.attempt(
                        f"sms_messages[{place}]",
                        lambda entry=entry, phone_list=phone_list: self.sms(entry, phone_list),
                    )
        return left

    def sms(self, entry: Any, phone_list: PhoneList) -> None:
        """Create a text message."""
        create_sms_message(
            phone_list=phone_list,
            name=entry.sms_message,
            text=entry.text,
            media_url=entry.media_url,
            now=self.now,
            by=self.by,
        )
        self.created.append({"sms_message": entry.sms_message})

    def phone_lists(self, document: Document, name: str) -> list[PhoneList]:
        """Return the phone lists, each once, of the steps that send a text message."""
        found = {}
        for step in document.steps().values():
            use = step.type.message(step.config)
            if use is not None and use.channel == "sms" and use.saved == name:
                phone_list = self.names.phone_list(use.short_code, use.phone_list)
                if phone_list is not None:
                    found[phone_list.pk] = phone_list
        return list(found.values())


def _contents(heading: Heading, names: AskedNames) -> dict[str, Any]:
    """Return the sections that make a file whole: what the steps asked for."""
    left = {entry.sms_message: entry for entry in heading.sms_messages}
    ids = [message.pk for message in names.saved_messages.values()]
    whole = SavedMessage.objects.in_bulk(ids)
    return {
        "messages": [_message(whole[pk]) for pk in ids],
        "sms_messages": [
            *(_sms(message) for message in names.sms_messages.values()),
            *(entry for name, entry in left.items() if name not in names.sms_messages),
        ],
        "fields": [
            FieldContent.model_construct(field=name, type=field.data_type)
            for name, field in names.fields.items()
        ],
        "events": list(names.events),
    }


def _message(message: SavedMessage) -> MessageContent:
    """Return a saved message as a file has it; its HTML follows from its MJML."""
    parts = [part for part in EMAIL_PARTS if part != "html" or not message.mjml]
    return MessageContent.model_construct(
        saved_message=message.name, **{part: getattr(message, part) for part in parts}
    )


def _sms(message: SmsMessage) -> SmsContent:
    return SmsContent.model_construct(
        sms_message=message.name, text=message.text, media_url=message.media_url
    )
