"""How an address stands with a list: all that putting it there asks, by one statement."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from accounts.models import List
from accounts.tenancy import sql
from accounts.tenancy.rows import Columns
from contacts.actions import facts, happenings
from contacts.actions.profile import storable_ids
from contacts.actions.suppressed import suppressed_if
from contacts.identity import normalise_email
from contacts.models import Contact, ProfileField

# One row for a list, whoever has the address. All are look-ups by key, however many rows there
# come to be once the plan is kept: hence few joins.
STANDING = """
    SELECT
        {list},
        {contact},
        (
            SELECT subscription.state
            FROM contacts_subscription AS subscription
            WHERE subscription.contact_id = contact.id AND subscription.list_id = %(list_id)s
        ),
        {suppressed},
        (
            SELECT json_agg(field)
            FROM contacts_profilefield AS field
            WHERE field.list_id = %(list_id)s AND field.id = ANY(%(field_ids)s::bigint[])
        )::text,
        ARRAY({audience}),
        {noted}
    FROM accounts_list AS list
    LEFT JOIN contacts_contact AS contact
        ON contact.email_norm = %(email_norm)s::text AND contact.email_norm <> ''
    WHERE list.id = %(list_id)s
"""


@dataclass(frozen=True)
class Standing:
    """
    How an address stands with a list.

    `contact` is whose it is, `state` that of the subscription; both may be None. `fields` are
    those of the list that were asked for, by id. `heard` are the kinds of facts that somebody
    listens to on the list; `is_noted` says whether anybody outside hears of who subscribes.
    """

    list: List
    email_norm: str
    contact: Contact | None
    state: str | None
    is_suppressed: bool
    fields: dict[int, ProfileField]
    heard: set[str]
    is_noted: bool


def standing_of(*, list_id: int, email: str, field_ids: Iterable[int] = ()) -> Standing | None:
    """
    Return how an address stands with a list, None if there is no such list.

    :raises InvalidValueError: for a bad address.
    """
    email_norm = normalise_email(email)
    statement, of_list, of_contact = _standing()
    row = sql.fetch_one(
        statement,
        email_norm=email_norm,
        list_id=list_id,
        field_ids=storable_ids(field_ids),
    )
    if row is None:
        return None
    end = of_list.width + of_contact.width
    contact = row[of_list.width : end]
    state, is_suppressed, fields, heard, is_noted = row[end:]
    return Standing(
        list=of_list.row(row[: of_list.width]),
        email_norm=email_norm,
        contact=None if contact[0] is None else of_contact.row(contact),
        state=state,
        is_suppressed=is_suppressed,
        fields={each["id"]: ProfileField(**each) for each in json.loads(fields or "[]")},
        heard=facts.kinds_of(heard),
        is_noted=is_noted,
    )


@cache
def _standing() -> tuple[sql.Kept, Columns[List], Columns[Contact]]:
    of_list, of_contact = Columns(List, "list"), Columns(Contact, "contact")
    statement = STANDING.format(
        list=of_list.text,
        contact=of_contact.text,
        suppressed=suppressed_if(),
        audience=facts.AUDIENCE.format(
            on_list="listener.list_id = %(list_id)s", roles=f"ARRAY{[*facts.ROLES]!r}"
        ),
        noted=happenings.heard_if(happenings.SUBSCRIBED),
    )
    return sql.Kept(statement), of_list, of_contact
