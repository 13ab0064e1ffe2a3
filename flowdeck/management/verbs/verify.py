"""``manage.py flowdeck verify``: does this database hold what the invariants promise?"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from flowdeck.verification import Violation, verify

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

        skipped: dict[str, str] = {}
        found = list(verify(progress, skipped.__setitem__))
        report = _as_json if json else _as_text
        self.stdout.write(report(names, found, skipped))
        if found:
            raise SystemExit(1)


def _as_text(names: list[str], found: list[Violation], skipped: dict[str, str]) -> str:
    counts = Counter(violation.check for violation in found)
    lines = []
    for name in names:
        count = counts[name]
        verdict = "FAILED" if count else "not   " if name in skipped else "ok    "
        lines.append(f"{verdict} {name}")
        details = [violation.detail for violation in found if violation.check == name]
        lines += [f"         {detail}" for detail in details[:_SHOWN]]
        if count > _SHOWN:
            lines.append(f"         and {count - _SHOWN:,} more")
        if name in skipped:
            lines.append(f"         not checked: {skipped[name]}")
    lines.append(f"{len(names) - len(skipped)} checks, {len(found):,} violations")
    return "\n".join(lines)


def _as_json(names: list[str], found: list[Violation], skipped: dict[str, str]) -> str:
    return json.dumps(
        {
            "ok": not found,
            "checks": [
                {
                    "name": name,
                    "violations": [v.detail for v in found if v.check == name],
                    "not_checked": skipped.get(name, ""),
                }
                for name in names
            ],
        },
        indent=2,
    )
