"""A real HTTP server that answers as it is told: slowly, hugely, wrongly, or never."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler"], None]


@dataclass
class Heard:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Keeps what it hears and behaves as its server was told for the path."""

    server: "OtherSide"
    protocol_version = "HTTP/1.1"

    def handle_one(self) -> None:
        """Answer one request."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # who asked is gone: nobody acts on half a request
            self.close_connection = True
            return
        with self.server.lock:
            self.server.heard.append(
                Heard(self.command, self.path, dict(self.headers.items()), body)
            )
        path = self.path.partition("?")[0]
        try:
            self.server.behaviours.get(path, answer())(self)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815 - their names

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class Script:
    """What to do at each request in turn; the last for all that follow."""

    behaviours: list[Behaviour]
    count: int = 0

    def __call__(self, handler: Handler) -> None:
        """Behave as the turn says."""
        place = min(self.count, len(self.behaviours) - 1)
        self.count += 1
        self.behaviours[place](handler)


class OtherSide(ThreadingHTTPServer):
    """The server: `behaviours` by path; `heard` in order, the requests that came whole."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[Heard] = []
        self.behaviours: dict[str, Behaviour] = {}
        self.lock = threading.Lock()
        self.over = threading.Event()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that hang up."""


def answer(status: int = 200, body: bytes = b"{}", **headers: str) -> Behaviour:
    """Answer at once."""

    def behave(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def never(handler: Handler) -> None:
    """Say nothing for as long as anybody waits."""
    handler.server.over.wait(120)


def drip_head(handler: Handler) -> None:
    """Send the head a letter at a time, and never the whole."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.server.over.is_set():
        handler.wfile.write(b"x")
        time.sleep(0.05)


def drip_body(handler: Handler) -> None:
    """Send the body a letter at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not handler.server.over.is_set():
        handler.wfile.write(b"x")
        time.sleep(0.05)


def huge(handler: Handler) -> None:
    """Send a hundred megabytes of blanks, then the JSON."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
    for _ in range(1600):
        handler.wfile.write(b" " * 65536)


def hang_up(handler: Handler) -> None:
    """Close the connection without a word."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def break_off(handler: Handler) -> None:
    """Close the connection in the midst of the body."""
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"tier": "gold"')
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def rubbish(handler: Handler) -> None:
    """Answer in another language."""
    handler.wfile.write(b"220 mail.example ESMTP\r\n")
    handler.close_connection = True


@contextmanager
def other_side() -> Iterator[OtherSide]:
    """Run the server for the block."""
    server = OtherSide()
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join(30)


@dataclass
class Names:
    """A resolver that is told what each name means; asked again it may say another thing."""

    known: dict[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> list[str]:
        """Return the next answer for a name, the last for good."""
        self.asked.append(host)
        if host not in self.known:
            raise socket.gaierror("unknown")
        answers = self.known[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]
