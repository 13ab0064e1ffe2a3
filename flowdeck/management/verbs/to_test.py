"""``manage.py flowdeck to_test``: a failed delivery as a test that fails the same way."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck import parsing
from flowdeck.models import Delivery
from flowdeck.transfer.as_test import NoTest, as_test


class Command(BaseCommand):
    """Print a pytest file for one delivery."""

    help = "Print a test that gives the events of a delivery and fails as it did."

    requires_system_checks = ()  # it looks only

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "delivery",
            help="the number of a dead letter, or a position and a processor: 42-customs",
        )

    def handle(self, *, delivery: str, **options: Any) -> None:
        """Run the command."""
        found = _named(delivery)
        if found is None:
            raise CommandError(
                f"There is no delivery {delivery!r}. Give the number of a dead letter, or the "
                "position of an event and a processor: 42-customs."
            )
        try:
            self.stdout.write(as_test(found).text)
        except NoTest as error:
            raise CommandError(str(error)) from error


def _named(text: str) -> Delivery | None:
    position, _, processor = text.partition("-")
    number = parsing.number(position)
    if number is None:
        return None
    wanted = {"event": number, "processor": processor} if processor else {"letter": number}
    return Delivery.objects.filter(**wanted).select_related("event").first()
