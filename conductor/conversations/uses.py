"""Which running conversations ask for a segment: what keeps it from being deleted."""

from accounts.tenancy import sql

# A version runs while new contacts enter it, and as long as somebody is inside. A program
# names a segment by the key segment_id, wherever it asks for one.
USERS = """
SELECT DISTINCT conversation.name
FROM conversations_conversation AS conversation
INNER JOIN conversations_version AS version ON version.conversation_id = conversation.id
WHERE
    (
        version.id = conversation.published_id
        OR EXISTS (
            SELECT FROM conversations_enrollment AS enrollment
            WHERE
                enrollment.conversation_id = conversation.id
                AND enrollment.version_id = version.id
                AND enrollment.ended_at IS NULL
        )
    )
    AND jsonb_path_exists(
        version.program,
        '$.**.segment_id ? (@ == $wanted)',
        jsonb_build_object('wanted', %(segment_id)s::bigint)
    )
ORDER BY conversation.name
"""


def users_of_segment(segment_id: int) -> list[str]:
    """Return the names of the conversations whose running versions ask for a segment."""
    return [row[0] for row in sql.fetch_all(USERS, segment_id=segment_id)]
