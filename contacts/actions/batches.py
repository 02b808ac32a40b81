"""
Batches that came over the wire: what was not taken of them is shown under Imports.

The wire answers 201 whatever a row is worth, so a row that is rejected would be lost in
silence. A batch all of whose rows were taken leaves no import behind: shops post each
order by itself.
"""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from accounts.models import ApiClient, List
from contacts.actions.customers import Outcome, Remark
from contacts.imports.running import LONGEST_RAW, write_remarks
from contacts.models import Import
from contacts.models.imports import ImportStatus

Written = list[tuple[int, str, str, str]]


class Remarks:
    """The remarks on a body whose rows come in batches, kept as one ended import, if any."""

    def __init__(
        self, *, kind: str, now: datetime, by: ApiClient, list: List | None = None
    ) -> None:
        """Begin; without `list` every list shows them."""
        self._now = now
        self._import = Import(
            kind=kind,
            list=list,
            file_name=f"API: {by.name}",
            status=ImportStatus.COMPLETED,
            created_at=now,
            started_at=now,
            ended_at=now,
        )
        self._counts: Counter[str] = Counter()

    def add(self, outcome: Outcome, rows: Sequence[Any]) -> None:
        """Keep what is to be said of the next batch; a row's line is its place in the body."""
        first = self._counts["processed"]
        if (outcome.rejects or outcome.warnings) and not self._import.pk:
            self._import.save()
        for severity, remarks in (("reject", outcome.rejects), ("warning", outcome.warnings)):
            if remarks:
                write_remarks(self._import.pk, severity, _written(remarks, rows, first))
        self._counts.update(
            processed=len(rows),
            created=outcome.created,
            updated=outcome.updated,
            unchanged=outcome.unchanged,
            rejected=len(outcome.rejects),
            warnings=len(outcome.warnings),
        )

    def end(self) -> Import | None:
        """Write down how many there were; None if there was nothing to remark."""
        if not self._import.pk:
            return None
        self._import.counts = dict(self._counts)
        self._import.save(update_fields=["counts"])
        return self._import


def _written(remarks: Sequence[Remark], rows: Sequence[Any], first: int) -> Written:
    return [
        (first + remark.index + 1, remark.field, remark.message, _raw(rows[remark.index]))
        for remark in sorted(remarks, key=lambda remark: remark.index)
    ]


def _raw(row: Any) -> str:
    # As ASCII: half a surrogate pair could not be stored. Remarks keep the beginning.
    shown = row.model_dump(by_alias=True) if hasattr(row, "model_dump") else row
    return json.dumps(shown)[:LONGEST_RAW]
