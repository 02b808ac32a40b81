"""Customers as the data API sends them: people with an email or a customer number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction
from django.db.utils import IntegrityError, OperationalError

from accounts.actions import InvalidValueError
from contacts.actions.crowd import ConcurrentChangeError, Person, Registry, save_people
from contacts.actions.people import LENGTHS, TWO_CONTACTS
from contacts.durations import is_zone
from contacts.identity import (
    DEFAULT_REGION,
    normalise_email,
    normalise_phone,
    read_date,
    typed_email,
)

TRIES = 5
T = TypeVar("T")


@dataclass(frozen=True)
class Customer:
    """What is known of a customer, as it was written; "" is not given. `extra` can be stored."""

    email: str = ""
    customer_number: str = ""
    phone: str = ""
    first_name: str = ""
    last_name: str = ""
    birthday: str = ""
    postal_code: str = ""
    time_zone: str = ""
    locale: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Remark:
    """Why a row was not taken (or, as a warning, taken with a remark); 0 is the first row."""

    index: int
    field: str
    message: str


@dataclass
class Outcome:
    """What became of many rows."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejects: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """How many rows were taken."""
        return self.created + self.updated + self.unchanged


def save_customers(
    *, customers: Sequence[Customer], now: datetime, region: str = DEFAULT_REGION
) -> Outcome:
    """
    Create or update many customers in one go; each row is taken or rejected by itself.

    A phone that is no number is left out with a warning: the wire knows no rule for it.
    The same rows again change nothing.
    """

    def save() -> Outcome:
        outcome, registry = Outcome(), Registry()
        for index, customer in enumerate(customers):
            try:
                person = read_person(customer, index, region, outcome.warnings)
            except InvalidValueError as bad:
                outcome.rejects.append(Remark(index, bad.field, bad.message))
                continue
            registry.add(person)
        created, updated, crossed = save_people(registry=registry, now=now)
        outcome.created, outcome.updated = created, updated
        outcome.unchanged = len(customers) - len(outcome.rejects) - created - updated
        outcome.warnings += [Remark(line, "customerNumber", TWO_CONTACTS) for line in crossed]
        return outcome

    return again_if_overtaken(save)


def read_person(customer: Customer, line: int, region: str, warnings: list[Remark]) -> Person:
    """
    Return a customer as a row of the stage.

    :raises InvalidValueError: for an unreadable email, or no identifier at all.
    """
    person = Person(line=line)
    if customer.email.strip():
        person.email_norm = normalise_email(customer.email)
        person.email = typed_email(customer.email, person.email_norm)
    if customer.phone.strip():
        try:
            person.phone_e164 = normalise_phone(customer.phone, region)
        except InvalidValueError as bad:
            warnings.append(Remark(line, bad.field, bad.message))
    person.external_id = _text("customerNumber", customer.customer_number, LENGTHS["external_id"])
    person.first_name = _text("firstName", customer.first_name, LENGTHS["first_name"])
    person.last_name = _text("lastName", customer.last_name, LENGTHS["last_name"])
    person.postal_code = _text("zipCode", customer.postal_code, LENGTHS["postal_code"])
    person.locale = _text("locale", customer.locale, LENGTHS["locale"])
    person.extra = dict(customer.extra) or None
    _add_birthday_and_zone(person, customer, warnings)
    if not person.identity:
        raise InvalidValueError("email", "A customer needs an email or a customer number.")
    return person


def _add_birthday_and_zone(person: Person, customer: Customer, warnings: list[Remark]) -> None:
    if customer.birthday.strip():
        try:
            person.birthday = read_date(customer.birthday).isoformat()
        except InvalidValueError as bad:
            warnings.append(Remark(person.line, "birthday", bad.message))
    if is_zone(customer.time_zone.strip()):
        person.time_zone = customer.time_zone.strip()


def _text(name: str, text: str, longest: int) -> str:
    """Cut a text to the column, as the vendor's clients do; refuse a NUL byte."""
    if "\0" in text:
        raise InvalidValueError(name, "The text holds a NUL byte.")
    return text.strip()[:longest]


def again_if_overtaken(act: Callable[[], T]) -> T:
    """Run a bulk act in a savepoint; again where another one came between."""
    for _ in range(TRIES - 1):
        try:
            with transaction.atomic():
                return act()
        except (ConcurrentChangeError, IntegrityError, OperationalError):
            continue
    with transaction.atomic():
        return act()
