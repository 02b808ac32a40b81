"""Which running conversations ask for a segment or a field: what keeps it from being deleted."""

from accounts.tenancy import sql
from contacts.actions.uses import field_name
from contacts.models import ProfileField

# A version runs while new contacts enter it, and as long as somebody is inside.
RUNNING = """
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
    AND {asks}
ORDER BY conversation.name
"""
# A program names a segment by the key segment_id, wherever it asks for one.
USERS_OF_SEGMENT = RUNNING.format(
    asks="""jsonb_path_exists(
        version.program,
        '$.**.segment_id ? (@ == $wanted)',
        jsonb_build_object('wanted', %(segment_id)s::bigint)
    )"""
)
# A file names a field by its name, as a text of its own; or in the template of a webhook.
USERS_OF_FIELD = RUNNING.format(
    asks="""conversation.list_id = %(list_id)s
    AND (
        position(
            lower(to_jsonb(%(name)s::text)::text) IN lower(version.document::text)
        ) > 0
        OR jsonb_path_exists(
            version.program,
            '$.steps.*.settings.fields[*] ? (@ == $wanted)',
            jsonb_build_object('wanted', %(field_id)s::bigint)
        )
    )"""
)


def users_of_segment(segment_id: int) -> list[str]:
    """Return the names of the conversations whose running versions ask for a segment."""
    return [row[0] for row in sql.fetch_all(USERS_OF_SEGMENT, segment_id=segment_id)]


def users_of_field(field: ProfileField) -> list[str]:
    """Return the names of the conversations whose running versions name a profile field."""
    rows = sql.fetch_all(
        USERS_OF_FIELD, list_id=field.list_id, name=field_name(field), field_id=field.pk
    )
    return [row[0] for row in rows]
