"""
A client of the API: `python api_calls.py PORT CONNECTIONS < requests`.

Standard input holds whole requests, each after its length (8 bytes, big-endian). Every
connection is kept and sends one request after the other, as soon as it is answered. Prints a
JSON line: seconds, answers by status, how long each took (ms) in the order of the answers, and
the last answer that was no success.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

LENGTH = 8


def read_requests(source: BinaryIO) -> Iterator[bytes]:
    """Yield the requests of a file."""
    while length := source.read(LENGTH):
        yield source.read(int.from_bytes(length, "big"))


class Tally:
    """What the answers were."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.refusal = ""

    def note(self, status: str, seconds: float, body: bytes) -> None:
        """Write an answer down."""
        self.took.append(round(1000 * seconds, 2))
        self.statuses[status] += 1
        if status[0] != "2":
            self.refusal = body[:500].decode(errors="replace")


class Connection(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, requests: Iterator[bytes], tally: Tally, end: asyncio.Future[None]) -> None:
        self.requests, self.tally, self.end = requests, tally, end
        self.unread = bytearray()
        self.body_at = self.whole = 0
        self.asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        """Send the next request; hang up after the last."""
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            return
        self.unread.clear()
        self.body_at = 0
        self.asked_at = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read an answer, whose length its head says."""
        self.unread += data
        if not self.body_at:
            head, end, _ = bytes(self.unread).partition(b"\r\n\r\n")
            if not end:
                return
            self.body_at = len(head) + len(end)
            self.whole = self.body_at + length_of(head)
        if len(self.unread) >= self.whole:
            seconds = time.perf_counter() - self.asked_at
            status = self.unread[9:12].decode()
            self.tally.note(status, seconds, bytes(self.unread[self.body_at :]))
            self.ask()

    def connection_lost(self, _problem: Exception | None) -> None:
        """Say that this one is done."""
        if not self.end.done():
            self.end.set_result(None)


def itself(connection: Connection) -> Connection:
    """Return what a connection is for."""
    return connection


def length_of(head: bytes) -> int:
    """Return how long an answer's body is."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def call(port: int, many: int, requests: Iterator[bytes]) -> dict[str, object]:
    """Send all requests; return what came of them."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    ends = [loop.create_future() for _ in range(many)]
    began = time.perf_counter()
    for end in ends:
        one = Connection(requests, tally, end)
        await loop.create_connection(partial(itself, one), "127.0.0.1", port)
    await asyncio.gather(*ends)
    return {
        "seconds": time.perf_counter() - began,
        "statuses": dict(tally.statuses),
        "took": tally.took,
        "refusal": tally.refusal,
    }


if __name__ == "__main__":
    CAME = asyncio.run(call(int(sys.argv[1]), int(sys.argv[2]), read_requests(sys.stdin.buffer)))
    sys.stdout.write(json.dumps(CAME))
