"""`manage.py set_provider --account SLUG --channel email smtp --host ... [--port ...]`."""

import json
import os
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.actions import InvalidValueError
from accounts.commands import SentenceCommand
from accounts.tenancy import in_account, lookups
from messaging import actions
from messaging.models.message import Channel
from messaging.providers import carriers

PASSWORD = "CONDUCTOR_PROVIDER_PASSWORD"  # noqa: S105 - the name of a variable


class Command(SentenceCommand):
    """Choose who carries a channel of an account; the password never stands on the line."""

    help = (
        "Choose who carries a channel of an account. The password is read from the variable "
        f"{PASSWORD}, or with --password-stdin from the first line of standard input; without "
        "either the stored one stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take an account, a channel, a kind and its settings."""
        parser.add_argument("kind", choices=sorted(carriers()))
        parser.add_argument("--account", required=True, metavar="SLUG")
        parser.add_argument("--channel", default="email", choices=Channel.values)
        parser.add_argument("--host", default="")
        parser.add_argument("--port", default="")
        parser.add_argument("--security", default="starttls", choices=["none", "starttls", "tls"])
        parser.add_argument("--user", default="")
        parser.add_argument("--password-stdin", action="store_true")
        parser.add_argument("--check", action="store_true", help="Connect and sign in, once.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Store it; with --check say whether it works."""
        account_id = lookups.account_by_slug(options["account"])
        if account_id is None:
            raise CommandError(f"There is no account {options['account']}.")
        names = ("host", "port", "security", "user")
        settings = {} if options["kind"] == "sandbox" else {name: options[name] for name in names}
        try:
            with in_account(account_id):
                provider = actions.set_provider(
                    channel=options["channel"],
                    kind=options["kind"],
                    settings=settings,
                    secrets={"password": password(from_stdin=options["password_stdin"]) or ""},
                    now=timezone.now(),
                )
                carrier = actions.carrier_of(options["channel"])
        except InvalidValueError as invalid:
            raise CommandError(invalid.message) from invalid
        if options["check"] and carrier is not None and (wrong := carrier.check()):
            raise CommandError(f"Stored, but {wrong}")
        answer = {
            "channel": provider.channel,
            "kind": provider.kind,
            "settings": provider.settings,
        }
        self.stdout.write(json.dumps(answer))


def password(*, from_stdin: bool) -> str | None:
    """Return the password that was handed over, None where none was."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return os.environ.get(PASSWORD)
