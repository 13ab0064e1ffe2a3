"""``manage.py seed_log``: millions of events out of the traces that are there, for measuring."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.transfer.seeding import LogInUse, NothingToCopy, seed


class Command(BaseCommand):
    """Copy recorded traces until the log has so many events."""

    help = "Fill the log of a database for measuring with copies of the traces recorded in it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--events", type=int, default=1_000_000)
        parser.add_argument("--fan-out", type=int, default=4, help="deliveries of each at least")
        parser.add_argument("--hours", type=float, default=6, help="how far back they reach")

    def handle(self, **options: Any) -> None:
        """Run the command."""
        began = time.monotonic()
        try:
            done = seed(options["events"], options["fan_out"], options["hours"])
        except (NothingToCopy, LogInUse) as error:
            raise CommandError(str(error)) from error
        seconds = time.monotonic() - began
        self.stdout.write(
            f"{done.events:,} events and {done.deliveries:,} deliveries in {seconds:.0f} s"
        )
