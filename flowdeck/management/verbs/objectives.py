"""``manage.py flowdeck objectives``: how they stand; set or delete one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.management import acting
from flowdeck.models import Objective
from flowdeck.objectives import setting
from flowdeck.objectives.standing import Standing, standings
from flowdeck.words import figure


class Command(BaseCommand):
    """A word for what to do, and the name of an objective."""

    help = (
        "See how objectives stand (list); set one (set), new or otherwise than before; delete one "
        "(delete)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("what", choices=["list", "set", "delete"])
        parser.add_argument("name", nargs="?", default="")
        parser.add_argument("--began-with", default="", metavar="TYPE", help="set: what begins it")
        parser.add_argument("--reaches", default="", metavar="TYPE", help="set: what has to come")
        parser.add_argument("--within", default="", metavar="SECONDS", help="set: how soon")
        parser.add_argument("--target", default="", metavar="PERCENT", help="set: of how many")
        parser.add_argument("--days", default="30", help="set: looked at over so many")
        acting.add_argument(parser)

    def handle(self, *, what: str, name: str, **options: Any) -> None:
        """Run the command."""
        if what == "list":
            for one in standings():
                self.stdout.write(_line(one))
            return
        by = acting.acting(options["by"], "manage_alerts")
        known = Objective.objects.filter(name=name).values_list("pk", flat=True).first()
        try:
            if what == "set":
                row = setting.save(known, name, options, by=by)
                self.stdout.write(f"{row.name}: {setting.said(setting.aim_of(row))}.")
            elif known is None:
                raise CommandError(f"There is no objective {name!r}.")
            else:
                setting.delete(known, by=by)
                self.stdout.write(f"{name} is deleted.")
        except setting.ObjectiveRefused as error:
            raise CommandError(str(error)) from error


def _line(one: Standing) -> str:
    said = setting.said(setting.aim_of(one.row))
    if one.whole.share is None or one.left is None:
        return f"{one.row.name}: {said}; nothing began"
    burns = ", ".join(f"{w} {figure(b)}x" for w, b in one.burns if b is not None)
    fast = ", burns too fast" if one.burns_too_fast else ""
    return (
        f"{one.row.name}: {said}; {figure(one.whole.share, 2)} % of {one.whole.begun:,} got there, "
        f"{figure(one.left, 1)} % of the budget left{fast} ({burns or 'no burn'})"
    )
