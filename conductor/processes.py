"""Questions about processes that need not be our children."""

import os
import subprocess
import time
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie, which only waits to be reaped, does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def _state(pid: int) -> str:
    """Return the state letter of Linux, or nothing where there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]


def works_in(pid: int, directory: Path) -> bool:
    """
    Tell whether a process runs and has `directory` as its working directory.

    The number of a dead process may have been given to another program. Where the
    working directory cannot be read, running is all that is asked.
    """
    if not is_alive(pid):
        return False
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == directory.resolve()
    except OSError:
        return True


def wait_for_end(pid: int, *, seconds: float, child: "subprocess.Popen[bytes] | None") -> bool:
    """Wait until a process has ended, reaping it if it is our child; False if it goes on."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child is not None and child.pid == pid:
            child.poll()
        if not is_alive(pid):
            return True
        time.sleep(0.02)
    return False


def group_has_mark(group: int, mark: str) -> bool:
    """
    Tell whether a process group is there and is ours.

    A number may be given to another group later, so a process of it must have `mark`
    in its environment. Where there is no /proc, being there is all that is asked.
    """
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if not Path("/proc/self/environ").exists():
        return True
    return any(
        mark.encode() in _environment(entry)
        for entry in Path("/proc").glob("[0-9]*")
        if _group(entry) == group
    )


def _group(entry: Path) -> int:
    try:
        return os.getpgid(int(entry.name))
    except ProcessLookupError:
        return 0


def _environment(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
