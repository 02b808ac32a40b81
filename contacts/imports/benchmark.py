"""
How fast a contact file is taken, against COPY and one upsert per table for the same rows.

The raw limit reads nothing and checks nothing: its rows are prepared beforehand as COPY
takes them. Both write the same tables with their indexes, constraints and policy, in the
same role, in chunks of the same size with one commit each.
"""

import io
import json
import random
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from accounts.models import Account, List
from accounts.tenancy import in_account, sql
from contacts.actions.fields import create_field, create_field_group
from contacts.actions.imports import create_import, run_import, start_import
from contacts.identity import EMAIL_KEY_SQL
from contacts.imports.running import CHUNK_RECORDS
from contacts.models import Import
from contacts.models.imports import ImportStatus

DEFAULT_SIZE = 100_000
FLOOR = 0.4
FIELDS = {
    "First Shop": "Text",
    "City": "Text",
    "Colour": "Text",
    "Newsletter": "CheckBox",
    "Shoe Size": "Numeric",
    "Visits": "Numeric",
    "Signup": "Date",
    "Note": "CommentArea",
}
CITIES = ("Lititz", "New York", "Zürich", "Paris", "São Paulo", "Austin", "Boise", "Denver")
COLOURS = ("red", "blue", "green", "black", "white")

STAGE = """
CREATE TEMP TABLE IF NOT EXISTS benchmark_stage (email text, email_norm text, profile jsonb)
ON COMMIT DELETE ROWS
"""
UPSERT_CONTACTS = """
INSERT INTO contacts_contact (
    email, email_norm, external_id, phone_e164, first_name, last_name, time_zone, locale,
    postal_code, created_at, updated_at
)
SELECT stage.email, stage.email_norm, '', '', '', '', '', '', '', %(now)s, %(now)s
FROM benchmark_stage AS stage
ON CONFLICT (account_id, email_norm) WHERE NOT (email_norm = '')
DO UPDATE SET email = excluded.email, updated_at = excluded.updated_at
WHERE contacts_contact.email IS DISTINCT FROM excluded.email
"""
UPSERT_SUBSCRIPTIONS = f"""
INSERT INTO contacts_subscription (
    list_id, contact_id, state, email_key, external_contact_id, profile, subscribed_at,
    subscribe_method, unsubscribe_method, created_at, updated_at
)
SELECT
    %(list_id)s, contact.id, 'Subscribed',
    {EMAIL_KEY_SQL.format(list_id="%(list_id)s", email_norm="stage.email_norm")}, '',
    stage.profile, %(now)s, 'Import', '', %(now)s, %(now)s
FROM benchmark_stage AS stage
JOIN contacts_contact AS contact
    ON contact.email_norm = stage.email_norm AND contact.email_norm <> ''
ON CONFLICT (account_id, list_id, contact_id)
DO UPDATE SET
    profile = contacts_subscription.profile || excluded.profile, updated_at = excluded.updated_at
WHERE (contacts_subscription.profile || excluded.profile)
    IS DISTINCT FROM contacts_subscription.profile
"""

Shopper = tuple[str, list[str | int | float]]


class ImportStoppedError(RuntimeError):
    """The import did not come to its end, so there is no figure."""


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """
    Yield the figures of `benchmark import`, in an account flagged `is_benchmark`.

    Called outside any transaction; the rows stay until the account is removed. Each run
    has a list and people of its own: the raw limit one before and one after ours, which
    has two, too; of each the better one counts.

    :raises ImportStoppedError: if our import did not take every row.
    """
    chance = random.Random(seed)  # noqa: S311 (a repeatable file, no secret)
    shoppers = [_shopper(chance) for _ in range(size)]
    raw = [_raw(account, shoppers, "before", now)]
    first, file, second, other_file = _lists(account, shoppers, now)
    ours = [
        _ours(account, first, file, now, expect={"created": size}),
        _ours(account, second, other_file, now, expect={"created": size}),
    ]
    again = _ours(account, second, other_file, now, expect={"unchanged": size})
    raw.append(_raw(account, shoppers, "after", now))
    yield _figure("import new contacts", size, min(ours), min(raw), FLOOR)
    yield _figure("import the same file again", size, again, None, None)


def _figure(
    name: str, size: int, seconds: float, raw: float | None, floor: float | None
) -> dict[str, Any]:
    figure: dict[str, Any] = {
        "name": name,
        "value": round(size / seconds),
        "unit": "rows/s",
        "size": size,
        "seconds": round(seconds, 3),
        "raw": None if raw is None else round(size / raw),
    }
    if raw is not None:
        figure |= {"ratio": round(raw / seconds, 3), "floor": floor}
    return figure


def _shopper(chance: random.Random) -> Shopper:
    """Return a name for the address and the eight values, as the profile holds them."""
    signup = date(2020, 1, 1) + timedelta(days=chance.randrange(2000))
    return (
        f"{chance.choice(COLOURS)}.{chance.getrandbits(48):x}",
        [
            f"Shop {chance.randrange(40)}",
            chance.choice(CITIES),
            chance.choice(COLOURS),
            chance.choice(("on", "off")),
            chance.randrange(70, 100) / 2,
            chance.randrange(500),
            signup.isoformat(),
            f"Asked about {chance.choice(COLOURS)} shoes, twice",
        ],
    )


def _list(name: str, now: datetime) -> tuple[List, list[str]]:
    """Make a list with the eight fields; return it and their keys."""
    in_list = List.objects.create(name=f"Benchmark {name}", created_at=now)
    group = create_field_group(list=in_list, name="Profile", now=now)
    fields = [
        create_field(group=group, name=field, data_type=data_type, now=now)
        for field, data_type in FIELDS.items()
    ]
    return in_list, [str(field.pk) for field in fields]


def _lists(
    account: Account, shoppers: list[Shopper], now: datetime
) -> tuple[List, bytes, List, bytes]:
    """Make two lists, each with a file of its own people."""
    with in_account(account.pk):
        first, second = _list("ours", now)[0], _list("ours again", now)[0]
    return first, _file(shoppers, "ours"), second, _file(shoppers, "ours-again")


def _file(shoppers: list[Shopper], run: str) -> bytes:
    """Return the CSV file of a run."""
    lines = [",".join(["Email", *FIELDS])]
    for name, (*values, note) in shoppers:
        cells = ",".join(map(str, values))
        lines.append(f'{name}@{run}.example,{cells},"{note}"')
    return "\n".join(lines).encode()


def _ours(
    account: Account, in_list: List, file: bytes, now: datetime, *, expect: dict[str, int]
) -> float:
    """Import the file; return the seconds from handing it in to its last commit."""
    start = time.perf_counter()
    with in_account(account.pk):
        imported = create_import(
            kind="contacts", list=in_list, file_name="shoppers.csv", file=io.BytesIO(file), now=now
        )
        start_import(imported=imported, now=now)
    try:
        run_import(imported.pk, now, account_id=account.pk)
        seconds = time.perf_counter() - start
        with in_account(account.pk):
            imported = Import.objects.get(pk=imported.pk)
    finally:
        imported.file.delete(save=False)
    if not expect.items() <= imported.counts.items() or imported.status != ImportStatus.COMPLETED:
        raise ImportStoppedError(f"{imported.status} {imported.failure}: {imported.counts}")
    return seconds


def _raw(account: Account, shoppers: list[Shopper], run: str, now: datetime) -> float:
    """Write the same rows with COPY and two upserts per chunk; return the seconds."""
    with in_account(account.pk):
        in_list, keys = _list(run, now)
    chunks = []
    for start in range(0, len(shoppers), CHUNK_RECORDS):
        lines = []
        for name, values in shoppers[start : start + CHUNK_RECORDS]:
            address = f"{name}@{run}.example"
            profile = json.dumps(dict(zip(keys, values, strict=True)))
            profile = profile.replace("\\", "\\\\")
            lines.append(f"{address}\t{address}\t{profile}\n")
        chunks.append("".join(lines).encode())
    began = time.perf_counter()
    for chunk in chunks:
        with in_account(account.pk):
            sql.execute(STAGE)
            with sql.copy_into("COPY benchmark_stage FROM STDIN") as copy:
                copy.write(chunk)
            sql.execute(UPSERT_CONTACTS, now=now)
            sql.execute(UPSERT_SUBSCRIPTIONS, now=now, list_id=in_list.pk)
    return time.perf_counter() - began
