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


def wait_for_end(
    pid: int, *, seconds: float, child: "subprocess.Popen[bytes] | None"
) -> bool:
    """Wait until a process has ended, reaping it if it is our child; False if it goes on."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child is not None and child.pid == pid:
            child.poll()
        if not is_alive(pid):
            return True
        time.sleep(0.02)
    return False
