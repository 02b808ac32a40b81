"""
How long events and visits are kept: whole months, dropped as tables, never row by row.

`CONDUCTOR_KEEP_MONTHS` says how many full months before this one; 0, the default, keeps
all. A month stays for as long as somebody is inside a conversation that it entered in that
month or before, held contacts included: `since` reads that enrollment's visits and events,
and none of them is older than its entry. A rule that counts events `within` a longer time
than is kept finds what is kept. Totals of a conversation are counted apart and stay.
"""

import logging
from datetime import date, datetime

from django.conf import settings
from django.db import transaction

from accounts.tenancy import lookups, sql
from accounts.tenancy.partitions import drop_partitions, has_months

log = logging.getLogger(__name__)

# Whoever writes visits waits behind a drop that waits: not for long, then it is given up.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"


def drop_old_months(now: datetime) -> int:
    """Drop the months that nobody needs any more; return how many tables went."""
    before = first_kept(now.date(), settings.KEEP_MONTHS)
    if before is None or not has_months(before=before):
        return 0
    with transaction.atomic():
        oldest = lookups.oldest_entry()
        if oldest is not None:
            before = min(before, oldest.date())
        sql.execute(LOCK_TIMEOUT)
        dropped = drop_partitions(before=before)
    if dropped:
        log.info(
            "%s months of events and visits that ended before %s were dropped.", dropped, before
        )
    return dropped


def first_kept(today: date, months: int) -> date | None:
    """Return the first day that is kept by the setting; None keeps all."""
    if months <= 0:
        return None
    since_year_0 = today.year * 12 + today.month - 1 - months
    return date(since_year_0 // 12, since_year_0 % 12 + 1, 1)
