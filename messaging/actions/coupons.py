"""Coupon pools: make and change them, count their codes, warn when one runs low."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts.actions import InvalidValueError, record
from accounts.models import Account, ApiClient, User
from accounts.tenancy import in_account, sql
from messaging.models import CouponCode, CouponPool
from messaging.models.coupon import NEVER, PoolKind

By = User | ApiClient | None

LONGEST_NAME = 120
LONGEST_CODE = 100
MOST_DAYS = 3650
MOST_CODES = 10_000_000
MOST_ADDRESSES = 20
TAKEN = "There is a coupon pool named “{}” already."

COUNT = """
SELECT
    code.pool_id,
    count(*) FILTER (WHERE code.handed_at IS NULL AND {is_usable}) AS available,
    count(*) FILTER (WHERE code.handed_at IS NOT NULL) AS handed,
    count(*) FILTER (WHERE code.handed_at IS NULL AND NOT ({is_usable})) AS expired
FROM messaging_couponcode AS code
INNER JOIN messaging_couponpool AS pool ON pool.id = code.pool_id
WHERE code.pool_id = any(%(pool_ids)s::bigint[])
GROUP BY code.pool_id
"""
# A code of a static pool is there until its last day; one with a first day to come, too.
IS_USABLE = """
(
    CASE pool.kind
        WHEN 'static' THEN code.ends_on >= %(today)s::date
        ELSE code.expires_on IS NULL OR code.expires_on >= %(today)s::date + pool.cutoff_days
    END
)
"""
# No more are counted than it takes to know.
FEW_LEFT = """
SELECT count(*)
FROM (
    SELECT code.id
    FROM messaging_couponcode AS code
    WHERE
        code.pool_id = %(pool_id)s
        AND code.handed_at IS NULL
        AND CASE WHEN code.expires_on IS NULL THEN %(never)s::date ELSE code.expires_on END
            >= %(today)s::date + %(cutoff_days)s::integer
    LIMIT %(most)s
) AS found
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PoolCounts:
    """Codes of a pool: that may be handed out, that were, and whose time is over."""

    available: int = 0
    handed: int = 0
    expired: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.available + self.handed + self.expired


def create_pool(
    *,
    name: str,
    now: datetime,
    kind: str = PoolKind.UNIQUE.value,
    merchant: str = "",
    cutoff_days: int = 0,
    fallback_code: str = "",
    low_at: int = 0,
    alert_emails: Sequence[str] = (),
    is_active: bool = True,
    by: By = None,
) -> CouponPool:
    """
    Create a pool of `unique` or `static` codes, without any yet.

    :raises InvalidValueError: for a name that is empty or taken, an unknown kind, numbers
        out of range, a code too long, a bad address, a threshold without addresses.
    """
    if kind not in PoolKind.values:
        raise InvalidValueError("kind", "A pool is of unique or of static codes.")
    return _write(
        CouponPool(kind=kind, created_at=now),
        now=now,
        by=by,
        name=name,
        merchant=merchant,
        cutoff_days=cutoff_days,
        fallback_code=fallback_code,
        low_at=low_at,
        alert_emails=alert_emails,
        is_active=is_active,
    )


def update_pool(*, pool: CouponPool, now: datetime, by: By = None, **to: Any) -> CouponPool:
    """
    Change a pool; what is not named stays, its kind always. Errors as for `create_pool`.

    A threshold that is changed may warn again.
    """
    names = (
        "name",
        "merchant",
        "cutoff_days",
        "fallback_code",
        "low_at",
        "alert_emails",
        "is_active",
    )
    kept = {name: to.get(name, getattr(pool, name)) for name in names}
    return _write(pool, now=now, by=by, **kept)


def _write(
    pool: CouponPool,
    *,
    now: datetime,
    by: By,
    name: str,
    merchant: str,
    cutoff_days: int,
    fallback_code: str,
    low_at: int,
    alert_emails: Sequence[str],
    is_active: bool,
) -> CouponPool:
    is_new = pool.pk is None
    warned_of = (pool.low_at, pool.alert_emails)
    pool.name = _name(pool, name)
    pool.merchant = " ".join(merchant.split())[:LONGEST_NAME]
    pool.cutoff_days = _number("cutoff_days", cutoff_days, MOST_DAYS)
    pool.fallback_code = checked_code(fallback_code, field="fallback_code") if fallback_code else ""
    pool.low_at = _number("low_at", low_at, MOST_CODES)
    pool.alert_emails = checked_emails(alert_emails)
    if pool.low_at and not pool.alert_emails:
        raise InvalidValueError("alert_emails", "Say whom to mail when the pool runs low.")
    pool.is_active = is_active
    if (pool.low_at, pool.alert_emails) != warned_of:
        pool.alerted_at = None
    pool.modified_at = now
    try:
        # A savepoint: somebody else may take the name at this moment.
        with transaction.atomic():
            pool.save()
    except IntegrityError as taken:
        raise InvalidValueError("name", TAKEN.format(pool.name)) from taken
    verb = "created" if is_new else "updated"
    record(verb=verb, noun="coupon_pool", object_id=pool.pk, now=now, by=by)
    return pool


def _name(pool: CouponPool, name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > LONGEST_NAME:
        raise InvalidValueError("name", f"A name has 1 to {LONGEST_NAME} characters.")
    if CouponPool.objects.filter(name=name).exclude(pk=pool.pk).exists():
        raise InvalidValueError("name", TAKEN.format(name))
    return name


def _number(field: str, number: int, most: int) -> int:
    if not 0 <= number <= most:
        raise InvalidValueError(field, f"This is a number from 0 to {most}.")
    return number


def checked_code(text: str, *, field: str = "code") -> str:
    """
    Return a coupon code without blanks around it.

    :raises InvalidValueError: for one that is empty, too long, or cannot be read.
    """
    code = text.strip()
    if not code:
        raise InvalidValueError(field, "The code is empty.")
    if len(code) > LONGEST_CODE:
        raise InvalidValueError(field, f"The code is longer than {LONGEST_CODE} characters.")
    if not code.isprintable():
        raise InvalidValueError(field, "The code holds a character that cannot be seen.")
    return code


def checked_emails(addresses: Iterable[str]) -> list[str]:
    """
    Return mail addresses in lower case, each once.

    :raises InvalidValueError: for a bad one, or too many.
    """
    found: dict[str, None] = {}
    for address in addresses:
        bare = address.strip().lower()
        try:
            validate_email(bare)
        except ValidationError as bad:
            raise InvalidValueError("alert_emails", f"{bare!r} is no email address.") from bad
        found[bare] = None
    if len(found) > MOST_ADDRESSES:
        raise InvalidValueError("alert_emails", f"At most {MOST_ADDRESSES} addresses are mailed.")
    return list(found)


def local_today(now: datetime) -> date:
    """Return today's date in the account's zone."""
    return now.astimezone(Account.objects.get().zone).date()


def count_codes(pools: Iterable[CouponPool], *, now: datetime) -> dict[int, PoolCounts]:
    """Return the counts of pools by their id."""
    ids = [pool.pk for pool in pools]
    rows = sql.fetch_all(COUNT.format(is_usable=IS_USABLE), pool_ids=ids, today=local_today(now))
    return {pool_id: PoolCounts() for pool_id in ids} | {
        pool_id: PoolCounts(available, handed, expired)
        for pool_id, available, handed, expired in rows
    }


def is_low(pool: CouponPool, *, now: datetime) -> bool:
    """Say whether a pool of unique codes has fewer left than its threshold."""
    if not pool.low_at or pool.kind != PoolKind.UNIQUE:
        return False
    left = sql.fetch_value(
        FEW_LEFT,
        pool_id=pool.pk,
        cutoff_days=pool.cutoff_days,
        today=local_today(now),
        never=NEVER,
        most=pool.low_at,
    )
    return bool(left < pool.low_at)


def static_codes(pool: CouponPool) -> list[CouponCode]:
    """Return the codes of a static pool in the order of their dates."""
    return list(CouponCode.objects.filter(pool=pool).order_by("starts_on", "pk"))


def warn_of_low_pools(now: datetime) -> int:
    """
    Mail whom each account names for its pools that have run low; return how many mails.

    A pool is told of once, until codes are added to it. A mail is sent before it is noted:
    a crash in between repeats it, and loses none.
    """
    mailed = 0
    for (account_id,) in sql.fetch_all("SELECT account_id FROM lookup_pool_accounts()"):
        with in_account(account_id):
            account = Account.objects.get(pk=account_id)
            watched = CouponPool.objects.filter(low_at__gt=0, alerted_at=None, is_active=True)
            low = [pool for pool in watched if pool.alert_emails and is_low(pool, now=now)]
            counts = count_codes(low, now=now)
        for pool in low:
            mailed += _warn(account, pool, counts[pool.pk].available, now)
    return mailed


def _warn(account: Account, pool: CouponPool, available: int, now: datetime) -> int:
    left = f"{available} code{'' if available == 1 else 's'}"
    text = (
        f"The coupon pool “{pool.name}” of {account.name} has {left} left to hand out, "
        f"fewer than {pool.low_at}.\n\n"
        + (
            f"When it is empty, contacts get its fallback code {pool.fallback_code}.\n"
            if pool.fallback_code
            else "When it is empty, contacts go on without a code.\n"
        )
        + "Add codes in Conductor under Authoring, Coupons.\n"
    )
    subject = f"Coupon pool {pool.name}: {left} left"
    try:
        send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, pool.alert_emails)
    except (OSError, ValueError) as problem:
        # Not its message, which names the addresses that were refused.
        log.warning("A warning was not mailed, and is tried again: %s", type(problem).__name__)
        return 0
    with in_account(account.pk):
        CouponPool.objects.filter(pk=pool.pk).update(alerted_at=now)
    return 1
