"""`manage.py import_coupons --account SLUG --pool NAME FILE`."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.actions import InvalidValueError
from accounts.commands import SentenceCommand
from accounts.tenancy import in_account
from contacts.imports.shell import account_named, existing_file, finish_import
from contacts.models import ImportReject
from messaging.actions.coupon_codes import import_codes
from messaging.models import CouponPool


class Command(SentenceCommand):
    """Add a file of codes to a coupon pool; print what became of it as JSON."""

    help = (
        "Add codes to a coupon pool, one a line: CODE or CODE,LAST-DAY for unique codes, "
        "CODE,FIRST-DAY,LAST-DAY for static ones; a header may name the columns code, expires, "
        "starts, ends. Lines that were not taken go to standard error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take account, pool and file."""
        parser.add_argument("file", metavar="FILE", type=existing_file)
        parser.add_argument("--account", required=True, metavar="SLUG")
        parser.add_argument("--pool", required=True, metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        """Add them."""
        account_id, path = account_named(options["account"]), options["file"]
        with in_account(account_id), path.open("rb") as file:
            pool = CouponPool.objects.filter(name=options["pool"]).first()
            if pool is None:
                raise CommandError(f"The account has no coupon pool named {options['pool']!r}.")
            try:
                imported = import_codes(
                    pool=pool, file=file, file_name=path.name, now=timezone.now()
                )
            except InvalidValueError as fault:
                raise CommandError(fault.message) from fault
        answer = finish_import(account_id, imported.pk, clock=timezone.now, tell=self.stderr.write)
        with in_account(account_id):
            found = ImportReject.objects.filter(imported=imported).order_by("line", "pk")
            for reject in found.iterator(chunk_size=2000):
                self.stderr.write(f"line {reject.line}: {reject.reason}")
        self.stdout.write(json.dumps(answer))
