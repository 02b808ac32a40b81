from django.db import migrations

TRACKED = "WHERE segment.tracked_at IS NOT NULL) AS tracking"
WITH_JOBS = (
    "WHERE segment.tracked_at IS NOT NULL UNION "
    "SELECT DISTINCT job.account_id FROM contacts_segmenttouch AS job "
    "WHERE job.contact_id IS NULL) AS tracking"
)
TAKE_JOBS = f"""
DO $taken$
DECLARE
    defined text := pg_get_functiondef('lookup_due_accounts(timestamptz, integer)'::regprocedure);
BEGIN
    IF position($old${TRACKED}$old$ IN defined) = 0 THEN
        RAISE EXCEPTION 'lookup_due_accounts is not as it was';
    END IF;
    EXECUTE replace(defined, $old${TRACKED}$old$, $new${WITH_JOBS}$new$);
END $taken$;
"""


class Migration(migrations.Migration):
    """Look for whole lists that are let in, too."""

    dependencies = [
        ("contacts", "0017_jobs"),
        ("conversations", "0017_held"),
    ]

    operations = [
        migrations.RunSQL(
            [
                'GRANT SELECT (contact_id) ON "contacts_segmenttouch" TO conductor_lookup',
                "GRANT CREATE ON SCHEMA public TO conductor_lookup",
                TAKE_JOBS,
                "ALTER FUNCTION lookup_due_accounts(timestamptz, integer) OWNER TO conductor_lookup",
                "REVOKE CREATE ON SCHEMA public FROM conductor_lookup",
            ],
            migrations.RunSQL.noop,
        ),
    ]
