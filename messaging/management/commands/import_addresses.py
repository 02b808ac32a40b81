"""`manage.py import_addresses --account SLUG --as suppressions|deactivations FILE`."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.actions import InvalidValueError
from accounts.commands import SentenceCommand
from accounts.tenancy import in_account
from contacts.imports.shell import account_named, existing_file, finish_import
from contacts.models import ImportReject
from messaging.actions.address_files import KINDS, import_addresses


class Command(SentenceCommand):
    """Suppress a file of addresses, or opt a carrier's deactivated numbers out."""

    help = (
        "Take a file of addresses, one a line or below a header that names the column: "
        "`suppressions` are written to no more, `deactivations` are numbers that a carrier gave "
        "up, opted out of every phone list. Lines that were not taken go to standard error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take account, kind and file."""
        parser.add_argument("file", metavar="FILE", type=existing_file)
        parser.add_argument("--account", required=True, metavar="SLUG")
        parser.add_argument("--as", required=True, choices=KINDS, dest="kind")
        parser.add_argument("--region", default="US", help="of numbers without a country code")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the file to its end; print what became of it as JSON."""
        account_id, path = account_named(options["account"]), options["file"]
        with in_account(account_id), path.open("rb") as file:
            try:
                imported = import_addresses(
                    kind=options["kind"],
                    file=file,
                    file_name=path.name,
                    region=options["region"].upper(),
                    now=timezone.now(),
                )
            except InvalidValueError as fault:
                raise CommandError(fault.message) from fault
        answer = finish_import(account_id, imported.pk, clock=timezone.now, tell=self.stderr.write)
        with in_account(account_id):
            found = ImportReject.objects.filter(imported=imported).order_by("line", "pk")
            for reject in found.iterator(chunk_size=2000):
                self.stderr.write(f"line {reject.line}: {reject.reason}")
        self.stdout.write(json.dumps(answer))
