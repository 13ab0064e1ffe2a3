"""Configuration of the shop."""

from __future__ import annotations

from django.apps import AppConfig


class ProcessorsConfig(AppConfig):
    """Loads the processors and tells the engine's pages what a trace means to the shop."""

    name = "processors"
    label = "processors"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Shop"

    def ready(self) -> None:
        """Import what registers itself."""
        from processors import (  # noqa: F401 (registering is their import's effect)
            confirmation,
            conservation,
            faults,
            fraud,
            injection,
            inventory,
            mediator,
            notification,
            ownership,
            payment,
            projections,
        )
        from processors.lab import pages as lab_pages  # noqa: F401
        from processors.shop import pages  # noqa: F401 (so do the shop's pages)

        if faults.allowed():
            injection.install()
