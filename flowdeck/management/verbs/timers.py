"""``manage.py flowdeck timers``: what is due next, and letting it come now, later or never."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck import parsing
from flowdeck.errors import FlowdeckError
from flowdeck.log import timers as acts
from flowdeck.management import acting
from flowdeck.observe import timers as read
from flowdeck.observe.timers import Wanted
from flowdeck.words import counted

_DEEDS = ("fire", "cancel", "move", "hold", "release")


class Command(BaseCommand):
    """List open timers, or do something about them with a reason."""

    help = "List what is due next, or let it come now (fire), at another time, or never."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("deed", nargs="?", choices=("list", *_DEEDS), default="list")
        parser.add_argument("number", nargs="?", type=int, help="of the timer, as `list` says it")
        parser.add_argument("--at", default="", help="when instead, as 2026-11-23T14:00")
        parser.add_argument("--type", default="", help="list those of one event type")
        parser.add_argument("--stream", default="", help="list those of one stream")
        parser.add_argument("--limit", type=int, default=read.PAGE)
        parser.add_argument("--reason", default="", help="why, for the audit")
        acting.add_argument(parser)

    def handle(self, *, deed: str, number: int | None, **options: Any) -> None:
        """Run the command."""
        if deed == "list":
            self._list(options)
            return
        by = acting.acting(options["by"], "operate_timers")
        reason = acting.reason_of(options, needed_to=f"{deed} timers")
        if deed == "hold":
            changed = acts.hold(by=by, reason=reason)
        elif deed == "release":
            changed = acts.go_on(by=by, reason=reason)
        else:
            changed = self._change(deed, number, options["at"], by, reason)
        if not changed:
            raise CommandError("Nothing was changed: it was so already, or has come meanwhile.")
        self.stdout.write("Done.")

    def _list(self, options: dict[str, Any]) -> None:
        page = read.due_next(Wanted(options["type"], options["stream"]), most=options["limit"])
        for one in page.rows:
            due = one.due_at.strftime("%Y-%m-%d %H:%M:%S UTC")
            self.stdout.write(f"{one.pk:>8}  {due}  {one.name}  {one.type}  {one.stream}")
        told = read.agenda()
        more = "+" if told.more else ""
        held = ", all held" if told.clock.held_at else ""
        self.stdout.write(f"{counted(told.open, f'open timer{more}')}, {told.overdue} due{held}.")

    def _change(self, deed: str, number: int | None, at: str, by: str, reason: str) -> bool:
        if number is None:
            raise CommandError(f"Which timer? `flowdeck timers {deed} NUMBER`; `list` has them.")
        if deed == "cancel":
            return acts.call_off(number, by=by, reason=reason)
        if deed == "fire":
            return acts.move(number, None, by=by, reason=reason)
        moment = parsing.moment(at)
        if moment is None:
            raise CommandError(f"--at {at!r} is no time; write it as 2026-11-23T14:00.")
        try:
            return acts.move(number, moment, by=by, reason=reason)
        except FlowdeckError as error:
            raise CommandError(str(error)) from error
