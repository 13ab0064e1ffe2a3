"""``manage.py flowdeck init APP``: a first event, processor, read model and their tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

_STARTER = Path(__file__).resolve().parent.parent / "starter"
_EMPTY = "# Create your models here."  # what startapp writes


class Command(BaseCommand):
    """Begin an app."""

    help = "Write a first event, processor, read model and their tests into an app that has none."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("app", help="the label of an installed app, as startapp makes it")

    def handle(self, *, app: str, **options: Any) -> None:
        """Run the command; writes all files or none."""
        try:
            found = apps.get_app_config(app)
        except LookupError as error:
            raise CommandError(
                f"There is no app {app!r}. Make it with `manage.py startapp {app}` and name it in "
                "INSTALLED_APPS."
            ) from error
        folder, words = Path(found.path), {"{{ app }}": found.label, "{{ module }}": found.name}
        files = {
            folder / f"{template.stem}.py": _filled(template, words)
            for template in sorted(_STARTER.glob("*.py-tpl"))
        }
        if taken := [path.name for path in files if not _is_free(path)]:
            raise CommandError(
                f"{found.label} has {', '.join(taken)} already, and nothing was written: init is "
                "for apps that have none. docs/writing_processors.md tells what to add to yours."
            )
        for path, text in files.items():
            path.write_text(text)
            self.stdout.write(f"{path}")
        self.stdout.write(
            f"Next: `manage.py makemigrations {found.label}`, `manage.py migrate`, "
            f"`manage.py test {found.name}`."
        )


def _filled(template: Path, words: dict[str, str]) -> str:
    text = template.read_text()
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def _is_free(path: Path) -> bool:
    """Whether nothing stands there, or only what startapp wrote."""
    if path.exists():
        return path.name == "models.py" and _is_untouched(path.read_text())
    return not path.with_suffix("").exists()  # a package


def _is_untouched(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines()]
    return {line for line in lines if line} <= {"from django.db import models", _EMPTY}
