"""Send contacts on to another step of the conversation, in this thread or another.

With a filter only those who match go there; the others take the next step.
"""

from typing import Any

from pydantic import Field

from conductor.steps import (
    END,
    HERE,
    NEXT,
    Arrivals,
    Names,
    Rule,
    StepConfig,
    StepProblem,
    StepType,
    TargetKey,
    decide,
    empty,
    resolved_rule,
    rule_problems,
)


class GoToConfig(StepConfig):
    """Where to, and for whom."""

    to: TargetKey = ""
    filter: Rule = Field(default_factory=dict)


class GoTo(StepType[GoToConfig]):
    """Jump."""

    kind = "go_to"
    label = "Go To"
    family = "decision"
    icon = "corner-down-right"
    keywords = ("Connector", "Jump", "Loop")
    Config = GoToConfig

    def sentence(self, config: GoToConfig) -> str:
        """Say where to."""
        if not config.to:
            return "Choose a step to go to"
        return f"Go to {config.to}" + (" if they match the filter" if config.filter else "")

    def exits(self, config: GoToConfig) -> dict[str, str]:
        """Who matches goes there; without a filter that is everybody."""
        there = {"match": config.to or END}
        return {**there, "next": NEXT} if config.filter else there

    def exit_names(self, config: GoToConfig) -> set[str]:
        """Both, with or without a filter, so that a filter may come and go."""
        return {"match", "next"}

    def rules(self, config: GoToConfig) -> dict[str, Rule]:
        """Return the filter."""
        return {"filter": config.filter} if config.filter else {}

    def problems(self, config: GoToConfig, names: Names) -> list[StepProblem]:
        """Find a missing target and unknown names."""
        found = [] if config.to else [empty("to", "Choose the step to go to.")]
        if config.filter:
            found += rule_problems("filter", config.filter, names)
        return found

    def compile(self, config: GoToConfig, names: Names) -> dict[str, Any]:
        """Resolve the filter; the target is the exit `match`."""
        return {"rule": resolved_rule(config.filter, names)}

    def execute(self, arrivals: Arrivals) -> None:
        """Send there who matches; without a filter, everybody."""
        rule = arrivals.settings["rule"]
        if rule is None:
            arrivals.run(f"UPDATE arrivals SET exit = 'match' WHERE {HERE}")
        else:
            decide(arrivals, rule, matching="match", others="next")


STEP = GoTo()
