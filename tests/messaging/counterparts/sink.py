"""The raw mail server as a process of its own."""

import json
import os
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from messaging.sending import benchmark_sink


class Sink:
    """A running mail server."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, command: str):
        """Ask for what it has kept."""
        with smtplib.SMTP("127.0.0.1", self.port) as connection:
            return json.loads(connection.docmd(command)[1])

    @property
    def stats(self):
        """How many it has taken, by address too."""
        return self.ask("XSTA")

    @property
    def mails(self):
        """(envelope sender, content) of each message."""
        senders, mails = self.ask("XMAI")
        return [
            (sender, mail.encode("latin-1")) for sender, mail in zip(senders, mails, strict=True)
        ]


@contextmanager
def running_sink(**behaviour) -> Iterator[Sink]:
    """Run a mail server that behaves like that."""
    process = subprocess.Popen(
        [sys.executable, benchmark_sink.__file__, json.dumps(behaviour)],
        # It is killed at the end, which leaves nothing to coverage.
        env={name: value for name, value in os.environ.items() if "COVERAGE_" not in name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield Sink(int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()
