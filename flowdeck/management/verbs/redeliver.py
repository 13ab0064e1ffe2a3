"""``manage.py flowdeck redeliver PROCESSOR``: give one processor chosen past events again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.errors import FlowdeckError
from flowdeck.history import kept
from flowdeck.letters.redelivery import Choice, dry_run, question, redeliver
from flowdeck.management import acting
from flowdeck.words import counted


class Command(BaseCommand):
    """Say what would be redelivered; do it with ``--yes`` and a reason."""

    help = (
        "Give PROCESSOR chosen past events again, with the idempotency keys they had. A dry run, "
        "unless --yes is given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("processor")
        parser.add_argument("--position", type=int, action="append", default=[], help="repeatable")
        parser.add_argument("--correlation", type=UUID, help="all of one trace")
        parser.add_argument("--type", default="", help="of one event type")
        parser.add_argument("--after", type=int, metavar="POSITION")
        parser.add_argument("--upto", type=int, metavar="POSITION")
        parser.add_argument("--reason", default="", help="why, for the list of runs")
        acting.add_argument(parser)
        parser.add_argument("--yes", action="store_true", help="do it")
        acting.add_seen(parser)

    def handle(self, *, processor: str, yes: bool, **options: Any) -> None:
        """Run the command."""
        choice = Choice(
            tuple(options["position"]),
            options["correlation"],
            options["type"],
            options["after"],
            options["upto"],
        )
        by = acting.acting(options["by"], "redeliver")
        try:
            if yes:
                run = redeliver(
                    processor,
                    choice,
                    by=by,
                    reason=acting.reason_of(options),
                    seen=options["seen"],
                )
                self.stdout.write(
                    f"Run {run.pk}: due again: {counted(run.total, 'delivery', 'deliveries')}."
                )
                return
            counts, seen = dry_run(processor, choice), question(processor, choice)
        except FlowdeckError as error:
            raise CommandError(str(error)) from error
        for type_name, count in sorted(counts.items()):
            self.stdout.write(f"{count:>8,} {type_name}")
        total = sum(counts.values())
        self.stdout.write(f"{total:>8,} would be made due again; nothing was changed.")
        if removed := kept.removed_upto():
            self.stdout.write(f"Up to position {removed:,} finished deliveries are not kept.")
        self.stdout.write(acting.told_seen(seen.digest))
