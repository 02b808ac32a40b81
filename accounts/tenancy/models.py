"""What every tenant model shares."""

from typing import Any

from django.db import models

from accounts.tenancy.account import current_account_id


class TenantForeignKey(models.ForeignKey[Any, Any]):
    """
    A reference that cannot leave its account.

    Django neither constrains nor indexes it: `SecureTable` writes the composite foreign
    key `(account_id, x_id) -> (account_id, id)` and its index instead, since a plain
    foreign-key check passes by row-level security.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs["db_index"] = False
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> Any:
        """Leave out what the class itself decides."""
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        kwargs.pop("db_index", None)
        return name, path, args, kwargs


class TenantModel(models.Model):
    """A row of one account; created inside `in_account` it takes that account."""

    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.CASCADE,
        default=current_account_id,
        db_index=False,
        related_name="+",
        editable=False,
    )

    class Meta:
        abstract = True


def unchecked_account(on_delete: Any = models.DO_NOTHING) -> "models.ForeignKey[Any, Any]":
    """
    Return the account of a hot table, without a foreign-key check.

    The policy already refuses any other account, and a composite reference, where the table
    has one, names it; the check would cost a look-up a row.
    """
    return models.ForeignKey(
        "accounts.Account",
        on_delete=on_delete,
        default=current_account_id,
        db_index=False,
        db_constraint=False,
        related_name="+",
        editable=False,
    )
