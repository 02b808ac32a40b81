"""Whom to kill: workers, the parents of a cluster, the pulse, a backend, all of the database."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from conductor.data_directory import CODE
from conductor.postgres.embedded import embedded_cluster
from conductor.supervisor.children import end_group
from tests.platform.installation import Installation, clean_environment

KINDS = [
    *("worker", "worker", "worker", "parent", "guard"),
    *("backend", "backend", "database", "pulse"),
]


@dataclass
class SecondCluster:
    """Another `qcluster` beside the installation's own; started again whenever it ends."""

    data: Path
    process: "subprocess.Popen[bytes] | None" = None
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Run until stopped."""
        self._thread = threading.Thread(target=self._look_after, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it and all of its processes."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout=120)
        if self.process is not None:
            end_group(self.process.pid)
            self.process.wait()

    def _look_after(self) -> None:
        while not self._over.is_set():
            if self.process is None or self.process.poll() is not None:
                if self.process is not None:
                    end_group(self.process.pid)
                self.process = subprocess.Popen(
                    [sys.executable, str(CODE / "manage.py"), "qcluster", "--skip-checks"],
                    env={**clean_environment(self.data), "CONDUCTOR_ROLE": "worker"},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            self._over.wait(0.2)


@dataclass
class Killer:
    """Kills parts of an installation, each as likely as its kind stands in `KINDS`."""

    installation: Installation
    second: SecondCluster
    chance: random.Random
    done: list[str] = field(default_factory=list)

    def kill(self) -> bool:
        """Kill one process with -9; False if there is none of the kind that was drawn."""
        kind = self.chance.choice(KINDS)
        victims = self.victims(kind)
        if not victims:
            return False
        try:
            os.kill(self.chance.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.done.append(kind)
        return True

    def victims(self, kind: str) -> list[int]:
        """Return the processes of a kind: a cluster is parent, guard, workers."""
        parents = self.parents()
        if kind == "parent":
            return parents
        if kind == "pulse":
            return [*filter(None, [self.installation.run.get("children", {}).get("pulse")])]
        if kind in {"guard", "worker"}:
            guards = [child for parent in parents for child in children_of(parent)]
            if kind == "guard":
                return guards
            return [child for guard in guards for child in children_of(guard)]
        server = embedded_cluster(self.installation.data).pid()
        if server is None or kind == "database":
            return [] if server is None else [server]
        return [child for child in children_of(server) if is_backend(child)]

    def parents(self) -> list[int]:
        """Return the leaders of the two clusters; the installation survives all of it."""
        ended = self.installation.process.poll()
        assert ended is None, f"bin/up ended:\n{self.installation.log.read_text()[-5000:]}"
        found = [self.installation.run.get("children", {}).get("worker")]
        if self.second.process is not None and self.second.process.poll() is None:
            found.append(self.second.process.pid)
        return [pid for pid in found if pid is not None]


def children_of(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat[1]) == parent and stat[0] != "Z":
            found.append(int(entry.name))
    return found


def is_backend(pid: int) -> bool:
    """Whether a process of the server serves a client of ours."""
    try:
        return b"conductor_app" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def pause(chance: random.Random) -> None:
    """Let work go on for a moment."""
    time.sleep(chance.uniform(0.2, 1.8))
