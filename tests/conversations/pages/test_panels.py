"""Every kind's panel: what it shows, it writes back."""

from typing import Any

import pytest

from conductor.conversations.document import parse_document
from conductor.conversations.forms import form_of
from conductor.conversations.forms.step import Place
from conductor.conversations.names import ListNames
from conductor.steps import step_types
from tests.engine.world import World

pytestmark = pytest.mark.django_db

SETTINGS: dict[str, list[Any]] = {
    "trigger": [
        "none",
        {"external_event": "Order Imported"},
        {"external_event": ["Order Imported", "Cart"], "filter": {"purchase": {"within": "P60D"}}},
        {"list": "subscribed"},
        {"list": "profile_updated", "fields": ["Profile.Note"]},
        {"list": "address_changed"},
        {"segment": {"name": "Friends", "on": "entered", "include_existing": True}},
        {"segment": {"name": "Friends", "on": "left"}},
        {"order": {"status": "Shipped"}},
        {"order": {"status": ["Shipped", "Completed"], "max_age": "P7D"}},
        {"product": {"back_in_stock": {"event": "Cart", "within": "P30D"}}},
        {"import": True},
        {"date": {"field": "Profile.Birthday", "offset": "-P3D", "at": "09:00"}},
    ],
    "filter": [{"purchase": {"within": "P60D"}}],
    "if": [
        {
            "branches": [
                {"name": "buyers", "filter": {"purchase": {"within": "P60D"}}},
                {"name": "others", "filter": {"field": "Profile.Note", "is": "x"}},
            ]
        }
    ],
    "split": [
        {"groups": [{"name": "A", "weight": 30}, {"name": "B", "weight": 70}]},
        {"groups": [{"name": "A", "weight": 100}], "store": "Profile.Note"},
    ],
    "go_to": [{"to": "end"}, {"to": "end", "filter": {"purchase": {"within": "P60D"}}}],
    "wait": [
        {"for": "P3D"},
        {"for": "P1DT6H", "window": {"days": ["mon", "fri"], "from": "09:00", "to": "17:00"}},
        {"until": "2027-01-01T09:00:00", "time_zone": "contact"},
        {
            "until_field": {
                "field": "Profile.Birthday",
                "offset": "-P3D",
                "at": "09:00",
                "year": "next_occurrence",
            }
        },
        {"until_field": {"field": "Profile.Birthday", "offset": "P1M"}},
        {"until_parts": {"day": 31, "month": 12, "year": 2027, "time": "10:30"}},
        {
            "until_parts": {
                "day": {"nth": "last", "weekday": "fri"},
                "month": "entry",
                "year": "entry",
                "roll": True,
                "time": "entry",
                "offset": "-P28D",
            }
        },
        {"until_parts": {"day": "Profile.Birthday", "month": "Profile.Birthday"}},
    ],
    "wait_for": [
        {"event": "Cart", "timeout": "P3D"},
        {"event": "Cart", "where": {"name": "sku", "is": "A1"}, "timeout": "PT12H"},
        {"order": {}, "timeout": "P3D"},
        {"order": {"status": ["Shipped", "Completed"]}, "timeout": "P3D"},
        {"message": {"did": "clicked", "step": "mail"}, "timeout": "P2W"},
        {"sms": {"did": "replied"}, "timeout": "P1DT1H"},
        {"filter": {"field": "Profile.Note", "is": "x"}, "timeout": "P3D"},
    ],
    "message": [{"saved_message": "We miss you"}],
    "mobile_message": [
        {
            "short_code": "54321",
            "phone_list": "Transactional",
            "text": "Hi",
            "notification": {"emails": ["ops@acme.example"], "on": ["daily"]},
        }
    ],
    "action": [
        {"set_field": {"field": "Profile.Note", "value": "x"}},
        {"set_field": {"field": "Profile.Points", "value": 3}},
        {"set_field": {"field": "Profile.Note", "value": None}},
        {"set_field": {"field": "Profile.Note", "value": {"from_field": "Profile.Mobile"}}},
        {"set_date": {"field": "Profile.Renewal", "offset": "-P2D", "of": "entry"}},
        {
            "set_difference": {
                "field": "Profile.Points",
                "from_field": "Profile.Birthday",
                "unit": "weeks",
            }
        },
        {"set_coupon": {"pool": "Ten off", "field": "Profile.Note"}},
        {"random_group": {"field": "Profile.Points", "groups": 4}},
        {"raise_event": "Cart"},
        {"subscribe": "Other"},
        {"unsubscribe": "this"},
        {"enroll": {"conversation": "Other", "thread": "Main"}},
        {"add_to_segment": "Friends"},
        {"remove_from_segment": "Friends"},
    ],
    "webhook": [
        {"url": "https://shop.example/hook"},
        {
            "url": "https://shop.example/hook",
            "method": "PUT",
            "headers": {"X-Shop": "acme", "Authorization": "Bearer {{ secrets.KEY }}"},
            "body": '{"a": 1}',
            "secret": "KEY",
            "timeout": "PT5S",
            "save_response": {"Profile.Note": "/id"},
        },
    ],
    "code": [{"source": 'return {exit: "next"};', "exits": ["gold", "silver"]}],
    "promotion": [{"name": "Spring"}],
    "terminate": [{}, {"goal": True}],
}


@pytest.fixture
def world(inside_acme, now):
    return World(now)


def place_of(world, kind, settings):
    steps = [{"key": "start", "trigger": "none"}, {"key": "step", kind: settings}]
    if kind == "trigger":
        steps = [{"key": "step", "trigger": settings}]
    steps += [{"key": "mail", "message": {"saved_message": "We miss you"}}]
    structure = {
        "conversation": "C",
        "threads": [{"thread": "Main", "steps": [*steps, {"key": "end", "terminate": {}}]}],
    }
    document = parse_document(structure)
    return Place(world.in_list, document, document.steps()["step"], ListNames(world.in_list))


def data_of(form):
    """Return what a browser would send back, untouched."""
    data = {}
    for name, field in form.fields.items():
        value = form.initial.get(name, field.initial)
        if value not in (None, "", False):
            data[name] = "on" if value is True else value
    return data


CASES = [(kind, settings) for kind, all_of in SETTINGS.items() for settings in all_of]


class TestPanels:
    def test_every_kind_has_settings_here(self):
        assert set(SETTINGS) == set(step_types())

    @pytest.mark.parametrize(("kind", "settings"), CASES)
    def test_write_back_what_they_show(self, world, kind, settings):
        place = place_of(world, kind, settings)

        form = form_of(place, data_of(form_of(place)))

        assert form.is_valid(), form.errors
        written = place.step.type.Config.read(form.settings())
        assert written.write() == place.step.config.write()

    @pytest.mark.parametrize("kind", sorted(set(SETTINGS) - {"trigger"}))
    def test_open_with_nothing_chosen(self, world, kind):
        place = place_of(world, kind, {})

        form = form_of(place, data_of(form_of(place)))

        assert form.is_valid(), form.errors
        assert place.step.type.Config.read(form.settings()) is not None
