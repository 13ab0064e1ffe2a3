"""A project that is deployed anew while it works: code of two ages, on one database."""

from importlib import import_module

from django.apps import AppConfig


class RollingConfig(AppConfig):
    """Declares what its age of the code has."""

    name = "tests.infra.rolling"
    label = "rolling"

    def ready(self) -> None:
        """The modules of the two ages are never both in one process."""
        from django.conf import settings

        import_module(f"tests.infra.rolling.{settings.CODE}")
