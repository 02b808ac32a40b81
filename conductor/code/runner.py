"""Ask the process that runs scripts."""

import atexit
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from messaging.rendering.renderer import Renderer, RendererDiedError

# The fuel ends a run after some 20 ms; the first answer may wait for a compiler.
SECONDS = 30.0


@dataclass(frozen=True)
class Ran:
    """
    What became of one run.

    `result` is what the script gave (any JSON), or there is a `fault` with its `line` (0:
    not known). `is_broken`: the sandbox itself failed, which is no fault of the script's.
    """

    result: Any = None
    fault: str = ""
    line: int = 0
    fuel: int = 0
    is_broken: bool = False


class Scripts:
    """The one process of ours that runs scripts, started when it is first asked."""

    def __init__(self) -> None:
        self.renderer: Renderer | None = None

    def ask(self, request: dict[str, Any], *, answers: int) -> list[dict[str, Any]]:
        """Ask the process; see `Renderer.ask`."""
        if self.renderer is None:
            kept_in = str(settings.DATA_DIR / "code")
            self.renderer = Renderer("conductor.code.child", [kept_in], seconds=SECONDS)
            atexit.register(self.renderer.stop)
        return self.renderer.ask(request, answers=answers)


SCRIPTS = Scripts()


def run(source: str, rows: Sequence[Mapping[str, Any]]) -> list[Ran]:
    """
    Run a script for each row; a row's fault is its own and stands in its place.

    `rows` have `contact`, `fields`, `entry`, `now` (ISO) and `draw`. The same source and
    row give the same result and use the same fuel, always.
    """
    results: list[Ran] = []
    while len(results) < len(rows):
        rest = [dict(row) for row in rows[len(results) :]]
        try:
            answers = SCRIPTS.ask({"op": "run", "source": source, "rows": rest}, answers=len(rest))
            results += map(ran, answers)
        except RendererDiedError as died:
            # The row after the last answer is the one that was too much; go on behind it.
            results += map(ran, died.answers)
            results.append(Ran(fault="the sandbox broke down", is_broken=True))
    return results


def ran(answer: Mapping[str, Any]) -> Ran:
    """Return an answer of the process as what became of the run."""
    if "fault" in answer:
        return Ran(fault=answer["fault"], line=answer["line"], fuel=answer.get("fuel", 0))
    return Ran(result=json.loads(answer["text"]), fuel=answer["fuel"])


def check(source: str) -> Ran:
    """Say whether a script compiles: `fault` is "" if it does."""
    try:
        (answer,) = SCRIPTS.ask({"op": "check", "source": source}, answers=1)
    except RendererDiedError:
        return Ran(fault="it takes too much time or memory", is_broken=True)
    return Ran(fault=answer.get("fault", ""), line=answer.get("line", 0))
