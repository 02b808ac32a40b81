"""SMTP connections that are kept open between batches, and which servers do not answer."""

import os
import threading
import time
from collections import defaultdict
from typing import Any

from messaging.transports.smtp_line import Line, Server

FRESH_SECONDS = 5.0  # a connection used so recently is not asked whether it lives
IDLE_SECONDS = 60.0  # one unused for longer is closed
DOWN_SECONDS = 60.0  # a server that could not be reached is the last to be tried for so long


class Pool:
    """The connections of this process that are open and not in use, by server."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lines: defaultdict[tuple[Any, ...], list[Line]] = defaultdict(list)
        self.down: dict[str, float] = {}
        self.servers: dict[str, Server] = {}

    def take(self, server: Server) -> Line | None:
        """Return a connection that lives."""
        self.servers[server.name] = server
        while True:
            with self.lock:
                kept = self.lines[os.getpid(), server]
                line = kept.pop() if kept else None
            if line is None or line.is_alive(FRESH_SECONDS):
                return line
            line.close()

    def keep(self, line: Line) -> None:
        """Put a connection back; close those that have not been used for long."""
        server = self.servers.get(line.name)
        if server is None:
            line.close()
            return
        now = time.monotonic()
        with self.lock:
            kept = self.lines[os.getpid(), server]
            for old in [one for one in kept if now - one.used_at > IDLE_SECONDS]:
                kept.remove(old)
                old.close()
            kept.append(line)

    def by_health(self, servers: list[Server]) -> list[Server]:
        """Return servers, those that could not be reached lately last."""
        now = time.monotonic()
        return sorted(servers, key=lambda one: now - self.down.get(one.name, -1e9) < DOWN_SECONDS)

    def note_down(self, server: Server) -> None:
        """Remember that a server could not be reached."""
        self.down[server.name] = time.monotonic()

    def note_up(self, server: Server) -> None:
        """Forget it."""
        self.down.pop(server.name, None)

    def clear(self) -> None:
        """Close all connections."""
        with self.lock:
            for kept in self.lines.values():
                for line in kept:
                    line.close()
            self.lines.clear()
            self.down.clear()


POOL = Pool()
