"""Imports from the shell: what `import_contacts` and `import_orders` share."""

import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.actions import InvalidValueError
from accounts.models import List
from accounts.tenancy import in_account, lookups
from contacts.actions.imports import (
    create_import,
    map_headers,
    progress,
    run_import,
    start_import,
)
from contacts.models import Import
from contacts.models.imports import ImportStatus

PAUSE = 0.05  # seconds, between chunks


def add_file_arguments(parser: CommandParser) -> None:
    """Take what every file needs."""
    parser.add_argument("file", metavar="FILE", type=existing_file)
    parser.add_argument("--account", required=True, metavar="SLUG")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="HEADER=TARGET",
        type=header_and_target,
        help="what a column is (or `ignore`); may be given again",
    )
    parser.add_argument("--encoding")
    parser.add_argument("--delimiter")
    parser.add_argument("--no-header", action="store_true", help="columns are named 1, 2, 3 ...")
    parser.add_argument("--region", default="US", help="of phones without a country code")
    parser.add_argument("--start-conversations", action="store_true")


def existing_file(text: str) -> Path:
    """Return the path of a file that can be read."""
    path = Path(text)
    if not path.is_file():
        raise ArgumentTypeError(f"there is no file {text}")
    return path


def header_and_target(text: str) -> tuple[str, str]:
    """Cut `Header=target` at its last equals sign."""
    header, equals, target = text.rpartition("=")
    if not equals or not header.strip() or not target.strip():
        raise ArgumentTypeError(f"{text!r} is not of the form Header=target")
    return header, target


def account_named(slug: str) -> int:
    """
    Return the account of that address.

    :raises CommandError: if there is none.
    """
    account_id = lookups.account_by_slug(slug)
    if account_id is None:
        raise CommandError(f"There is no account {slug!r}.")
    return account_id


def list_named(name: str) -> List:
    """
    Return the list of that name or id in the open account.

    :raises CommandError: if there is none.
    """
    found = List.objects.filter(name=name).first()
    if found is None and name.isdigit():
        found = List.objects.filter(pk=int(name)).first()
    if found is None:
        raise CommandError(f"The account has no list named {name!r}.")
    return found


def import_file(
    *,
    kind: str,
    account_id: int,
    list_name: str | None,
    given: Mapping[str, Any],
    named: Sequence[tuple[str, str]],
    options: Mapping[str, Any],
    clock: Callable[[], datetime],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """
    Import a file from beginning to end; return its summary.

    `given` are the command's arguments, `named` pairs of header and target. What moves is
    told to `tell`, a sentence at a time.

    :raises CommandError: with one sentence, for whatever stops the import.
    """
    path: Path = given["file"]
    imported: Import | None = None
    try:
        with in_account(account_id), path.open("rb") as file:
            imported = create_import(
                kind=kind,
                list=list_named(list_name) if list_name is not None else None,
                file_name=path.name,
                file=file,
                mapping={
                    "encoding": given["encoding"],
                    "delimiter": given["delimiter"],
                    "has_header": False if given["no_header"] else None,
                },
                options=options,
                now=clock(),
            )
            columns = map_headers(imported=imported, named=dict(named))
            start_import(imported=imported, columns=columns, now=clock())
    except InvalidValueError as fault:
        if imported is not None:
            imported.file.delete(save=False)
        raise CommandError(fault.message) from fault
    return finish_import(account_id, imported.pk, clock=clock, tell=tell)


def finish_import(
    account_id: int, import_id: int, *, clock: Callable[[], datetime], tell: Callable[[str], None]
) -> dict[str, Any]:
    """
    Take an import that was started to its end; return its summary.

    :raises CommandError: if it failed.
    """
    while _is_under_way(account_id, import_id, tell):
        run_import(import_id, clock(), account_id=account_id, clock=clock, until=lambda: True)
    return summary(account_id, import_id)


def _is_under_way(account_id: int, import_id: int, tell: Callable[[str], None]) -> bool:
    """Say how far the import is, and whether work is left; a worker may have it in hand."""
    with in_account(account_id):
        imported = Import.objects.get(pk=import_id)
    under_way = imported.status in {ImportStatus.READY, ImportStatus.PROCESSING}
    if under_way and imported.status == ImportStatus.PROCESSING:
        tell(f"{imported.file_name}: {progress(imported):.0%}")
        time.sleep(PAUSE)
    return under_way


def summary(account_id: int, import_id: int) -> dict[str, Any]:
    """
    Return what became of an import, as the commands print it.

    :raises CommandError: if it failed.
    """
    with in_account(account_id):
        imported = Import.objects.get(pk=import_id)
    if imported.status == ImportStatus.FAILED:
        raise CommandError(imported.failure)
    counts: dict[str, Any] = {"processed": 0, "rejected": 0, "warnings": 0} | imported.counts
    return {"import_id": import_id, "status": imported.status, **counts}
