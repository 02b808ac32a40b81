"""Pages of a small account, beside one with thousands, read no rows but its own."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tenancy import in_account, sql
from tests.api.conftest import connect
from tests.factories import ListFactory

MANY, FEW = 20_000, 50
PEOPLE = """
    INSERT INTO contacts_contact (
        email, email_norm, phone_e164, external_id, first_name, last_name, postal_code,
        time_zone, locale, created_at, updated_at
    )
    SELECT
        %(name)s || n || '@mail.example', %(name)s || n || '@mail.example', '', '', '', '', '',
        '', '', %(now)s, %(now)s
    FROM generate_series(1, %(size)s) AS n
"""
ON_LIST = """
    INSERT INTO contacts_subscription (
        list_id, contact_id, state, email_key, external_contact_id, profile,
        subscribe_method, unsubscribe_method, created_at, updated_at, subscribed_at
    )
    SELECT %(list_id)s, id, 'Subscribed', id::text, '', '{}', '', '', %(now)s, %(now)s, %(now)s
    FROM contacts_contact WHERE email LIKE %(name)s || '%%'
"""
IMPORTS = """
    INSERT INTO contacts_import (
        kind, list_id, file_name, file, size, position, line, mapping, options, status, failure,
        counts, created_at
    )
    SELECT 'contacts', %(list_id)s, 'a.csv', '', 0, 0, 0, '{}', '{}', 'ProcessingCompleted', '',
        '{}', %(now)s
    FROM generate_series(1, %(size)s) AS n
"""
READ = re.compile(r"(?:Scan|Scan Backward) (?:using \w+ )?on .*?rows=(\d+)[^\n]*loops=(\d+)")
REMOVED = re.compile(r"Rows Removed by (?:Filter|Index Recheck): (\d+)")


def fill(account, in_list, size, now, name):
    given = {"list_id": in_list.pk, "size": size, "now": now, "name": name}
    with in_account(account.pk):
        for statement in (PEOPLE, ON_LIST, IMPORTS):
            sql.execute(statement, **given)


@pytest.fixture
def own(acme, shop, globex, now):
    """A list of the small account; before and behind its rows are those of others."""
    with in_account(globex.pk):
        many = ListFactory.create()
    with in_account(acme.pk):
        other = ListFactory.create()
    fill(globex, many, MANY // 2, now, "huge")
    fill(acme, other, FEW, now, "other")
    fill(acme, shop, FEW, now, "small")
    fill(globex, many, MANY // 2, now, "more")
    with connection.cursor() as cursor:
        for table in ("contacts_contact", "contacts_subscription", "contacts_import"):
            cursor.execute(f"ANALYZE {table}")
    return shop


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["Contact", "Contact?count=5", "ListImport", "ListImport?count=5"])
def test_read_only_what_is_of_the_account(acme, now, own, what):
    wire = connect(acme, now, types=["email"])
    with CaptureQueriesContext(connection) as asked:
        shown = wire.call("GET", f"/email/v1/List/{own.pk}/{what}")

    (statement,) = [
        one["sql"]
        for one in asked
        if re.search(r'FROM "contacts_(?:subscription|import)"', one["sql"])
    ]
    with in_account(acme.pk):
        plan = "\n".join(
            row[0]
            for row in sql.fetch_all(
                f"EXPLAIN (ANALYZE, TIMING OFF) {statement}".replace("%", "%%")
            )
        )

    assert shown.status_code == 200
    looked_at = sum(int(rows) * int(loops) for rows, loops in READ.findall(plan))
    removed = sum(map(int, REMOVED.findall(plan)))
    assert looked_at > 0, plan
    assert looked_at + removed <= 4 * FEW, plan
