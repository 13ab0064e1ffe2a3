"""``manage.py flowdeck import FILE``: events that ``manage.py flowdeck export`` wrote elsewhere."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.database import transaction
from flowdeck.errors import FlowdeckError
from flowdeck.management import acting
from flowdeck.people import audit
from flowdeck.transfer.importing import import_events
from flowdeck.words import counted


class Command(BaseCommand):
    """Append the events of a file, whole or not at all; doing it again changes nothing."""

    help = (
        "Append the events of a file to the log, whole or not at all. Their deliveries count as "
        "done, so rebuild the read models afterwards; or let all processors work with --deliver."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", help="JSON lines of CloudEvents; - for stdin")
        parser.add_argument("--dry-run", action="store_true", help="check, write nothing")
        parser.add_argument("--deliver", action="store_true", help="to all that subscribe")
        parser.add_argument("--reason", default="", help="for the audit")
        acting.add_argument(parser)

    def handle(self, *, file: str, dry_run: bool, deliver: bool, **options: Any) -> None:
        """Run the command."""
        by = acting.acting(options["by"], "keep_log")
        try:
            with _opened(file) as lines, transaction.atomic():
                report = import_events(lines, deliver=deliver, dry_run=dry_run)
                if not dry_run:
                    audit.record(
                        "import",
                        by=by,
                        target=Path(file).name,
                        count=report.written,
                        reason=acting.reason_of(options),
                    )
        except (FlowdeckError, OSError, UnicodeDecodeError) as error:
            raise CommandError(f"Nothing was written.\n{error}") from error
        verb = "would be written" if dry_run else "written"
        self.stdout.write(
            f"{counted(report.written, 'event')} {verb}, {report.known:,} were here already"
        )
        if report.written and not (deliver or dry_run):
            self.stdout.write("Bring the read models up to date: manage.py replay NAME --rebuild")


def _opened(file: str) -> AbstractContextManager[IO[str]]:
    return nullcontext(sys.stdin) if file == "-" else Path(file).open(encoding="utf-8")
