"""
Single rows, read and written with one short statement each, whose plan the session keeps.

For acts on one row that come hundreds of times a second: to write down the statement of a
QuerySet takes longer than to run it. `where` is a fixed text with named parameters.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Field

from accounts.tenancy import sql
from accounts.tenancy.models import TenantModel

Row = TypeVar("Row", bound=TenantModel)
Reader = Callable[[Any], Any]


class Columns(Generic[Row]):
    """
    The columns of a table in a statement of one's own, and how its rows are read from there.

    `text` stands in the SELECT, with the table's alias; `width` is how many columns it is.
    """

    def __init__(self, model: type[Row], alias: str) -> None:
        fields = list(model._meta.concrete_fields)
        self._model = model
        self._names = [field.attname for field in fields]
        # Of what a column holds only JSON is no Python yet.
        self._readers: list[tuple[int, Reader]] = [
            (place, partial(field.from_db_value, expression=None, connection=connection))
            for place, field in enumerate(fields)
            if hasattr(field, "from_db_value")
        ]
        self.text = ", ".join(f'{alias}."{field.column}"' for field in fields)
        self.width = len(fields)

    def row(self, given: Sequence[Any]) -> Row:
        """Return the row that these columns are of."""
        values = list(given)
        for place, read in self._readers:
            values[place] = read(values[place])
        return self._model.from_db(connection.alias, self._names, values)


@cache
def _select_of(model: type[Row], where: str) -> tuple[sql.Kept, Columns[Row]]:
    table = f'"{model._meta.db_table}"'
    columns = Columns(model, table)
    return sql.Kept(f"SELECT {columns.text} FROM {table} WHERE {where}"), columns


def rows_of(model: type[Row], where: str, /, **params: Any) -> list[Row]:
    """Return the rows of a table for which a condition holds."""
    statement, columns = _select_of(model, where)
    return [columns.row(row) for row in sql.fetch_all(statement, **params)]


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
    number = sql.fetch_value(
        statement,
        **{
            field.attname: field.get_db_prep_save(getattr(row, field.attname), connection)
            for field in fields
        },
    )
    if number is not None:
        is_stored(row, number)
    return number is not None


def is_stored(row: TenantModel, number: int) -> None:
    """Give a row that a statement of one's own has inserted its id."""
    row.pk = number
    row._state.adding = False
    row._state.db = connection.alias
