"""Keep a rendering process, ask it, and replace it when it dies or takes too long."""

import atexit
import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from messaging.rendering.letters import RAW, Stamp
from messaging.rendering.rows import LEFT, Mentioned

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 5.0  # for one answer; a large newsletter takes a millisecond
GROUP = 32  # answers that come together
PIPE = 1 << 18  # bytes that they may have, so that the process goes on with the next
TURN_SECONDS = 0.5  # then somebody else may ask
TOO_MUCH = "it takes too much time or memory"

Answer = dict[str, Any]
Rendered = dict[str, str]


class TemplateFaultError(ValueError):
    """A template that cannot be used: `line` (0: not known) and the `part` it stands in."""

    def __init__(self, message: str, *, line: int = 0, part: str = "") -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.message = message
        self.line = line
        self.part = part


class RendererDiedError(RuntimeError):
    """The process ended or was stopped; `answers` came before that."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__("The rendering process died.")
        self.answers = answers


class Renderer:
    """
    A process that answers lines, started when it is first asked.

    `module` is what it runs, `arguments` what that is given, `seconds` how long one answer
    may take. One question at a time, in the order in which they are asked; it has an empty
    environment.
    """

    def __init__(
        self, module: str, arguments: Sequence[str] = (), *, seconds: float = SECONDS
    ) -> None:
        self.module = module
        self.arguments = list(arguments)
        self.seconds = seconds
        self.lock = InTurn()
        self.process: subprocess.Popen[bytes] | None = None
        self.reader: AnswerReader | None = None
        self.owner = 0

    def ask(self, request: Answer, *, answers: int) -> list[Answer]:
        """
        Ask, and wait for that many answers; where there are fewer, the last says how many are left.

        :raises RendererDiedError: if the process dies or is silent for too long.
        """
        with self.lock:
            process = self.living()
            got: list[Answer] = []
            try:
                assert process.stdin is not None  # noqa: S101 - it is a pipe
                assert self.reader is not None  # noqa: S101 - it came with the process
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                while len(got) < answers:
                    got.append(self.reader.answer(self.seconds))
                    if LEFT in got[-1]:
                        break
            except (OSError, EOFError, TimeoutError) as died:
                self.stop()
                raise RendererDiedError(got) from died
            return got

    def living(self) -> "subprocess.Popen[bytes]":
        """Return the process, started if need be; a forked copy of us starts its own."""
        if self.owner != os.getpid():
            self.process, self.owner = None, os.getpid()
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(  # noqa: S603 - a module of ours
                [sys.executable, "-E", "-s", "-m", self.module, *self.arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
                env={},
            )
            assert self.process.stdin is not None  # noqa: S101 - both are pipes
            assert self.process.stdout is not None  # noqa: S101
            widen(self.process.stdin)
            widen(self.process.stdout)
            self.reader = AnswerReader(self.process.stdout.fileno())
        return self.process

    def stop(self) -> None:
        """End the process, if there is one of ours."""
        if self.process is None or self.owner != os.getpid():
            return
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.process = None


def widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold more; it stays as it is where its user has all that a user may have."""
    # Linux alone can.
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)


class InTurn:
    """A lock that goes to whoever has waited longest: who gives it back and wants it again waits."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.line: deque[object] = deque()

    def __enter__(self) -> None:
        """Wait for one's turn."""
        mine = object()
        with self.changed:
            self.line.append(mine)
            try:
                self.changed.wait_for(lambda: self.line[0] is mine)
            except BaseException:
                self.line.remove(mine)
                self.changed.notify_all()
                raise

    def __exit__(self, *_problem: object) -> None:
        """Let the next one in."""
        with self.changed:
            self.line.popleft()
            self.changed.notify_all()


class AnswerReader:
    """Reads the answers of one process from its pipe, each within a time."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.unread = bytearray()
        self.at = 0
        # Kept: memory that is asked for anew costs more than what is read into it.
        self.piece = memoryview(bytearray(PIPE))

    def answer(self, seconds: float) -> Answer:
        """
        Return the next answer: a line, and the texts whose `sizes` it says.

        :raises TimeoutError, EOFError: where there is none.
        """
        end = time.monotonic() + seconds
        looked = self.at
        while (stop := self.unread.find(b"\n", looked)) < 0:
            looked = len(self.unread) - self.at
            self.read_more(end)
        answer: Answer = json.loads(self.take(stop - self.at))
        self.at += 1
        if "sizes" in answer:
            sizes = answer["sizes"]
            while len(self.unread) - self.at < sum(sizes.values()):
                self.read_more(end)
            answer["parts"] = {part: self.part(part, size) for part, size in sizes.items()}
        return answer

    def part(self, name: str, size: int) -> str | bytes:
        """Return a part's text, or a whole email's bytes."""
        data = self.take(size)
        return data if name == RAW else data.decode(errors="surrogatepass")

    def take(self, size: int) -> bytes:
        """Return so many bytes that are there."""
        start, self.at = self.at, self.at + size
        return bytes(memoryview(self.unread)[start : self.at])

    def read_more(self, end: float) -> None:
        """Wait for more until a time, and forget what was taken."""
        wait = end - time.monotonic()
        if wait <= 0 or not select.select([self.descriptor], [], [], wait)[0]:
            raise TimeoutError
        size = os.readv(self.descriptor, [self.piece])
        if not size:
            raise EOFError
        del self.unread[: self.at]
        self.at = 0
        self.unread += self.piece[:size]


RENDERER = Renderer("messaging.rendering.child")
atexit.register(RENDERER.stop)


def render(
    sources: Mapping[str, tuple[str, bool]],
    rows: Sequence[Answer],
    *,
    stop: Callable[[], bool] = lambda: False,
) -> list[Rendered | TemplateFaultError]:
    """
    Fill every part in for every row; a row's fault is its own and stands in its place.

    `sources`: part -> (template, escaped as HTML); `rows`: contexts of plain values. However slow
    a template is, others are served twice a second in between, and `stop` is asked then: where it
    says so, the rest is left, and there are fewer results than rows; one there is.
    """
    return [
        one if isinstance(one, TemplateFaultError) else one["parts"]
        for one in answers_to(sources, rows, stop=stop)
    ]


def render_whole(
    sources: Mapping[str, tuple[str, bool]],
    rows: Sequence[Answer],
    *,
    form: Mapping[str, Any],
    stamps: Sequence[Stamp],
    stop: Callable[[], bool] = lambda: False,
) -> list[bytes | TemplateFaultError]:
    """Fill emails in, as `render` does, and put each together; see `letters` for form and stamps."""
    return [
        one if isinstance(one, TemplateFaultError) else one["parts"][RAW]
        for one in answers_to(sources, rows, stop=stop, form=form, stamps=stamps)
    ]


def answers_to(
    sources: Mapping[str, tuple[str, bool]],
    rows: Sequence[Answer],
    *,
    stop: Callable[[], bool],
    form: Mapping[str, Any] | None = None,
    stamps: Sequence[Stamp] = (),
) -> list[Answer | TemplateFaultError]:
    """Ask until each row has its answer, or `stop` says so."""
    results: list[Answer | TemplateFaultError] = []
    texts = [source for source, _ in sources.values() if "{" in source]
    wanted = mentioned(tuple(texts))
    asked = [wanted.of(row) for row in rows]
    request: Answer = {"op": "render", "sources": sources, "seconds": TURN_SECONDS, "form": form}
    group = GROUP
    while len(results) < len(rows) and not (results and stop()):
        done = len(results)
        rest = {"rows": asked[done:], "stamps": stamps[done:], "group": group}
        try:
            answers = RENDERER.ask({**request, **rest}, answers=len(rows) - done)
            results += [judged(one) for one in answers if LEFT not in one]
        except RendererDiedError as died:
            results += map(judged, died.answers)
            if group == 1:
                # The row after the last answer is the one that was too much; go on behind it.
                results.append(TemplateFaultError(TOO_MUCH))
            # Which one of a group it was is seen when they answer one by one.
            group = 1
    return results


@lru_cache(maxsize=32)
def mentioned(sources: tuple[str, ...]) -> Mentioned:
    """Return which values some templates may ask for, looked up once."""
    return Mentioned(sources)


def judged(answer: Answer) -> Answer | TemplateFaultError:
    """Return an answer, or the fault that it says."""
    if "fault" in answer:
        return TemplateFaultError(answer["fault"], line=answer["line"], part=answer.get("part", ""))
    return answer


def check(source: str, *, escaped: bool) -> None:
    """
    See that a template may be saved: it compiles, calls no method and comes to an end.

    :raises TemplateFaultError: with the line where that is known.
    """
    if "{" in source:
        ask_one({"op": "check", "source": source, "escaped": escaped})


def compile_mjml(source: str) -> str:
    """
    Return the HTML of an MJML document; template tags stay for the time of sending.

    :raises TemplateFaultError: if it is no MJML.
    """
    return str(ask_one({"op": "mjml", "source": source})["html"])


def ask_one(request: Answer) -> Answer:
    """Ask for one answer; a fault is raised."""
    try:
        (answer,) = RENDERER.ask(request, answers=1)
    except RendererDiedError as died:
        raise TemplateFaultError(TOO_MUCH) from died
    if "fault" in answer:
        raise TemplateFaultError(answer["fault"], line=answer["line"])
    return answer
