"""``manage.py flowdeck doctor``: whether an installation works, from end to end."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from flowdeck.management.doctor import examine
from flowdeck.management.doctor.pages import served_at
from flowdeck.words import counted


class Command(BaseCommand):
    """Tell what is well, and what to do about the rest."""

    help = "Look at an installation from end to end: what is not well is told with its remedy."
    requires_system_checks = ()  # they are a part of it

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--url", default="", help="the address of a running server, to be looked at as well"
        )

    def handle(self, *, url: str, **options: Any) -> None:
        """Run the command; exits with 1 if something is not well."""
        wrong = 0
        for one in examine((served_at(url),) if url else ()):
            wrong += not one.well
            self.stdout.write(f"{'ok    ' if one.well else 'WRONG '} {one.said}")
            if not one.well and one.remedy:
                self.stdout.write(f"       {one.remedy}")
        self.stdout.write(f"{counted(wrong, 'thing')} to mend" if wrong else "all is well")
        if wrong:
            raise SystemExit(1)
