"""Which conversations are of a campaign, for caps that count by campaign."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from accounts.tenancy import sql

OF_CAMPAIGN = """
    SELECT version.document ->> 'campaign', conversation.id
    FROM conversations_conversation AS conversation
    INNER JOIN conversations_version AS version ON version.id = conversation.published_id
    WHERE version.document ->> 'campaign' = ANY(%(names)s::text[])
    ORDER BY conversation.id
"""


def conversations_of(names: Sequence[str]) -> Mapping[str, Sequence[int]]:
    """Return the published conversations of each campaign that has any."""
    found: dict[str, list[int]] = defaultdict(list)
    for name, conversation_id in sql.fetch_all(OF_CAMPAIGN, names=list(names)):
        found[name].append(conversation_id)
    return found
