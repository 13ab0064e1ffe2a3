"""``manage.py flowdeck archive``: move closed streams from the log into a file."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck import clock
from flowdeck.errors import FlowdeckError
from flowdeck.management import acting
from flowdeck.transfer.archiving import MOST_STREAMS, archive, closed_streams
from flowdeck.words import counted


class Command(BaseCommand):
    """Archive closed streams; the file is verified before anything is removed."""

    help = (
        "Move closed streams into a new file of CloudEvents and remove them from the log. "
        "Projections that need their events can't be replayed here afterwards."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--older-than", type=int, required=True, metavar="DAYS")
        parser.add_argument("--to", type=Path, help="the file to write; it must not exist")
        parser.add_argument("--prefix", default="", help="only streams that begin like this")
        parser.add_argument("--limit", type=int, default=MOST_STREAMS, help="streams at most")
        parser.add_argument("--dry-run", action="store_true", help="say how many, do nothing")
        parser.add_argument("--reason", default="", help="for the audit")
        acting.add_argument(parser)
        acting.add_seen(parser)

    def handle(self, *, to: Path | None, **options: Any) -> None:
        """Run the command."""
        before = clock.now() - timedelta(days=options["older_than"])
        streams = closed_streams(before, options["prefix"], options["limit"])
        self.stdout.write(f"{counted(len(streams), 'closed stream')}")
        digest = sha256("\n".join(streams).encode()).hexdigest()[:32]
        if options["dry_run"]:
            self.stdout.write(acting.told_seen(digest))
            return
        if options["seen"] not in (None, digest):
            raise CommandError("Meanwhile it is other streams, so nothing was removed. Look again.")
        if not streams:
            return
        if to is None:
            raise CommandError("Say where --to write the file.")
        by = acting.acting(options["by"], "keep_log")
        try:
            row = archive(streams, to, by=by, reason=acting.reason_of(options))
        except (FlowdeckError, OSError) as error:
            raise CommandError(f"Nothing was removed. {error}") from error
        self.stdout.write(f"{counted(row.events, 'event')} in {row.path}, sha256 {row.sha256}")
