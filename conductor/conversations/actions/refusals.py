"""
Refusals that nobody will ask for any more.

A conversation that takes everybody once refuses the same contact at each event, for years.
*Why* shows the newest; no statistic counts them. So once a day all but the newest few of a
contact in a conversation go. Asked at each refusal it would cost every tick a look-up for
each; so the table holds at most so many a contact, and what came since yesterday.
"""

from datetime import datetime

from accounts.tenancy import in_account, lookups, sql
from conductor.conversations.models import Conversation

KEPT = 20
BATCH = 1_000

# Along refusal_by_contact, contact by contact.
CROWDED = """
    SELECT refusal.contact_id
    FROM conversations_refusal AS refusal
    WHERE refusal.conversation_id = %(conversation_id)s AND refusal.contact_id > %(after)s
    GROUP BY refusal.contact_id
    HAVING count(*) > %(kept)s
    ORDER BY refusal.contact_id
    LIMIT %(most)s
"""
FORGET = """
    DELETE FROM conversations_refusal AS refusal
    USING (
        SELECT crowded.contact_id, (
            SELECT kept.id
            FROM conversations_refusal AS kept
            WHERE
                kept.conversation_id = %(conversation_id)s
                AND kept.contact_id = crowded.contact_id
            ORDER BY kept.id DESC
            OFFSET %(kept)s - 1
            LIMIT 1
        ) AS oldest_id
        FROM unnest(%(contact_ids)s::bigint[]) AS crowded (contact_id)
    ) AS kept
    WHERE
        refusal.conversation_id = %(conversation_id)s
        AND refusal.contact_id = kept.contact_id
        AND refusal.id < kept.oldest_id
"""


def forget_refusals(_now: datetime) -> None:
    """Remove, in every account, all but the newest 20 of each contact in each conversation."""
    for account_id in lookups.all_accounts():
        with in_account(account_id):
            ids = list(Conversation.objects.order_by("pk").values_list("pk", flat=True))
        for conversation_id in ids:
            after: int | None = 0
            while after is not None:
                with in_account(account_id):
                    after = _forget(conversation_id, after)


def _forget(conversation_id: int, after: int) -> int | None:
    """Remove those of the next contacts that have many; return the last, None at the end."""
    rows = sql.fetch_all(
        CROWDED, conversation_id=conversation_id, after=after, kept=KEPT, most=BATCH
    )
    ids = [row[0] for row in rows]
    if ids:
        sql.execute(FORGET, conversation_id=conversation_id, contact_ids=ids, kept=KEPT)
    return ids[-1] if len(ids) == BATCH else None
