"""
Raw SQL: the one place that touches the connection, always inside the current account.

Statements use named parameters (`%(now)s`). They are written without `account_id`: the
policy adds it. Statements in files are loaded by `statement("app", "name")`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any, Self

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql as composing
from psycopg.types.numeric import Int4, Int8

Statement = str | composing.Composable
Row = tuple[Any, ...]
NEVER_BY_ITSELF = 2**31
INT4 = range(-(2**31), 2**31)


class Kept(str):
    """
    A statement whose plan the session keeps: for few rows, planning costs more than running.

    Of a fixed text, run again and again; its parameters are typed or cast. A kept plan goes
    on reading the tables that it was made for, even when temporary ones hide them.
    """

    __slots__ = ()


class _KeepingCursor(psycopg.Cursor[Row]):
    """Has the server prepare what it runs, once in a session."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Run a statement; whole numbers have one type each, so that there is one plan."""
        typed = {
            name: (Int4(value) if value in INT4 else Int8(value)) if type(value) is int else value
            for name, value in (params or {}).items()
        }
        return super().execute(query, typed or None, prepare=True, **options)


@cache
def kept(package: str, name: str) -> Kept:
    """Return the text of a statement file as one whose plan is kept."""
    return Kept(statement(package, name))


def _cursor(statement: Statement) -> CursorWrapper:
    # The thread's own, looked up once.
    database = connections[DEFAULT_DB_ALIAS]
    if not isinstance(statement, Kept):
        return database.cursor()
    database.ensure_connection()
    session = database.connection
    # Django forbids preparing by default; nothing else asks for it.
    session.prepare_threshold = NEVER_BY_ITSELF
    return CursorWrapper(_KeepingCursor(session), database)


@cache
def statement(package: str, name: str) -> str:
    """Return the text of `<package>/sql/<name>.sql` ("contacts", "conductor.engine" ...)."""
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def execute(statement: Statement, /, **params: Any) -> int:
    """Run a statement; return how many rows it touched."""
    with _cursor(statement) as cursor:
        cursor.execute(statement, params or None)
        return int(cursor.rowcount)


def execute_once(statement: str, /) -> None:
    """
    Run a statement whose effect lasts for the session (CREATE TEMP TABLE ...), once in it.

    Until its transaction has committed it is run again each time.
    """
    with connection.cursor() as cursor:
        session = cursor.connection
        done = vars(session).setdefault("done_once", set())
        if statement not in done:
            cursor.execute(statement)
            transaction.on_commit(lambda: done.add(statement))


def fetch_all(statement: Statement, /, **params: Any) -> list[Row]:
    """Run a statement; return its rows."""
    with _cursor(statement) as cursor:
        cursor.execute(statement, params or None)
        return list(cursor.fetchall())


def fetch_dicts(statement: Statement, /, **params: Any) -> list[dict[str, Any]]:
    """Run a statement; return its rows as dictionaries by column name."""
    with _cursor(statement) as cursor:
        cursor.execute(statement, params or None)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fetch_one(statement: Statement, /, **params: Any) -> Row | None:
    """Run a statement; return its first row, or None."""
    with _cursor(statement) as cursor:
        cursor.execute(statement, params or None)
        row: Row | None = cursor.fetchone()
        return row


def fetch_value(statement: Statement, /, **params: Any) -> Any:
    """Run a statement; return the first column of its first row, or None."""
    row = fetch_one(statement, **params)
    return None if row is None else row[0]


@contextmanager
def explained(*names: str) -> Iterator[dict[str, list[str]]]:
    """
    Collect the plans of statements in files by their names (`-- claim_due: ...`), as they ran.

    Each is run once more before it is run, and undone: only inside a transaction.
    """
    plans: dict[str, list[str]] = {}

    def explain(execute: Any, text: Any, params: Any, many: Any, context: Any) -> Any:
        name = str(text).removeprefix("-- ").partition(":")[0]
        if name in names and name not in plans:
            plans[name] = []
            place = transaction.savepoint()
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN (ANALYZE, BUFFERS)\n" + str(text), params)
                plans[name] += [str(row[0]) for row in cursor.fetchall()]
            transaction.savepoint_rollback(place)
        return execute(text, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans


@contextmanager
def copy_into(
    statement: Statement, /, params: Mapping[str, Any] | None = None
) -> Iterator[psycopg.Copy]:
    """Open a COPY ... FROM STDIN; write rows with `copy.write_row(...)`."""
    with connection.cursor() as cursor, cursor.copy(statement, params) as copy:
        yield copy


@contextmanager
def server_cursor(statement: Statement, /, **params: Any) -> Iterator[Iterator[Row]]:
    """Stream a long result in chunks; only inside a transaction."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, params or None)
        yield iter(cursor)


def on_commit(follow_up: Any) -> None:
    """Run a follow-up when the transaction has committed."""
    connection.on_commit(follow_up)
