from django.db import migrations

# A session that sets app.benchmark finds the accounts that are flagged, and no others.
MARKED = "(account.is_benchmark = (coalesce(current_setting('app.benchmark', true), '') = 'on'))"
TAKE_MARKED = f"""
DO $taken$
DECLARE
    defined text := pg_get_functiondef('lookup_due_accounts(timestamptz, integer)'::regprocedure);
BEGIN
    IF position('NOT account.is_benchmark' IN defined) = 0 THEN
        RAISE EXCEPTION 'lookup_due_accounts is not as it was';
    END IF;
    EXECUTE replace(defined, 'NOT account.is_benchmark', $new${MARKED}$new$);
END $taken$;
"""


class Migration(migrations.Migration):
    """Let a benchmark look for due work as workers do, among its own accounts."""

    dependencies = [("conversations", "0011_rung_on")]

    operations = [
        migrations.RunSQL(
            [
                "GRANT CREATE ON SCHEMA public TO conductor_lookup",
                TAKE_MARKED,
                "ALTER FUNCTION lookup_due_accounts(timestamptz, integer) OWNER TO conductor_lookup",
                "REVOKE CREATE ON SCHEMA public FROM conductor_lookup",
            ],
            migrations.RunSQL.noop,
        ),
    ]
