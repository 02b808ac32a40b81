"""
A crowd that follows links: `python clicks.py PORT CONNECTIONS < paths`.

Each connection is kept and asks for one path after the other, as soon as it is answered.
Prints a JSON line: seconds, answers by status, and how long an answer took (ms).
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

REQUEST = (
    "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/140\r\n"
    "Accept: text/html\r\nAccept-Language: en\r\n\r\n"
)


class Person(asyncio.Protocol):
    """One kept connection."""

    def __init__(
        self,
        paths: Iterator[str],
        took: list[float],
        statuses: Counter[str],
        left: asyncio.Future[None],
    ) -> None:
        self.paths, self.took, self.statuses, self.left = paths, took, statuses, left
        self.unread = b""
        self.asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        """Follow the next link; hang up after the last."""
        path = next(self.paths, None)
        if path is None:
            self.transport.close()
            return
        self.asked_at = time.perf_counter()
        self.transport.write((REQUEST % path).encode())

    def data_received(self, data: bytes) -> None:
        """Read an answer: redirects have no body."""
        self.unread += data
        head, end, body = self.unread.partition(b"\r\n\r\n")
        if not end or len(body) < length_of(head):
            return
        self.unread = b""
        self.took.append(time.perf_counter() - self.asked_at)
        self.statuses[head[9:12].decode()] += 1
        self.ask()

    def connection_lost(self, _problem: Exception | None) -> None:
        """Say that this one is done."""
        if not self.left.done():
            self.left.set_result(None)


def itself(person: Person) -> Person:
    """Return whom a connection is for."""
    return person


def length_of(head: bytes) -> int:
    """Return how long an answer's body is."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def crowd(port: int, many: int, paths: Iterator[str]) -> dict[str, object]:
    """Follow all paths; return what it took."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    statuses: Counter[str] = Counter()
    ends = [loop.create_future() for _ in range(many)]
    began = time.perf_counter()
    for end in ends:
        person = Person(paths, took, statuses, end)
        await loop.create_connection(partial(itself, person), "127.0.0.1", port)
    await asyncio.gather(*ends)
    seconds = time.perf_counter() - began
    took.sort()
    return {
        "seconds": seconds,
        "statuses": dict(statuses),
        "p50": 1000 * took[len(took) // 2] if took else 0,
        "p99": 1000 * took[len(took) * 99 // 100] if took else 0,
    }


if __name__ == "__main__":
    PATHS = iter(sys.stdin.read().split())
    sys.stdout.write(json.dumps(asyncio.run(crowd(int(sys.argv[1]), int(sys.argv[2]), PATHS))))
