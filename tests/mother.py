"""
Processes of our own that may die: forked from one that has loaded everything already.

Each is a process like any other, with connections of its own; only the second or two that
Python and Django take to start are spent once, not for each.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.db import connections

from conductor.data_directory import CODE

# Reads a program and its arguments from each line, answers with its end and what it said.
PROGRAM = """
import json, os, sys, tempfile, traceback
import django
django.setup()
from conductor.engine import calls, turns
from messaging import tasks
from tests.patience import be_patient
be_patient()

def live(source, words, said):
    sys.stdin.close()
    for number in (1, 2):
        os.dup2(said.fileno(), number)
    sys.argv = ["program", *words]
    code = 1
    try:
        exec(compile(source, "program", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

for line in sys.stdin:
    source, words = json.loads(line)
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            live(source, words, said)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        print(json.dumps([code, said.read()]), flush=True)
"""


@dataclass
class Mother:
    """Forks a process at a time, on the database of the tests of this worker."""

    _process: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    def run(self, source: str, *words: str) -> tuple[int, str]:
        """
        Run a program with arguments to its end; return how it ended and what it said.

        A negative number is the signal that killed it.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([source, words]) + "\n")
        process.stdin.flush()
        answer: tuple[int, str] = tuple(json.loads(process.stdout.readline()))
        return answer

    def end(self) -> None:
        """Let it end."""
        if self._process is not None:
            self._process.communicate()

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                env=_environment(),
                cwd=CODE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._process


def _environment() -> dict[str, Any]:
    """Return ours, with the tests' database in place of the one that they began with."""
    address = urlsplit(os.environ["DATABASE_URL"])
    name = connections["default"].settings_dict["NAME"]
    # Whoever is killed leaves nothing to coverage.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return {
        **ours,
        "DATABASE_URL": urlunsplit(address._replace(path=f"/{name}")),
        "DJANGO_SETTINGS_MODULE": "conductor.settings",
        "PYTHONPATH": str(CODE),
    }
