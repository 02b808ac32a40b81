"""What came of a message is found by index, as the plain role, under the policies."""

import pytest

from accounts.tenancy import in_account, sql
from messaging import reports
from messaging.reports import Activity
from tests.factories import CommittedMessageFactory, ListFactory

DELIVERIES, MESSAGES = 10_000, 50
FILL = """
    INSERT INTO messaging_delivery (
        channel, list_id, address, state, reason, enrollment_id, conversation_id, message_id,
        thread, step_key, visit_number, event_properties, is_transactional, is_test,
        resend_unknown, queued_at, sent_at, claimed_by, provider, provider_message_id
    )
    SELECT
        'email', %(list_id)s, 'p' || n || '@mail.example', 'sent', '', n, 7,
        (%(messages)s::bigint[])[1 + n %% cardinality(%(messages)s::bigint[])], 'Main', 'hello', 1,
        '{}', FALSE, FALSE, FALSE, %(now)s, %(now)s, '', '', ''
    FROM generate_series(1, %(size)s) AS n
"""


@pytest.fixture
def message(acme, now):
    """One of many messages of conversation 7."""
    with in_account(acme.pk):
        store = ListFactory.create()
        sent = CommittedMessageFactory.create_batch(MESSAGES, list=store)
        sql.execute(
            FILL, list_id=store.pk, messages=[one.pk for one in sent], size=DELIVERIES, now=now
        )
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=["messaging_delivery"])
        yield sent[3]


class TestMessageOfConversation:
    def test_is_read_by_its_index(self, message):
        scope = reports.of_conversation_message(7, message)
        common = {"scope": scope.condition, "reached": reports.REACHED}
        given = {"after": 0, "most": 100, "shown": ["opened"]}
        statements = (
            reports.ACTIVITY.format(**common, narrow=""),
            reports.SUMMARY.format(**common),
        )

        plans = [
            sql.fetch_all(f"EXPLAIN {statement}", **scope.params, **given)
            for statement in statements
        ]

        for plan in plans:
            assert "delivery_by_message" in str(plan), plan
        rows = reports.recipients(scope, Activity(), after=0, most=DELIVERIES)
        assert len(rows) == DELIVERIES / MESSAGES
