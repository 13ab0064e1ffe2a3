"""``manage.py flowdeck history``: how far figures and traces are, and making them anew."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck import clock
from flowdeck.errors import ReplayRefused
from flowdeck.history import fold
from flowdeck.history.rebuild import rebuild as make_anew
from flowdeck.models import Trace


class Command(BaseCommand):
    """Say how far history is; with ``--rebuild`` make it anew from the log."""

    help = "Say how far figures and traces are folded, or make them anew from the log."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--rebuild", action="store_true", help="make them anew from the log")

    def handle(self, *, rebuild: bool, **options: Any) -> None:
        """Run the command."""
        if rebuild:
            try:
                self.stdout.write(f"{make_anew():,} events told again")
            except ReplayRefused as error:
                raise CommandError(str(error)) from error
        known, now = fold.known(), clock.now()
        behind = (now - (known.until or now)).total_seconds()
        self.stdout.write(f"{Trace.objects.count():,} traces, {behind:.1f} s behind")
        if known.since:
            since = known.since.strftime("%Y-%m-%d %H:%M UTC")
            self.stdout.write(f"Nothing is known from before {since}; --rebuild makes it known.")
