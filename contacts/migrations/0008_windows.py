"""
When a window of days and hours opens, in SQL.

A window is open at an instant when the clocks of its zone show one of its days of the
week and a time from `opens` on and before `closes`. What is asked for is the first such
instant: on a day that a clock is set back a window may open twice, in a gap not at all.
"""

from django.db import migrations

# `days` has bit 1 for Monday to bit 7 for Sunday. The clock is followed day by day; where it
# does not run evenly, from the transition (the first second of the new offset) on.
OPEN_FROM = """
CREATE FUNCTION open_from(
    moment timestamptz, days integer, opens time, closes time, zone text
) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    utc timestamp := moment AT TIME ZONE 'UTC';
    wall timestamp;
    target timestamp;
    former interval;
    early timestamp;
    late timestamp;
    middle timestamp;
BEGIN
    FOR turn IN 1..60 LOOP
        wall := utc AT TIME ZONE 'UTC' AT TIME ZONE zone;
        IF (days >> extract(isodow FROM wall)::integer) & 1 = 1 AND wall::time < closes THEN
            IF wall::time >= opens THEN
                RETURN utc AT TIME ZONE 'UTC';
            END IF;
            target := wall::date + opens;
        ELSE
            target := wall::date + 1;
        END IF;
        former := wall - utc;
        late := target - former;
        IF (late AT TIME ZONE 'UTC' AT TIME ZONE zone) = target THEN
            utc := late;
        ELSE
            early := date_trunc('second', utc);
            late := date_trunc('second', late);
            WHILE late - early > interval '1 second' LOOP
                middle := date_trunc('second', early + (late - early) / 2);
                IF (middle AT TIME ZONE 'UTC' AT TIME ZONE zone) - middle = former THEN
                    early := middle;
                ELSE
                    late := middle;
                END IF;
            END LOOP;
            utc := late;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'this window never opens' USING ERRCODE = '22023';
END
$$
"""


class Migration(migrations.Migration):
    """The window of a wait."""

    dependencies = [("contacts", "0007_order_facts")]

    operations = [
        migrations.RunSQL(
            OPEN_FROM,
            "DROP FUNCTION open_from(timestamptz, integer, time, time, text)",
        ),
    ]
