"""
What a tick costs where there is next to nothing to do: thousands of accounts, one contact each.

Measured as a worker does it: the look-up of who has work, then each account's turn with
both its transactions. The accounts are flagged `is_benchmark`, so that no worker takes
them; this session alone looks for such accounts, and for no others.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from accounts.models import Account
from accounts.tenancy import in_account, lookups, sql
from conductor.engine.benchmarks.ground import prepare, publish
from conductor.engine.tasks import ACCOUNTS_AT_ONCE
from conductor.engine.turns import serve

log = logging.getLogger(__name__)

DEFAULT_SIZE = 10_000
AIM_MS = 10
CHUNK = 1_000
SLUG = "conductor-benchmark-small-"

# In one go on the server: an account's rows are copies of the benchmark account's, made
# under its own setting. `template` is {{table: row}}.
MAKE = """
DO $made$
DECLARE
    template jsonb := $template${template}$template$;
    own jsonb;
BEGIN
    FOR number IN {first}..{last} LOOP
        own := jsonb_build_object(
            'account_id', nextval(pg_get_serial_sequence('accounts_account', 'id')),
            'list_id', nextval(pg_get_serial_sequence('accounts_list', 'id')),
            'contact_id', nextval(pg_get_serial_sequence('contacts_contact', 'id')),
            'subscription_id', nextval(pg_get_serial_sequence('contacts_subscription', 'id')),
            'conversation_id', nextval(pg_get_serial_sequence('conversations_conversation', 'id')),
            'version_id', nextval(pg_get_serial_sequence('conversations_version', 'id'))
        );
        own := own || jsonb_build_object('published_id', own -> 'version_id');
        PERFORM set_config('app.account_id', own ->> 'account_id', true);
        {inserts}
        INSERT INTO conversations_enrollment (
            conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
            entry_kind, entry_thread, entry_method, entry_properties, depth, entered_at,
            step_key, visit_number, visit_counts, arrived_at, due_at, held_reason, end_reason
        )
        VALUES (
            (own ->> 'conversation_id')::bigint, (own ->> 'version_id')::bigint,
            (own ->> 'list_id')::bigint, (own ->> 'subscription_id')::bigint,
            (own ->> 'contact_id')::bigint, 1, 'external_event', 'Main', '', '{{}}', 0, '{now}',
            'pause', 1, '{{}}', '{now}', '{now}', '', ''
        );
        INSERT INTO conversations_turn (attempts, served_at) VALUES (0, '{now}');
    END LOOP;
END $made$
"""
INSERT = """
        INSERT INTO {table}
        SELECT made.*
        FROM jsonb_populate_record(
            NULL::{table}, template -> '{table}' || own || jsonb_build_object({more})
        ) AS made;
"""
# What the row is called in `own`, in the order of making.
COPIES = {
    "accounts_account": "'id', own -> 'account_id', 'slug', '{slug}' || number",
    "accounts_list": "'id', own -> 'list_id'",
    "contacts_contact": "'id', own -> 'contact_id'",
    "contacts_subscription": "'id', own -> 'subscription_id'",
    "conversations_conversation": "'id', own -> 'conversation_id'",
    "conversations_version": "'id', own -> 'version_id'",
}
# Only of those that are there; what a killed one left goes with the next.
REMOVE = """
DO $gone$
DECLARE
    place bigint;
BEGIN
    FOR number IN {first}..{last} LOOP
        place := lookup_account_by_slug('{slug}' || number);
        CONTINUE WHEN place IS NULL;
        PERFORM set_config('app.account_id', place::text, true);
        UPDATE conversations_conversation SET published_id = NULL;
        {deletes}
        DELETE FROM accounts_account WHERE id = place;
    END LOOP;
END $gone$
"""
ROWS_OF = (
    "conversations_turn",
    "conversations_flow",
    "conversations_visit",
    "conversations_enrollment",
    "conversations_version",
    "conversations_conversation",
    "contacts_subscription",
    "contacts_contact",
    "accounts_list",
)


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """Yield milliseconds per tick, the look-ups included, with one due contact an account."""
    remove_small_accounts(size)
    ground = prepare(account, now=now, size=1, seed=seed)
    with in_account(account.pk):
        publish(ground, "Small")
        template = _template()
    inserts = "".join(
        INSERT.format(table=table, more=more.format(slug=SLUG)) for table, more in COPIES.items()
    )
    try:
        _in_chunks(MAKE, size, now=now.isoformat(), template=template, inserts=inserts)
        log.info("%s accounts are there.", size)
        with _looking_for_benchmarks():
            started = time.monotonic()
            ticks, looked = _serve_all(now)
            seconds = time.monotonic() - started
    finally:
        remove_small_accounts(size)
    if ticks != size:
        raise RuntimeError(f"{ticks} of {size} accounts were served.")
    yield {
        "name": "engine tick of a small account",
        "value": round(seconds / ticks * 1000, 2),
        "unit": "ms",
        "size": size,
        "seconds": round(seconds, 3),
        "look_up": round(looked / ticks * 1000, 2),
        "aim": AIM_MS,
    }


def remove_small_accounts(size: int) -> None:
    """Delete the accounts that are there, and every row of them."""
    deletes = "\n".join(f"DELETE FROM {table};" for table in ROWS_OF)
    _in_chunks(REMOVE, size, deletes=deletes)


def _serve_all(now: datetime) -> tuple[int, float]:
    """Do as `advance` does until nobody is due; return ticks, and seconds of looking."""
    ticks, looked = 0, 0.0
    while True:
        started = time.monotonic()
        due = lookups.due_accounts(now=now, most=ACCOUNTS_AT_ONCE)
        looked += time.monotonic() - started
        served = sum(done.claimed for place in due if (done := serve(place, now=now)))
        if not served:
            return ticks, looked
        ticks += served


def _template() -> str:
    """Return the benchmark account's rows, one of each table, as JSON."""
    rows = {
        table: sql.fetch_value(f"SELECT to_jsonb(template) FROM {table} AS template")
        for table in COPIES
    }
    return json.dumps({table: json.loads(row) for table, row in rows.items()})


def _in_chunks(statement: str, size: int, **given: str) -> None:
    """Run a DO block over 1 to `size`, a thousand to a transaction."""
    for first in range(1, size + 1, CHUNK):
        last = min(first + CHUNK - 1, size)
        block = statement.format(first=first, last=last, slug=SLUG, **given)
        # The account is set within; the block's transaction ends it.
        sql.execute(block)


@contextmanager
def _looking_for_benchmarks() -> Iterator[None]:
    """Have the look-ups of this session find flagged accounts, and no others."""
    sql.execute("SELECT set_config('app.benchmark', 'on', false)")
    try:
        yield
    finally:
        sql.execute("SELECT set_config('app.benchmark', '', false)")
