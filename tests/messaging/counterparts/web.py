"""A web server that plays a provider's API: it keeps what it is asked and answers as told."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Web:
    """
    A running server; `answer` returns status, headers and body for a request.

    `asked` are the requests that came whole, `connections` those made in all, `unended` those
    that somebody still may ask something by.
    """

    port: int
    answer: Callable[[Asked], tuple[int, dict[str, str], Any]]
    asked: list[Asked] = field(default_factory=list)
    latency: float = 0.0
    connections: int = 0
    unended: int = 0

    @property
    def url(self):
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running_web(answer, *, latency=0.0) -> Iterator[Web]:
    """Run a server; a body that is no bytes is sent as JSON, None breaks the connection off."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            with lock:
                web.connections += 1
                web.unended += 1
            super().setup()

        def finish(self):
            super().finish()
            with lock:
                web.unended -= 1

        def take(self):
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
            if len(asked.body) < length:  # who asked is gone: no provider acts on half a request
                self.close_connection = True
                return
            with lock:
                web.asked.append(asked)
            time.sleep(web.latency)
            status, headers, said = web.answer(asked)
            if said is None:
                self.close_connection = True
                return
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            self.wfile.write(
                f"HTTP/1.1 {status} OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
            )

        do_GET = do_POST = do_PUT = take  # noqa: N815

        def log_message(self, *_arguments):
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 200
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    web = Web(server.server_address[1], answer, latency=latency)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
