"""``manage.py flowdeck limits``: which hold, setting others, and going back to the code's."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.declare.limits import Limits
from flowdeck.declare.registry import registry
from flowdeck.engine import limiting
from flowdeck.errors import FlowdeckError
from flowdeck.management import acting
from flowdeck.models import FlowControl


class Command(BaseCommand):
    """List limited processors, let other limits hold for one, or those of its code again."""

    help = "List which limits hold, change those of a processor, or go back to what its code says."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("deed", nargs="?", choices=("list", "set", "restore"), default="list")
        parser.add_argument("processor", nargs="?", default="")
        parser.add_argument("--concurrent", type=int, help="calls in the air at once")
        parser.add_argument("--per", default="", help="starts, as 10/s, 600/min or 5/2s")
        parser.add_argument("--burst", type=int, default=1, help="starts at once after a pause")
        parser.add_argument("--reason", default="", help="why, for the audit")
        acting.add_argument(parser)

    def handle(self, *, deed: str, processor: str, **options: Any) -> None:
        """Run the command."""
        if deed == "list":
            self._list()
            return
        if not processor:
            raise CommandError(f"Whose? `flowdeck limits {deed} NAME`; `list` has the names.")
        by = acting.acting(options["by"], "change_limits")
        reason = acting.reason_of(options, needed_to=f"{deed} limits")
        try:
            if deed == "set":
                limits = Limits(options["concurrent"], options["per"], options["burst"])
                limiting.change(processor, limits, by=by, reason=reason)
            elif not limiting.restore(processor, by=by, reason=reason):
                raise CommandError("Nothing was changed: its limits are those of the code.")
        except FlowdeckError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Done.")

    def _list(self) -> None:
        controls = FlowControl.objects.in_bulk()
        for name, declared in sorted(registry.processors.items()):
            control = controls.get(name)
            holds = control.in_force(declared.limits) if control else declared.limits
            if holds is None:
                continue
            changed = ""
            if control is not None and control.limits_set_at is not None:
                since = f"{control.limits_set_at:%Y-%m-%d %H:%M:%S UTC}"
                changed = f"  (set by {control.limits_set_by}, {since}: {control.limits_reason})"
            self.stdout.write(f"{name}  {limiting.words(holds)}{changed}")
