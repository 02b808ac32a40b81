"""The ledger of consents: what changed how a number stands, and the proof of it."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

from accounts.tenancy import sql
from messaging.models import ConsentChange

NOTE = """
INSERT INTO messaging_consentchange (
    phone_list_id, phone_e164, what, state, source, text, ip, occurred_at, recorded_at
)
SELECT
    phone_subscription.phone_list_id,
    phone_subscription.phone_e164,
    %(what)s,
    phone_subscription.state,
    %(source)s,
    %(text)s,
    %(ip)s,
    %(at)s,
    %(now)s
FROM messaging_phonesubscription AS phone_subscription
WHERE phone_subscription.id = ANY(%(ids)s::bigint[])
ORDER BY phone_subscription.id
"""
COLUMNS = ("number", "phone list", "what", "state", "source", "text", "ip", "when", "recorded")


def note_changes(
    *,
    ids: Sequence[int],
    what: str,
    now: datetime,
    source: str = "",
    text: str = "",
    ip: str = "",
    at: datetime | None = None,
) -> None:
    """Add one change of many phone subscriptions, as they stand now: one statement."""
    if ids:
        sql.execute(
            NOTE,
            ids=list(ids),
            what=what,
            source=source[:120],
            text=text,
            ip=ip,
            at=at or now,
            now=now,
        )


def evidence_csv(*, phone_e164: str) -> Iterator[str]:
    """Yield the lines of a number's ledger, oldest first, for who has to prove a consent."""
    yield _line(COLUMNS)
    found = ConsentChange.objects.filter(phone_e164=phone_e164).select_related("phone_list")
    for change in found.order_by("pk").iterator(chunk_size=2000):
        yield _line(
            (
                change.phone_e164,
                change.phone_list.name,
                change.what,
                change.state,
                change.source,
                change.text,
                change.ip,
                change.occurred_at.isoformat(),
                change.recorded_at.isoformat(),
            )
        )


def _line(cells: Sequence[str]) -> str:
    """Write a line; what a spreadsheet would run as a formula is quoted by an apostrophe."""
    safe = [f"'{cell}" if cell[:1] in {"=", "@", "\t", "\r"} else cell for cell in cells]
    line = io.StringIO()
    csv.writer(line).writerow(safe)
    return line.getvalue()
