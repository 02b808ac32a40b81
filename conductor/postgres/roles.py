"""The roles and the database of Conductor in a cluster, made where they are missing."""

from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from conductor.data_directory import Secrets

DATABASE = "conductor"
OWNER = "conductor_owner"
APP = "conductor_app"
ROLES_SQL = (Path(__file__).parent / "roles.sql").read_bytes()
DATABASE_SQL = (Path(__file__).parent / "database.sql").read_bytes()


def make_roles_and_database(
    connection: "psycopg.Connection[tuple[object, ...]]", kept: Secrets
) -> None:
    """
    Make roles, passwords and database over a superuser's autocommit connection.

    What is there is left as it is, so every start may call this.
    """
    there = _one(connection, "SELECT count(*) FROM pg_roles WHERE rolname = %s", APP)
    if not there:
        connection.execute(ROLES_SQL)
        for role, password in [(OWNER, kept.owner_password), (APP, kept.app_password)]:
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(password)
                )
            )
    if not _one(connection, "SELECT count(*) FROM pg_database WHERE datname = %s", DATABASE):
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                sql.Identifier(DATABASE), sql.Identifier(OWNER)
            )
        )


def _one(connection: "psycopg.Connection[tuple[object, ...]]", query: str, name: str) -> object:
    row = connection.execute(query.encode(), [name]).fetchone()
    return row[0] if row else None


def address(
    *,
    role: str,
    password: str,
    socket_directory: Path,
    port: int,
    database: str = DATABASE,
) -> str:
    """Return the URL of a database behind a Unix socket."""
    where = urlencode({"host": str(socket_directory), "port": port})
    return f"postgresql://{role}:{quote(password, safe='')}@/{database}?{where}"
