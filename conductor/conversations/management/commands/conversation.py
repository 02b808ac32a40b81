"""`manage.py conversation`: conversation files in and out, for engineers who keep them in git."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from accounts.commands import SentenceCommand
from accounts.models import List
from accounts.tenancy import in_account, lookups
from conductor.conversations.actions import (
    Applied,
    UnsoundConversationError,
    apply_file,
    exported,
    publish_conversation,
    status,
)
from conductor.conversations.document import Document, parse_document
from conductor.conversations.models import Conversation
from conductor.conversations.reading import (
    LARGEST_FILE,
    MalformedConversationError,
    Media,
    read_structure,
)
from conductor.conversations.writing import write_json, write_yaml

MEDIA: dict[str, Media] = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


class Command(SentenceCommand):
    """
    Bring a conversation file in, or write one out.

    `apply` prints JSON: conversation_id, conversation, is_new, status, version, problems,
    created. With --publish a file with problems changes nothing.
    """

    help = "Export a conversation as a file, or apply a file to its list."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `export` and `apply`."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="Write a conversation's file to stdout.")
        export.add_argument("--account", required=True, metavar="SLUG")
        export.add_argument("conversation_id", type=int, metavar="ID")
        export.add_argument("--format", choices=["yaml", "json"], default="yaml")
        apply = verbs.add_parser("apply", help="Make a file the draft of its conversation.")
        apply.add_argument("--account", required=True, metavar="SLUG")
        apply.add_argument("file", metavar="FILE", help="YAML or JSON; - is stdin.")
        apply.add_argument("--publish", action="store_true", help="Put it live, too.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Open the account and do it."""
        account_id = lookups.account_by_slug(options["account"])
        if account_id is None:
            raise CommandError(f"There is no account {options['account']}.")
        with in_account(account_id):
            if options["verb"] == "export":
                self.export(options["conversation_id"], options["format"])
            else:
                self.apply(options["file"], publish=options["publish"])

    def export(self, conversation_id: int, form: str) -> None:
        """Write the draft as a file."""
        rows = Conversation.objects.select_related("list")
        conversation = rows.filter(pk=conversation_id).first()
        if conversation is None:
            raise CommandError(f"This account has no conversation {conversation_id}.")
        write = write_json if form == "json" else write_yaml
        self.stdout.write(write(exported(conversation)), ending="")

    def apply(self, file: str, *, publish: bool) -> None:
        """Apply a file to the list that it names; print what became of it."""
        now = timezone.now()
        try:
            document = _read(file)
            done = apply_file(list=_list_of(document), document=document, now=now)
            if publish:
                publish_conversation(conversation=done.conversation, now=now)
        except MalformedConversationError as malformed:
            self.tell(malformed.faults)
            raise CommandError(f"The file is malformed: {malformed}") from malformed
        except UnsoundConversationError as unsound:
            self.tell(f"{problem.path}: {problem.text}" for problem in unsound.problems)
            raise CommandError(f"Nothing was published or stored: {unsound}") from unsound
        self.stdout.write(json.dumps(_outcome(done, status(done.conversation, now=now))))

    def tell(self, lines: Iterable[object]) -> None:
        """Write every fault or problem to stderr, one a line."""
        for line in lines:
            self.stderr.write(str(line))


def _read(file: str) -> Document:
    media: Media = "any"
    if file == "-":
        content = sys.stdin.buffer.read(LARGEST_FILE + 1)
    else:
        path = Path(file)
        try:
            with path.open("rb") as opened:
                content = opened.read(LARGEST_FILE + 1)
        except OSError as unreadable:
            raise CommandError(f"{file} cannot be read: {unreadable.strerror}.") from unreadable
        media = MEDIA.get(path.suffix.lower(), "any")
    return parse_document(read_structure(content, media=media))


def _list_of(document: Document) -> List:
    name = document.heading.list_
    if not name:
        raise CommandError("The file does not say which list it is for (list: NAME).")
    in_list = List.objects.filter(name=name).first()
    if in_list is None:
        raise CommandError(f"This account has no list named {name}.")
    return in_list


def _outcome(done: Applied, standing: str) -> dict[str, Any]:
    version = done.conversation.published
    return {
        "conversation_id": done.conversation.pk,
        "conversation": done.conversation.name,
        "is_new": done.is_new,
        "status": standing,
        "version": version.number if version else None,
        "problems": [problem.as_dict() for problem in done.problems],
        "created": done.created,
    }
