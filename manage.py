#!/usr/bin/env python
"""Run a command of Conductor; the database is found, or started for the command."""

import os
import sys

from conductor.data_directory import UnreadableSecretsError
from conductor.environment import command_environment
from conductor.postgres import PostgresError


def main() -> None:
    """Prepare the environment and hand over to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conductor.settings")
    try:
        with command_environment(sys.argv[1:]):
            # Django reads the environment when it is imported, not earlier.
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
    except (PostgresError, UnreadableSecretsError) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
