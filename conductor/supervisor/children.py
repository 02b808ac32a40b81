"""Child processes: each leads a process group, is started again when it ends, and stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from conductor import processes
from conductor.data_directory import CODE, write_privately

# In the environment of every child: by it a later start knows what a killed one left.
MARK = "CONDUCTOR_SUPERVISED"
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0


@dataclass
class Child:
    """One part of the deployment and the process that plays it."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = 0.5
    again_at: float = 0.0
    _ended: bool = field(default=True, repr=False)

    def start(self) -> None:
        """Start the process as the leader of a session, out of reach of Ctrl-C."""
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            cwd=CODE,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
        )
        self.started = time.monotonic()
        self._ended = False

    def look_after(self) -> bool:
        """Start the process again if it has ended and its pause is over; True if so."""
        now = time.monotonic()
        if self.process is None or self.process.poll() is None:
            return False
        if not self._ended:
            self._bury(now)
        if now < self.again_at:
            return False
        self.start()
        return True

    def _bury(self, now: float) -> None:
        """End what the process left running, and decide when to start it again."""
        if self.process is None:
            return
        end_group(self.process.pid)
        steady = now - self.started > STEADY_SECONDS
        self.pause = 0.5 if steady else min(self.pause * 2, LONGEST_PAUSE)
        self.again_at = now + self.pause
        self._ended = True
        print(
            f"The {self.name} ended ({_reason(self.process.returncode)}); "
            f"starting it again in {self.pause:.0f} s.",
            file=sys.stderr,
        )

    def ask_to_stop(self) -> None:
        """Ask the leader; it ends the others of its group itself."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def has_ended(self) -> bool:
        """Tell whether the leader has ended."""
        return self.process is None or self.process.poll() is not None


def _reason(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def end_group(group: int) -> None:
    """Kill what is left of a process group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def stop_all(children: list[Child], *, seconds: float) -> None:
    """Ask all children to stop, wait for them together, kill what is left."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(child.has_ended() for child in children):
        time.sleep(0.05)
    for child in children:
        if not child.has_ended():
            print(f"The {child.name} does not stop: it is ended.", file=sys.stderr)
        if child.process is not None:
            end_group(child.process.pid)
            child.process.wait()


def remember(data: Path, children: list[Child]) -> None:
    """Write down the process groups, for a start after this process was killed."""
    groups = [child.process.pid for child in children if child.process is not None]
    write_privately(data / "children.json", {"groups": groups})


def end_left_overs(data: Path) -> None:
    """End the children of a supervisor that was killed: they would work beside ours."""
    try:
        groups = json.loads((data / "children.json").read_text())["groups"]
    except (OSError, ValueError, KeyError):
        return
    for group in groups:
        if processes.group_has_mark(group, f"{MARK}={data}"):
            end_group(group)
    (data / "children.json").unlink(missing_ok=True)
