"""
What the planner knows of a table, refreshed at once after many rows came in.

The plain role may not ANALYZE a table it does not own; autovacuum would come within
minutes, and until then a big list is planned as if it were empty.
"""

from django.db import migrations

REFRESH_STATISTICS = """
CREATE FUNCTION refresh_statistics(tables text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY tables LOOP
        EXECUTE format('ANALYZE public.%I', name);
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION refresh_statistics(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_statistics(text[]) TO conductor_app;
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0003_time")]

    operations = [
        migrations.RunSQL(REFRESH_STATISTICS, "DROP FUNCTION refresh_statistics(text[])"),
    ]
