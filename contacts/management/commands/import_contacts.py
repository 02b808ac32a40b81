"""`manage.py import_contacts --account SLUG --list NAME FILE`."""

import json
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from accounts.commands import SentenceCommand
from contacts.actions.imports import IMPORT_TYPES
from contacts.imports.shell import account_named, add_file_arguments, import_file


class Command(SentenceCommand):
    """Import a file of contacts into a list; print what became of it as JSON."""

    help = (
        "Import contacts from a CSV file. Columns are guessed from the header; "
        "targets: email, phone, first_name, last_name, customer_number, external_id, "
        "time_zone, birthday, postal_code, locale, event, Group.Field, phone_list:NAME."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file, the list, and how its rows are taken."""
        add_file_arguments(parser)
        parser.add_argument("--list", required=True, metavar="NAME")
        parser.add_argument("--type", choices=IMPORT_TYPES, default=IMPORT_TYPES[1])
        parser.add_argument(
            "--update-type", choices=("Update", "Append", "Overwrite"), default="Update"
        )
        parser.add_argument("--include-unsubscribed", action="store_true")
        parser.add_argument("--event-column", metavar="HEADER", help="raises the events it names")
        parser.add_argument(
            "--phone-list",
            metavar="NAME",
            help="subscribe the numbers of --phone-column to it (NAME or CODE/NAME)",
        )
        parser.add_argument("--phone-column", metavar="HEADER", default="Phone")
        parser.add_argument("--consent-source", default="", help="where the consent was given")
        parser.add_argument("--consent-text", default="", help="the wording agreed to")
        parser.add_argument(
            "--consent-confirmed",
            action="store_true",
            help="everybody in the file agreed to messages of the phone list",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import it."""
        named = list(options["map"])
        if options["event_column"]:
            named.append((options["event_column"], "event"))
        if options["phone_list"]:
            named.append((options["phone_column"], f"phone_list:{options['phone_list']}"))
        answer = import_file(
            kind="contacts",
            account_id=account_named(options["account"]),
            list_name=options["list"],
            given=options,
            named=named,
            options={
                "import_type": options["type"],
                "update_type": options["update_type"],
                "include_unsubscribed": options["include_unsubscribed"],
                "start_conversations": options["start_conversations"],
                "region": options["region"],
                "consent_source": options["consent_source"],
                "consent_text": options["consent_text"],
                "consent_confirmed": options["consent_confirmed"],
            },
            clock=timezone.now,
            tell=self.stderr.write,
        )
        self.stdout.write(json.dumps(answer))
