"""Rules as SQL: one condition over a list's subscriptions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import List
from accounts.tenancy import sql
from contacts.filters.language import Group, Not, Rule
from contacts.filters.leaf import Heard, leaf_types
from contacts.filters.scope import Scope, Test, either, every
from contacts.filters.vanished import check_there

Resolved = Mapping[str, Any]

MATCHING = """
    SELECT {columns}
    FROM contacts_subscription AS subscription
    JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
    WHERE subscription.list_id = %(list_id)s AND {condition}
"""
# Most rules ask nothing of the contact's own columns; a join of a million rows for them.
MATCHING_ALONE = """
    SELECT {columns}
    FROM contacts_subscription AS subscription
    WHERE subscription.list_id = %(list_id)s AND {condition}
"""


@dataclass(frozen=True)
class Condition:
    """
    A boolean SQL expression, never NULL, with its named parameters.

    It speaks of the aliases `subscription` and `contact`, of `enrollment` where a leaf
    asks how an enrollment began, of `enrollment.arrived` (jsonb, {step key: the latest
    arrival there}) where one counts since a step, and of the parameter `now`.
    """

    sql: str
    params: dict[str, Any]


def condition(
    resolved: Resolved, *, zone: str, prefix: str = "rule", enrolled: bool = True
) -> Condition:
    """
    Compile a resolved rule for the few thousand contacts of a tick.

    `zone` is an SQL expression of an IANA zone that is surely valid (a literal is best:
    it is folded when planned; `zone_or(contact.time_zone, ...)` where it is the
    contact's); `prefix` begins the names of the parameters. Without `enrolled` there is
    no alias `enrollment`, and leaves that ask for it are false.

    :raises VanishedError: if a field, an event or a segment that it names is gone.
    """
    check_there(resolved)
    scope = Scope(zone=zone, prefix=prefix, enrolled=enrolled)
    return Condition(test_of(resolved, scope).strict, scope.params)


def matching(
    resolved: Resolved, *, columns: str, list_id: int, time_zone: str, now: datetime
) -> Condition:
    """
    Return a SELECT of a list's subscriptions for which a resolved rule holds.

    `columns` are SQL over the alias `subscription`. Dates are read in the account's
    zone; nobody is enrolled.
    """
    scope = Scope(zone="%(zone)s", prefix="rule", enrolled=False, bulk=True)
    # In a WHERE clause NULL is as good as false, and the planner knows bare comparisons.
    test = test_of(resolved, scope).sql
    select = MATCHING if "contact." in test else MATCHING_ALONE
    given = {**scope.params, "list_id": list_id, "zone": time_zone, "now": now}
    return Condition(select.format(columns=columns, condition=f"({test})"), given)


def count(*, list: List, rule: Resolved, time_zone: str, now: datetime) -> int:
    """Count the subscriptions of a list, whatever their state, for which a rule holds."""
    asked = matching(rule, columns="count(*)", list_id=list.pk, time_zone=time_zone, now=now)
    return int(sql.fetch_value(asked.sql, **asked.params))


def members(*, list: List, rule: Resolved, time_zone: str, now: datetime) -> set[int]:
    """Return the ids of a list's subscriptions for which a rule holds."""
    asked = matching(rule, columns="subscription.id", list_id=list.pk, time_zone=time_zone, now=now)
    return {row[0] for row in sql.fetch_all(asked.sql, **asked.params)}


def hears(resolved: Resolved) -> set[Heard]:
    """Return the facts about a contact that may change a resolved rule's answer."""
    for kind in ("all", "any"):
        if kind in resolved:
            return {heard for inner in resolved[kind] for heard in hears(inner)}
    if "not" in resolved:
        return hears(resolved["not"])
    return leaf_types()[resolved["leaf"]].hears(dict(resolved))


def test_of(resolved: Resolved, scope: Scope) -> Test:
    """Compile a resolved rule, or the rule of a segment that one asks for."""
    for kind, join in (("all", every), ("any", either)):
        if kind in resolved:
            return join([test_of(inner, scope) for inner in resolved[kind]])
    if "not" in resolved:
        return Test(f"NOT ({test_of(resolved['not'], scope).strict})")
    return leaf_types()[resolved["leaf"]].test(dict(resolved), scope)


def sentence(rule: Rule, *, negated: bool = False) -> str:
    """Say a rule in the marketer's words, in one line."""
    if isinstance(rule, Not):
        return sentence(rule.rule, negated=not negated)
    if isinstance(rule, Group):
        if not rule.rules:
            return "everybody" if (rule.kind == "all") != negated else "nobody"
        parts = [_part(inner, negated=negated) for inner in rule.rules]
        return (" and " if (rule.kind == "all") != negated else " or ").join(parts)
    return rule.type.sentence(rule.config, negated=negated)


def _part(rule: Rule, *, negated: bool) -> str:
    words = sentence(rule, negated=negated)
    inner = rule
    while isinstance(inner, Not):
        inner = inner.rule
    return f"({words})" if isinstance(inner, Group) and len(inner.rules) > 1 else words
