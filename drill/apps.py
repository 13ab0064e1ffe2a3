"""Configuration of the drill's app; installed by :mod:`drill.settings` only."""

from django.apps import AppConfig


class DrillConfig(AppConfig):
    """Witnesses of what the shop's events go through."""

    name = "drill"
    label = "drill"
    default_auto_field = "django.db.models.BigAutoField"
