"""``manage.py flowdeck processors``: which there are, other lanes, an end to one that is gone."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count

from flowdeck.declare.registry import registry
from flowdeck.declare.states import UNFINISHED
from flowdeck.engine import dividing, retiring
from flowdeck.errors import FlowdeckError
from flowdeck.management import acting
from flowdeck.models import Due, Lane


class Command(BaseCommand):
    """List processors, divide the lanes of one anew, or retire one that no code declares."""

    help = (
        "List processors, divide the lanes of one anew, or retire one that is gone from the code."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        deeds = ("list", "divide", "retire")
        parser.add_argument("deed", nargs="?", choices=deeds, default="list")
        parser.add_argument("processor", nargs="?", default="")
        parser.add_argument("--lanes", type=int, help="how many (default: as the code declares)")
        parser.add_argument("--reason", default="", help="why, for the audit")
        acting.add_argument(parser)

    def handle(self, *, deed: str, processor: str, **options: Any) -> None:
        """Run the command."""
        if deed == "list":
            self._list()
            return
        if not processor:
            raise CommandError(f"Which? `flowdeck processors {deed} NAME`; `list` has the names.")
        by = acting.acting(options["by"], "change_limits")
        reason = acting.reason_of(options, needed_to=f"{deed} a processor")
        try:
            if deed == "divide":
                declared = registry.processor(processor)
                count = options["lanes"] or declared.lanes
                had = dividing.divide(declared.name, count, by=by, reason=reason)
                self.stdout.write(f"{declared.name} has {count} lanes; it had {had}.")
            else:
                settled = retiring.retire(processor, by=by, reason=reason)
                self.stdout.write(f"{processor} is retired; {settled:,} deliveries were discarded.")
        except FlowdeckError as error:
            raise CommandError(str(error)) from error

    def _list(self) -> None:
        lanes = _counted(Lane.objects.all())
        waiting = _counted(Due.objects.filter(state__among=UNFINISHED))
        for name in sorted({*registry.processors, *lanes, *waiting}):
            declared = registry.processors.get(name)
            told = [f"{lanes.get(name, 0)} lanes", f"{waiting.get(name, 0):,} waiting"]
            if declared is None:
                told.append("no code here declares it")
            elif declared.label != name:
                told.append(f"called {declared.label}")
            self.stdout.write(f"{name}  {', '.join(told)}")


def _counted(rows: Any) -> dict[str, int]:
    counted = rows.values("processor").annotate(n=Count("processor")).order_by()
    return dict(counted.values_list("processor", "n"))
