"""Month partitions of the append-only tables, made ahead and dropped by retention."""

from datetime import date, datetime

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


def drop_partitions(*, before: date) -> int:
    """Drop the months of all partitioned tables that ended before a day; return how many."""
    return sum(
        sql.fetch_value(
            "SELECT drop_month_partitions(%(table)s, %(before)s)", table=row[0], before=before
        )
        for row in sql.fetch_all(PARTITIONED)
    )


def has_months(*, before: date) -> bool:
    """Say whether there is a month that ended before a day."""
    return bool(
        sql.fetch_value(
            """
            SELECT EXISTS (
                SELECT FROM pg_catalog.pg_inherits AS inherits
                JOIN pg_catalog.pg_class AS child ON child.oid = inherits.inhrelid
                WHERE child.relname ~ '_[0-9]{4}_[0-9]{2}$' AND child.relkind = 'r'
                    AND to_date(right(child.relname, 7), 'YYYY_MM') + interval '1 month'
                    <= %(before)s
            )
            """,
            before=before,
        )
    )


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
