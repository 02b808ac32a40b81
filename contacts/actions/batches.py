"""
Batches that came over the wire: what was not taken of them is shown under Imports.

The wire answers 201 whatever a row is worth, so a row that is rejected would be lost in
silence. A batch all of whose rows were taken leaves no import behind: shops post each
order by itself.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from accounts.models import ApiClient, List
from contacts.actions.customers import Outcome, Remark
from contacts.imports.running import LONGEST_RAW, write_remarks
from contacts.models import Import
from contacts.models.imports import ImportStatus

Remarks = list[tuple[int, str, str, str]]


def keep_remarks(
    *,
    kind: str,
    outcome: Outcome,
    rows: Sequence[Any],
    now: datetime,
    by: ApiClient,
    list: List | None = None,
) -> Import | None:
    """
    Keep the rejects and warnings of a batch as an ended import; None if there are none.

    A row's line is its place in the batch, from 1. Without `list` every list shows it.
    """
    if not outcome.rejects and not outcome.warnings:
        return None
    counts = {
        "processed": len(rows),
        "created": outcome.created,
        "updated": outcome.updated,
        "unchanged": outcome.unchanged,
        "rejected": len(outcome.rejects),
        "warnings": len(outcome.warnings),
    }
    kept = Import.objects.create(
        kind=kind,
        list=list,
        file_name=f"API: {by.name}",
        status=ImportStatus.COMPLETED,
        counts=counts,
        created_at=now,
        started_at=now,
        ended_at=now,
    )
    write_remarks(kept.pk, "reject", _written(outcome.rejects, rows))
    write_remarks(kept.pk, "warning", _written(outcome.warnings, rows))
    return kept


def _written(remarks: Sequence[Remark], rows: Sequence[Any]) -> Remarks:
    return [
        (remark.index + 1, remark.field, remark.message, _raw(rows[remark.index]))
        for remark in sorted(remarks, key=lambda remark: remark.index)
    ]


def _raw(row: Any) -> str:
    # As ASCII: half a surrogate pair could not be stored. Remarks keep the beginning.
    return json.dumps(row)[:LONGEST_RAW]
