"""
The process that runs scripts: one request a line on stdin, its answers a line each on stdout.

    {"op": "run", "source": text, "rows": [{"contact", "fields", "entry", "now", "draw"}, ...]}
        -> per row {"text": JSON that it gave, "fuel": n} or {"fault": text, "line": n}
    {"op": "check", "source": text} -> {} or {"fault": text, "line": n}

Its first argument is the directory that keeps the compiled interpreter. It ends when stdin
does.
"""

import contextlib
import json
import resource
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from conductor.code.sandbox import FUEL, Answer, OutOfFuelError, Sandbox, ScriptError

MEMORY = 2 * 1024 * 1024 * 1024


def run(sandbox: Sandbox, request: Answer) -> Iterator[Answer]:
    """Answer a request to run a source over rows: one answer a row, in order."""
    for row in request["rows"]:
        yield run_row(sandbox, request["source"], row)


def run_row(sandbox: Sandbox, source: str, row: Answer) -> Answer:
    """Run a source for one row."""
    at = datetime.fromisoformat(row["now"])
    try:
        text, fuel = sandbox.run(source, row, nanoseconds=int(at.timestamp()) * 1_000_000_000)
    except OutOfFuelError:
        return {"fault": "out of fuel", "line": 0, "fuel": FUEL}
    except ScriptError as fault:
        return {"fault": fault.message, "line": fault.line}
    return {"text": text, "fuel": fuel}


def check(sandbox: Sandbox, request: Answer) -> Iterator[Answer]:
    """Answer whether a source compiles."""
    try:
        sandbox.prepare(request["source"])
        yield {}
    except OutOfFuelError:
        yield {"fault": "it is too long", "line": 0}
    except ScriptError as fault:
        yield {"fault": fault.message, "line": fault.line}


OPERATIONS = {"run": run, "check": check}


def main() -> None:
    """Answer requests until there are no more."""
    with contextlib.suppress(ValueError, OSError):  # a system without this limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sandbox = Sandbox(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        for answer in OPERATIONS[request["op"]](sandbox, request):
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
