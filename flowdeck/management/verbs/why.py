"""``manage.py flowdeck why``: why something has not happened."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.why.ask import why
from flowdeck.why.plain import as_dict, as_text


class Command(BaseCommand):
    """Tell the chain of facts, the first cause first."""

    help = "Tell why something has not happened: the facts, the first cause first."

    requires_system_checks = ()  # whoever asks why is not to be asked first whether all is well

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "of",
            nargs="+",
            help="a stream, trace, processor or connector, or `letter 28`, `timer 5`, `event 7`",
        )
        parser.add_argument("--json", action="store_true", help="as one JSON object")

    def handle(self, *, of: list[str], **options: Any) -> None:
        """Run the command; exits with 1 if a cause was found."""
        asked = " ".join(of)
        found = why(asked)
        if found is None:
            raise CommandError(
                f"Nothing is called {asked!r}. Give the name of a stream, a processor or a "
                "connector, an id, or a kind and a name: `letter 28`."
            )
        if options["json"]:
            self.stdout.write(json.dumps(as_dict(found), indent=2))
        else:
            self.stdout.write(as_text(found))
        if not found.well:
            raise SystemExit(1)
