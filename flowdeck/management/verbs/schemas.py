"""``manage.py flowdeck schemas``: may the event types change like this?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.conf import conf
from flowdeck.declare import lock as schemas
from flowdeck.declare.compatibility import RULES, Change
from flowdeck.words import counted


class Command(BaseCommand):
    """Compare the declared event types with schemas.lock."""

    help = (
        "Compare the declared event types with the lock file. --check fails on a change that "
        "breaks the rule; --write locks what is declared."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--check", action="store_true", help="fail on a breaking change")
        what.add_argument("--write", action="store_true", help="lock what is declared")
        parser.add_argument("--rule", choices=RULES, default="backward", help="default: backward")
        parser.add_argument("--force", action="store_true", help="write a breaking change as well")
        parser.add_argument("--lock", type=Path, help="default: FLOWDECK['SCHEMAS_LOCK']")

    def handle(self, *, rule: Any, **options: Any) -> None:
        """Run the command."""
        path: Path = options["lock"] or Path(conf().SCHEMAS_LOCK)
        found = schemas.check(schemas.read(path))
        broken = [change for change in found if change.breaks(rule)]
        for change in found:
            self.stdout.write(_line(change, change in broken))
        if broken and not (options["write"] and options["force"]):
            raise CommandError(
                f"{len(broken)} of {len(found)} changes break the rule {rule!r}. Nothing was "
                "written. Do what is said above, or write with --force if no such event is stored."
            )
        if options["write"]:
            schemas.write(path)
            self.stdout.write(f"{path.name}: {counted(len(found), 'change')} locked")
        elif found:
            self.stdout.write(f"{len(found)} changes keep the rule {rule!r}; lock them: --write")
        else:
            self.stdout.write(f"{path.name} and the declared event types agree")


def _line(change: Change, broken: bool) -> str:
    holds = [name for name in ("backward", "forward") if getattr(change, name)]
    text = (
        f"{'BREAKS' if broken else 'ok    '} {change.event_type}: {change.kind}, {change.detail} "
        f"({' and '.join(holds) or 'neither backward nor forward'})"
    )
    return f"{text}\n       {change.advice}" if change.advice else text
