"""``manage.py flowdeck deployed``: say that a release is deployed now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.engine import release
from flowdeck.errors import ReleaseRefused
from flowdeck.management import acting


class Command(BaseCommand):
    """Announce a release, so that charts mark the moment and the audit has it."""

    help = "Announce that a release is deployed now; charts mark the moment."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--release", default="", help="its name (default: that of the code that runs this)"
        )
        parser.add_argument("--note", default="", help="what is new, for people")
        acting.add_argument(parser)

    def handle(self, *, by: str, note: str, **options: Any) -> None:
        """Run the command."""
        who, version = acting.acting(by, "announce_release"), options["release"] or release.name()
        try:
            new = release.announce(version, by=who, note=note)
        except ReleaseRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{version} is {'new' if new else 'known already'}")
