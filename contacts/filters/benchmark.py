"""
How fast a segment is counted, against a query written by hand for the same question.

The people are made in one transaction, which is rolled back: nothing has to be removed
afterwards, whatever happens. Both queries see the same rows under the same policy, role,
indexes and statistics.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import Account, List
from accounts.tenancy import in_account, sql
from contacts import filters
from contacts.durations import Duration, add_duration
from contacts.filters import naming
from contacts.models import ProfileField, ProfileFieldGroup

DEFAULT_SIZE = 1_000_000
FLOOR = 0.67
ROUNDS = 3
TABLES = ["contacts_contact", "contacts_subscription", "contacts_order"]
FIELDS = {"Country": "Text", "Age": "Numeric", "Signup": "Date", "Vip": "CheckBox"}

# One in ten orders was canceled; two people in three have ordered within the year.
CONTACTS = """
    INSERT INTO contacts_contact (
        email, email_norm, phone_e164, external_id, first_name, last_name, postal_code,
        time_zone, locale, created_at, updated_at
    )
    SELECT 'shopper' || number || '@mail.example', 'shopper' || number || '@mail.example',
        '', '', 'Grace', 'Hopper', '', '', '', %(now)s, %(now)s
    FROM generate_series(1, %(size)s) AS number
"""
SUBSCRIPTIONS = """
    INSERT INTO contacts_subscription (
        list_id, contact_id, state, email_key, external_contact_id, profile, subscribed_at,
        subscribe_method, unsubscribe_method, created_at, updated_at
    )
    SELECT %(list_id)s, contact.id, 'Subscribed', upper(left(md5(contact.id::text), 26)), '',
        jsonb_build_object(
            %(country)s::text,
            (ARRAY['US', 'Germany', 'France', 'Italy', 'Spain', 'Japan', 'Brazil', 'Canada'])
                [1 + floor(random() * 8)::int],
            %(age)s::text, 18 + floor(random() * 60)::int,
            %(signup)s::text, to_char(%(now)s::date - floor(random() * 1500)::int, 'YYYY-MM-DD'),
            %(vip)s::text, CASE WHEN random() < 0.1 THEN 'on' ELSE 'off' END
        ),
        %(now)s, 'Import', '', %(now)s, %(now)s
    FROM contacts_contact AS contact
"""
ORDERS = """
    INSERT INTO contacts_order (
        contact_id, order_number, status, ordered_at, total, item_total, tax_total,
        shipping_total, handling_total, discount_total, coupon_code, source, store_number,
        extra, recorded_at, updated_at
    )
    SELECT contact.id, 'ORDER-' || contact.id,
        CASE WHEN random() < 0.1 THEN 'Canceled' ELSE 'Completed' END,
        %(now)s::timestamptz - random() * interval '365 days', 20 + floor(random() * 200),
        0, 0, 0, 0, 0, '', '', '', '{}', %(now)s, %(now)s
    FROM contacts_contact AS contact
    WHERE contact.id %% 3 <> 0
"""
BY_HAND = """
    SELECT count(*)
    FROM contacts_subscription AS subscription
    WHERE subscription.list_id = %(list_id)s
        AND lower(subscription.profile ->> %(country)s) = 'us'
        AND (subscription.profile ->> %(age)s)::float8 BETWEEN 30 AND 39
        AND (subscription.profile ->> %(signup)s)::date >= %(since)s::date
        AND EXISTS (
            SELECT FROM contacts_order AS purchase
            WHERE purchase.contact_id = subscription.contact_id
                AND purchase.ordered_at BETWEEN %(start)s AND %(now)s
                AND purchase.status NOT IN ('Canceled', 'Returned')
        )
"""


class DisagreementError(RuntimeError):
    """The rule and the query written by hand counted differently."""


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """
    Yield the figures of `benchmark segment`, in an account flagged `is_benchmark`.

    Called outside any transaction; it leaves no row behind. A rate is subscriptions
    looked through per second.

    :raises DisagreementError: if the two counts differ.
    """
    with in_account(account.pk):
        asked, by_hand = _populate(account, now=now, size=size, seed=seed)
        raw, ours = _race(by_hand, asked)
        transaction.set_rollback(True)
    yield {
        "name": "segment count",
        "value": round(size / ours),
        "unit": "subscriptions/s",
        "size": size,
        "seconds": round(ours, 4),
        "raw": round(size / raw),
        "ratio": round(raw / ours, 3),
        "floor": FLOOR,
    }


Query = tuple[str, dict[str, Any]]


def _populate(account: Account, *, now: datetime, size: int, seed: int) -> tuple[Query, Query]:
    """Make a list with people and orders; return the rule's query and the one by hand."""
    list_ = List.objects.create(name=f"Benchmark {seed}", created_at=now)
    group = ProfileFieldGroup.objects.create(list=list_, name="Profile")
    fields = {
        name: ProfileField.objects.create(list=list_, group=group, name=name, data_type=data_type)
        for name, data_type in FIELDS.items()
    }
    keys = {name.lower(): str(field.pk) for name, field in fields.items()}
    sql.execute("SELECT setseed(%(seed)s)", seed=(seed % 1000) / 1000)
    sql.execute(CONTACTS, size=size, now=now)
    sql.execute(SUBSCRIPTIONS, list_id=list_.pk, now=now, **keys)
    sql.execute(ORDERS, now=now)
    sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)
    since = (now - timedelta(days=700)).date().isoformat()
    rule = filters.parse(
        {
            "all": [
                {"field": "Profile.Country", "is": "US"},
                {"field": "Profile.Age", "between": [30, 39]},
                {"field": "Profile.Signup", "after": since},
                {"purchase": {"within": "P60D"}},
            ]
        }
    )
    asked = filters.matching(
        filters.resolve(rule, naming.names_of(list_)),
        columns="count(*)",
        list_id=list_.pk,
        time_zone=account.time_zone,
        now=now,
    )
    by_hand = {
        **keys,
        "list_id": list_.pk,
        "since": since,
        "start": add_duration(now, Duration(days=-60), account.zone),
        "now": now,
    }
    return (asked.sql, asked.params), (BY_HAND, by_hand)


def _race(by_hand: Query, asked: Query) -> tuple[float, float]:
    """Run both in turn, the query by hand first and last; return the best of each, seconds."""
    answers = {_run(by_hand)[0], _run(asked)[0]}  # warms the cache, too
    raw, ours = [_run(by_hand)[1]], []
    for _ in range(ROUNDS):
        count, seconds = _run(asked)
        answers.add(count)
        ours.append(seconds)
        raw.append(_run(by_hand)[1])
    if len(answers) > 1:
        raise DisagreementError(f"The segment was counted differently: {sorted(answers)}.")
    return min(raw), min(ours)


def _run(query: Query) -> tuple[int, float]:
    start = time.perf_counter()
    count = int(sql.fetch_value(query[0], **query[1]))
    return count, time.perf_counter() - start
