from django.db import migrations

FACTS = "SELECT 'facts', count(*) FROM contacts_intake AS intake"
LIVE_FACTS = (
    "SELECT 'facts', count(*) FROM contacts_intake AS intake "
    "JOIN conversations_conversation AS conversation "
    "ON conversation.account_id = intake.account_id "
    "AND conversation.id = intake.conversation_id "
    "AND conversation.published_id IS NOT NULL AND conversation.paused_at IS NULL"
)
TAKE_LIVE = f"""
DO $taken$
DECLARE
    defined text := pg_get_functiondef('lookup_queues()'::regprocedure);
BEGIN
    IF position($old${FACTS}$old$ IN defined) = 0 THEN
        RAISE EXCEPTION 'lookup_queues is not as it was';
    END IF;
    EXECUTE replace(defined, $old${FACTS}$old$, $new${LIVE_FACTS}$new$);
END $taken$;
"""


class Migration(migrations.Migration):
    """What waits for a paused conversation waits for no worker."""

    dependencies = [("conversations", "0018_jobs")]

    operations = [
        migrations.RunSQL(
            [
                "GRANT CREATE ON SCHEMA public TO conductor_lookup",
                TAKE_LIVE,
                "ALTER FUNCTION lookup_queues() OWNER TO conductor_lookup",
                "REVOKE CREATE ON SCHEMA public FROM conductor_lookup",
            ],
            migrations.RunSQL.noop,
        ),
    ]
