"""``manage.py flowdeck processes``: instances of processes; stopping one, and replaying all."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.management import acting
from flowdeck.models import ProcessInstance, ProcessStep
from flowdeck.process_managers import replay, stopping
from flowdeck.process_managers.declared import flows
from flowdeck.words import counted

_PATH = 200  # steps shown


class Command(BaseCommand):
    """List what is under way, show one, stop one with a reason, or compare all with a replay."""

    help = "List instances under way, show one, stop one, or replay all and compare."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("deed", choices=("list", "show", "stop", "replay"))
        parser.add_argument("process", help="its name")
        parser.add_argument("key", nargs="?", default="", help="of the instance")
        parser.add_argument("--undo", action="store_true", help="take back what it has done")
        parser.add_argument("--limit", type=int, default=50)
        parser.add_argument("--reason", default="", help="why, for the audit")
        acting.add_argument(parser)

    def handle(self, *, deed: str, process: str, key: str, **options: Any) -> None:
        """Run the command."""
        if process not in flows:
            known = ", ".join(sorted(flows)) or "none"
            raise CommandError(f"No installed app declares a process {process!r}. Known: {known}.")
        if deed in ("show", "stop") and not key:
            raise CommandError(f"Which instance? `flowdeck processes {deed} {process} KEY`.")
        if deed == "list":
            self._list(process, options["limit"])
        elif deed == "show":
            self._show(process, key)
        elif deed == "replay":
            self._replay(process, [key] if key else [])
        else:
            self._stop(process, key, options)

    def _list(self, process: str, limit: int) -> None:
        rows = ProcessInstance.objects.filter(process=process, ended_at=None).exclude(step="")
        for row in rows.order_by("changed_at")[: max(0, limit)]:
            since = row.changed_at.strftime("%Y-%m-%d %H:%M:%S UTC")
            self.stdout.write(f"{row.key}  {row.step}  since {since}")
        self.stdout.write(f"{counted(rows.count(), 'instance')} under way.")

    def _show(self, process: str, key: str) -> None:
        row = ProcessInstance.objects.filter(process=process, key=key).first()
        if row is None:
            raise CommandError(f"{process} has no instance {key!r}.")
        self.stdout.write(f"{row.key}: {row.step}, version {row.version}, state {row.state}")
        steps = ProcessStep.objects.filter(process=process, key=key).order_by("id")
        for step in steps[:_PATH]:
            note = f"  ({step.note})" if step.note else ""
            way = f"{step.from_step or '-'} > {step.to_step or '-'}"
            self.stdout.write(f"{step.at:%Y-%m-%d %H:%M:%S}  {way}  {step.type}{note}")

    def _replay(self, process: str, keys: list[str]) -> None:
        count = 0
        for sentence in replay.differences(process, keys):
            self.stdout.write(sentence)
            count += 1
        if count:
            raise CommandError(f"{counted(count, 'difference')} from a replay.")
        self.stdout.write("A replay comes to the same.")

    def _stop(self, process: str, key: str, options: dict[str, Any]) -> None:
        by = acting.acting(options["by"], "operate_processes")
        reason = acting.reason_of(options, needed_to="stop an instance")
        if not stopping.stop(process, key, undo=options["undo"], by=by, reason=reason):
            raise CommandError(f"{process} {key} is not under way: nothing was changed.")
        self.stdout.write("Done.")
