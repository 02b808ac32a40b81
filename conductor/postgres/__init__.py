"""
The PostgreSQL that comes with Conductor: found, started, stopped and looked after.

    binaries     which programs, run by which user, and where that user can reach them
    cluster      one data directory of PostgreSQL: start, adopt, stop, crash recovery
    roles        the three roles and the database (roles.sql, database.sql)
    embedded     the cluster of this installation, shared by every process that needs it
    temporary    a throw-away cluster for the duration of a command (bin/test)

No module here imports Django: all of this happens before Django can start.
"""


class PostgresError(Exception):
    """PostgreSQL cannot be used; the message is one sentence for the person at the shell."""
