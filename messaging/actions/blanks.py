"""Names that were left empty in messages, counted as they are sent."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from accounts.models import List
from accounts.tenancy import sql
from messaging.models.blank import BlankName

LONGEST = 200
MOST_SHOWN = 20


@dataclass(frozen=True)
class Blank:
    """What was left empty in one delivery of a message."""

    message_id: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Blanked:
    """In how many copies of a message a name was left empty, and when last."""

    name: str
    number: int
    last_at: datetime


def note_blanks(*, blanks: Mapping[int, Blank], sent: Iterable[int], now: datetime) -> None:
    """Count the names that were left empty in what was sent; `blanks` by delivery."""
    counted = Counter(
        (blank.message_id, name[:LONGEST])
        for number in sent
        if (blank := blanks.get(number)) is not None
        for name in blank.names
    )
    if counted:
        rows = sorted(counted.items())
        sql.execute(
            sql.statement("messaging", "note_blanks"),
            message_ids=[message_id for (message_id, _), _ in rows],
            names=[name for (_, name), _ in rows],
            numbers=[number for _, number in rows],
            now=now,
        )


def blanks_of_message(in_list: List, channel: str, name: str) -> list[Blanked]:
    """Return what was left empty in all versions of a message, the most frequent first."""
    numbers: Counter[str] = Counter()
    last: dict[str, datetime] = {}
    rows = BlankName.objects.filter(
        message__list=in_list, message__channel=channel, message__name=name
    )
    for blank, number, last_at in rows.values_list("name", "number", "last_at"):
        numbers[blank] += number
        last[blank] = max(last_at, last.get(blank, last_at))
    return [Blanked(name, number, last[name]) for name, number in numbers.most_common(MOST_SHOWN)]
