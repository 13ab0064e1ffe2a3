"""``manage.py flowdeck connectors``: see them, run one, pause, resume or rewind one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck import parsing
from flowdeck.conf import conf
from flowdeck.connect import connectors, control, posts
from flowdeck.connect.standing import Standing, held_keys, standings
from flowdeck.errors import FlowdeckError
from flowdeck.management import acting
from flowdeck.models import WebhookAttempt
from flowdeck.processes import collect_less_often
from flowdeck.words import counted, duration, moment

_WAIT = 1.0


class Command(BaseCommand):
    """A word for what to do, and mostly the name of a connector."""

    help = (
        "See the connectors (list) and the keys that one holds back (held), run one in this "
        "process (run), pause, resume or rewind one; of an outlet to a webhook, see the attempts "
        "(attempts), post a test message (test) or an event once more (again). "
        "A rewind is a dry run, unless --yes is given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("what", choices=["list", *self._verbs()])
        parser.add_argument("name", nargs="?", default="")
        parser.add_argument("--once", action="store_true", help="run: end when all is handed on")
        parser.add_argument(
            "--to", metavar="POSITION", help="rewind: go on behind it; or a time, go on from it"
        )
        parser.add_argument("--failed", action="store_true", help="attempts: failed ones only")
        parser.add_argument("--event", type=int, metavar="POSITION", help="again: which one")
        parser.add_argument("--reason", default="", help="why, for the audit")
        parser.add_argument("--yes", action="store_true", help="rewind: do it")
        parser.add_argument(
            "--seen", type=int, metavar="POSITION", help="rewind: only if it is still there"
        )
        acting.add_argument(parser)

    def handle(self, *, what: str, name: str, **options: Any) -> None:
        """Run the command."""
        if what == "list":
            self._list()
        elif not name:
            raise CommandError(f"Name the connector to {what}.")
        else:
            try:
                self._verbs()[what](name, options)
            except FlowdeckError as error:
                raise CommandError(str(error)) from error

    def _verbs(self) -> dict[str, Callable[[str, dict[str, Any]], None]]:
        return {
            "held": self._held,
            "run": self._run,
            "pause": self._pause,
            "resume": self._resume,
            "rewind": self._rewind,
            "attempts": self._attempts,
            "test": self._test,
            "again": self._again,
        }

    def _list(self) -> None:
        found = standings()
        for one in found:
            self.stdout.write(f"{one.name}  {_line(one)}")
        if not found:
            self.stdout.write("No installed app declares a connector.")

    def _held(self, name: str, options: dict[str, Any]) -> None:
        found = held_keys(name)
        for one in found:
            self.stdout.write(
                f"{one.key}  from {one.first:,} on: {counted(one.letters, 'dead letter')}, "
                f"{counted(one.waiting, 'event')} behind"
            )
        if not found:
            self.stdout.write(f"{name} holds back no key.")

    def _attempts(self, name: str, options: dict[str, Any]) -> None:
        found = posts.shown(name, failed=options["failed"])[: posts.PAGE]
        for one in found:
            self.stdout.write(_tried(one.row, one.next))
        if not found:
            self.stdout.write(f"{name} keeps no such attempt.")

    def _test(self, name: str, options: dict[str, Any]) -> None:
        by = acting.acting(options["by"], "manage_connectors")
        self.stdout.write(_tried(posts.test(name, by=by)))

    def _again(self, name: str, options: dict[str, Any]) -> None:
        if options["event"] is None:
            raise CommandError("Say which event: --event POSITION.")
        by = acting.acting(options["by"], "manage_connectors")
        reason = acting.reason_of(options, needed_to="send an event again")
        self.stdout.write(_tried(posts.again(name, options["event"], by=by, reason=reason)))

    def _run(self, name: str, options: dict[str, Any]) -> None:
        connectors.named(name)
        if name not in connectors.runnable():
            raise CommandError(f"{name} has a delivery for each event: workers run it.")
        if options["once"]:
            moved = connectors.run_once(name)
            self.stdout.write(f"Moved: {counted(moved, 'message')}.")
            return
        if conf().TUNE_WORKERS:
            collect_less_often()
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        while not stopping.is_set():
            connectors.run(name, stopping)
            stopping.wait(_WAIT)  # paused, or another process runs it

    def _pause(self, name: str, options: dict[str, Any]) -> None:
        by = acting.acting(options["by"], "manage_connectors")
        reason = acting.reason_of(options, needed_to="pause a connector")
        done = control.pause(name, by=by, reason=reason)
        self.stdout.write(f"{name} is paused." if done else f"{name} was paused already.")

    def _resume(self, name: str, options: dict[str, Any]) -> None:
        by = acting.acting(options["by"], "manage_connectors")
        done = control.resume(name, by=by, reason=acting.reason_of(options))
        self.stdout.write(f"{name} goes on." if done else f"{name} was not paused.")

    def _rewind(self, name: str, options: dict[str, Any]) -> None:
        to = _place(options["to"])
        by = acting.acting(options["by"], "rewind_connectors")
        if not options["yes"]:
            found = control.would_rewind(name, to)
            self.stdout.write(f"{_told(found)} Nothing was changed.")
            self.stdout.write(
                f"To do just this: --to {found.to} --seen {found.now} --yes --reason WHY"
            )
            return
        found = control.rewind(
            name,
            to,
            by=by,
            reason=acting.reason_of(options, needed_to="rewind a connector"),
            seen=options["seen"],
        )
        self.stdout.write(_told(found))


def _tried(row: WebhookAttempt, coming: str = "") -> str:
    event = "test" if row.position is None else f"{row.position:,} {row.type}"
    answer = str(row.status) if row.status else "no answer"
    said = f": {' '.join(row.said.split())[:200]}" if row.said else ""
    after = f" (next: {coming})" if coming else ""
    return (
        f"{moment(row.at)}  {event}, attempt {row.number}: {answer} in {duration(row.seconds)}"
        f"{after}{said}"
    )


def _place(text: str | None) -> int | datetime:
    place = parsing.place(text or "")
    if place is None:
        raise CommandError(
            f"--to {text!r}: say where it is to go on, a position or a time such as "
            "2026-11-23T14:00."
        )
    return place


def _line(one: Standing) -> str:
    if one.paused_by:
        state = f"paused by {one.paused_by}"
    else:
        state = f"fails: {one.error}" if one.error else "runs" if one.runs else "nobody runs it"
    behind = f"{'at least ' * one.bounded}{counted(one.behind, 'event')} behind"
    if one.is_inlet:
        return f"{counted(one.behind, 'message')} waiting, {state}"
    return f"at {one.position:,}, {behind} ({duration(one.seconds)}), {state}"


def _told(found: control.Rewind) -> str:
    least = "at least " if found.bounded else ""
    if found.again is None:
        return "From the beginning of its source; what is in the log already is dropped."
    if found.to <= found.now:
        what = f"{least}{counted(found.again, 'message')} again"
        return f"From {found.now:,} back to {found.to:,}: {what}."
    return (
        f"From {found.now:,} on to {found.to:,}: {least}{counted(found.skipped, 'event')} "
        "would never be handed on."
    )
