"""``manage.py flowdeck checklist``: the design review of this installation, by experiment."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from flowdeck.checklist import answer_all
from flowdeck.conf import conf


class Command(BaseCommand):
    """Answer the ten questions; exit code 1 if one fails."""

    help = "Ten questions of a design review, answered by experiments that are rolled back."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="for machines")
        parser.add_argument(
            "--redeliver",
            action="store_true",
            default=conf().PROVE_OUTSIDE,
            help="also deliver again what calls the outside (default: FLOWDECK['PROVE_OUTSIDE'])",
        )

    def handle(self, **options: Any) -> None:
        """Run the command."""
        failed, answers = False, []
        for one in answer_all(redeliver=options["redeliver"]):
            failed |= one.finding.verdict == "fail"
            answers.append(one.as_json())
            if not options["json"]:
                self._tell(one.as_json())
        if options["json"]:
            self.stdout.write(json.dumps(answers, indent=2))
        if failed:
            raise SystemExit(1)

    def _tell(self, found: dict[str, Any]) -> None:
        self.stdout.write(f"{found['number']:>2} {found['verdict']:<7}  {found['question']}")
        for line in (
            found["evidence"],
            found["advice"] and f"Do: {found['advice']}",
            found["unchecked"] and f"Not checked: {found['unchecked']}",
            found["on_purpose"],
        ):
            if line:
                self.stdout.write(f"         {line}")
