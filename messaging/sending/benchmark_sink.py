"""
A mail server that keeps nothing but counts: `python benchmark_sink.py '{"close_after": 9}'`.

It prints its port and serves until its standard input ends. What it can be told to do is
what mail servers do to senders: refuse for now, close connections, drop them amid a
message, put new recipients off. XSTATS answers with what it has taken, as JSON.
"""

import asyncio
import json
import socket
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MOST_ADDRESSES = 200_000


@dataclass
class Behaviour:
    """What the server does; 0 and "" are never."""

    pipelining: bool = True
    close_after: int = 0  # messages of one connection, then 421
    drop_at: int = 0  # the so-maniest message is cut off amid its content, and the connection
    lose_at: int = 0  # the so-maniest message is taken, and the connection cut before the answer
    busy_from: int = 0  # from the so-maniest message on: `busy` to every sender
    busy: str = "421 4.3.2 too busy"
    greylist: bool = False  # a recipient's first try is put off
    refuse: str = ""  # recipients that begin so do not exist
    latency: float = 0.0  # seconds before each group of answers
    keep: bool = True  # count by recipient
    contents: bool = False  # keep the contents, for XMAILS


@dataclass
class Kept:
    """What the server has seen."""

    begun: int = 0
    taken: int = 0
    content_bytes: int = 0
    connections: int = 0
    by_address: Counter[str] = field(default_factory=Counter)
    senders: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    grey: set[str] = field(default_factory=set)


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, behaviour: Behaviour, kept: Kept) -> None:
        self.behaviour = behaviour
        self.kept = kept
        self.unread = b""
        self.answers: list[bytes] = []
        self.is_content = False
        self.sender = ""
        self.recipient = ""
        self.number = 0
        self.messages = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport = transport
        self.kept.connections += 1
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Take what has come; answer all of it at once."""
        self.unread += data
        while not self.transport.is_closing() and self.step():
            pass
        answers, self.answers = b"".join(self.answers), []
        if answers and self.behaviour.latency:
            loop = asyncio.get_running_loop()
            loop.call_later(self.behaviour.latency, self.transport.write, answers)
        elif answers:
            self.transport.write(answers)

    def step(self) -> bool:
        """Take one command, or the content of one message; say whether there was one."""
        if self.is_content:
            return self.content()
        line, end, rest = self.unread.partition(b"\r\n")
        if not end:
            return False
        self.unread = rest
        verb = line[:4].upper()
        getattr(self, "do_" + verb.decode("ascii", "replace").lower(), self.do_other)(line)
        return True

    def answer(self, text: str) -> None:
        """Answer with the next group."""
        self.answers.append(text.encode() + b"\r\n")

    def do_ehlo(self, _line: bytes) -> None:
        """Say what is offered."""
        offers = ["PIPELINING"] if self.behaviour.pipelining else []
        lines = ["sink", *offers, "SMTPUTF8"]
        self.answers += [f"250-{one}\r\n".encode() for one in lines[:-1]]
        self.answer(f"250 {lines[-1]}")

    do_helo = do_ehlo

    def do_mail(self, line: bytes) -> None:
        """Begin a message."""
        behaviour = self.behaviour
        if behaviour.close_after and self.messages >= behaviour.close_after:
            self.close("421 4.4.2 enough for one connection")
        elif behaviour.busy_from and self.kept.begun + 1 >= behaviour.busy_from:
            self.close(behaviour.busy) if behaviour.busy.startswith("421") else self.answer(
                behaviour.busy
            )
        else:
            self.sender = line[10:].decode(errors="replace").partition(">")[0].lstrip("<")
            self.recipient = ""
            self.answer("250 ok")

    def do_rcpt(self, line: bytes) -> None:
        """Take a recipient, or not."""
        address = line[8:].decode(errors="replace").strip("<>")
        if not self.sender:
            self.answer("503 5.5.1 who sends?")
        elif self.behaviour.refuse and address.startswith(self.behaviour.refuse):
            self.answer("550 5.1.1 no such mailbox")
        elif self.behaviour.greylist and address not in self.kept.grey:
            self.kept.grey.add(address)
            self.answer("451 4.7.1 greylisted, come back later")
        else:
            self.recipient = address
            self.answer("250 ok")

    def do_data(self, _line: bytes) -> None:
        """Wait for the content."""
        if not self.recipient:
            self.answer("554 5.5.1 no valid recipients")
            return
        self.kept.begun += 1
        self.number = self.kept.begun
        self.is_content = True
        self.answer("354 go on")

    def content(self) -> bool:
        """Take a message's content."""
        if self.number == self.behaviour.drop_at and self.unread:
            self.transport.abort()
            return False
        raw, end, rest = self.unread.partition(b"\r\n.\r\n")
        if not end:
            return False
        self.unread = rest
        self.is_content = False
        self.keep(raw)
        if self.number == self.behaviour.lose_at:
            self.transport.abort()
            return False
        self.answer(f"250 2.0.0 taken as {self.number}")
        return True

    def keep(self, raw: bytes) -> None:
        """Count a message."""
        kept = self.kept
        kept.taken += 1
        kept.content_bytes += len(raw)
        self.messages += 1
        if self.behaviour.keep and len(kept.by_address) < MOST_ADDRESSES:
            kept.by_address[self.recipient] += 1
        if self.behaviour.contents:
            kept.mails.append(raw.decode("latin-1"))
            kept.senders.append(self.sender)
        self.sender = self.recipient = ""

    def do_rset(self, _line: bytes) -> None:
        """Forget what was begun."""
        self.sender = self.recipient = ""
        self.answer("250 ok")

    def do_noop(self, _line: bytes) -> None:
        """Live."""
        self.answer("250 ok")

    def do_quit(self, _line: bytes) -> None:
        """Part."""
        self.close("221 bye")

    def do_xsta(self, _line: bytes) -> None:
        """Say what was taken."""
        kept = self.kept
        said = {
            "taken": kept.taken,
            "begun": kept.begun,
            "connections": kept.connections,
            "bytes": kept.content_bytes,
            "by_address": dict(kept.by_address),
        }
        self.answer("250 " + json.dumps(said))

    def do_xmai(self, _line: bytes) -> None:
        """Hand the contents over."""
        self.answer("250 " + json.dumps([self.kept.senders, self.kept.mails]))

    def do_other(self, _line: bytes) -> None:
        """Know nothing else."""
        self.answer("502 5.5.2 no")

    def close(self, last: str) -> None:
        """Say a last word and close."""
        self.answer(last)
        self.transport.write(b"".join(self.answers))
        self.answers = []
        self.transport.close()


async def serve(behaviour: Behaviour) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    kept = Kept()
    server = await loop.create_server(lambda: Session(behaviour, kept), "127.0.0.1", 0)
    listening: socket.socket = server.sockets[0]
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


def main(arguments: list[str]) -> None:
    """Run with the behaviour that is asked for."""
    asked: dict[str, Any] = json.loads(arguments[0]) if arguments else {}
    asyncio.run(serve(Behaviour(**asked)))


if __name__ == "__main__":
    main(sys.argv[1:])
