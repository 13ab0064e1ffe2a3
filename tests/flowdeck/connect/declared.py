"""Outlets and inlets that a test declares, and forgets at its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from flowdeck import CloudEvent, Draft, Reject, inlet, parse
from flowdeck.connect.mapping import Inlet, inlets
from flowdeck.connect.outlets import Outlet, outlet, outlets
from flowdeck.declare.registry import registry
from flowdeck.models import Event
from tests.flowdeck.connect.brokers import Broker
from tests.probe.events import Probed

OUTLET = "probe-out"
Make = Callable[..., Outlet]


@pytest.fixture
def make(broker: Broker, settings: Any) -> Iterator[Make]:
    """Declares the outlet, to the broker behind its proxy."""

    def made(options: str = "", to: str = "", **words: Any) -> Outlet:
        target = to or _new_place(broker)
        if not to:
            broker.prepare(target)
        url = f"{broker.url}{'&' if '?' in broker.url else '?'}{options}"
        settings.FLOWDECK = {
            **settings.FLOWDECK,
            "BROKERS": {"probe": url},
            "WEBHOOK_NETWORKS": ("127.0.0.0/8",),
            "WEBHOOK_SECRETS": {"probe": getattr(broker, "secrets", ())},
        }
        return outlet(OUTLET, broker="probe", to=target, **{"types": [Probed], **words})

    yield made
    forget(OUTLET)
    broker.proxy.mend()


def _new_place(broker: Broker) -> str:
    return f"probe-{uuid4().hex}{getattr(broker, 'suffix', '')}"


def a_connector() -> str:
    """The name of an outlet that nobody runs; it stays declared until :func:`forget`."""
    return outlet("probe-idle", broker="nowhere", to="probe").name


def forget(name: str = "probe-idle") -> None:
    """Declare it no more."""
    outlets.pop(name, None)
    inlets.pop(name, None)
    registry.remove_processor(name)


INLET = "probe-in"
MakeIn = Callable[..., Inlet]


def mapped(message: CloudEvent) -> Draft | None:
    if message.type == "other":
        return None
    if message.type == "hated":
        raise Reject("We don't like it.")
    return Draft(parse("Probed", message.data), stream=message.subject or "in")


@pytest.fixture
def make_in(broker: Broker, settings: Any) -> Iterator[MakeIn]:
    """Declares the inlet, from a new place of the broker behind its proxy."""

    def made(source: str = "", **words: Any) -> Inlet:
        source = source or _new_place(broker)
        broker.prepare(source)
        settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": {"probe": broker.url}}
        inlet(INLET, broker="probe", source=source, **words)(mapped)
        return inlets[INLET]

    yield made
    forget(INLET)
    broker.proxy.mend()


def put(broker: Broker, to: str, n: int, **attributes: str) -> None:
    """A message of another system."""
    headers = {"specversion": "1.0", "id": f"id-{n}", "source": "/crm", "type": "told"}
    broker.put(to, {**headers, "subject": "a", **attributes}, json.dumps({"n": n}).encode())


def taken_in() -> list[int]:
    return list(
        Event.objects.filter(type="Probed").order_by("position").values_list("data__n", flat=True)
    )
