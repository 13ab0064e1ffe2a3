"""``manage.py flowdeck replay NAME``: run projections over the log again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.errors import FlowdeckError
from flowdeck.management import acting
from flowdeck.models import ReplayRun
from flowdeck.replay import runs
from flowdeck.replay.differences import Difference
from flowdeck.replay.plan import plan
from flowdeck.words import counted

_SHOWN = 20


class Command(BaseCommand):
    """Replay beside the live tables; exit with 1 if a verification finds differences."""

    help = (
        "Run projections over the log again, beside the live read models. Without --verify or "
        "--rebuild, show what that gives (up to --to POSITION, if given)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("names", nargs="*", metavar="NAME", help="projections (default: all)")
        parser.add_argument("--to", type=int, metavar="POSITION", help="no further than this event")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--verify", action="store_true", help="compare with the live tables")
        what.add_argument("--rebuild", action="store_true", help="make the live tables equal")
        parser.add_argument("--dry-run", action="store_true", help="say what would be read")
        parser.add_argument(
            "--seen",
            type=int,
            metavar="RUN",
            help="as a dry run printed it: do nothing if somebody asked for the same meanwhile",
        )
        parser.add_argument("--reason", default="", help="why, for the list of runs")
        acting.add_argument(parser)

    def handle(self, *, names: list[str], **options: Any) -> None:
        """Run the command."""
        by = acting.acting(options["by"], "run_replay")
        kind = "verify" if options["verify"] else "rebuild" if options["rebuild"] else "preview"
        try:
            if options["dry_run"]:
                self._dry_run(kind, names, options["to"])
                return
            asked = runs.request(
                kind,
                names,
                by=by,
                reason=acting.reason_of(options),
                to_position=options["to"],
                seen=options["seen"],
            )
        except FlowdeckError as error:
            raise CommandError(str(error)) from error
        run = runs.execute(asked.pk, self._follow)
        assert run is not None
        if run.state != ReplayRun.State.FINISHED:
            raise CommandError(f"Run {run.pk} {run.state}: {run.error or run.cancelled_by}")
        self._report(run)

    def _dry_run(self, kind: str, names: list[str], to: int | None) -> None:
        planned = plan(names, to)
        for type_name, count in planned.counts.items():
            self.stdout.write(f"{count:>12,} {type_name}")
        duration = "unknown, none ran before"
        if planned.seconds is not None:
            duration = f"about {planned.seconds:.0f} s"
        self.stdout.write(
            f"{planned.total:>12,} events for {', '.join(planned.processors)}; duration {duration}"
        )
        self.stdout.write(acting.told_seen(runs.newest_of(kind, planned.processors)))

    def _follow(self, run: ReplayRun) -> None:
        left = "" if run.seconds_left is None else f", {run.seconds_left:.0f} s left"
        self.stderr.write(
            f"{run.done:,} of {counted(run.total, 'event')}, {run.rate or 0:,.0f}/s{left}"
        )

    def _report(self, run: ReplayRun) -> None:
        differing = 0
        for model in run.result["models"]:
            if run.kind == ReplayRun.Kind.PREVIEW:
                self.stdout.write(f"{model['model']}: {model['rows']:,} rows")
                for row in model["first"][:_SHOWN]:
                    self.stdout.write("  " + ", ".join(f"{k}={v}" for k, v in row.items()))
                continue
            differing += model["differing"]
            verdict = f"{model['differing']:,} rows differ" if model["differing"] else "identical"
            self.stdout.write(f"{model['model']}: {model['rows']:,} rows, {verdict}")
            shown = model["differences"][:_SHOWN]
            for difference in shown:
                self.stdout.write(f"  {Difference(**difference)}")
            if model["differing"] > len(shown):
                self.stdout.write(f"  and {model['differing'] - len(shown):,} more")
        self.stdout.write(f"{counted(run.done, 'event')} replayed, {run.rate or 0:,.0f}/s")
        if run.kind == ReplayRun.Kind.REBUILD and differing:
            self.stdout.write("The live tables are now as replayed.")
        if run.kind == ReplayRun.Kind.VERIFY and differing:
            raise SystemExit(1)
