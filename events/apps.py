"""Configuration of the shop."""

from __future__ import annotations

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """Tells the library's pages what a trace means to the shop."""

    name = "events"
    label = "events"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Shop"

    def ready(self) -> None:
        """Import what registers itself."""
        from events import ownership  # noqa: F401 (registering is their import's effect)
        from events.shop import pages  # noqa: F401
