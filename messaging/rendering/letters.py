"""
Whole emails, put together where their templates run.

It needs neither a key nor the database: where no address depends on what a template makes,
all are signed before, and only put in their places here. The sender does the rest in the
meantime, which for a short email is less than this.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from messaging.mime import Envelope, Letter, Skeleton, with_preheader

RAW = "raw"  # the part that is a whole email


class Stamp(NamedTuple):
    """What is one recipient's own: `addresses` are put where the form's marks stand."""

    to: str
    message_id: str
    headers: tuple[tuple[str, str], ...]
    addresses: Sequence[str] = ()


class Form:
    """
    What all copies of one email share.

    `given`: from_email, reply_to, `at` (ISO 8601), and the `marks` that stand for addresses.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.skeleton = Skeleton(from_email=given["from_email"], reply_to=given["reply_to"])
        self.at = datetime.fromisoformat(given["at"])
        self.marks: Sequence[str] = given["marks"]

    def filled(self, parts: Mapping[str, str], stamp: Stamp) -> bytes:
        """Return one email's MIME, of its filled-in parts."""
        html = with_preheader(parts["html"], parts["preheader"])
        for mark, address in zip(self.marks, stamp.addresses, strict=True):
            html = html.replace(mark, address)
        return self.written(parts, html, stamp)

    def written(self, parts: Mapping[str, str], html: str, stamp: Stamp) -> bytes:
        """Return one email's MIME; `html` is its own as it goes out."""
        letter = Letter(parts["subject"], parts["from_name"], html, parts["text"])
        headers = tuple((name, value) for name, value in stamp.headers)
        return self.skeleton.fill(
            letter, Envelope(stamp.to, stamp.message_id, at=self.at, headers=headers)
        )
