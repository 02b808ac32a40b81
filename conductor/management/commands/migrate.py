"""`manage.py migrate`: as the owner of the database, never as the plain role."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections
from django.utils import timezone

from accounts.tenancy.partitions import make_partitions
from conductor.postgres.roles import DATABASE_SQL


class Command(migrate.Command):
    """Django's command, on the owner's connection."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the owner's connection where none is named."""
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        """
        Grant what the plain role may do with tables to come, then migrate.

        :raises CommandError: if the owner's address is not known.
        """
        alias = options["database"]
        if alias not in connections:
            raise CommandError(
                "Migrations run as the owner of the database: set DATABASE_OWNER_URL."
            )
        looks_only = options["plan"] or options["check_unapplied"]
        if not looks_only:
            with connections[alias].cursor() as cursor:
                cursor.execute(DATABASE_SQL.decode())
        super().handle(*args, **options)
        if not options["app_label"] and not looks_only:
            make_partitions(now=timezone.now())
