"""How an address stands with a list is read by keys, as the plain role, by a plan that is kept."""

import pytest

from accounts.tenancy import in_account, sql
from contacts.actions import standing
from tests import crowds
from tests.factories import ListFactory

PEOPLE = 2_000
TABLES = ["contacts_contact", "contacts_subscription", "messaging_suppression"]
FILL = (
    crowds.PEOPLE,
    crowds.ON_LIST,
    """
    INSERT INTO messaging_suppression (channel, address, reason, source, created_at)
    SELECT 'email', 'p' || n || '@mail.example', 'manual', '', %(now)s
    FROM generate_series(1, %(size)s) AS n
    """,
)


@pytest.fixture
def store(acme, now):
    with in_account(acme.pk):
        made = ListFactory.create()
        for statement in FILL:
            sql.execute(statement, list_id=made.pk, size=PEOPLE, now=now)
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)
        yield made


class TestStanding:
    def test_is_read_by_keys(self, store):
        statement, _, _ = standing._standing()
        given = {"email_norm": "$1", "list_id": "$2", "field_ids": "$3"}
        sql.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        sql.execute(f"PREPARE stands (text, bigint, bigint[]) AS {statement % given}")

        try:
            plan = sql.fetch_all(
                "EXPLAIN EXECUTE stands(%(email)s, %(list_id)s, '{1}')",
                email="p7@mail.example",
                list_id=store.pk,
            )
        finally:
            sql.execute("DEALLOCATE stands")

        text = "\n".join(line for (line,) in plan)
        for table in TABLES:
            assert f"Seq Scan on {table}" not in text, text
        for key in ("contact_email_once_per_account", "suppression_once"):
            assert key in text, text
