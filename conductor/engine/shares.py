"""Shares: how many rows each conversation of an account may bring into one tick."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from accounts.tenancy import sql


def share_out(waiting: Mapping[int, int], limit: int) -> dict[int, int]:
    """
    Return how many rows each may take: an equal share, and what the others leave of theirs.

    `waiting` is by conversation id, counted no further than one beyond the equal share.
    Everybody takes one at least: no conversation is passed over.
    """
    each = equal_share(limit, len(waiting))
    shares = {one: max(1, min(count, each)) for one, count in waiting.items()}
    wanting = [one for one, count in waiting.items() if count > each]
    left = limit - sum(shares.values())
    if wanting and left > 0:
        shares |= {one: shares[one] + left // len(wanting) for one in wanting}
    return shares


def equal_share(limit: int, among: int) -> int:
    """Return what each of so many may take of `limit` rows."""
    return max(1, limit // max(1, among))


def shares(
    *, due_ids: Sequence[int], queued_ids: Sequence[int], now: datetime, limit: int
) -> tuple[dict[int, int], dict[int, int]]:
    """Return the shares of due enrollments and of queued facts, by conversation id."""
    if len(due_ids) <= 1 and len(queued_ids) <= 1:
        return dict.fromkeys(due_ids, limit), dict.fromkeys(queued_ids, limit)
    rows = sql.fetch_all(
        sql.kept("conductor.engine", "waiting"),
        due_ids=list(due_ids),
        queued_ids=list(queued_ids),
        now=now,
        each_due=equal_share(limit, len(due_ids)),
        each_queued=equal_share(limit, len(queued_ids)),
    )
    due = {one: count for is_due, one, count in rows if is_due}
    queued = {one: count for is_due, one, count in rows if not is_due}
    return share_out(due, limit), share_out(queued, limit)
