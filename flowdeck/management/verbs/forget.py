"""``manage.py flowdeck forget SUBJECT``: destroy the key of a person's data in the log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.database import transaction
from flowdeck.errors import FlowdeckError
from flowdeck.management import acting
from flowdeck.people import audit
from flowdeck.privacy import keys as subject_keys
from flowdeck.privacy.forgetting import Forgotten, forget, preview
from flowdeck.words import counted


class Command(BaseCommand):
    """Forget a person, or with --rewrap renew how all keys are wrapped."""

    help = (
        "Destroy the key of a person, so that nobody can read their personal data in the log, and "
        "erase it from the read models. This can't be undone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("subject", nargs="?", help="as in the events, for instance a user id")
        parser.add_argument("--reason", default="", help="for the audit")
        acting.add_argument(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")
        parser.add_argument(
            "--rewrap",
            action="store_true",
            help="instead: wrap all keys with the present FLOWDECK['PERSONAL_KEY']",
        )

    def handle(self, *, subject: str | None, **options: Any) -> None:
        """Run the command."""
        by = acting.acting(options["by"], "keep_log")
        if bool(subject) == options["rewrap"]:
            raise CommandError("Say whom to forget, or --rewrap.")
        try:
            if subject is None:
                self._rewrap(by, acting.reason_of(options))
            elif options["dry_run"]:
                self._report("would destroy", preview(subject))
            else:
                self._report("destroyed", forget(subject, by=by, reason=acting.reason_of(options)))
        except FlowdeckError as error:
            raise CommandError(str(error)) from error

    def _rewrap(self, by: str, reason: str) -> None:
        with transaction.atomic():
            count = subject_keys.rewrap()
            audit.record("rewrap keys", by=by, count=count, reason=reason)
        self.stdout.write(
            f"{counted(count, 'key')} wrapped anew; the former key can leave the fallbacks"
        )

    def _report(self, what: str, found: Forgotten) -> None:
        if found.keys == 0:
            self.stdout.write(f"No key of subject {found.subject}: nothing personal can be read")
        else:
            self.stdout.write(f"{what} the key of subject {found.subject}")
        for name, rows in found.rows.items():
            self.stdout.write(f"{name}: by its eraser, {counted(rows, 'row')}")
        for name in found.unknown:
            self.stdout.write(
                f"{name}: has no eraser; if it keeps personal values: replay {name} --rebuild"
            )
