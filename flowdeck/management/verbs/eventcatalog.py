"""``manage.py flowdeck eventcatalog``: files for EventCatalog, written or compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.connect import eventcatalog
from flowdeck.words import counted

_FOLDERS = ("events", "services", "channels")
_SHOWN = 5


class Command(BaseCommand):
    """Write or compare."""

    help = (
        "Write this project's events, processors and connectors as files for EventCatalog, with "
        "how often and by whom they were seen, or compare the files with what the code declares."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        action = parser.add_mutually_exclusive_group(required=True)
        action.add_argument("--write", type=Path, metavar="DIR", help="write them there")
        action.add_argument("--check", type=Path, metavar="DIR", help="fail if they differ there")
        parser.add_argument(
            "--days",
            type=int,
            default=7,
            help="of what was observed (0: none of it)",
        )

    def handle(self, *, write: Path | None, check: Path | None, days: int, **options: Any) -> None:
        """Run the command."""
        if write is not None:
            made = eventcatalog.files(eventcatalog.observed(days) if days > 0 else None)
            for path in _there(write) - made.keys():
                (write / path).unlink()
            for path, text in made.items():
                (write / path).parent.mkdir(parents=True, exist_ok=True)
                (write / path).write_text(text)
            self.stdout.write(f"Wrote {counted(len(made), 'file')} to {write}.")
        elif check is not None:
            _compare(check)
            self.stdout.write(f"{check} and the code agree.")


def _compare(folder: Path) -> None:
    """Raises CommandError if what is declared differs; what was observed may."""
    there = {path: eventcatalog.declared((folder / path).read_text()) for path in _there(folder)}
    made = eventcatalog.files()
    differ = sorted(
        path for path in there.keys() | made.keys() if there.get(path) != made.get(path)
    )
    if differ:
        more = f" and {len(differ) - _SHOWN} more" if len(differ) > _SHOWN else ""
        raise CommandError(
            f"{folder} is not what the code declares, in {', '.join(differ[:_SHOWN])}{more}: look "
            f"at the difference, and if it is meant so, flowdeck eventcatalog --write {folder}."
        )


def _there(folder: Path) -> set[str]:
    """Paths of what was written before; what else lies in the catalog is somebody's own."""
    return {
        str(path.relative_to(folder))
        for name in _FOLDERS
        for path in (folder / name).rglob("*")
        if path.name in ("index.mdx", "schema.json")
    }
