"""What ``manage.py flowdeck doctor`` looks at: one module for each part of an installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flowdeck.management.doctor import bells, database, pages, people, project
from flowdeck.management.doctor.finding import Finding

Examination = Callable[[], Iterator[Finding]]
EXAMINATIONS: tuple[Examination, ...] = (
    project.settings,
    project.celery,
    database.tables,
    database.clock,
    bells.redis_server,
    bells.broker,
    bells.workers,
    bells.answered,
    pages.addresses,
    pages.static_files,
    pages.live_layer,
    people.groups,
)


def examine(more: tuple[Examination, ...] = ()) -> Iterator[Finding]:
    """All findings, in the order in which parts need each other. Never raises."""
    for look in (*EXAMINATIONS, *more):
        try:
            yield from look()
        except Exception as error:
            name = look.__name__.replace("_", " ")
            yield Finding(False, f"{name}: {type(error).__name__}: {error}", "Mend this first.")
