"""``manage.py flowdeck dead_letters list|show|retry|repair|discard``: the console's actions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.api.letter_schemas import BulkOut, GroupOut, LetterDetail, LetterOut
from flowdeck.errors import OtherLetters
from flowdeck.letters import bulk
from flowdeck.letters.dead_letters import NAMES, Criteria
from flowdeck.letters.groups import BY, groups
from flowdeck.letters.question import Question
from flowdeck.management import acting, repair
from flowdeck.models import BulkAction
from flowdeck.words import counted

_WAIT = 60.0
_LOOK = 0.1  # seconds


class Command(BaseCommand):
    """Retries and discards are bulk actions, as on the page; here they are worked off at once."""

    help = "Look at dead letters; retry or discard those that fit a filter."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        listed = verbs.add_parser("list", help="groups, or with --letters single ones")
        listed.add_argument("--letters", action="store_true")
        listed.add_argument("--by", choices=list(BY), default="error")
        listed.add_argument("--limit", type=int, default=50)
        shown = verbs.add_parser("show", help="one letter with its payload and attempts")
        shown.add_argument("number", type=int)
        retried = verbs.add_parser("retry", help="make them due again")
        retried.add_argument("--graduated", action="store_true", help="1, then 10, 100, the rest")
        retried.add_argument("--per-second", type=int, help="at most so many a second")
        retried.add_argument(
            "--wait",
            type=float,
            nargs="?",
            const=_WAIT,
            metavar="SECONDS",
            help=f"wait for the outcome ({_WAIT:.0f} s if not said): exit code 0 if all succeeded, "
            "1 if one is dead again or was left alone, 3 if some are not done in time",
        )
        discarded = verbs.add_parser("discard", help="give them up for good; needs a reason")
        for verb in (retried, discarded):
            verb.add_argument("numbers", type=int, nargs="*", help="these letters only")
            verb.add_argument("--all", action="store_true", help="needed without any filter")
            verb.add_argument("--reason", default="", required=verb is discarded)
            acting.add_argument(verb)
            verb.add_argument("--dry-run", action="store_true", help="say how many, do nothing")
            acting.add_seen(verb)
        repair.add_to(verbs)
        for verb in (listed, retried, discarded):
            for name in NAMES:
                verb.add_argument(f"--{name}", default="", help="filter")
            verb.add_argument("--came-back", action="store_true", help="failed after a retry")
        for verb in (listed, shown, retried, discarded):
            verb.add_argument("--json", action="store_true", help="JSON on stdout")

    def handle(self, *, verb: str, **options: Any) -> None:
        """Run the command."""
        if verb == "list":
            (self._letters if options["letters"] else self._groups)(options)
        elif verb == "show":
            self._show(options)
        elif verb == "repair":
            repair.run(self.stdout, options)
        else:
            self._resolve(verb, options)

    def _groups(self, options: dict[str, Any]) -> None:
        found = groups(options["by"], _criteria(options))[: options["limit"]]
        shown = [GroupOut.of(group) for group in found]
        lines = [
            f"{one.count:>8,}  {one.status:<12}  {one.processor}  {one.title}: {one.message}"
            f"  ({one.value})"
            for one in shown
        ]
        self._say(options, [one.dict() for one in shown], lines or ["Nothing is dead."])

    def _letters(self, options: dict[str, Any]) -> None:
        rows = _criteria(options).letters().select_related("event")[: options["limit"]]
        shown = [LetterOut.of(row) for row in rows]
        lines = [
            f"{one.id:>10}  {one.died_at:%Y-%m-%d %H:%M:%S %Z}  {one.processor}  {one.type}  "
            f"{one.stream}  {counted(one.attempts, 'attempt')}"
            for one in shown
        ]
        self._say(options, [one.dict() for one in shown], lines or ["Nothing is dead."])

    def _show(self, options: dict[str, Any]) -> None:
        shown = LetterDetail.find(options["number"])
        if shown is None:
            raise CommandError(f"There is no dead letter {options['number']}.")
        lines = [
            f"{shown.letter.type} {shown.letter.stream} for {shown.letter.processor}: "
            f"{shown.letter.state}",
            *(f"attempt {one.number}: {one.error}: {one.message}" for one in shown.failures),
            json.dumps(shown.event.data, indent=2),
        ]
        self._say(options, shown.dict(), lines)

    def _resolve(self, verb: str, options: dict[str, Any]) -> None:
        criteria = _criteria(options)
        if not (criteria or options["all"]):
            raise CommandError("Say which: numbers, a filter, or --all.")
        reason = acting.reason_of(options, needed_to="discard" if verb == "discard" else "")
        if options["dry_run"]:
            seen = Question.about(criteria.letters(), "letter")
            plain = {"would": verb, "count": seen.count, "seen": seen.digest}
            lines = [f"would {verb} {seen.count:,}", acting.told_seen(seen.digest)]
            self._say(options, plain, lines)
            return
        by = acting.acting(options["by"], "retry_dead_letters")
        try:
            row = bulk.ask(
                verb,
                criteria,
                by=by,
                reason=reason,
                graduated=options.get("graduated", False),
                per_second=options.get("per_second"),
                seen=options["seen"],
            )
        except OtherLetters as error:
            raise CommandError(str(error)) from error
        self._work(row)
        wait = options.get("wait")
        if wait is not None:
            self._wait(row, wait)
        became = bulk.progress(row)
        self._say(options, BulkOut.of(row).dict(), list(_told(row, became)))
        if wait is not None:
            _judge(row, became, wait)

    def _wait(self, row: BulkAction, seconds: float) -> None:
        """Until nothing is under way any more, or the time is over; workers do the work."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not _settled(row):
            time.sleep(_LOOK)
            bulk.advance_all()
            row.refresh_from_db()

    def _work(self, row: BulkAction) -> None:
        """As far as it goes without waiting: for a step's outcome, the rate, another worker."""
        before = -1
        while row.state == BulkAction.State.RUNNING and row.asked > before:
            before = row.asked
            bulk.advance_all()
            row.refresh_from_db()

    def _say(self, options: dict[str, Any], plain: Any, lines: list[str]) -> None:
        self.stdout.write(
            json.dumps(plain, indent=2, default=str) if options["json"] else "\n".join(lines)
        )


def _settled(row: BulkAction) -> bool:
    return row.state != BulkAction.State.RUNNING and not bulk.progress(row).under_way


def _told(row: BulkAction, seen: bulk.Progress) -> Iterator[str]:
    """What was asked for, and what became of it as far as is known."""
    asked = f"{row.action}: {row.asked:,} of {row.total:,} asked for"
    if row.action == "retry":
        asked += (
            f"; {seen.done:,} done, {seen.came_back:,} dead again, {seen.under_way:,} under way"
        )
    yield f"{asked} (bulk action {row.pk}, {row.state})"
    if row.note:
        yield row.note
    if row.state == BulkAction.State.RUNNING or seen.under_way:
        yield "The workers go on with it; watch it on the page or in the API, or use --wait."


def _judge(row: BulkAction, seen: bulk.Progress, waited: float) -> None:
    """Raises CommandError, with its exit code, unless all of them were retried and succeeded."""
    if not row.total:
        raise CommandError("None of them is dead, so nothing was retried.")
    if seen.came_back:
        raise CommandError(f"{seen.came_back:,} of {row.asked:,} failed again.")
    if not _settled(row):
        raise CommandError(f"Not all is done after {waited:g} s; do workers run?", returncode=3)
    if row.asked < row.total:
        raise CommandError(f"{row.total - row.asked:,} were left alone: {row.note or 'not dead'}.")


def _criteria(options: dict[str, Any]) -> Criteria:
    """What was asked for. Raises CommandError for a value that can't name anything."""
    given = {name: options[name] for name in NAMES if options[name]}
    chosen = {"ids": options.get("numbers", ()), "came_back": options["came_back"]}
    criteria = Criteria.parse({**given, **chosen})
    for name, value in given.items():
        # A filter that names nothing is refused with a message, rather than choosing nothing.
        if getattr(criteria, name) != value:
            raise CommandError(f"--{name} {value!r} can't be the name of anything.")
    return criteria
