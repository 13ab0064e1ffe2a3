"""The flowdeck app: discovery of event types and processors at start."""

from __future__ import annotations

import sys
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from flowdeck.discovery import discover


class FlowdeckConfig(AppConfig):
    """Finds ``events.py``/``processors.py`` of installed apps (:mod:`flowdeck.discovery`)."""

    name = "flowdeck"
    label = "flowdeck"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Flowdeck"

    def ready(self) -> None:
        """Load declarations and checks, register views and listeners: nothing else does."""
        discover()
        # What these declare with decorators: checks, processors, hooks of the worker.
        from flowdeck import checks  # noqa: F401
        from flowdeck.alerts import tell  # noqa: F401
        from flowdeck.bells import bell, silence
        from flowdeck.dashboard import live_views
        from flowdeck.dashboard.letters import finder as letter_finder
        from flowdeck.dashboard.shell import entries, log_finders, work_finders
        from flowdeck.engine import in_process, logs, worker  # noqa: F401
        from flowdeck.live import announce
        from flowdeck.repair import asking
        from flowdeck.replay import agreement  # noqa: F401

        # Here and not with the pages: a socket may come back before the first page is asked for.
        for one in (live_views, entries, log_finders, letter_finder, work_finders):
            one.register()
        logs.listen()
        announce.listen()
        silence.listen()
        in_process.by_number[bell.PROVE_TASK] = asking.execute
        in_process.start_if_wanted()
        post_migrate.connect(_after_migrate, sender=self)
        connection_created.connect(_in_tests)


def _in_tests(*, connection: Any, **_: Any) -> None:
    """Tests of the project empty its database, and know nothing of a log that can't be emptied."""
    tests = sys.modules.get("django.test.utils")
    if hasattr(getattr(tests, "_TestState", None), "saved_data"):
        from flowdeck.testing.settling import let_flush_empty_the_log

        let_flush_empty_the_log(connection)


def _after_migrate(*, using: str, **_: Any) -> None:
    """Lanes exist from the start; the tables may just have been emptied."""
    from flowdeck.database import alias
    from flowdeck.declare.registry import registry
    from flowdeck.engine import lanes, schedules
    from flowdeck.objectives import setting

    if using != alias():
        return
    lanes.forget_created()
    schedules.forget_introduced()
    setting.forget_introduced()
    lanes.create_missing(registry.processors.values())
