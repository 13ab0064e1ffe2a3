"""Configuration of the probe app."""

from django.apps import AppConfig


class ProbeConfig(AppConfig):
    """Found by ``flowdeck`` through its modules ``events`` and ``processors`` alone."""

    name = "tests.probe"
    label = "probe"
    default_auto_field = "django.db.models.BigAutoField"
