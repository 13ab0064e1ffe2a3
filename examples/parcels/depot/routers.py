"""Which database has what."""

from typing import Any

from django.conf import settings


class ReadModels:
    """What processors write lies in the database of the log, so that both commit together."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        """Where the rows of an app are."""
        return self._of(model._meta.app_label)

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        """The same."""
        return self._of(model._meta.app_label)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Everything else stays in ``default``, but what Flowdeck's own router says."""
        if app_label == "flowdeck":
            return None
        return db == (self._of(app_label) or "default")

    def _of(self, app_label: str) -> str | None:
        return settings.FLOWDECK["DATABASE"] if app_label in settings.BESIDE_THE_LOG else None
