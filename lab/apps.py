"""Configuration of the lab."""

from __future__ import annotations

from django.apps import AppConfig


class LabConfig(AppConfig):
    """Adds the lab's pages and, in demo mode, the faults that people may switch on."""

    name = "lab"
    label = "lab"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Lab"

    def ready(self) -> None:
        """Import what registers itself."""
        from events import scenarios
        from lab import injection, ownership, pages  # noqa: F401 (that is their import's effect)

        if scenarios.allowed():
            injection.install()
