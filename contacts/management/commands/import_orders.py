"""`manage.py import_orders --account SLUG FILE`."""

import json
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from accounts.commands import SentenceCommand
from contacts.imports.shell import account_named, add_file_arguments, import_file


class Command(SentenceCommand):
    """Import a file of orders; print what became of it as JSON."""

    help = (
        "Import orders from a CSV file; rows of one order number are one order. Columns are "
        "guessed from the header; targets: order_number, email, customer_number, phone, date, "
        "status, total, sku, quantity, price, first_name, last_name, tax_total, "
        "shipping_total, discount_total, coupon_code, store_number."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file."""
        add_file_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Import it."""
        answer = import_file(
            kind="orders",
            account_id=account_named(options["account"]),
            list_name=None,
            given=options,
            named=options["map"],
            options={
                "start_conversations": options["start_conversations"],
                "region": options["region"],
            },
            clock=timezone.now,
            tell=self.stderr.write,
        )
        self.stdout.write(json.dumps(answer))
