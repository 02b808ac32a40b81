"""`manage.py restore FILE`: put back what `manage.py backup` wrote."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from django.core.management.base import CommandError
from psycopg import sql

from accounts.commands import SentenceCommand
from conductor.data_directory import data_directory
from conductor.environment import running
from conductor.management.commands.backup import owner_url
from conductor.postgres import PostgresError
from conductor.postgres.clients import run_client
from conductor.postgres.roles import DATABASE_SQL

TABLES = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'public'"


class Command(SentenceCommand):
    """Restore beside the present database, then change places; what was there is kept."""

    help = (
        "Put back what backup wrote. The present database, if it is not empty, stays as "
        "NAME_before_restore until the next restore."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        """
        Restore everything or nothing.

        :raises CommandError: if Conductor runs, there is no such file, or the owner's address
            is not known.
        :raises PostgresError: if the file is not a backup.
        """
        url = owner_url()
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        if running(data_directory()):
            raise CommandError("Conductor is running: stop bin/up first.")
        name = unquote(urlsplit(url).path.lstrip("/"))
        beside = f"{name}_restored"
        with psycopg.connect(beside_url(url, "postgres"), autocommit=True) as connection:
            drop(connection, beside)
            create(connection, beside)
            try:
                fill(beside_url(url, beside), file)
            except PostgresError:
                drop(connection, beside)
                raise
            former = self._change_places(connection, url=url, name=name, beside=beside)
        self.stdout.write(json.dumps({"database": name, "former_database": former}))

    def _change_places(
        self, connection: "psycopg.Connection[Any]", *, url: str, name: str, beside: str
    ) -> str:
        """Give the restored database the name; return what the former one is called now."""
        with psycopg.connect(url) as present:
            row = present.execute(TABLES).fetchone()
        try:
            if row is None or row[0] == 0:
                former = ""
                drop(connection, name)
            else:
                former = f"{name}_before_restore"
                drop(connection, former)
                rename(connection, name, former)
            rename(connection, beside, name)
        except psycopg.errors.ObjectInUse as problem:
            raise CommandError(
                f"The database {name} is in use: end the sessions and try again."
            ) from problem
        return former


def beside_url(url: str, database: str) -> str:
    """Return the address of another database of the same server."""
    parts = urlsplit(url)
    # urlunsplit leaves out an empty host, and the address would lose its slashes.
    joined = urlunsplit(parts._replace(path=f"/{quote(database, safe='')}"))
    return joined if "://" in joined else joined.replace(":/", ":///", 1)


def fill(url: str, file: Path) -> None:
    """
    Restore a backup into a new database, in one transaction.

    A function is handed to conductor_lookup only if that role may create in the schema.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(DATABASE_SQL)
        connection.execute("GRANT CREATE ON SCHEMA public TO conductor_lookup")
        run_client(
            "pg_restore",
            url,
            "--exit-on-error",
            "--single-transaction",
            "--no-password",
            str(file),
        )
        connection.execute("REVOKE CREATE ON SCHEMA public FROM conductor_lookup")


def create(connection: "psycopg.Connection[Any]", name: str) -> None:
    """Make an empty database."""
    connection.execute(
        sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(
            sql.Identifier(name)
        )
    )


def drop(connection: "psycopg.Connection[Any]", name: str) -> None:
    """Remove a database if it is there."""
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def rename(connection: "psycopg.Connection[Any]", name: str, to: str) -> None:
    """Give a database another name."""
    connection.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(to))
    )
