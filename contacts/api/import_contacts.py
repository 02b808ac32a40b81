"""
ListImport/{importFileId}/Contact: who was in a file, and what became of each.

The file itself is read, page by page; the cursor is the place in it. What became of an
address is said by its subscription, as it stands: whether that came to be, or changed, since
the import began. Lines that were not taken are known by their number.

The file outlives an erasure, so an address is shown only while something else knows it: a
contact, or what was kept of a line that was not taken. Any other is "".
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from ninja import Query

from accounts.actions import InvalidValueError
from accounts.wire import Frame, Id, Page, PageQuery, WireOut, WireRequest, found
from accounts.wire.paging import write_cursor
from contacts.api.imports import IMPORTS, REPORTS, imports_of
from contacts.identity import normalise_email
from contacts.imports.chunk import REMOVE, SUPPRESSED
from contacts.imports.columns import CONTACTS
from contacts.imports.faults import RowFaultError
from contacts.imports.reading import Records
from contacts.imports.running import BAD_ADDRESS, layout_of
from contacts.models import Contact, Import, ImportReject, Subscription, SubscriptionState

import_contacts = Frame("/email/v1", integration="email", tag="ListImport")

UNSUBSCRIBED = SubscriptionState.UNSUBSCRIBED.value
# A cursor is a place in a file: the byte, and the line, which has these bits.
LINE_BITS = 31


class ImportContactOut(WireOut):
    """An address of a file, and what became of it."""

    email_address: str
    import_result: str


@import_contacts.get(
    IMPORTS + "/{import_file_id}/Contact", answer=Page[ImportContactOut], levels=REPORTS
)
def contacts_of_import(
    request: WireRequest, list_id: Id, import_file_id: Id, paging: Query[PageQuery]
) -> Page[ImportContactOut]:
    """
    Return the addresses of a file, in its order, and what became of each.

    `importResult` is Subscribed, AlreadySubscribed, UnSubscribed, AlreadyUnSubscribed, Suppressed,
    Invalid or Skipped. Rows that no worker has taken yet are not there yet. The address of who was
    forgotten since is "".
    """
    imported = found(imports_of(list_id).filter(kind=CONTACTS), pk=import_file_id)
    lines, after = read_lines(imported, after=paging.after, count=paging.count)
    return Page[ImportContactOut](
        next_page_cursor=write_cursor(after=after, query=request.GET) if after else None,
        data=list(results(imported, lines)),
    )


def read_lines(imported: Import, *, after: int, count: int) -> tuple[list[tuple[int, str]], int]:
    """
    Return up to `count` (line, address) behind a place in a file, and the place behind them.

    What has not been taken yet is not there yet; the place is 0 where nothing follows.
    """
    column = next(
        (
            int(one["column"])
            for one in imported.mapping.get("columns", [])
            if one["target"] == "email"
        ),
        None,
    )
    if column is None or not imported.position:
        return [], 0
    position, line = after >> LINE_BITS, after & ((1 << LINE_BITS) - 1)
    lines: list[tuple[int, str]] = []
    with imported.file.open("rb") as file:
        layout = layout_of(imported)
        reader = Records(file.file, layout, position or None, line)
        if layout.has_header and not after:
            next(iter(reader), None)
        for number, cells in islice(iter(reader), count):
            is_cell = not isinstance(cells, RowFaultError) and len(cells) > column
            lines.append((number, cells[column].strip() if is_cell else ""))  # type: ignore[index]
            if reader.position >= imported.position:
                return lines, 0
        return lines, (reader.position << LINE_BITS) | reader.line if lines else 0


def results(imported: Import, lines: list[tuple[int, str]]) -> Iterable[ImportContactOut]:
    """Say what became of each address: a query for what was not taken, one for people, one for the rest."""
    rejects = {
        line: (code, raw != "")
        for line, code, raw in ImportReject.objects.filter(
            imported=imported, severity="reject", line__in=[line for line, _ in lines]
        ).values_list("line", "code", "raw")
    }
    norms = {address: norm(address) for _, address in lines}
    known = set(
        Contact.objects.filter(email_norm__in={one for one in norms.values() if one}).values_list(
            "email_norm", flat=True
        )
    )
    subscriptions = {
        row.contact.email_norm: row
        for row in Subscription.objects.filter(
            list=imported.list,
            contact__email_norm__in={one for one in norms.values() if one},
        ).select_related("contact")
    }
    for line, address in lines:
        reject, is_kept = rejects.get(line, (None, False))
        yield ImportContactOut(
            email_address=address if is_kept or norms[address] in known else "",
            import_result=result(imported, reject, subscriptions.get(norms[address])),
        )


def norm(address: str) -> str:
    """Return an address as contacts have it, "" for none."""
    try:
        return normalise_email(address)
    except InvalidValueError:
        return ""


def result(imported: Import, reject: str | None, subscription: Subscription | None) -> str:
    """Return the wire's word for what became of a line."""
    if reject in BAD_ADDRESS:
        return "Invalid"
    if reject == SUPPRESSED:
        return "Suppressed"
    if reject is not None or subscription is None:
        return "Skipped"
    began = imported.started_at or imported.created_at
    if subscription.state == UNSUBSCRIBED:
        removes = imported.options.get("import_type") == REMOVE
        is_new = is_since(subscription.unsubscribed_at, began)
        return "UnSubscribed" if removes and is_new else "AlreadyUnSubscribed"
    came = subscription.resubscribed_at or subscription.subscribed_at
    return "Subscribed" if is_since(came, began) else "AlreadySubscribed"


def is_since(moment: datetime | None, began: datetime) -> bool:
    """Say whether something happened since the import began."""
    return moment is not None and moment >= began
