"""End the conversation for every contact that comes here.

As a goal, it counts them as converted. A thread's last step is always one of these.
"""

from typing import Any

from conductor.steps import Names, StepConfig, StepType


class TerminateConfig(StepConfig):
    """Whether this end is the one that was hoped for."""

    goal: bool = False


class Terminate(StepType[TerminateConfig]):
    """The end."""

    kind = "terminate"
    passes = "end"
    label = "Terminate"
    family = "end"
    icon = "player-stop"
    keywords = ("End", "Exit", "Goal")
    Config = TerminateConfig

    def sentence(self, config: TerminateConfig) -> str:
        """Say that it ends here."""
        return "Goal reached: the conversation ends" if config.goal else "The conversation ends"

    def exits(self, config: TerminateConfig) -> dict[str, str]:
        """Nobody leaves."""
        return {}

    def compile(self, config: TerminateConfig, names: Names) -> dict[str, Any]:
        """Say whether it is a goal."""
        return {"goal": config.goal}


STEP = Terminate()
