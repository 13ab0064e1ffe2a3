"""``manage.py verify``: does this database hold what the invariants promise?"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from events.verification import Violation, verify

_SHOWN = 20


class Command(BaseCommand):
    """Run all checks; exit with 1 if any finds a violation."""

    help = "Check a living database against the guarantees. Read-only; exit code 1 on a violation."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="report as JSON on stdout")

    def handle(self, *, json: bool, **options: Any) -> None:
        """Run the command."""
        names: list[str] = []

        def progress(name: str) -> None:
            names.append(name)
            if not json and options["verbosity"] > 1:
                self.stderr.write(f"checking: {name}")

        found = list(verify(progress))
        self.stdout.write(_as_json(names, found) if json else self._as_text(names, found))
        if found:
            raise SystemExit(1)

    def _as_text(self, names: list[str], found: list[Violation]) -> str:
        counts = Counter(violation.check for violation in found)
        lines = []
        for name in names:
            count = counts[name]
            lines.append(f"{'FAILED' if count else 'ok    '} {name}")
            details = [violation.detail for violation in found if violation.check == name]
            lines += [f"         {detail}" for detail in details[:_SHOWN]]
            if count > _SHOWN:
                lines.append(f"         and {count - _SHOWN:,} more")
        lines.append(f"{len(names)} checks, {len(found):,} violations")
        return "\n".join(lines)


def _as_json(names: list[str], found: list[Violation]) -> str:
    return json.dumps(
        {
            "ok": not found,
            "checks": [
                {
                    "name": name,
                    "violations": [v.detail for v in found if v.check == name],
                }
                for name in names
            ],
        },
        indent=2,
    )
