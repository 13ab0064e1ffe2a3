"""``manage.py flowdeck VERB``: all commands of the library; without a verb, what there is."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.management import verbs


class Command(BaseCommand):
    """Hands over to the verb, with the arguments that follow it."""

    help = "Do VERB; without one, list the verbs. `flowdeck VERB --help` tells of one."
    requires_system_checks = ()  # the verb has its own

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("verb", nargs="?", metavar="VERB")
        parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")

    def handle(self, *, verb: str | None, arguments: list[str], **options: Any) -> None:
        """Run the command."""
        if verb is None:
            self._list()
            return
        if verb not in verbs.names():
            raise CommandError(f"There is no verb {verb!r}; there are {', '.join(verbs.names())}.")
        command = verbs.command(verb)
        command.stdout, command.stderr = self.stdout, self.stderr
        # Whether a wrong argument is told with the usage (a shell) or raised (call_command).
        command._called_from_command_line = self._called_from_command_line  # type: ignore[attr-defined]
        parsed = command.create_parser("manage.py", f"flowdeck {verb}").parse_args(arguments)
        command.execute(**vars(parsed))

    def _list(self) -> None:
        width = max(map(len, verbs.names()))
        for name in verbs.names():
            sentence, _, _ = verbs.command(name).help.partition(". ")
            self.stdout.write(f"{name:<{width}}  {sentence.rstrip('.')}.")
