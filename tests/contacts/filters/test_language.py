"""Reading rules: what is malformed, with its path, and what a list does not know."""

from typing import Any

import pytest

from contacts import filters
from contacts.filters.language import DEPTH_LIMIT, LEAF_LIMIT


def faults(written, path=""):
    with pytest.raises(filters.Malformed) as refused:
        filters.parse(written, path)
    return refused.value.faults


class NoNames:
    """The names of a list that has none."""

    conversation_id = 0
    list: Any = None

    def field(self, name: str) -> Any:
        return None

    def event(self, name: str) -> Any:
        return None

    def segment(self, name: str) -> Any:
        return None

    def conversation(self, name: str) -> Any:
        return None

    def saved_message(self, name: str) -> Any:
        return None

    def has_sms_message(self, name: str) -> bool:
        return False


class Kind:
    """A field of one data type."""

    def __init__(self, data_type):
        self.pk, self.data_type = 7, data_type


class OneField(NoNames):
    def __init__(self, data_type):
        self.data_type = data_type

    def field(self, name: str) -> Any:
        return Kind(self.data_type)


class TestParse:
    @pytest.mark.parametrize(
        ("written", "path"),
        [
            ("x", ""),
            ([], ""),
            ({}, ""),
            ({"nonsense": 1}, ""),
            ({"all": [], "any": []}, ""),
            ({"all": {}}, "all"),
            ({"any": [{"purchase": {}}, 3]}, "any[1]"),
            ({"not": []}, "not"),
            ({"not": {"purchase": {}}, "note": 1}, "note"),
            ({"purchase": {}, "within": "P3D"}, "within"),
            ({"purchase": []}, "purchase"),
            ({"purchase": {"within": "3 days"}}, "purchase.within"),
            ({"purchase": {"within": "P0D"}}, "purchase.within"),
            ({"purchase": {"within": "P3D", "since": "2026-01-01"}}, "purchase.since"),
            ({"purchase": {"since": "The entry"}}, "purchase.since"),
            ({"purchase": {"since": "2026-13-01"}}, "purchase.since"),
            ({"purchase": {"count": 3}}, "purchase.count"),
            ({"purchase": {"count": {"at_least": "3"}}}, "purchase.count.at_least"),
            ({"purchase": {"count": {"at_least": True}}}, "purchase.count.at_least"),
            ({"purchase": {"count": {"contains": 3}}}, "purchase.count.contains"),
            ({"purchase": {"total": {"between": [1]}}}, "purchase.total.between"),
            ({"purchase": {"total": {"at_least": 1e300}}}, "purchase.total.at_least"),
            ({"purchase": {"first": {"at_least": 3}}}, "purchase.first.at_least"),
            ({"purchase": {"status": ["Sold"]}}, "purchase.status[0]"),
            ({"purchase": {"sku": []}}, "purchase.sku"),
            ({"purchase": {"colour": "red"}}, "purchase.colour"),
            ({"field": "P.A"}, ""),
            ({"field": 3, "is": "x"}, "field"),
            ({"field": "P.A", "is": None}, "is"),
            ({"field": "P.A", "is": ["x"]}, "is"),
            ({"field": "P.A", "in": "x"}, "in"),
            ({"field": "P.A", "in": []}, "in"),
            ({"field": "P.A", "in": [1, {}]}, "in[1]"),
            ({"field": "P.A", "equals": "x"}, "equals"),
            ({"field": "P.A", "contains": " "}, "contains"),
            ({"field": "P.A", "is": "a\x00b"}, "is"),
            ({"field": "P.A", "is": "\ud800"}, "is"),
            ({"field": "P.A", "is": "x" * 1001}, "is"),
            ({"field": "P.A", "empty": "yes"}, "empty"),
            ({"field": "P.A", "on": "2026-02-30"}, "on"),
            ({"field": "P.A", "in_last": "PT3H"}, "in_last"),
            ({"field": "P.A", "day": 32}, "day"),
            ({"field": "P.A", "month": 0}, "month"),
            ({"field": "P.A", "weekday": "Monday"}, "weekday"),
            ({"field": "P.A", "between": [1, "x"]}, "between[1]"),
            ({"contact": "shoe_size", "is": "9"}, "contact"),
            ({"contact": "email", "at_least": 3}, "at_least"),
            ({"subscription": {}}, "subscription"),
            ({"subscription": {"state": "subscribed"}}, "subscription.state"),
            ({"entry": {}}, "entry"),
            ({"entry": {"property": {"is": "x"}}}, "entry.property"),
            ({"entry": {"property": {"name": "P", "is": "x", "at_least": 3}}}, "entry.property.is"),
            ({"event": {}}, "event"),
            ({"event": {"name": "Cart", "count": {}}}, "event.count"),
            ({"event": {"name": "Cart", "where": [3]}}, "event.where[0]"),
        ],
    )
    def test_refuses_with_a_path(self, written, path):
        assert path in [found for found, _ in faults(written)]

    def test_puts_a_path_before_its_own(self):
        found = faults({"not": {"purchase": {"within": 3}}}, "threads[0].steps[2].filter")

        assert [path for path, _ in found] == ["threads[0].steps[2].filter.not.purchase.within"]

    def test_finds_every_fault(self):
        found = faults({"all": [{"purchase": {"within": "x", "count": 2}}, {"field": "P.A"}]})

        assert [path for path, _ in found] == [
            "all[0].purchase.within",
            "all[0].purchase.count",
            "all[1]",
        ]

    def test_stops_at_its_depth(self):
        rule: Any = {"purchase": {}}
        for _ in range(DEPTH_LIMIT - 1):
            rule = {"not": rule}

        assert filters.parse(rule) is not None
        assert "deep" in faults({"not": rule})[0][1]

    def test_survives_any_depth(self):
        rule: Any = {"purchase": {}}
        for _ in range(50_000):
            rule = {"not": rule}

        assert "deep" in faults(rule)[0][1]

    def test_stops_at_its_leaves(self):
        rules: list[Any] = [{"purchase": {}}] * LEAF_LIMIT

        assert filters.parse({"all": rules}) is not None
        assert "leaves" in faults({"all": [*rules, {"purchase": {}}]})[0][1]

    @pytest.mark.parametrize(
        ("written", "canonical"),
        [
            ({"purchase": {"count": {"at_most": 2}, "within": "P8W"}},
             {"purchase": {"within": "P56D", "count": {"at_most": 2}}}),
            ({"empty": False, "is": "x", "field": "P.A"},
             {"field": "P.A", "is": "x", "empty": False}),
            ({"purchase": {"status": "Shipped"}}, {"purchase": {"status": ["Shipped"]}}),
        ],
    )  # fmt: skip
    def test_writes_canonically(self, written, canonical):
        again = filters.write(filters.parse(written))

        assert again == canonical
        assert list(again) == list(canonical)
        for key, value in canonical.items():
            if isinstance(value, dict):
                assert list(again[key]) == list(value)


class TestProblems:
    def test_names_what_the_list_does_not_have(self):
        rule = filters.parse(
            {
                "any": [
                    {"field": "Profile.Country", "is": "US"},
                    {"not": {"event": {"name": "Cart"}}},
                    {"entry": {"event": ["Cart"]}},
                    {"purchase": {}},
                ]
            }
        )

        assert [path for path, _ in filters.problems(rule, NoNames(), "filter")] == [
            "filter.any[0].field",
            "filter.any[1].not.event.name",
            "filter.any[2].entry.event",
        ]

    @pytest.mark.parametrize(
        ("data_type", "operators", "path"),
        [
            ("Numeric", {"contains": "x"}, "contains"),
            ("Numeric", {"is": "5"}, "is"),
            ("Numeric", {"between": ["2026-01-01", "2026-01-02"]}, "between"),
            ("Text", {"at_least": 3}, "at_least"),
            ("RadioButton", {"contains": "x"}, "contains"),
            ("Date", {"is": "2026-01-01"}, "is"),
            ("Date", {"between": [1, 2]}, "between"),
            ("CheckBox", {"is": "on"}, "is"),
        ],
    )
    def test_names_what_does_not_go_with_a_data_type(self, data_type, operators, path):
        rule = filters.parse({"field": "P.A", **operators})

        assert [found for found, _ in filters.problems(rule, OneField(data_type))] == [path]

    @pytest.mark.parametrize(
        ("data_type", "operators"),
        [
            ("Numeric", {"is": 5}),
            ("Text", {"is": 98101}),
            ("CommentArea", {"ends_with": "x"}),
            ("Date", {"in_last": "P7D"}),
            ("CheckBox", {"checked": True}),
        ],
    )
    def test_is_silent_where_all_is_well(self, data_type, operators):
        rule = filters.parse({"field": "P.A", **operators})

        assert filters.problems(rule, OneField(data_type)) == []

    def test_a_name_that_is_not_there_cannot_be_resolved(self):
        for written in ({"field": "P.A", "is": "x"}, {"event": {"name": "Cart"}}):
            with pytest.raises(LookupError):
                filters.resolve(filters.parse(written), NoNames())


class TestSentence:
    @pytest.mark.parametrize(
        ("written", "sentence"),
        [
            ({"purchase": {"within": "P60D"}}, "ordered in the last 60 days"),
            ({"not": {"purchase": {"within": "P60D"}}}, "no order in the last 60 days"),
            ({"purchase": {"since": "entry"}}, "ordered since entry"),
            ({"not": {"purchase": {"since": "2026-01-01T09:00:00Z"}}},
             "no order since 2026-01-01 09:00"),
            ({"field": "Profile.Country", "is": "US"}, "Country is US"),
            ({"not": {"field": "Profile.Vip", "checked": True}}, "Vip is not checked"),
            ({"field": "Profile.Country", "in": ["US", "CA"], "empty": False},
             "Country is one of US, CA and is not empty"),
            ({"contact": "first_name", "starts_with": "A"}, "first name starts with A"),
            ({"subscription": {"state": "Subscribed", "within": "P3D"}},
             "is Subscribed in the last 3 days"),
            ({"event": {"name": "Cart", "within": "PT2H", "where": {"name": "color", "is": "red"}}},
             "had Cart in the last 2 hours where color is red"),
            ({"entry": {"event": "Cart", "thread": "Winback"}}, "entered by Cart through Winback"),
            ({"purchase": {"brand": "Acme", "total": {"at_least": 100}}},
             "ordered of brand Acme, total is at least 100"),
            ({"purchase": {"last": {"between": ["2026-01-01", "2026-02-01"]}}},
             "ordered, last is between 2026-01-01 and 2026-02-01"),
            ({"not": {"any": [{"purchase": {}}, {"all": []}]}}, "no order and nobody"),
            ({"any": [{"all": [{"purchase": {}}, {"contact": "phone", "empty": False}]},
                      {"contact": "birthday", "in_next": "P7D"}]},
             "(ordered and phone is not empty) or birthday is in the next 7 days"),
        ],
    )  # fmt: skip
    def test_says_it(self, written, sentence):
        assert filters.sentence(filters.parse(written)) == sentence
