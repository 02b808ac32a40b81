#!/usr/bin/env python3
"""Run a command of Conductor; the database is found, or started for the command."""

import os
import sys
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parent / ".venv"


def main() -> None:
    """Prepare the environment and hand over to Django."""
    enter_environment()
    from conductor.data_directory import UnreadableSecretsError
    from conductor.environment import command_environment
    from conductor.postgres import PostgresError

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conductor.settings")
    try:
        with command_environment(sys.argv[1:]):
            # Django reads the environment when it is imported, not earlier.
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
    except (PostgresError, UnreadableSecretsError) as problem:
        sys.exit(str(problem))
    except PermissionError as problem:
        sys.exit(f"This user may not use {problem.filename}: {problem.strerror}.")


def enter_environment() -> None:
    """Go on with the Python of `.venv`, whichever Python was called."""
    python = ENVIRONMENT / "bin" / "python"
    if Path(sys.prefix).resolve() == ENVIRONMENT.resolve() or not python.exists():
        return
    os.execv(python, [str(python), *sys.argv])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
