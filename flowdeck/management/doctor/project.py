"""Settings of the project: what checks say, and what only shows when it runs."""

from __future__ import annotations

from collections.abc import Iterator

from celery import current_app
from django.conf import settings as of_project
from django.core.checks import run_checks
from django.db import connections
from django.template import engines
from django.template.backends.django import DjangoTemplates

from flowdeck.bells.bell import DRAIN_TASK
from flowdeck.conf import conf
from flowdeck.declare.registry import registry
from flowdeck.management.doctor.finding import Finding
from flowdeck.words import counted

_MIDDLEWARE = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
)
_PROCESSORS = (
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
)


def settings() -> Iterator[Finding]:
    """What ``manage.py check`` says of the library, and what its pages need."""
    found = [
        one
        for one in run_checks(databases=list(connections))
        if (one.id or "").startswith("flowdeck.") and not one.is_silenced()
    ]
    for one in found:
        yield Finding(False, f"{one.id}: {one.msg}", one.hint or "")
    if not found:
        types, processors = len(registry.event_types), len(registry.processors)
        yield Finding(
            True, f"checks pass; {counted(types, 'event type')}, {counted(processors, 'processor')}"
        )
    if "django_htmx" not in of_project.INSTALLED_APPS:
        yield Finding(False, "pages lack htmx", "Add 'django_htmx' to INSTALLED_APPS.")
    for name in _MIDDLEWARE:
        if name not in of_project.MIDDLEWARE:
            yield Finding(
                False, f"MIDDLEWARE lacks {name}", "Pages need to know who is there: add it."
            )
    engine = next((one for one in engines.all() if isinstance(one, DjangoTemplates)), None)
    known = [] if engine is None else engine.engine.context_processors
    for name in _PROCESSORS:
        if name not in known:
            yield Finding(
                False,
                f"TEMPLATES lacks the context processor {name}",
                "Add it to OPTIONS of the DjangoTemplates backend.",
            )


def celery() -> Iterator[Finding]:
    """Whether the Celery app of the project knows the library's tasks."""
    if conf().IN_PROCESS_WORKER:
        return  # nobody sends any
    current_app.loader.import_default_modules()  # as a worker does at its start
    if DRAIN_TASK not in current_app.tasks:
        yield Finding(
            False,
            f"the Celery app {current_app.main or 'default'!r} does not know {DRAIN_TASK}",
            "Call app.autodiscover_tasks(), and import the app in the package of the settings.",
        )
    elif current_app.conf.task_always_eager:
        yield Finding(
            False,
            "CELERY_TASK_ALWAYS_EAGER is on: handlers would run within the request that publishes",
            "Switch it off; tests of flows use flowdeck.testing.",
        )
    else:
        yield Finding(True, "Celery knows the library's tasks")
