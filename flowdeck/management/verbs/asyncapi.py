"""``manage.py flowdeck asyncapi``: the AsyncAPI document, as text or as a file that CI compares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.connect.asyncapi import document


class Command(BaseCommand):
    """Print, write or compare."""

    help = "Print the AsyncAPI 3.0 document of this project, write it to a file, or compare both."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--title", default="Flowdeck")
        parser.add_argument("--of-version", default="1.0.0", help="of the document")
        action = parser.add_mutually_exclusive_group()
        action.add_argument("--write", type=Path, metavar="FILE", help="write it there")
        action.add_argument("--check", type=Path, metavar="FILE", help="fail if that differs")

    def handle(self, *, title: str, of_version: str, **options: Any) -> None:
        """Run the command."""
        text = json.dumps(document(title, of_version), indent=1) + "\n"
        if (path := options["write"]) is not None:
            path.write_text(text)
            self.stdout.write(f"Wrote {path}.")
        elif (path := options["check"]) is None:
            self.stdout.write(text)
        elif not path.exists() or path.read_text() != text:
            raise CommandError(
                f"{path} is not what the code declares: look at the difference, and if it is meant "
                f"so, flowdeck asyncapi --write {path}."
            )
