"""
Step types, one file each: what a step is called, what it takes, how it leaves, what it does.

A file's docstring is the builder's help, `Config` is the validator of what is written in a
conversation file, and the file ends in `STEP = Wait()`. `step_types()` finds them by
scanning this folder: there is no list to edit, and no step type knows another.
"""

import importlib
import pkgutil
from functools import cache
from typing import Any

from conductor.stepping.arrivals import (
    DRAW,
    DRAWS,
    FIELD_IS_GONE,
    HERE,
    IN_ORDER,
    THESE,
    Arrivals,
    draw,
    fields_here,
    hold_here,
)
from conductor.stepping.choosing import (
    ENROLLMENT_AND_ARRIVALS,
    can_ask,
    choose,
    decide,
    enrollment_for,
    resolved_rule,
    rule_problems,
)
from conductor.stepping.keys import END, KEY_PATTERN, NEXT, TAKEN_EXITS, Rule
from conductor.stepping.kinds import Family, StepType, docs_of
from conductor.stepping.names import Enterable, MessageUse, Names, StepProblem, empty, unknown
from conductor.stepping.sending import (
    CONVERSATION,
    SendConfig,
    answered,
    asked_of_all,
    send_settings,
    sending,
)
from conductor.stepping.settings import (
    EARLIEST_YEAR,
    LATEST_YEAR,
    DurationText,
    ExitName,
    MomentText,
    NameText,
    OffsetText,
    StepConfig,
    TargetKey,
    TimeText,
    ZoneText,
    invalid,
    shape,
)
from conductor.stepping.telling import Told, announce

__all__ = [
    "CONVERSATION",
    "DRAW",
    "DRAWS",
    "EARLIEST_YEAR",
    "END",
    "ENROLLMENT_AND_ARRIVALS",
    "FIELD_IS_GONE",
    "HERE",
    "IN_ORDER",
    "KEY_PATTERN",
    "LATEST_YEAR",
    "NEXT",
    "TAKEN_EXITS",
    "THESE",
    "Arrivals",
    "DurationText",
    "Enterable",
    "ExitName",
    "Family",
    "MessageUse",
    "MomentText",
    "NameText",
    "Names",
    "OffsetText",
    "Rule",
    "SendConfig",
    "StepConfig",
    "StepProblem",
    "StepType",
    "TargetKey",
    "TimeText",
    "Told",
    "ZoneText",
    "announce",
    "answered",
    "asked_of_all",
    "can_ask",
    "choose",
    "decide",
    "docs_of",
    "draw",
    "empty",
    "enrollment_for",
    "fields_here",
    "hold_here",
    "invalid",
    "resolved_rule",
    "rule_problems",
    "send_settings",
    "sending",
    "shape",
    "step_types",
    "unknown",
]


@cache
def step_types() -> dict[str, StepType[Any]]:
    """Return every step type by its kind, as the files of this folder define them."""
    found: dict[str, StepType[Any]] = {}
    for module in pkgutil.iter_modules(__path__):
        step = getattr(importlib.import_module(f"{__name__}.{module.name}"), "STEP", None)
        # Packages and modules that only serve a kind have none.
        if isinstance(step, StepType):
            found[step.kind] = step
    return found
