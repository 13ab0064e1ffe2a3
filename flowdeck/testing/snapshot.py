"""What came of a flow, without what differs each time: to compare two runs of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.apps import apps
from django.core import mail
from django.db import models

from flowdeck.declare.registry import registry
from flowdeck.testing.expectations import told

_COUNTED = (models.AutoField, models.DateTimeField)


@dataclass(frozen=True)
class Snapshot:
    """Lines that tell of events, rows, mails and calls, each as often as there is of it."""

    lines: Counter[str] = field(default_factory=Counter)

    @classmethod
    def taken(
        cls, processors: Sequence[str], watching: Sequence[list[Any]], ignoring: Sequence[str]
    ) -> Snapshot:
        """What there is now."""
        ignored = frozenset(ignoring)
        lines = Counter([*_events(ignored), *_rows(processors, ignored)])
        return cls(lines + cls.outside(watching).lines)

    @classmethod
    def outside(cls, watching: Sequence[list[Any]]) -> Snapshot:
        """What no transaction takes back: mails, and what is in the lists."""
        mails = [f"mail {one.subject!r} to {one.to}" for one in getattr(mail, "outbox", ())]
        return cls(Counter([*mails, *(f"call {one!r}" for some in watching for one in some)]))

    def since(self, before: Snapshot) -> Snapshot:
        """What came after ``before``."""
        return replace(self, lines=self.lines - before.lines)

    def differences(self, other: Snapshot, where: str) -> str:
        """What ``other`` has more or less; nothing if it is the same."""
        less = [f"- {line}" for line in sorted((self.lines - other.lines).elements())]
        more = [f"+ {line}" for line in sorted((other.lines - self.lines).elements())]
        return (
            "\n".join([f"{where} changes what comes of it:", *less, *more]) if less + more else ""
        )


def _events(ignored: frozenset[str]) -> Iterator[str]:
    for event in told(after=0):
        data = {k: v for k, v in event.payload.items() if k not in ignored}
        yield f"event {event.type} in {event.stream}: {json.dumps(data, sort_keys=True)}"


def _rows(processors: Sequence[str], ignored: frozenset[str]) -> Iterator[str]:
    for model in _models(processors):
        fields = [
            one
            for one in model._meta.concrete_fields
            if not isinstance(one, _COUNTED) and one.name not in ignored
        ]
        for row in model._default_manager.values(*(one.attname for one in fields)):
            yield f"row {model._meta.label}: {row}"


def _models(processors: Sequence[str]) -> Iterator[type[models.Model]]:
    """Those of the apps that the processors belong to, and their read models.

    The library has processors, too; what it keeps of its own is told by events.
    """
    declared = [registry.processor(name) for name in processors]
    modules = [one.handler.__module__ for one in declared]
    own = {
        model
        for app in apps.get_app_configs()
        if app.label != "flowdeck" and any(module.startswith(f"{app.name}.") for module in modules)
        for model in app.get_models()
    }
    found = own | {model for one in declared for model in one.models}
    yield from sorted(
        (one for one in found if one._meta.managed and not one._meta.proxy),
        key=lambda model: model._meta.label,
    )
