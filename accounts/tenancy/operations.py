"""Migration operations that write what keeps accounts apart."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from accounts.tenancy.models import TenantForeignKey

POLICY = "(SELECT nullif(current_setting('app.account_id', true), '')::bigint)"
ACCOUNT_DEFAULT = "nullif(current_setting('app.account_id', true), '')::bigint"


def policy_statements(table: str, column: str = "account_id") -> list[str]:
    """Return the statements that put a table under the tenant policy."""
    return [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY tenant ON "{table}" '
        f"USING ({column} = {POLICY}) WITH CHECK ({column} = {POLICY})",
        # A dump by the owner must see every row; nobody else may use this policy.
        f'CREATE POLICY backup ON "{table}" FOR SELECT TO CURRENT_USER '
        "USING (current_setting('app.backup', true) = 'on')",
    ]


class TenancyOperation(Operation):
    """An operation that Django's state knows nothing of; it goes with its table."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: Django knows nothing of policies."""

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Do nothing: what was written goes with its table or column."""


class SecureTable(TenancyOperation):
    """
    Put a model's table under the tenant policy and its references into the account.

    Writes the forced policy, the default of `account_id`, `UNIQUE (account_id, id)` and,
    for each TenantForeignKey, the composite foreign key and its index. `append_only`
    tables (visits, events) go without the last two: architecture, section 3.
    """

    def __init__(
        self,
        name: str,
        *,
        append_only: bool = False,
        unindexed: Sequence[str] = (),
        later: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.append_only = append_only
        # References whose index another index already serves.
        self.unindexed = tuple(unindexed)
        # References to a table that is not yet secured: SecureReference follows.
        self.later = tuple(later)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Say how to write this operation again."""
        return (
            type(self).__name__,
            [self.name],
            {
                "append_only": self.append_only,
                "unindexed": self.unindexed,
                "later": self.later,
            },
        )

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Write policy, default, key and references."""
        model = to_state.apps.get_model(app_label, self.name)
        table = model._meta.db_table
        for line in policy_statements(table):
            schema_editor.execute(line)
        schema_editor.execute(
            f'ALTER TABLE "{table}" ALTER COLUMN account_id SET DEFAULT {ACCOUNT_DEFAULT}'
        )
        if self.append_only:
            return
        schema_editor.execute(
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_account_key" UNIQUE (account_id, id)'
        )
        for field in model._meta.local_fields:
            if isinstance(field, TenantForeignKey) and field.name not in self.later:
                for line in reference_statements(
                    model, field, indexed=field.name not in self.unindexed
                ):
                    schema_editor.execute(line)

    def describe(self) -> str:
        """Say it in a sentence."""
        return f"Put {self.name} under the tenant policy"


def reference_statements(
    model: type[models.Model], field: TenantForeignKey, *, indexed: bool
) -> list[str]:
    """Return the statements for one reference within the account."""
    table, column = model._meta.db_table, field.column
    target_table = field.related_model._meta.db_table
    action = f"ON DELETE SET NULL ({column})" if field.null else "ON DELETE NO ACTION"
    name = f"{table}_{column}_in_account"[:63]
    statements = [
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY (account_id, {column}) '
        f'REFERENCES "{target_table}" (account_id, id) {action} DEFERRABLE INITIALLY DEFERRED'
    ]
    if indexed:
        index = f"{table}_{column}_idx"[:63]
        statements.append(f'CREATE INDEX "{index}" ON "{table}" (account_id, {column})')
    return statements


class SecureReference(TenancyOperation):
    """Write the composite foreign key of a TenantForeignKey that was added later."""

    def __init__(self, name: str, field: str, *, indexed: bool = True) -> None:
        self.name = name
        self.field = field
        self.indexed = indexed

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Say how to write this operation again."""
        return type(self).__name__, [self.name, self.field], {"indexed": self.indexed}

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Write the reference."""
        model = to_state.apps.get_model(app_label, self.name)
        field = model._meta.get_field(self.field)
        if not isinstance(field, TenantForeignKey):
            raise TypeError(f"{self.name}.{self.field} is no TenantForeignKey")
        for line in reference_statements(model, field, indexed=self.indexed):
            schema_editor.execute(line)

    def describe(self) -> str:
        """Say it in a sentence."""
        return f"Keep {self.name}.{self.field} within its account"


class CreatePartitionedModel(migrations.CreateModel):
    """
    Create a table partitioned by month of `by`, with its DEFAULT partition.

    The table's key is `(id, by)`; Django is told that `id` alone is the primary key.
    Months are made by the SQL function `make_month_partitions`.
    """

    def __init__(self, *args: Any, by: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Say how to write this operation again."""
        name, args, kwargs = super().deconstruct()
        return name, args, {**kwargs, "by": self.by}

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the parent and its default partition."""
        model = to_state.apps.get_model(app_label, self.name)
        sql, params = schema_editor.table_sql(model)
        table = model._meta.db_table
        plain = sql.replace(" PRIMARY KEY ", " ", 1).rstrip().removesuffix(")")
        schema_editor.execute(
            f'{plain}, PRIMARY KEY (id, "{self.by}")) PARTITION BY RANGE ("{self.by}")', params
        )
        schema_editor.execute(f"SELECT make_partition('{table}', '{table}_default', NULL, NULL)")


class EachAccount(migrations.RunPython):
    """
    Run a data migration once in every account.

    The owner is under the policies, too, and without this would update nothing and say
    nothing. The function takes `(apps, schema_editor)`, as RunPython's does.
    """

    def __init__(self, code: Callable[[Any, Any], None], reverse_code: Any = None) -> None:
        self.each = code

        def in_turn(apps: Any, schema_editor: Any) -> None:
            with schema_editor.connection.cursor() as cursor:
                cursor.execute("SELECT account_id FROM lookup_accounts()")
                ids = [row[0] for row in cursor.fetchall()]
                for account_id in ids:
                    cursor.execute(
                        "SELECT set_config('app.account_id', %s, true)", [str(account_id)]
                    )
                    code(apps, schema_editor)
                cursor.execute("SELECT set_config('app.account_id', '', true)")

        super().__init__(in_turn, reverse_code or migrations.RunPython.noop)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Say how to write this operation again."""
        return type(self).__name__, [self.each], {}
