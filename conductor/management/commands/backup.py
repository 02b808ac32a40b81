"""`manage.py backup FILE`: the whole database in one file."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.commands import SentenceCommand
from conductor.postgres.clients import run_client


class Command(SentenceCommand):
    """Write every row of every account, the keys not included."""

    help = "Write the whole database to FILE; keep secrets.json with it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        """
        Dump as the owner, through the policy that lets a dump see all accounts.

        An interrupted dump leaves no file of that name.

        :raises CommandError: if the owner's address is not known.
        :raises PostgresError: if the dump fails.
        """
        url = owner_url()
        beside = file.with_name(f"{file.name}.part")
        try:
            run_client(
                "pg_dump",
                url,
                "--format=custom",
                "--enable-row-security",
                "--no-password",
                f"--file={beside}",
                options="-c app.backup=on",
            )
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
        self.stdout.write(json.dumps({"file": str(file), "bytes": file.stat().st_size}))


def owner_url() -> str:
    """
    Return the owner's address.

    :raises CommandError: if it is not known.
    """
    url = os.environ.get("DATABASE_OWNER_URL", "")
    if not url:
        raise CommandError("This runs as the owner of the database: set DATABASE_OWNER_URL.")
    return url
