"""Outlets and inlets alike, by their names."""

from __future__ import annotations

import threading

from flowdeck.connect import intake, ledger, relay
from flowdeck.connect.mapping import Inlet, inlets
from flowdeck.connect.outlets import Outlet, outlets
from flowdeck.errors import UnknownConnector


def names() -> list[str]:
    """All that are declared, by name."""
    return sorted({*outlets, *inlets})


def runnable() -> list[str]:
    """Those that have to be run: an outlet of deliveries is run by the engine."""
    return [name for name in names() if name in inlets or outlets[name].mode == "log"]


def named(name: str) -> Outlet | Inlet:
    """The declared connector. Raises UnknownConnector."""
    found = outlets.get(name) or inlets.get(name)
    if found is None:
        known = ", ".join(names()) or "none"
        raise UnknownConnector(f"There is no connector {name!r}; there are {known}.")
    return found


def create(name: str) -> None:
    """Make its row, unless it is there. Raises UnknownConnector."""
    found = named(name)
    if isinstance(found, Outlet):
        relay.create(found)
    else:
        intake.create(found)


def run(name: str, stopping: threading.Event) -> bool:
    """Run it until told to stop, it is paused or loses its lease.

    False if somebody else has that. Raises UnknownConnector, and the database's errors.
    """
    found = named(name)
    if isinstance(found, Inlet):
        return intake.run(found, stopping)
    if found.of == "deliveries":
        return ledger.run(found, stopping)
    return relay.run(found, stopping)


def run_once(name: str) -> int:
    """Move what there is by now; how many messages. Raises UnknownConnector or BrokerAway."""
    found = named(name)
    if isinstance(found, Inlet):
        return intake.run_once(found)
    return ledger.run_once(found) if found.of == "deliveries" else relay.run_once(found)
