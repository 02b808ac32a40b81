"""`manage.py create_account NAME --owner EMAIL [--time-zone Z]`."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts import actions
from accounts.commands import SentenceCommand


class Command(SentenceCommand):
    """Create an account with its owner; print ids and password as JSON."""

    help = "Create an account; the password is empty where the owner had signed up before."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a name, an owner and a zone."""
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument("--time-zone", default="America/New_York", metavar="ZONE")
        parser.add_argument(
            "--postal-address",
            default="",
            metavar="ADDRESS",
            help="stands in every email that is no transaction; none is published without",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create it."""
        try:
            made = actions.create_account(
                name=options["name"],
                owner_email=options["owner"],
                time_zone=options["time_zone"],
                postal_address=options["postal_address"],
                now=timezone.now(),
            )
        except actions.InvalidValueError as invalid:
            raise CommandError(invalid.message) from invalid
        answer = {
            "account_id": made.account.pk,
            "slug": made.account.slug,
            "owner": made.owner.email,
            "password": made.password,
        }
        self.stdout.write(json.dumps(answer))
