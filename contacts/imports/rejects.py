"""The rejects of an import as a file that a spreadsheet may open safely."""

import csv
import io
from collections.abc import Iterator

from contacts.models import Import, ImportReject

HEADER = ("line", "severity", "reason", "row")
# A cell that begins so is calculated by spreadsheets; an apostrophe makes it text.
CALCULATED = ("=", "+", "-", "@", "\t", "\r")


def rejects_csv(imported: Import) -> Iterator[str]:
    """Yield the lines of a CSV file: line, severity, reason and the row as it was, cut."""
    yield _line(HEADER)
    rejects = ImportReject.objects.filter(imported=imported).order_by("line", "pk")
    for reject in rejects.iterator(chunk_size=2000):
        yield _line((str(reject.line), reject.severity, reject.reason, reject.raw))


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(CALCULATED) else cell


def _line(cells: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([harmless(cell) for cell in cells])
    return text.getvalue()
