"""The ledger of consents: what changed how a number stands, and the proof of it."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

from accounts.tenancy import sql
from contacts.actions import happenings
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
# For whoever outside listens (`contacts.actions.happenings`): who may be texted now, and who might
# be and no longer may. A question that is open, and a STOP of a stranger, are neither. The list is
# the short code's; the number stays where it is, so that it is forgotten with its consent.
TOLD = """
    SELECT
        CASE phone_subscription.state
            WHEN 'Subscribed' THEN 'subscribed' ELSE 'unsubscribed'
        END AS kind,
        short_code.email_list_id AS list_id, phone_subscription.contact_id,
        NULL::bigint AS delivery_id, NULL::bigint AS enrollment_id,
        %(at)s::timestamptz AS occurred_at, %(now)s::timestamptz AS recorded_at,
        jsonb_build_object(
            'method', %(source)s::text,
            'phone_list_id', phone_list.id,
            'phone_id', phone_subscription.id
        ) AS detail
    FROM messaging_phonesubscription AS phone_subscription
    INNER JOIN messaging_phonelist AS phone_list ON phone_subscription.phone_list_id = phone_list.id
    INNER JOIN messaging_shortcode AS short_code ON phone_list.short_code_id = short_code.id
    WHERE phone_subscription.id = ANY(%(ids)s::bigint[])
        AND phone_subscription.state <> 'Pending'
        AND phone_subscription.subscribed_at IS NOT NULL
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
    """
    Add one change of many phone subscriptions, as they stand now: one statement.

    Whoever outside listens hears of those that are whole now, and of those that ended.
    """
    if ids:
        given = {"ids": list(ids), "source": source[:120], "at": at or now, "now": now}
        sql.execute(NOTE, what=what, text=text, ip=ip, **given)
        happenings.note([happenings.SUBSCRIBED, happenings.UNSUBSCRIBED], TOLD, **given)


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
