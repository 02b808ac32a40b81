"""Let through only the contacts that match.

Those who match go on to the next step. The others leave by *otherwise*, which ends their
conversation unless it leads to another step.
"""

from typing import Any, Self

from pydantic import Field

from conductor.steps import (
    END,
    NEXT,
    Arrivals,
    Names,
    Rule,
    StepConfig,
    StepProblem,
    StepType,
    decide,
    empty,
    invalid,
    resolved_rule,
    rule_problems,
)
from contacts import filters


class FilterConfig(StepConfig):
    """The settings are the rule itself."""

    rule: Rule = Field(default_factory=dict)

    @classmethod
    def read(cls, written: Any) -> Self:
        """Take the whole as the rule."""
        if not isinstance(written, dict | None):
            raise invalid("A filter is a rule such as {purchase: {within: P60D}}.")
        return cls(rule=written or {})

    def write(self) -> Any:
        """Return the rule."""
        return self.rule


class Filter(StepType[FilterConfig]):
    """Pass those who match."""

    kind = "filter"
    label = "Filter"
    family = "decision"
    icon = "filter"
    Config = FilterConfig

    def sentence(self, config: FilterConfig) -> str:
        """Say who goes on."""
        if not config.rule:
            return "Choose who goes on"
        return filters.sentence(filters.parse(config.rule))

    def exits(self, config: FilterConfig) -> dict[str, str]:
        """Go on if they match, else end."""
        return {"next": NEXT, "otherwise": END}

    def rules(self, config: FilterConfig) -> dict[str, Rule]:
        """Return the rule."""
        return {"": config.rule} if config.rule else {}

    def problems(self, config: FilterConfig, names: Names) -> list[StepProblem]:
        """Find a missing rule and unknown names."""
        if not config.rule:
            return [empty("", "Choose who goes on.")]
        return rule_problems("", config.rule, names)

    def compile(self, config: FilterConfig, names: Names) -> dict[str, Any]:
        """Resolve the rule."""
        return {"rule": resolved_rule(config.rule, names)}

    def execute(self, arrivals: Arrivals) -> None:
        """Name each one's exit."""
        decide(arrivals, arrivals.settings["rule"], matching="next", others="otherwise")


STEP = Filter()
