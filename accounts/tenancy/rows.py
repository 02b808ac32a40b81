"""
Single rows, read and written with one short statement each, whose plan the session keeps.

For acts on one row that come hundreds of times a second: to write down the statement of a
QuerySet takes longer than to run it. `where` is a fixed text with named parameters.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Field

from accounts.tenancy import sql
from accounts.tenancy.models import TenantModel

Row = TypeVar("Row", bound=TenantModel)
Reader = Callable[[Any], Any]


@cache
def _select_of(
    model: type[TenantModel], where: str
) -> tuple[sql.Kept, list[str], list[tuple[int, Reader]]]:
    fields = list(model._meta.concrete_fields)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    # Of what a column holds only JSON is no Python yet.
    readers: list[tuple[int, Reader]] = [
        (place, partial(field.from_db_value, expression=None, connection=connection))
        for place, field in enumerate(fields)
        if hasattr(field, "from_db_value")
    ]
    statement = f'SELECT {columns} FROM "{model._meta.db_table}" WHERE {where}'
    return sql.Kept(statement), [field.attname for field in fields], readers


def rows_of(model: type[Row], where: str, /, **params: Any) -> list[Row]:
    """Return the rows of a table for which a condition holds."""
    statement, names, readers = _select_of(model, where)
    found = []
    for row in sql.fetch_all(statement, **params):
        values = list(row)
        for place, read in readers:
            values[place] = read(values[place])
        found.append(model.from_db(connection.alias, names, values))
    return found


def row_of(model: type[Row], where: str, /, **params: Any) -> Row | None:
    """Return the one row for which a condition holds, or None."""
    return next(iter(rows_of(model, where, **params)), None)


@cache
def _insert_of(model: type[TenantModel]) -> tuple[sql.Kept, "list[Field[Any, Any]]"]:
    fields = [
        field
        for field in model._meta.concrete_fields
        if not field.primary_key and field.name != "account"
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(f"%({field.attname})s" for field in fields)
    return sql.Kept(
        f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({values}) '
        "ON CONFLICT DO NOTHING RETURNING id"
    ), fields


def insert_unless_there(row: TenantModel) -> bool:
    """
    Insert a row of the current account; say whether it was, and give it its id.

    False: a row is there already that must be unique, and of which we may have to wait to hear.
    """
    statement, fields = _insert_of(type(row))
    row.pk = sql.fetch_value(
        statement,
        **{
            field.attname: field.get_db_prep_save(getattr(row, field.attname), connection)
            for field in fields
        },
    )
    row._state.adding = row.pk is None
    row._state.db = connection.alias
    return row.pk is not None
