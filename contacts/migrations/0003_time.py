"""
Local times and durations in SQL; contacts.durations holds the Python twins.

All are IMMUTABLE as AT TIME ZONE itself is, so that a call on constants is folded when a
statement is planned. valid_zone and zone_or catch an error, which PostgreSQL refuses in
a parallel worker: they are PARALLEL UNSAFE, and only steps in a contact's own zone call
them.
"""

from django.db import migrations

LOCAL_INSTANT = """
CREATE FUNCTION local_instant(wall timestamp, zone text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    found timestamptz := wall AT TIME ZONE zone;
    shown timestamp := found AT TIME ZONE zone;
    utc timestamp := found AT TIME ZONE 'UTC';
    former timestamptz;
    late timestamp;
    early timestamp;
    middle timestamp;
    new_offset interval;
BEGIN
    IF shown = wall THEN
        -- Of a time that comes twice PostgreSQL takes the second. The first is where
        -- yesterday's offset puts it, if the clocks show it there at all.
        former := (wall - (((utc - interval '24 hours') AT TIME ZONE 'UTC' AT TIME ZONE zone)
            - (utc - interval '24 hours'))) AT TIME ZONE 'UTC';
        IF former < found AND (former AT TIME ZONE zone) = wall THEN
            RETURN former;
        END IF;
        RETURN found;
    END IF;
    -- A skipped time: `found` lies after the transition by less than the gap is wide. The
    -- transition is the first second of the new offset.
    new_offset := shown - utc;
    late := date_trunc('second', utc);
    early := date_trunc('second', utc - (shown - wall));
    WHILE late - early > interval '1 second' LOOP
        middle := date_trunc('second', early + (late - early) / 2);
        IF (middle AT TIME ZONE 'UTC' AT TIME ZONE zone) - middle = new_offset THEN
            late := middle;
        ELSE
            early := middle;
        END IF;
    END LOOP;
    RETURN late AT TIME ZONE 'UTC';
END
$$
"""

ADD_DURATION = """
CREATE FUNCTION add_duration(
    moment timestamptz, months integer, days integer, seconds double precision, zone text
) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    base timestamptz := moment;
BEGIN
    IF months <> 0 OR days <> 0 THEN
        base := local_instant(
            (moment AT TIME ZONE zone) + make_interval(months => months)
                + make_interval(days => days),
            zone
        );
    END IF;
    RETURN ((base AT TIME ZONE 'UTC') + make_interval(secs => seconds)) AT TIME ZONE 'UTC';
END
$$
"""

VALID_ZONE = """
CREATE FUNCTION valid_zone(zone text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
BEGIN
    -- PostgreSQL takes POSIX rules and abbreviations, too; only names are meant.
    IF zone IS NULL OR zone !~ '^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$' THEN
        RETURN false;
    END IF;
    PERFORM timestamp '2000-01-01' AT TIME ZONE zone;
    RETURN zone ~ '/' OR zone !~ '^[A-Z]{3,4}[+-]?[0-9]+$';
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$
"""

ZONE_OR = """
CREATE FUNCTION zone_or(zone text, fallback text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
    SELECT CASE WHEN zone <> '' AND valid_zone(zone) THEN zone ELSE fallback END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0002_tenancy")]

    operations = [
        migrations.RunSQL(
            LOCAL_INSTANT, "DROP FUNCTION local_instant(timestamp without time zone, text)"
        ),
        migrations.RunSQL(
            ADD_DURATION,
            "DROP FUNCTION add_duration(timestamp with time zone, integer, integer, "
            "double precision, text)",
        ),
        migrations.RunSQL(VALID_ZONE, "DROP FUNCTION valid_zone(text)"),
        migrations.RunSQL(ZONE_OR, "DROP FUNCTION zone_or(text, text)"),
    ]
