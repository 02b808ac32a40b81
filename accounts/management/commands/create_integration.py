"""`manage.py create_integration --account SLUG --type email [--type sms ...] [--level List ...]`."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts import actions
from accounts.commands import SentenceCommand
from accounts.models import AccessLevel, IntegrationType
from accounts.tenancy import in_account, lookups


class Command(SentenceCommand):
    """Create an integration; print its credentials as JSON, the secret for the only time."""

    help = "Create an integration, with all access levels unless some are named."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take an account, types, levels and a name."""
        parser.add_argument("--account", required=True, metavar="SLUG")
        parser.add_argument(
            "--type",
            action="append",
            required=True,
            dest="types",
            metavar="TYPE",
            help=f"One of {', '.join(IntegrationType.values)}; may be given again.",
        )
        parser.add_argument(
            "--level",
            action="append",
            dest="levels",
            metavar="LEVEL",
            help=f"One of {', '.join(AccessLevel.values)}; may be given again.",
        )
        parser.add_argument("--name", default="Integration")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create it."""
        account_id = lookups.account_by_slug(options["account"])
        if account_id is None:
            raise CommandError(f"There is no account {options['account']}.")
        try:
            with in_account(account_id):
                made = actions.create_integration(
                    name=options["name"],
                    types=options["types"],
                    levels=options["levels"],
                    now=timezone.now(),
                )
        except actions.InvalidValueError as invalid:
            raise CommandError(invalid.message) from invalid
        answer = {
            "client_id": made.client.client_id,
            "client_secret": made.secret,
            "types": made.client.types,
            "levels": made.client.levels,
        }
        self.stdout.write(json.dumps(answer))
