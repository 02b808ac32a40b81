"""The temporary tables of a tick: the session's own, empty before each tick and after it."""

from itertools import count

from accounts.tenancy import sql

# So many enrollments and facts at most are few: to plan what is run over them, and to
# truncate tables, takes longer than to run it.
FEW = 100
TABLES = ("create_enrolled", "create_arrivals", "create_outbox", "create_facts")
# What was deleted still takes up room in tables and keys.
TRUNCATE_EVERY = 500

_ticks = count(1)


def lay_out() -> None:
    """Make the tables, where the session has not got them."""
    sql.execute_once(";".join(sql.statement("conductor.engine", table) for table in TABLES))


def clear_away(rows: int) -> None:
    """Empty the tables after a tick that took up so many enrollments and facts."""
    few = rows <= FEW and next(_ticks) % TRUNCATE_EVERY
    sql.execute(
        sql.kept("conductor.engine", "clear_few")
        if few
        else sql.statement("conductor.engine", "clear_many")
    )
