"""`python -m conductor.postgres run --temporary -- COMMAND`: what bin/test stands on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from conductor.data_directory import CODE
from tests.platform.installation import clean_environment

RUN = [sys.executable, "-m", "conductor.postgres", "run", "--temporary", "--"]
SAY_AND_SLEEP = ["sh", "-c", 'echo "$DATABASE_URL $$"; exec sleep 60']


def start(command: list[str]) -> "subprocess.Popen[str]":
    """Start a run in a process group of its own, as a shell does."""
    return subprocess.Popen(
        [*RUN, *command],
        cwd=CODE,
        env=clean_environment(None, measured=True),
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def place_of(run: "subprocess.Popen[str]") -> tuple[Path, int]:
    """Return the directory of a run's cluster and the process id of its command."""
    assert run.stdout is not None
    url, command = run.stdout.readline().split()
    socket = Path(parse_qs(urlsplit(url).query)["host"][0])
    return socket.parent, int(command)


class TestRun:
    def test_hands_on_the_exit_code(self) -> None:
        done = subprocess.run(
            [*RUN, "sh", "-c", 'test -n "$DATABASE_OWNER_URL" && exit 7'],
            cwd=CODE,
            env=clean_environment(None),
            check=False,
        )

        assert done.returncode == 7

    def test_cleans_up_on_ctrl_c(self) -> None:
        with start(SAY_AND_SLEEP) as run:
            place, _ = place_of(run)
            assert place.exists()

            os.killpg(run.pid, signal.SIGINT)

            assert run.wait(timeout=120) != 0
        assert not place.exists()

    def test_sweeps_what_a_killed_run_left(self) -> None:
        with start(SAY_AND_SLEEP) as run:
            place, command = place_of(run)
            postmaster = int((place / "cluster/data/postmaster.pid").read_text().split()[0])
            assert place.exists()
            run.kill()
            os.kill(command, signal.SIGKILL)
        server = Path(f"/proc/{postmaster}/cwd")

        subprocess.run([*RUN, "true"], cwd=CODE, env=clean_environment(None), check=True)

        deadline = time.monotonic() + 120
        # Another run beside this one may be the one that sweeps.
        while (place.exists() or server.exists()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not place.exists()
        assert not server.exists()
