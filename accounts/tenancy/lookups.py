"""
Look-up functions: the only way to see across accounts, and they return ids only.

Each is SECURITY DEFINER and owned by the role `conductor_lookup`, which cannot log in,
has no BYPASSRLS and may read just the columns named here, through a policy of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import migrations

from accounts.tenancy import sql


def lookup_function(
    signature: str, *, returns: str, body: str, reads: Mapping[str, Sequence[str]]
) -> list[migrations.RunSQL]:
    """
    Return the migration operations that make one look-up function.

    `signature` is `name(argument type, ...)`; `reads` maps each table to the columns the
    function needs.
    """
    statements = [
        f"CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} LANGUAGE sql STABLE "
        f"SECURITY DEFINER SET search_path = public, pg_temp AS $lookup$ {body} $lookup$",
        f"REVOKE ALL ON FUNCTION {bare(signature)} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {bare(signature)} TO conductor_app, CURRENT_USER",
        "GRANT CREATE ON SCHEMA public TO conductor_lookup",
        f"ALTER FUNCTION {bare(signature)} OWNER TO conductor_lookup",
        "REVOKE CREATE ON SCHEMA public FROM conductor_lookup",
    ]
    for table, columns in reads.items():
        statements += [
            f'GRANT SELECT ({", ".join(columns)}) ON "{table}" TO conductor_lookup',
            f'DROP POLICY IF EXISTS lookup ON "{table}"',
            f'CREATE POLICY lookup ON "{table}" FOR SELECT TO conductor_lookup USING (true)',
        ]
    return [migrations.RunSQL(statement, migrations.RunSQL.noop) for statement in statements]


def bare(signature: str) -> str:
    """Return `name(type, ...)` without the arguments' names."""
    name, _, arguments = signature.rstrip(")").partition("(")
    types = [argument.split()[-1] for argument in arguments.split(",") if argument.strip()]
    return f"{name}({', '.join(types)})"


def accounts_of_user(user_id: int) -> list[int]:
    """Return the ids of the accounts that a user is a member of."""
    rows = sql.fetch_all(
        "SELECT account_id FROM lookup_accounts_of_user(%(user_id)s)", user_id=user_id
    )
    return [row[0] for row in rows]


def account_by_slug(slug: str) -> int | None:
    """Return the id of the account with that slug."""
    row = sql.fetch_one("SELECT lookup_account_by_slug(%(slug)s)", slug=slug)
    return row[0] if row else None


def api_client(client_id: str) -> tuple[int, int] | None:
    """Return (account id, row id) of the integration with that client id."""
    row = sql.fetch_one(
        "SELECT account_id, id FROM lookup_api_client(%(client_id)s)", client_id=client_id
    )
    return (row[0], row[1]) if row else None


def api_token(token_hash: str) -> tuple[int, int] | None:
    """Return (account id, row id) of the token with that hash."""
    row = sql.fetch_one(
        "SELECT account_id, id FROM lookup_api_token(%(token_hash)s)", token_hash=token_hash
    )
    return (row[0], row[1]) if row else None


def all_accounts() -> list[int]:
    """Return the ids of all accounts, benchmark accounts left out."""
    return [row[0] for row in sql.fetch_all("SELECT account_id FROM lookup_accounts()")]


def due_accounts(*, now: datetime, most: int) -> list[int]:
    """
    Return up to `most` accounts with work for a tick, longest unserved first.

    That is a due enrollment or alarm, a queued fact, a contact to look for in a segment.
    """
    rows = sql.fetch_all(
        "SELECT account_id FROM lookup_due_accounts(%(now)s, %(most)s)", now=now, most=most
    )
    return [row[0] for row in rows]


def calling_accounts(*, now: datetime, most: int) -> list[int]:
    """Return up to `most` accounts with webhook calls to make, longest waiting first."""
    rows = sql.fetch_all(
        "SELECT account_id FROM lookup_calling_accounts(%(now)s, %(most)s)", now=now, most=most
    )
    return [row[0] for row in rows]


def notice_accounts() -> list[int]:
    """Return the accounts that have steps which mail notices."""
    return [row[0] for row in sql.fetch_all("SELECT account_id FROM lookup_notice_accounts()")]


def errand_accounts() -> list[int]:
    """Return the accounts in which something is being done by hand to many."""
    return [row[0] for row in sql.fetch_all("SELECT account_id FROM lookup_errand_accounts()")]


def webhook_accounts(*, now: datetime, at_once: int) -> list[int]:
    """Return the accounts whose endpoints are to be told something and have calls left to make."""
    rows = sql.fetch_all(
        "SELECT account_id FROM lookup_webhook_accounts(%(now)s, %(at_once)s)",
        now=now,
        at_once=at_once,
    )
    return [row[0] for row in rows]


def webhook_readers() -> list[int]:
    """Return the accounts in which an endpoint hears who enters and leaves conversations."""
    return [row[0] for row in sql.fetch_all("SELECT account_id FROM lookup_webhook_readers()")]


def backfill_accounts() -> list[int]:
    """Return the accounts with subscribers left to tell Segment of."""
    return [row[0] for row in sql.fetch_all("SELECT account_id FROM lookup_backfill_accounts()")]


def lags(*, now: datetime, most: int) -> dict[int, float]:
    """Return for how many seconds the longest waiting work of each account waits, worst first."""
    rows = sql.fetch_all(
        "SELECT account_id, seconds FROM lookup_lags(%(now)s, %(most)s)", now=now, most=most
    )
    return {row[0]: row[1] for row in rows}


def oldest_entry() -> datetime | None:
    """Return when the contact entered that is inside a conversation longest; reads all of them."""
    found: datetime | None = sql.fetch_value("SELECT lookup_oldest_entry()")
    return found


def work_done() -> tuple[int, int]:
    """Return how many ticks were run and how many visits they ended, over all accounts."""
    row = sql.fetch_one("SELECT ticks, steps FROM lookup_work_done()") or (0, 0)
    return int(row[0]), int(row[1])


def queues() -> dict[str, int]:
    """Return how much waits in each queue of the engine, over all accounts."""
    return dict(sql.fetch_all("SELECT queue, waiting FROM lookup_queues()"))


def delivery_states() -> dict[str, int]:
    """
    Return how many deliveries are in each state, tests left out, over all accounts.

    Reads an index of all of them.
    """
    return dict(sql.fetch_all("SELECT state, deliveries FROM lookup_delivery_states()"))


def waiting_work(*, now: datetime) -> dict[str, bool]:
    """Say for each kind of work (as `wake` names it) whether any account has some."""
    row = sql.fetch_one(
        """
        SELECT
            EXISTS (SELECT FROM lookup_due_accounts(%(now)s, 1)),
            EXISTS (SELECT FROM lookup_sending_accounts(%(now)s, 1, TRUE)),
            EXISTS (SELECT FROM lookup_sending_accounts(%(now)s, 1, FALSE)),
            EXISTS (SELECT FROM lookup_import_accounts()),
            EXISTS (SELECT FROM lookup_broadcast_accounts(%(now)s)),
            EXISTS (SELECT FROM lookup_errand_accounts())
        """,
        now=now,
    )
    kinds = ("advance", "urgent", "send", "import", "broadcast", "by_hand")
    return dict(zip(kinds, row or (), strict=True))
