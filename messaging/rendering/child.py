"""
The process that renders: one request a line on stdin, its answers a line each on stdout.

    {"op": "render", "sources": {part: [source, escaped]}, "rows": [context, ...], "group": n,
     "seconds": s, "form": {...}, "stamps": [[...], ...]}
        -> per row {"sizes": {part: bytes}} and the texts right behind it, which no JSON has to
           escape; with a form and stamps (`letters`) the email as a whole, {"raw": bytes}; or
           {"fault": text, "line": n, "part": part}; written in groups of so many;
           {">left": n} in place of the rest once that has taken so many seconds, after one row
           at least
    {"op": "check", "source": text, "escaped": bool} -> {} or {"fault": text, "line": n}
    {"op": "mjml", "source": text} -> {"html": text} or {"fault": text, "line": n}

It ends when stdin does. Memory beyond the limit kills it; who asked starts another.
"""

import contextlib
import hashlib
import json
import re
import resource
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from messaging.rendering.language import (
    MOST_OUTPUT,
    Refused,
    environment,
    explain,
    inspect,
    is_hopeless,
    literals,
)
from messaging.rendering.letters import RAW, Form, Stamp
from messaging.rendering.rows import BETWEEN, LEFT, handed, row_template, shape_of

MEMORY = 400 * 1024 * 1024
KEPT_TEMPLATES = 200
KEPT_SHAPES = 100  # of rows, of those templates
TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
SAMPLE = {
    "contact": {"first_name": "Grace", "last_name": "Hopper", "email": "grace@mail.example"},
    "fields": {},
    "list": {"id": 1, "name": "Store Customers"},
    "event": {},
    "now": "2026-11-18T12:00:00+00:00",
    "time_zone": "UTC",
}
Answer = dict[str, Any]


class Engine:
    """Templates compiled so far, by source; those of rows by what they have in common."""

    def __init__(self) -> None:
        self.environment = environment()
        self.known: dict[tuple[str, bool], str] = {}
        self.shapes: dict[tuple[Any, ...], str] = {}

    def add(self, source: str, *, escaped: bool) -> str:
        """Compile a template unless it is known; return its name."""
        name = self.known.get((source, escaped))
        if name is None:
            if len(self.known) >= KEPT_TEMPLATES:
                self.forget()
            digest = hashlib.sha256(source.encode()).hexdigest()
            name = f"{'html' if escaped else 'text'}:{digest}"
            self.environment.add_template(name, source)
            self.known[source, escaped] = name
        return name

    def forget(self) -> None:
        """Forget all templates."""
        self.environment.clear_templates()
        self.known.clear()
        self.shapes.clear()

    def fill_all(self, sources: dict[str, Any], row: Answer) -> dict[str, str] | None:
        """
        Render parts, each with a tag at least, in one call; None where one cannot be used.

        Which one, and why, is found by rendering them one by one.
        """
        values: list[Any] = []
        shape = tuple(shape_of(value, values) for value in row.values())
        if len(self.shapes) >= KEPT_SHAPES:
            self.forget()
        try:
            parts = [self.add(source, escaped=escaped) for source, escaped in sources.values()]
            name = self.of_shape(tuple(row), shape, parts)
            texts = self.environment.render_template(name, **handed(values)).split(BETWEEN)
        except Exception:
            return None
        if len(texts) != len(parts) or any(len(text) > MOST_OUTPUT for text in texts):
            return None
        return dict(zip(sources, texts, strict=True))

    def of_shape(self, names: tuple[str, ...], shape: Any, parts: list[str]) -> str:
        """Return the name of the template that renders these parts for rows of one shape."""
        key = (names, shape, *parts)
        name = self.shapes.get(key)
        if name is None:
            name = f"row:{len(self.shapes)}"
            self.environment.add_template(name, row_template(names, shape, parts))
            self.shapes[key] = name
        return name

    def fill(self, source: str, context: str, *, escaped: bool) -> str:
        """Render one part; `context` is the statements that set its values."""
        name = self.add(source, escaped=escaped)
        text: str = self.environment.render_str(f"{context}{{% include '{name}' %}}", "row")
        if len(text) > MOST_OUTPUT:
            raise Refused(f"it makes more than {MOST_OUTPUT:,} characters")
        return text


def render(engine: Engine, request: Answer) -> Iterator[Answer]:
    """Answer a request to render: one answer a row, in order, for as long as there is time."""
    rows = request["rows"]
    form = Form(request["form"]) if request.get("form") else None
    end = time.monotonic() + request["seconds"]
    for number, row in enumerate(rows):
        if number and time.monotonic() >= end:
            yield {LEFT: len(rows) - number}
            return
        answer = render_row(engine, request["sources"], row)
        if form is not None and "parts" in answer:
            stamp = Stamp(*request["stamps"][number])
            answer = {"parts": {RAW: form.filled(answer["parts"], stamp)}}
        yield answer


def render_row(engine: Engine, sources: dict[str, Any], row: Answer) -> Answer:
    """Render all parts for one row; the first fault is its answer."""
    said = {part: one for part, one in sources.items() if "{" in one[0]}
    filled = engine.fill_all(said, row) if said else {}
    if filled is None:
        return render_parts(engine, sources, row)
    return {"parts": {part: filled.get(part, one[0]) for part, one in sources.items()}}


def render_parts(engine: Engine, sources: dict[str, Any], row: Answer) -> Answer:
    """Render part by part."""
    context = literals(row)
    parts = {}
    for part, (source, escaped) in sources.items():
        if "{" not in source:
            parts[part] = source
            continue
        try:
            parts[part] = engine.fill(source, context, escaped=escaped)
        except Exception as fault:
            return {**refusal(fault), "part": part}
    return {"parts": parts}


def check(engine: Engine, request: Answer) -> Iterator[Answer]:
    """Answer whether a template may be saved."""
    source, escaped = request["source"], request["escaped"]
    try:
        engine.add(source, escaped=escaped)
        inspect(source)
        for context in (SAMPLE, {}):
            engine.fill(source, literals(context), escaped=escaped)
        yield {}
    except Refused as refused:
        yield refusal(refused)
    except Exception as fault:
        yield refusal(fault) if is_hopeless(fault) else {}


def compile_mjml(_engine: Engine, request: Answer) -> Iterator[Answer]:
    """Answer with the HTML of an MJML document, its template tags untouched."""
    from mjml import mjml2html

    hidden: list[str] = []

    def hide(tag: re.Match[str]) -> str:
        hidden.append(tag[0])
        return mark(len(hidden) - 1)

    source = request["source"]
    masked = TAG.sub(hide, source)
    try:
        # Without fonts={} every mail would fetch one from a search company.
        html = str(mjml2html(masked, fonts={}))
    except Exception as fault:
        yield mjml_fault(str(fault), masked)
        return
    for number, tag in enumerate(hidden):
        if mark(number) not in html:
            line = source.count("\n", 0, source.find(tag)) + 1
            yield {"fault": f"{tag[:40]} stands where MJML keeps no text; use mj-raw", "line": line}
            return
        html = html.replace(mark(number), tag)
    unknown = re.search(r"<(mj-[a-z-]+)", html)
    if unknown:
        line = source.count("\n", 0, source.find(unknown[0])) + 1
        yield {"fault": f"there is no element {unknown[1]} here", "line": line}
        return
    yield {"html": html}


def mjml_fault(said: str, source: str) -> Answer:
    """Return what MJML says, its position (first:last character) turned into a line."""
    text, _, position = said.partition(" at position ")
    first = position.partition(":")[0]
    line = source.encode().count(b"\n", 0, int(first)) + 1 if first.isdigit() else 0
    return {"fault": text.removesuffix(" in root template"), "line": line}


def mark(number: int) -> str:
    """Return what stands for a template tag while MJML is compiled."""
    return f"xqtag{number:06d}x"


def refusal(fault: Exception) -> Answer:
    """Return a fault as an answer."""
    refused = fault if isinstance(fault, Refused) else explain(fault)
    return {"fault": refused.message, "line": refused.line}


OPERATIONS = {"render": render, "check": check, "mjml": compile_mjml}


def written(answer: Answer) -> list[bytes]:
    """Return an answer as it is sent: a line, and the texts whose sizes that says."""
    parts = answer.get("parts", {})
    texts = [
        text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
        for text in parts.values()
    ]
    if parts:
        answer = {"sizes": dict(zip(parts, map(len, texts), strict=True))}
    return [json.dumps(answer).encode(), b"\n", *texts]


def main() -> None:
    """Answer requests until there are no more."""
    with contextlib.suppress(ValueError, OSError):  # a system without this limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    engine = Engine()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        answers = OPERATIONS[request["op"]](engine, request)
        group = request.get("group", 1)
        while some := list(islice(answers, group)):
            sys.stdout.buffer.write(b"".join(piece for one in some for piece in written(one)))
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
