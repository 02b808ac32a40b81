"""
`python -m conductor.postgres run --temporary -- COMMAND`: a command with a database.

The command finds DATABASE_URL (the plain role), DATABASE_OWNER_URL and
DATABASE_ADMINISTRATOR_URL in its environment, and the keys that the settings ask for. Its
exit code is ours.
"""

import os
import signal
import subprocess
import sys
from types import FrameType

from conductor.postgres import PostgresError
from conductor.postgres.cluster import Cluster
from conductor.postgres.temporary import temporary_cluster


def main() -> int:
    """Read the arguments, run the command, return its exit code."""
    words, dashes, command = sys.argv[1:3], sys.argv[3:4], sys.argv[4:]
    if words != ["run", "--temporary"] or dashes != ["--"] or not command:
        print(__doc__, file=sys.stderr)
        return 2
    # A signal must unwind the stack, or the cluster would outlive us.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    try:
        with temporary_cluster() as cluster:
            return _run(command, cluster)
    except PostgresError as problem:
        print(problem, file=sys.stderr)
        return 1


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _run(command: list[str], cluster: Cluster) -> int:
    """Run the command; Ctrl-C is its own affair, and we wait for it to finish."""
    environment = {
        **os.environ,
        "DATABASE_URL": cluster.app_url,
        "DATABASE_OWNER_URL": cluster.owner_url,
        "DATABASE_ADMINISTRATOR_URL": cluster.administrator_url,
        "CONDUCTOR_SECRET_KEY": cluster.kept.secret_key,
        "CONDUCTOR_ENCRYPTION_KEY": cluster.kept.encryption_key,
    }
    # Not SIG_IGN, which the command would inherit.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    with subprocess.Popen(command, env=environment) as child:
        try:
            return child.wait()
        except SystemExit:
            child.terminate()
            child.wait()
            raise


if __name__ == "__main__":
    sys.exit(main())
