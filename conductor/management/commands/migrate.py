"""`manage.py migrate`: as the owner of the database, never as the plain role."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections
from django.utils import timezone

from accounts.tenancy.partitions import make_partitions
from conductor.postgres.roles import DATABASE_SQL

OLDEST = 15
ROLES = ("conductor_owner", "conductor_app", "conductor_lookup")


class Command(migrate.Command):
    """Django's command, on the owner's connection."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the owner's connection where none is named."""
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        """
        Grant what the plain role may do with tables to come, then migrate.

        :raises CommandError: if the owner's address is not known, or the server is not
            one that Conductor can use.
        """
        alias = options["database"]
        if alias not in connections:
            raise CommandError(
                "Migrations run as the owner of the database: set DATABASE_OWNER_URL."
            )
        looks_only = options["plan"] or options["check_unapplied"]
        if not looks_only:
            prepare(alias)
        with seldom_collected():
            super().handle(*args, **options)
        if not options["app_label"] and not looks_only:
            make_partitions(now=timezone.now())


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Collect garbage seldom: Django makes all models anew at each step, which it looks through."""
    former = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 5, 5)
    try:
        yield
    finally:
        gc.set_threshold(*former)
        gc.unfreeze()


def prepare(alias: str) -> None:
    """
    Grant what the roles may do in the owner's database.

    :raises CommandError: if the server is too old or the roles are missing.
    """
    with connections[alias].cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
        if int(version.split(".")[0]) < OLDEST:
            raise CommandError(f"PostgreSQL {version} is too old: {OLDEST} or later is needed.")
        cursor.execute(
            "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = ANY(%s)",
            [list(ROLES)],
        )
        if cursor.fetchone()[0] != len(ROLES):
            raise CommandError(
                "The roles of Conductor are missing: run conductor/postgres/roles.sql as "
                "the server's administrator first."
            )
        cursor.execute(DATABASE_SQL.decode())
