"""`manage.py demo`."""

import base64
import hashlib
import hmac
import json
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.commands import SentenceCommand
from conductor.demo.account import SEED, SHOPPERS, demo_account

LARGEST = 20_000  # there are numbers for so many


class Command(SentenceCommand):
    """
    Make the demo account, or find it; print who signs in, as JSON.

    The password follows from this installation's secret key: it is stored nowhere, and
    known again at the next start. It is empty once its owner has chosen another.
    """

    help = "Make the demo account Acme Shoes, unless it is there; about 15 seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a size and a seed."""
        parser.add_argument("--size", type=int, default=SHOPPERS, metavar="SHOPPERS")
        parser.add_argument("--seed", type=int, default=SEED)

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or find it."""
        if not 1 <= options["size"] <= LARGEST:
            raise CommandError(f"The shop has 1 to {LARGEST} shoppers.")
        demo = demo_account(
            password=demo_password(),
            clock=timezone.now,
            tell=self.stderr.write,
            size=options["size"],
            seed=options["seed"],
        )
        answer = {
            "account_id": demo.account.pk,
            "slug": demo.account.slug,
            "email": demo.owner.email,
            "password": demo.password,
        }
        self.stdout.write(json.dumps(answer))


def demo_password() -> str:
    """Return this installation's password of the demo account: 80 bits, easy to read."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), b"demo account", hashlib.sha256)
    text = base64.b32encode(digest[:10]).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))
