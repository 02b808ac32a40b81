"""
Empty the tables after a test that commits: only those that it wrote to.

Django truncates every table, which makes new files for each of them and for each of their
four hundred indexes: a third of a second, where deleting the few rows takes three milliseconds.
The owner of the tables is under the tenant policy, too, so the server's administrator deletes.
"""

from typing import Any

import psycopg
from django.db import connections
from django.test import TransactionTestCase
from psycopg import sql as composing

# Above so many bytes the dead rows would slow down the tests that follow: truncate.
LARGE = 512 * 1024
# What is filled by the migrations stays. Without triggers nothing is asked about references,
# and none is left, since everything goes.
MAKE = """
CREATE SCHEMA emptying;
GRANT USAGE ON SCHEMA emptying TO PUBLIC;
CREATE FUNCTION emptying.filled() RETURNS regclass[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(pg_class.oid::regclass), '{{}}')
    FROM pg_class
    WHERE pg_class.relnamespace = 'public'::regnamespace
        AND pg_class.relkind = 'r'
        AND pg_relation_size(pg_class.oid) > 0
$$;
CREATE TABLE emptying.kept AS SELECT unnest(emptying.filled()) AS name;
CREATE FUNCTION emptying.empty_all() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET session_replication_role = replica AS $$
DECLARE
    one regclass;
BEGIN
    FOR one IN
        SELECT unnest(emptying.filled()) EXCEPT SELECT kept.name FROM emptying.kept
    LOOP
        IF pg_relation_size(one) > {large} THEN
            RETURN false;
        END IF;
        EXECUTE format('DELETE FROM %s', one);
    END LOOP;
    RETURN true;
END
$$
"""


def prepare_emptying(administrator_url: str, database: str) -> None:
    """Make the function in a database that is migrated and empty otherwise."""
    with psycopg.connect(administrator_url, dbname=database, autocommit=True) as connection:
        connection.execute(composing.SQL(MAKE).format(large=composing.Literal(LARGE)))


def empty_what_was_filled() -> None:
    """Have Django's tests that commit end by it."""
    truncate_all = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def end(test: Any) -> None:
        for name in test._databases_names(include_mirrors=False):
            with connections[name].cursor() as cursor:
                cursor.execute("SELECT emptying.empty_all()")
                if not cursor.fetchone()[0]:
                    truncate_all(test)
                    return

    TransactionTestCase._fixture_teardown = end  # type: ignore[attr-defined]
