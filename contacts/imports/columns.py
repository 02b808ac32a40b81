"""
What the columns of a file are.

A column's target is written as a word (`email`, `first_name`) or a word with an argument
(`field:12`, `phone_list:5`). Targets of higher packages are found by scanning
`<app>/import_columns/`, one file each, which ends in `TARGET = ...`.
"""

import importlib
import importlib.util
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from django.apps import apps

from accounts.models import List
from contacts.imports.faults import ImportFaultError
from contacts.models import ProfileField
from contacts.models.imports import ImportKind

CONTACTS, ORDERS = ImportKind.CONTACTS.value, ImportKind.ORDERS.value

# Words: their labels in the page, in its order.
TARGETS: Mapping[str, Mapping[str, str]] = {
    CONTACTS: {
        "email": "Email",
        "phone": "Phone",
        "first_name": "First name",
        "last_name": "Last name",
        "customer_number": "Customer number",
        "external_id": "External contact ID (of this list)",
        "time_zone": "Time zone",
        "locale": "Locale",
        "postal_code": "Postal code",
        "birthday": "Birthday",
        "event": "Events to raise",
    },
    ORDERS: {
        "order_number": "Order number",
        "email": "Email",
        "customer_number": "Customer number",
        "phone": "Phone",
        "date": "Order date",
        "status": "Status",
        "total": "Order total",
        "sku": "Item: SKU",
        "quantity": "Item: quantity",
        "price": "Item: price",
        "first_name": "First name",
        "last_name": "Last name",
        "tax_total": "Tax",
        "shipping_total": "Shipping",
        "discount_total": "Discount",
        "coupon_code": "Coupon code",
        "store_number": "Store number",
    },
}
# How headers say it, letters and digits only.
SPELLINGS: Mapping[str, Mapping[str, str]] = {
    CONTACTS: {
        "emailaddress": "email",
        "mail": "email",
        "phonenumber": "phone",
        "mobile": "phone",
        "mobilephone": "phone",
        "cell": "phone",
        "cellphone": "phone",
        "firstname": "first_name",
        "givenname": "first_name",
        "lastname": "last_name",
        "surname": "last_name",
        "familyname": "last_name",
        "customernumber": "customer_number",
        "customerid": "customer_number",
        "externalid": "external_id",
        "externalcontactid": "external_id",
        "timezone": "time_zone",
        "zone": "time_zone",
        "zip": "postal_code",
        "zipcode": "postal_code",
        "postalcode": "postal_code",
        "dateofbirth": "birthday",
        "events": "event",
        "eventids": "event",
    },
    ORDERS: {
        "order": "order_number",
        "orderid": "order_number",
        "orderno": "order_number",
        "ordernumber": "order_number",
        "emailaddress": "email",
        "mail": "email",
        "customer": "customer_number",
        "customernumber": "customer_number",
        "customerid": "customer_number",
        "orderdate": "date",
        "dateentered": "date",
        "orderedat": "date",
        "createdat": "date",
        "orderstatus": "status",
        "ordertotal": "total",
        "amount": "total",
        "grandtotal": "total",
        "itemsku": "sku",
        "product": "sku",
        "qty": "quantity",
        "itemquantity": "quantity",
        "itemprice": "price",
        "unitprice": "price",
        "firstname": "first_name",
        "lastname": "last_name",
        "phonenumber": "phone",
        "tax": "tax_total",
        "shipping": "shipping_total",
        "discount": "discount_total",
        "coupon": "coupon_code",
    },
}
REPEATABLE = {"event"}

Texts = list[str]
Columns = list[dict[str, Any]]
Choices = list[tuple[str, str]]


class ColumnTarget(ABC):
    """A kind of column that a higher package takes care of, with an argument."""

    kind: ClassVar[str]

    @abstractmethod
    def choices(self, list: List) -> Sequence[tuple[str, str]]:
        """Return (argument, label) of each target on a list."""

    @abstractmethod
    def named(self, list: List, name: str) -> str | None:
        """Return the argument of what a person at the shell calls `name`, or None."""

    @abstractmethod
    def reader(self, list: List, argument: str, options: Mapping[str, Any]) -> Callable[[str], str]:
        """
        Return what reads a cell that is not empty into the value to keep, a phone in E.164.

        :raises ImportFaultError: where an option that this target demands is missing.
        """

    @abstractmethod
    def store(self, *, argument: str, key: str, options: Mapping[str, Any], now: datetime) -> int:
        """
        Store a chunk's values; return how many rows changed.

        They are `contacts_stage.others ->> key`, with the contact in `contacts_found`
        under the same `line`.
        """


@cache
def column_targets() -> Mapping[str, ColumnTarget]:
    """Return the targets found in `<app>/import_columns/`, by kind."""
    found: dict[str, ColumnTarget] = {}
    for app in apps.get_app_configs():
        name = f"{app.name}.import_columns"
        if importlib.util.find_spec(name) is None:
            continue
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{name}."):
            target: ColumnTarget = importlib.import_module(module.name).TARGET
            found[target.kind] = target
    return found


def target_choices(*, kind: str, list: List | None) -> Choices:
    """Return (target, label) of everything that a column may be, for a select."""
    choices = [*TARGETS[kind].items()]
    if kind == CONTACTS and list is not None:
        choices += [(f"field:{pk}", name) for pk, name in _fields(list).items()]
        for target in column_targets().values():
            choices += [
                (f"{target.kind}:{argument}", label) for argument, label in target.choices(list)
            ]
    return choices


def guess_columns(
    *, kind: str, list: List | None, header: Sequence[str], samples: Sequence[Sequence[str]]
) -> Columns:
    """
    Return the mapping that the header (or, without one, the values) suggests.

    A name is a target, a profile field with or without its group, or a spelling of a
    target: the list's own field Mobile goes before "mobile" for the phone. Each target is
    guessed once, for the first column that fits.
    """
    known = dict(SPELLINGS[kind])
    if kind == CONTACTS and list is not None:
        known |= _spelled_fields(list)
    known |= {_squeeze(target): target for target in TARGETS[kind]}
    columns: Columns = []
    taken: set[str] = set()
    for number, name in enumerate(header):
        target = known.get(_squeeze(name))
        if target and target not in taken:
            taken.add(target)
            columns.append({"column": number, "target": target})
    if not header and samples:
        for number, cell in enumerate(samples[0]):
            if "@" in cell:
                return [{"column": number, "target": "email"}]
    return columns


def read_target(*, kind: str, list: List | None, text: str) -> str:
    """
    Return the target that a person at the shell names.

    It is a word, `Group.Field`, or a target of another package in its own words.

    :raises ImportFaultError: for an unknown name.
    """
    word = text.strip()
    if word in TARGETS[kind]:
        return word
    spelled = SPELLINGS[kind].get(_squeeze(word))
    if list is not None and kind == CONTACTS:
        for pk, name in _fields(list).items():
            if name.lower() == word.lower():
                return f"field:{pk}"
        for target in column_targets().values():
            argument = target.named(list, word)
            if argument is not None:
                return f"{target.kind}:{argument}"
    if spelled is None:
        raise ImportFaultError(f"There is nothing to import named {text!r}.", field="mapping")
    return spelled


def check_columns(
    *, kind: str, list: List | None, columns: Sequence[Mapping[str, Any]], width: int
) -> None:
    """
    Refuse a mapping that names an unknown target, a missing column, or nobody.

    :raises ImportFaultError: with a sentence.
    """
    known = {target for target, _ in target_choices(kind=kind, list=list)}
    seen: set[str] = set()
    for column in columns:
        number, target = column.get("column"), column.get("target")
        if target not in known:
            raise ImportFaultError(f"{target!r} is nothing that a column can be.", field="mapping")
        if not isinstance(number, int) or number < 0 or (width and number >= width):
            raise ImportFaultError(
                f"The mapping names column {_ordinal(number)}, the file has {width}.",
                field="mapping",
            )
        if target in seen and target not in REPEATABLE:
            raise ImportFaultError(f"Two columns are mapped to {target}.", field="mapping")
        seen.add(str(target))
    _check_identity(kind, seen)


def _check_identity(kind: str, seen: set[str]) -> None:
    people = {"email", "customer_number", "phone"}
    if kind == ORDERS:
        for needed in ("order_number", "date"):
            if needed not in seen:
                raise ImportFaultError(
                    f"A column is missing: {TARGETS[ORDERS][needed]}.", field="mapping"
                )
    elif any(target.partition(":")[0] in column_targets() for target in seen):
        return
    if not seen & people:
        raise ImportFaultError(
            "A column is missing: Email (or customer number, or phone).", field="mapping"
        )


def _ordinal(number: object) -> str:
    return str(number + 1) if isinstance(number, int) else repr(number)


def _fields(list: List) -> dict[int, str]:
    rows = ProfileField.objects.filter(list=list).select_related("group")
    return {
        field.pk: f"{field.group.name}.{field.name}"
        for field in rows.order_by("group__position", "group_id", "position", "pk")
    }


def _spelled_fields(list: List) -> dict[str, str]:
    """Return targets by `Group.Field`, and by `Field` alone where one group has it."""
    spelled: dict[str, str] = {}
    alone: dict[str, Texts] = {}
    for pk, name in _fields(list).items():
        spelled[_squeeze(name)] = f"field:{pk}"
        alone.setdefault(_squeeze(name.partition(".")[2]), []).append(f"field:{pk}")
    return {name: targets[0] for name, targets in alone.items() if len(targets) == 1} | spelled


def _squeeze(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
