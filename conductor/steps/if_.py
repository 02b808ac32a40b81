"""Send each contact the way of the first branch that it matches.

The branches are asked from top to bottom; who matches none leaves by *else*. All ways lead
on to the next step, unless an exit leads elsewhere.
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from conductor.steps import (
    NEXT,
    Arrivals,
    ExitName,
    Names,
    Rule,
    StepConfig,
    StepProblem,
    StepType,
    choose,
    empty,
    invalid,
    resolved_rule,
    rule_problems,
)

MOST_BRANCHES = 10
ELSE = "else"


class Branch(StepConfig):
    """One way, and who takes it."""

    name: ExitName
    filter: Rule = Field(default_factory=dict)


class IfConfig(StepConfig):
    """The branches in the order in which they are asked."""

    branches: list[Branch] = Field(default_factory=list, max_length=MOST_BRANCHES)

    @model_validator(mode="after")
    def each_once(self) -> Self:
        """Refuse two branches of one name: they would be one exit."""
        names = [branch.name for branch in self.branches]
        if len(set(names)) < len(names):
            raise invalid("Two branches have the same name.")
        return self


class If(StepType[IfConfig]):
    """Tell contacts apart."""

    kind = "if"
    label = "If/Then"
    family = "decision"
    icon = "git-branch"
    keywords = ("Branch", "Condition", "Decision", "Else")
    Config = IfConfig

    def sentence(self, config: IfConfig) -> str:
        """Name the ways."""
        if not config.branches:
            return "Choose who goes which way"
        return f"Branch: {', '.join(branch.name for branch in config.branches)}, else"

    def exits(self, config: IfConfig) -> dict[str, str]:
        """Each branch by its name, then `else`."""
        return dict.fromkeys([*(branch.name for branch in config.branches), ELSE], NEXT)

    def rules(self, config: IfConfig) -> dict[str, Rule]:
        """Return the branches' filters."""
        return {
            _path(place): branch.filter
            for place, branch in enumerate(config.branches)
            if branch.filter
        }

    def with_rules(self, config: IfConfig, rules: Mapping[str, Rule]) -> IfConfig:
        """Put the filters into their branches."""
        branches = [
            branch.model_copy(update={"filter": rules.get(_path(place), branch.filter)})
            for place, branch in enumerate(config.branches)
        ]
        return config.model_copy(update={"branches": branches})

    def problems(self, config: IfConfig, names: Names) -> list[StepProblem]:
        """Find missing branches, missing filters, unknown names."""
        if not config.branches:
            return [empty("branches", "Add a branch and say who takes it.")]
        found = []
        for place, branch in enumerate(config.branches):
            if branch.filter:
                found += rule_problems(_path(place), branch.filter, names)
            else:
                found.append(empty(_path(place), f"Choose who takes “{branch.name}”."))
        return found

    def compile(self, config: IfConfig, names: Names) -> dict[str, Any]:
        """Resolve the filters."""
        return {
            "branches": [
                {"name": branch.name, "rule": resolved_rule(branch.filter, names)}
                for branch in config.branches
            ]
        }

    def execute(self, arrivals: Arrivals) -> None:
        """Name each one's exit, all branches in one statement."""
        branches = [(branch["name"], branch["rule"]) for branch in arrivals.settings["branches"]]
        choose(arrivals, branches, others=ELSE)


def _path(place: int) -> str:
    return f"branches[{place}].filter"


STEP = If()
