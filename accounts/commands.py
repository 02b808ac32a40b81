"""The base of our commands: whatever goes wrong is said in one sentence on stderr."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class SentenceCommand(BaseCommand):
    """A command that answers wrong arguments with a sentence, not with its usage."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Make a parser that raises what is wrong instead of printing the usage."""
        self._called_from_command_line = False
        return super().create_parser(prog_name, subcommand, **kwargs)

    def run_from_argv(self, argv: list[str]) -> None:
        """Run; exit with 2 and a sentence if the arguments are wrong."""
        try:
            super().run_from_argv(argv)
        except CommandError as wrong:
            fault = str(wrong).removeprefix("Error: ")
            self.stderr.write(f"CommandError: {fault[:1].upper()}{fault[1:].rstrip('.')}.")
            sys.exit(2)
