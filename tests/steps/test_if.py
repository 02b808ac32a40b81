"""If/Then: who takes which branch."""

from typing import Any

import pytest

from conductor.conversations.document import parse_step
from conductor.conversations.reading import MalformedConversationError
from tests.engine.world import World

BRANCHES = (
    "{key: ask, if: {branches: ["
    "{name: gold, filter: {field: Profile.Points, at_least: 100}}, "
    "{name: vip, filter: {field: Profile.Vip, checked: true}}, "
    "{name: cheap order, filter: {entry: {property: {name: total, less_than: 10}}}}]}}"
)


class TestIf:
    @pytest.mark.parametrize(
        ("profile", "properties", "exit_name"),
        [
            ({"Points": 100}, {}, "gold"),
            # The first branch that matches, whatever else would.
            ({"Points": 500, "Vip": "on"}, {"total": 5}, "gold"),
            ({"Points": 99, "Vip": "on"}, {"total": 5}, "vip"),
            ({"Vip": "off"}, {"total": 5}, "cheap order"),
            ({}, {"total": 10}, "else"),
            ({}, {}, "else"),
        ],
    )
    def test_takes_the_first_branch_that_matches(
        self, world: World, profile: dict[str, Any], properties: dict[str, Any], exit_name: str
    ) -> None:
        world.live(BRANCHES)
        grace = world.person(profile=profile)

        world.happen(grace, properties=properties)
        world.tick()

        assert world.path(grace) == ["start>next", f"ask>{exit_name}", "end>end", "(terminated)"]

    def test_leads_each_branch_where_its_exit_says(self, world: World) -> None:
        world.live(
            BRANCHES[:-1] + ", exits: {vip: hold, else: stop}}\n{key: stop, terminate: {}}\n"
            "{key: hold, wait: {for: P1D}}"
        )
        gold, vip, other = (
            world.person(profile={"Points": 100}),
            world.person(profile={"Vip": "on"}),
            world.person(),
        )

        world.happen(gold, vip, other)
        world.tick()

        assert world.path(gold)[1:] == ["ask>gold", "stop>end", "(terminated)"]
        assert world.path(vip)[1:] == ["ask>vip", "hold"]
        assert world.path(other)[1:] == ["ask>else", "stop>end", "(terminated)"]

    @pytest.mark.parametrize(
        ("branches", "path"),
        [
            ([{"name": "a", "filter": {"all": []}}] * 2, "if"),
            ([{"name": "else", "filter": {"all": []}}], "if.branches[0].name"),
            ([{"name": "end", "filter": {"all": []}}], "if.branches[0].name"),
            ([{"name": " a"}], "if.branches[0].name"),
            ([{"filter": {"all": []}}], "if.branches[0].name"),
            ([{"name": f"b{number}"} for number in range(11)], "if.branches"),
            ([{"name": "a", "filter": {"purchase": {"often": 1}}}],
             "if.branches[0].filter.purchase.often"),
        ],
    )  # fmt: skip
    def test_refuses(self, branches: list[dict[str, Any]], path: str) -> None:
        with pytest.raises(MalformedConversationError) as refused:
            parse_step({"key": "ask", "if": {"branches": branches}})

        assert [fault.path for fault in refused.value.faults] == [path]

    def test_comes_back_as_it_was_written(self) -> None:
        written = {
            "key": "ask",
            "if": {
                "branches": [
                    {"name": "gold", "filter": {"field": "Profile.Points", "at_least": 100}},
                    {"name": "open"},
                ]
            },
            "exits": {"gold": "end", "else": "ask"},
        }

        assert parse_step(written).write() == written
