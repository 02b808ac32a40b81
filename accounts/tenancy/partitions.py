"""Month partitions of the append-only tables, made ahead and dropped by retention."""

from datetime import datetime

from accounts.tenancy import sql

MONTHS_AHEAD = 3

PARTITIONED = """
    SELECT class.relname
    FROM pg_catalog.pg_partitioned_table AS partitioned
    JOIN pg_catalog.pg_class AS class ON class.oid = partitioned.partrelid
    WHERE class.relnamespace = 'public'::regnamespace
    ORDER BY class.relname
"""


def make_partitions(*, now: datetime) -> list[str]:
    """
    Make the partitions of this month and of the next three; return the tables served.

    Twice does no harm. Called by `migrate` and once a day.
    """
    tables = [str(row[0]) for row in sql.fetch_all(PARTITIONED)]
    for table in tables:
        sql.execute(
            "SELECT make_month_partitions(%(table)s, %(first)s, %(months)s)",
            table=table,
            first=now.date(),
            months=MONTHS_AHEAD,
        )
    return tables


def stray_rows() -> dict[str, bool]:
    """
    Say for each partitioned table whether its DEFAULT partition holds rows.

    Rows there mean that a month was not made in time. Read by `/healthz`.
    """
    return {
        str(table): bool(count)
        for table, count in sql.fetch_all(
            """
            SELECT parent.relname, greatest(child.reltuples, 0)
            FROM pg_catalog.pg_inherits AS inherits
            JOIN pg_catalog.pg_class AS parent ON parent.oid = inherits.inhparent
            JOIN pg_catalog.pg_class AS child ON child.oid = inherits.inhrelid
            WHERE parent.relkind = 'p' AND child.relname = parent.relname || '_default'
            """
        )
    }
