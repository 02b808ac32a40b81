"""Compiled SQL agrees with a plain Python reading, contact by contact."""

import json

import pytest
from hypothesis import HealthCheck, given, settings

from accounts.tenancy import sql
from contacts import filters
from tests.contacts.filters.drawing import NOW, TYPES, Population, leaves, rules
from tests.contacts.filters.oracle import holds
from tests.factories import ListFactory

# A tick's form: strict, with an enrollment, each contact's facts asked by the index.
TICK = """
    SELECT subscription.id, {condition}
    FROM contacts_subscription AS subscription
    JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
    JOIN jsonb_to_recordset(%(enrollments)s::jsonb) AS enrollment (
        subscription_id bigint, entry_external_event_id bigint, entry_thread text,
        entry_method text, entry_properties jsonb
    ) ON enrollment.subscription_id = subscription.id
    WHERE subscription.list_id = %(list_id)s
"""


@pytest.fixture(params=[1, 2])
def population(inside_acme, request):
    return Population(ListFactory(), seed=request.param, size=50)


def enrollments(population):
    rows = []
    for pk, person in population.people.items():
        entry = person.entry or {"event": "", "thread": "", "method": "", "properties": {}}
        event = population.event(entry["event"])
        rows.append({
            "subscription_id": pk,
            "entry_external_event_id": event and event.pk,
            "entry_thread": entry["thread"],
            "entry_method": entry["method"],
            "entry_properties": entry["properties"],
        })  # fmt: skip
    return json.dumps(rows)


def check(population, written, zone):
    rule = filters.parse(written)
    assert filters.problems(rule, population) == []
    resolved = json.loads(json.dumps(filters.resolve(rule, population)))
    people = population.people

    found = filters.members(list=population.list, rule=resolved, time_zone=zone, now=NOW)
    condition = filters.condition(resolved, zone="%(zone)s", prefix="step")
    rows: dict[int, bool] = dict(
        sql.fetch_all(
            TICK.format(condition=condition.sql),
            **condition.params,
            now=NOW,
            zone=zone,
            list_id=population.list.pk,
            enrollments=enrollments(population),
        )
    )

    for person in people.values():
        person.entry, kept = None, person.entry
        person.kept = kept
    assert found == {pk for pk, one in people.items() if holds(written, one, TYPES, NOW, zone)}
    for person in people.values():
        person.entry = person.kept or {"event": "", "thread": "", "method": "", "properties": {}}
    assert rows == {pk: holds(written, one, TYPES, NOW, zone) for pk, one in people.items()}
    for person in people.values():
        person.entry = person.kept


PROPERTY = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class TestAgreement:
    @PROPERTY
    @given(leaves())
    def test_of_single_leaves(self, population, written):
        check(population, written, "America/New_York")

    @PROPERTY
    @given(rules())
    def test_of_nested_rules(self, population, written):
        check(population, written, "Pacific/Auckland")

    @PROPERTY
    @given(rules())
    def test_of_what_is_written_again(self, population, written):
        rule = filters.parse(written)

        again = filters.write(rule)

        assert filters.parse(again) == rule
        assert filters.write(filters.parse(again)) == again
        assert filters.sentence(rule)
