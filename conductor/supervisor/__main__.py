"""`python -m conductor.supervisor [--port 8000] [--host 127.0.0.1] [--no-demo]`."""

import argparse
import signal
import sys

from conductor.data_directory import UnreadableSecretsError
from conductor.postgres import PostgresError
from conductor.supervisor.deployment import Deployment, StartError, Told, be_told


def main(arguments: list[str]) -> int:
    """Bring everything up and keep it up until told to stop; return the exit code."""
    parser = argparse.ArgumentParser(prog="bin/up", description="Run Conductor.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--no-demo", dest="demo", action="store_false")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, be_told)
    try:
        Deployment(host=options.host, port=options.port, demo=options.demo).run()
    except (StartError, PostgresError, UnreadableSecretsError) as problem:
        print(problem, file=sys.stderr)
        return 1
    except PermissionError as problem:
        print(f"This user may not use {problem.filename}: {problem.strerror}.", file=sys.stderr)
        return 1
    except Told:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
