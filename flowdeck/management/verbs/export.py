"""``manage.py flowdeck export``: the log or a part of it as lines of CloudEvents on stdout."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck import parsing
from flowdeck.errors import FlowdeckError
from flowdeck.management import acting
from flowdeck.people import audit
from flowdeck.transfer.exporting import Chosen, as_masked, as_revealed, as_stored, export
from flowdeck.words import counted


class Command(BaseCommand):
    """Write events as CloudEvents 1.0, one a line, in order of position."""

    help = (
        "Write events to stdout as JSON lines of CloudEvents 1.0, oldest first. Personal values "
        "stay sealed, unless they are masked or revealed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--correlation", type=UUID, help="one trace")
        parser.add_argument("--stream", help="one stream")
        parser.add_argument("--from", dest="start", help="a position, or a time (ISO 8601)")
        parser.add_argument("--to", dest="end", help="a position, or a time, which is excluded")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--masked", action="store_true", help="mask personal values")
        how.add_argument("--reveal", action="store_true", help="in plain text; needs --reason")
        parser.add_argument("--reason", default="", help="for the audit")
        acting.add_argument(parser)

    def handle(self, **options: Any) -> None:
        """Run the command."""
        needed_to = "reveal personal values" if options["reveal"] else ""
        reason = acting.reason_of(options, needed_to=needed_to)
        first, since = _place(options["start"])
        last, before = _place(options["end"])
        chosen = Chosen(
            correlation_id=options["correlation"],
            stream=options["stream"],
            first=first,
            last=last,
            since=since,
            before=before,
        )
        line = as_revealed if options["reveal"] else as_masked if options["masked"] else as_stored
        action = "export revealed" if options["reveal"] else "export"
        target = options["stream"] or str(options["correlation"] or "log")
        by = acting.acting(options["by"], "keep_log")
        audit.record(action, by=by, target=target, reason=reason)
        count = 0
        try:
            for text in export(chosen, line):
                self.stdout.write(text, ending="")
                count += 1
        except FlowdeckError as error:
            raise CommandError(str(error)) from error
        self.stderr.write(counted(count, "event"))


def _place(text: str | None) -> tuple[int | None, datetime | None]:
    """A position or a time. Raises CommandError."""
    if text is None:
        return None, None
    position = parsing.number(text)
    if position is not None:
        return position, None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is neither a position nor a time: {error}") from error
    return None, moment if moment.tzinfo else moment.replace(tzinfo=UTC)
