"""Do something to the contact: write into its profile, its lists, its segments, or raise an event.

An action step does one thing, and the contact goes on at once. Later steps see what it wrote.
What other conversations hear of it they hear in the next round, a moment later.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from pydantic import create_model, model_validator

from conductor.steps import (
    Arrivals,
    Names,
    StepConfig,
    StepProblem,
    StepType,
    docs_of,
    empty,
    invalid,
)
from conductor.steps.action.act import Act


@cache
def acts() -> dict[str, Act[Any]]:
    """Return every act by its name in a file, as the modules of this folder define them."""
    found: dict[str, Act[Any]] = {}
    for module in pkgutil.iter_modules(__path__):
        act = getattr(importlib.import_module(f"{__name__}.{module.name}"), "ACT", None)
        if isinstance(act, Act):
            found[act.name] = act
    return dict(sorted(found.items(), key=lambda item: item[1].place))


class OneAct(StepConfig):
    """What to do: exactly one."""

    @model_validator(mode="after")
    def one_act(self) -> Self:
        """Refuse two acts in one step."""
        if sum(getattr(self, name) is not None for name in acts()) > 1:
            raise invalid(f"An action has one of {', '.join(acts())}.")
        return self

    def chosen(self) -> tuple[Act[Any], Any] | None:
        """Return the act and its setting, or None where nothing is chosen yet."""
        for name, act in acts().items():
            setting = getattr(self, name)
            if setting is not None:
                return act, setting
        return None

    def write(self) -> Any:
        """Return the settings as a file has them."""
        chosen = self.chosen()
        if chosen is None:
            return {}
        act, setting = chosen
        return {act.name: setting.write() if isinstance(setting, StepConfig) else setting}


SETTINGS: Mapping[str, Any] = {name: (act.Setting | None, None) for name, act in acts().items()}
ActionConfig: type[OneAct] = create_model(
    "ActionConfig", __base__=OneAct, __doc__=OneAct.__doc__, **SETTINGS
)


class Action(StepType[OneAct]):
    """Do one thing to the contact."""

    kind = "action"
    passes = "next"
    label = "Action"
    family = "action"
    icon = "edit"
    keywords = (
        "Workflow to Enroll",
        "Segment to Update",
        "Set field",
        "Profile",
        "Coupon",
        "External event",
        "Subscribe",
        "Unsubscribe",
        "Random group",
    )
    Config = ActionConfig

    def docs(self, config: OneAct) -> str:
        """Say what an action is, and what the chosen act does."""
        chosen = config.chosen()
        return "\n".join([docs_of(self), *([docs_of(chosen[0])] if chosen else [])])

    def sentence(self, config: OneAct) -> str:
        """Say what it does."""
        chosen = config.chosen()
        said = chosen[0].sentence(chosen[1]) if chosen else ""
        return said or "Choose what to do"

    def exits(self, config: OneAct) -> dict[str, str]:
        """Name the ways out: those of the act."""
        chosen = config.chosen()
        return chosen[0].exits() if chosen else super().exits(config)

    def problems(self, config: OneAct, names: Names) -> list[StepProblem]:
        """Find what is missing, what does not exist, what does not fit."""
        chosen = config.chosen()
        if chosen is None:
            return [empty("", "Choose what to do.")]
        return chosen[0].problems(chosen[1], names)

    def compile(self, config: OneAct, names: Names) -> dict[str, Any]:
        """Return the act's name with ids for names."""
        chosen = config.chosen()
        if chosen is None:
            raise ValueError("Only a step without problems is compiled.")
        return {chosen[0].name: chosen[0].compile(chosen[1], names)}

    def execute(self, arrivals: Arrivals) -> None:
        """Do it to everybody here."""
        for name, settings in arrivals.settings.items():
            acts()[name].execute(arrivals, settings)


STEP = Action()
