"""What stories stand on, the same for all of them; nothing of a story is left on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from accounts.models import Account
from accounts.tenancy import sql
from conductor.engine.calls import Caller
from tests.engine.other_side import Names, OtherSide
from tests.factories import (
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SavedMessageFactory,
    ShortCodeFactory,
)
from tests.stories.story import CLUB, CODE, EVENTS, FIELDS, LIST, MESSAGE, PHONE_LIST

# A story's ids are the same each time it is told: draws hang on them.
SEQUENCES = (
    "contacts_contact", "contacts_subscription", "conversations_conversation",
    "conversations_enrollment", "contacts_event",
)  # fmt: skip
FIRST_ID = 1000
RESET = """
    SELECT setval(pg_get_serial_sequence(known.name, 'id'), %(first)s, FALSE)
    FROM unnest(%(tables)s::text []) AS known (name)
"""
TEMPORARY = """
    SELECT relation.relname
    FROM pg_class AS relation
    WHERE
        relation.relpersistence = 't' AND relation.relkind = 'r'
        AND pg_table_is_visible(relation.oid)
"""


@dataclass
class Clock:
    """A clock that stories move."""

    now: datetime

    def __call__(self) -> datetime:
        """Read it."""
        return self.now


class Ground:
    """What stories stand on: lists, fields, events, a phone list, a message; made once."""

    def __init__(self, account: Account, shop: OtherSide) -> None:
        self.account, self.shop = account, shop
        self.clock = Clock(datetime.now(UTC))
        self.caller = Caller(clock=self.clock, resolver=Names({"shop.example": [["127.0.0.1"]]}))
        self.lists = {name: ListFactory(name=name) for name in (LIST, CLUB)}
        here = self.lists[LIST]
        self.events = {name: ExternalEventFactory(list=here, name=name) for name in EVENTS}
        group = ProfileFieldGroupFactory(list=here, name="Profile")
        self.fields = {
            name: ProfileFieldFactory(group=group, name=name.split(".")[1], data_type=data_type)
            for name, data_type in FIELDS.items()
        }
        self.names = {str(field.pk): name for name, field in self.fields.items()}
        code = ShortCodeFactory(code=CODE, email_list=here)
        self.phone_list = PhoneListFactory(short_code=code, name=PHONE_LIST)
        SavedMessageFactory(list=here, name=MESSAGE)

    @contextmanager
    def cleared(self, zone: str) -> Iterator[None]:
        """Set the account's zone, for as long as a story is told; all of it is gone afterwards."""
        with transaction.atomic():
            sql.fetch_all(RESET, tables=list(SEQUENCES), first=FIRST_ID)
            self.shop.behaviours, self.shop.heard = {}, []
            Account.objects.filter(pk=self.account.pk).update(time_zone=zone)
            yield
            transaction.set_rollback(True)


def empty_tables() -> None:
    """Do what the commit does to temporary tables; a later tick may make more of them."""
    names = sorted(name for (name,) in sql.fetch_all(TEMPORARY))
    sql.execute(";".join(f'DELETE FROM "{name}"' for name in names))
