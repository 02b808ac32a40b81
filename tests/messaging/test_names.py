"""What a template names, what of it there is not, and what it may have meant."""

import minijinja
import pytest

from messaging.rendering.names import ANYTHING, is_there, mentions, unknown_names, written

KNOWN = {
    "contact": {"first_name": None, "last_name": None, "email": None},
    "fields": {"Profile": {"Size": None}, "Profile.Size": None},
    "list": {"id": None, "name": None},
    "event": ANYTHING,
    "now": None,
}
TEMPLATE = """
{{ contact.first_name | default("you") }} {{ fields["Profile.Size"] }}
{% for item in event.items if item.sku %}{{ item.sku | upper }}{{ loop.index }}{% endfor %}
{% set total = event.total | round(digits=2) %}{{ total }}
{% with a = now, b = list.name %}{{ a }}{{ b }}{% endwith %}
{% macro hi(name, mark="!") %}{{ name }}{{ mark }}{% endmacro %}{{ hi(contact.last_name) }}
{# {{ nothing.at.all }} #}{% raw %}{{ raw.too }}{% endraw %}
{{ "x" if event.seen is defined and not event.left else 'contact.none' }}
"""


def names(source):
    return [written(one.path) for one in mentions(source)]


class TestMentions:
    def test_are_what_the_template_does_not_set_itself(self):
        assert names(TEMPLATE) == [
            "contact.first_name",
            'fields["Profile.Size"]',
            "event.items",
            "event.total",
            "now",
            "list.name",
            "contact.last_name",
            "event.seen",
            "event.left",
        ]

    def test_begin_with_what_minijinja_finds_undeclared(self):
        environment = minijinja.Environment(filters={"round": round})
        undeclared = environment.undeclared_variables_in_str(TEMPLATE)

        assert {one.path[0] for one in mentions(TEMPLATE)} == undeclared

    @pytest.mark.parametrize(
        ("source", "shown"),
        [
            ("{{ event.total }}", True),
            ("{{ event.total | money }}", True),
            ("{{ event.total | default(0) | money }}", False),
            ("{% if event.total %}{{ event.total }}{% endif %}", False),
            ("{{ event.total if event.total else 'none' }}", False),
            ("{% if contact.email %}{{ event.total }}{% endif %}", True),
        ],
    )
    def test_are_shown_unless_their_absence_was_thought_of(self, source, shown):
        found = [one for one in mentions(source) if one.path == ("event", "total")]

        assert any(one.is_shown for one in found) is shown

    @pytest.mark.parametrize(
        "source", ["", "{{", "{{ }}", "{% %}", "{% set %}", "{% for %}", "{{ . }}"]
    )
    def test_of_what_is_no_template_are_none(self, source):
        assert names(source) == []


class TestUnknownNames:
    @pytest.mark.parametrize(
        ("source", "name", "nearest"),
        [
            ("{{ contact.frist_name }}", "contact.frist_name", "contact.first_name"),
            ("{{ contact['FirstName'] }}", "contact.FirstName", "contact.first_name"),
            ("{{ first_name }}", "first_name", "contact.first_name"),
            ("{{ contcat.email }}", "contcat.email", "contact.email"),
            ('{{ fields["profile.size"] }}', 'fields["profile.size"]', 'fields["Profile.Size"]'),
            ("{{ fields.Profile.Sise }}", "fields.Profile.Sise", 'fields["Profile.Size"]'),
            ('{{ fields["No.Such"] }}', 'fields["No.Such"]', ""),
            ("{{ list.nmae }}", "list.nmae", "list.name"),
            ("{{ now.year }}", "now.year", "now"),
            ("{{ zzz }}", "zzz", ""),
            ("{% if contact.nick %}x{% endif %}", "contact.nick", ""),
            (
                "{{ contact.frist_name | default('you') }}",
                "contact.frist_name",
                "contact.first_name",
            ),
        ],
    )
    def test_come_with_the_nearest_that_there_is(self, source, name, nearest):
        (found,) = unknown_names(f"a\nb {source}", KNOWN)

        assert (found.name, found.line, found.nearest) == (name, 2, nearest)

    def test_are_told_once_each_in_a_sentence(self):
        (found,) = unknown_names("{{ list.nmae }}\n{{ list.nmae }}", KNOWN)

        assert (
            str(found) == "Line 1: there is no list.nmae; it is left empty. Did you mean list.name?"
        )

    @pytest.mark.parametrize("source", [TEMPLATE, "{{ event.any.thing }}{{ fields.Profile }}"])
    def test_are_none_where_there_is_a_place_for_each(self, source):
        assert unknown_names(source, KNOWN) == []


class TestIsThere:
    def test_asks_for_the_place_and_not_for_the_value(self):
        context = {"contact": {"first_name": ""}, "event": {"items": []}}

        assert is_there(("contact", "first_name"), context)
        assert is_there(("event", "items"), context)
        assert not is_there(("event", "total"), context)
        assert not is_there(("contact", "first_name", "x"), context)
