from django.db import migrations

from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import SecureTable, policy_statements

PRIVILEGES = """
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO conductor_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO conductor_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO conductor_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO conductor_app;
"""

# A partition inherits neither policy nor FORCE, and default privileges would let the
# plain role read it directly: the function closes both doors.
PARTITIONS = """
CREATE FUNCTION make_partition(parent text, child text, lower date, upper date)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    condition text := 'account_id = (SELECT nullif(current_setting(''app.account_id'', true), '''')::bigint)';
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_partitioned_table AS partitioned
        JOIN pg_catalog.pg_class AS class ON class.oid = partitioned.partrelid
        WHERE class.relname = parent AND class.relnamespace = 'public'::regnamespace
    ) THEN
        RAISE EXCEPTION '% is not a partitioned table', parent;
    END IF;
    IF to_regclass(format('public.%I', child)) IS NOT NULL THEN
        RETURN;
    END IF;
    IF lower IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', child, parent);
    ELSE
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
            child, parent, lower::timestamp AT TIME ZONE 'UTC', upper::timestamp AT TIME ZONE 'UTC'
        );
    END IF;
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', child);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', child);
    EXECUTE format('CREATE POLICY tenant ON %I USING (%s) WITH CHECK (%s)', child, condition, condition);
    EXECUTE format(
        'CREATE POLICY backup ON %I FOR SELECT TO CURRENT_USER USING (current_setting(''app.backup'', true) = ''on'')',
        child
    );
    EXECUTE format('REVOKE ALL ON %I FROM conductor_app', child);
END $$;

CREATE FUNCTION make_month_partitions(parent text, first date, months integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    lower date := date_trunc('month', first)::date;
BEGIN
    FOR step IN 0..months LOOP
        PERFORM make_partition(
            parent,
            format('%s_%s', parent, to_char(lower, 'YYYY_MM')),
            lower,
            (lower + interval '1 month')::date
        );
        lower := (lower + interval '1 month')::date;
    END LOOP;
END $$;

CREATE FUNCTION drop_month_partitions(parent text, before date)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    child text;
    dropped integer := 0;
BEGIN
    FOR child IN
        SELECT class.relname
        FROM pg_catalog.pg_inherits AS inherits
        JOIN pg_catalog.pg_class AS class ON class.oid = inherits.inhrelid
        WHERE inherits.inhparent = format('public.%I', parent)::regclass
            AND class.relname ~ ('^' || parent || '_[0-9]{4}_[0-9]{2}$')
            AND to_date(right(class.relname, 7), 'YYYY_MM') + interval '1 month' <= before
    LOOP
        EXECUTE format('DROP TABLE %I', child);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

REVOKE ALL ON FUNCTION make_partition(text, text, date, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION make_month_partitions(text, date, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION drop_month_partitions(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_month_partitions(text, date, integer) TO conductor_app;
GRANT EXECUTE ON FUNCTION drop_month_partitions(text, date) TO conductor_app;
"""

CACHE = """
CREATE TABLE accounts_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX accounts_cache_expires ON accounts_cache (expires);
"""


class Migration(migrations.Migration):
    """Tenancy: privileges, policies, partitions, look-ups."""

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunSQL(PRIVILEGES, migrations.RunSQL.noop),
        migrations.RunSQL(PARTITIONS, migrations.RunSQL.noop),
        migrations.RunSQL(CACHE, migrations.RunSQL.noop),
        *[
            migrations.RunSQL(statement, migrations.RunSQL.noop)
            for statement in policy_statements("accounts_account", column="id")
        ],
        SecureTable("Membership"),
        SecureTable("ApiClient"),
        SecureTable("ApiToken"),
        SecureTable("AuditEntry"),
        SecureTable("Folder"),
        SecureTable("List"),
        *lookup_function(
            "lookup_accounts_of_user(who bigint)",
            returns="TABLE (account_id bigint)",
            body="SELECT account_id FROM accounts_membership WHERE user_id = who ORDER BY account_id",
            reads={"accounts_membership": ["account_id", "user_id"]},
        ),
        *lookup_function(
            "lookup_account_by_slug(wanted text)",
            returns="bigint",
            body="SELECT id FROM accounts_account WHERE slug = wanted",
            reads={"accounts_account": ["id", "slug", "is_benchmark"]},
        ),
        *lookup_function(
            "lookup_accounts()",
            returns="TABLE (account_id bigint)",
            body="SELECT id FROM accounts_account WHERE NOT is_benchmark ORDER BY id",
            reads={},
        ),
        *lookup_function(
            "lookup_api_client(wanted text)",
            returns="TABLE (account_id bigint, id bigint)",
            body="SELECT account_id, id FROM accounts_apiclient WHERE client_id = wanted",
            reads={"accounts_apiclient": ["account_id", "id", "client_id"]},
        ),
        *lookup_function(
            "lookup_api_token(wanted text)",
            returns="TABLE (account_id bigint, id bigint)",
            body="SELECT account_id, id FROM accounts_apitoken WHERE token_hash = wanted",
            reads={"accounts_apitoken": ["account_id", "id", "token_hash"]},
        ),
    ]
