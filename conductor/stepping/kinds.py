"""What a kind of step is."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, TypeVar

from conductor.stepping.arrivals import Arrivals
from conductor.stepping.keys import NEXT, Rule
from conductor.stepping.names import MessageUse, Names, StepProblem
from conductor.stepping.settings import StepConfig
from contacts import filters
from contacts.filters import Heard

C = TypeVar("C", bound=StepConfig)


Family = Literal["entry", "message", "wait", "decision", "action", "end"]

# What a docstring sets apart: *next*, `Idempotency-Key`.
SET_APART = re.compile(r"(?<!\w)([*`])(.+?)\1(?!\w)")


def docs_of(kind: object) -> str:
    """Return the docstring of the module that something's class is of: a line a paragraph."""
    module = inspect.getmodule(type(kind))
    written = inspect.cleandoc((module.__doc__ if module else "") or "")
    paragraphs = (" ".join(paragraph.split()) for paragraph in written.split("\n\n"))
    return "\n".join(SET_APART.sub(r"\2", paragraph) for paragraph in paragraphs)


class StepType(Generic[C]):
    """One kind of step."""

    kind: ClassVar[str]
    label: ClassVar[str]
    family: ClassVar[Family]
    icon: ClassVar[str]
    # Other words by which the chooser finds it.
    keywords: ClassVar[Sequence[str]] = ()
    # The exit that everybody takes at once, if the kind has one: rows arrive with it named.
    passes: ClassVar[str] = ""
    # Whether a contact that is here is asked again when something happens to it.
    wakes: ClassVar[bool] = False
    Config: type[C]

    def docs(self, config: C) -> str:
        """Say what the builder says of it, a line a paragraph: the file's docstring."""
        return docs_of(self)

    def sentence(self, config: C) -> str:
        """Say in one line what the step does: `Wait 3 days`."""
        raise NotImplementedError

    def exits(self, config: C) -> dict[str, str]:
        """Name the ways out in order, each with its default: NEXT, END or a step key."""
        return {"next": NEXT}

    def exit_names(self, config: C) -> set[str]:
        """Name every exit that a file may redirect."""
        return set(self.exits(config))

    def rules(self, config: C) -> dict[str, Rule]:
        """Return the rules among the settings by their path within them."""
        return {}

    def with_rules(self, config: C, rules: Mapping[str, Rule]) -> C:
        """Return the settings with these rules in the place of its own, by the same paths."""
        return config.model_copy(update={path or "rule": rule for path, rule in rules.items()})

    def unfit(self, rule: filters.Rule) -> list[tuple[str, str]]:
        """Return (path within it, sentence) for what no rule of this kind of step may ask."""
        return []

    def steps_named(self, config: C) -> dict[str, str]:
        """Return the other steps that the settings speak of: {path within them: step key}."""
        return {}

    def problems(self, config: C, names: Names) -> list[StepProblem]:
        """Say what keeps the settings from running: names, emptiness, types."""
        return []

    def compile(self, config: C, names: Names) -> dict[str, Any]:
        """Return what the engine runs: ids for names. Only for settings without problems."""
        raise NotImplementedError

    def holds(self, config: C) -> bool:
        """Say whether a contact surely stays for a time, so that a loop may pass here."""
        return False

    def hears(self, settings: Mapping[str, Any]) -> set[Heard]:
        """Return the facts that its contacts are to be asked again for; by compiled settings."""
        return set()

    def message(self, config: C) -> MessageUse | None:
        """Return the message that it sends, if it sends one."""
        return None

    def execute(self, arrivals: Arrivals) -> None:
        """Move or hold the contacts at this step: SQL over all of them at once."""
        if not self.passes:
            raise NotImplementedError
