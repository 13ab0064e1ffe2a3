"""Configuration of the shop's processors."""

from __future__ import annotations

from django.apps import AppConfig


class ProcessorsConfig(AppConfig):
    """Loads the processors: one module each."""

    name = "processors"
    label = "processors"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Processors of the shop"

    def ready(self) -> None:
        """Import what registers itself."""
        from processors import (  # noqa: F401 (registering is their import's effect)
            confirmation,
            conservation,
            fraud,
            inventory,
            mediator,
            notification,
            payment,
            projections,
            stuck,
        )
