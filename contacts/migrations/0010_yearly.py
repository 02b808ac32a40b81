"""
When a yearly date comes round next, in SQL, and where those who listen for it are found.

The anniversary of 29 February is 28 February in common years; the offset is added to the
anniversary (the end of a month is clamped), then the time is read on the clocks of the zone.
"""

from django.db import migrations, models

# A text that holds no date has no anniversary. An instant is strictly after `since`.
NEXT_YEARLY = """
CREATE FUNCTION next_yearly(
    written text, months integer, days integer, at time, zone text, since timestamptz
) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    day date;
    today date := (since AT TIME ZONE zone)::date;
    moved date;
    due timestamptz;
    years integer;
BEGIN
    IF written !~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' OR written < '0001' THEN
        RETURN NULL;
    END IF;
    day := make_date(left(written, 4)::integer, substr(written, 6, 2)::integer, 1)
        + (right(written, 2)::integer - 1);
    IF to_char(day, 'YYYY-MM-DD') <> written THEN
        RETURN NULL;
    END IF;
    years := extract(year FROM today - make_interval(months => months, days => days))::integer
        - extract(year FROM day)::integer;
    FOR turn IN (years - 1)..(years + 2) LOOP
        moved := (day + make_interval(years => turn))::date
            + make_interval(months => months, days => days);
        IF moved >= today - 1 THEN
            due := local_instant(moved + at, zone);
            IF due > since THEN
                RETURN due;
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$
"""


class Migration(migrations.Migration):
    """Yearly dates."""

    dependencies = [("contacts", "0009_coupon_files")]

    operations = [
        migrations.RunSQL(
            NEXT_YEARLY,
            "DROP FUNCTION next_yearly(text, integer, integer, time without time zone, text, "
            "timestamp with time zone)",
        ),
        migrations.AddIndex(
            model_name="intake",
            index=models.Index(
                fields=["account", "conversation_id", "recorded_at", "id"],
                condition=models.Q(kind="alarm"),
                name="intake_of_alarms",
            ),
        ),
        migrations.AddIndex(
            model_name="listener",
            index=models.Index(
                fields=["account", "conversation_id"],
                condition=models.Q(role="alarm"),
                name="listener_of_alarms",
            ),
        ),
    ]
