"""The same order by synchronous calls: one service after the other, while the customer waits.

What a program without events would do. Payment is the shop's real provider; the other services are
stand-ins that take their time, and notification may be down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from events.scenarios import Scenario
from processors import gateway

_PAYMENT = Scenario("", "", "", ("done",) * 5, latency=0.15)  # type: ignore[arg-type]
_TIMEOUT = 1.0  # seconds until a caller gives a service up


class ServiceDown(Exception):
    """A service did not answer in time."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: of which service, how long the caller waited, and how it ended."""

    service: str
    ms: int
    error: str = ""


def order(number: int, total: Decimal, *, notification_down: bool) -> list[dict[str, Any]]:
    """Place an order of this number by calls, and undo it if one of them fails; the calls made."""
    made: list[Call] = []
    steps: list[tuple[str, Callable[[], None]]] = [
        ("payment", lambda: _charge(number, total)),
        ("inventory", lambda: _pause(0.04)),
        ("confirmation", lambda: _pause(0.02)),
        ("notification", _silence if notification_down else lambda: _pause(0.05)),
    ]
    for service, step in steps:
        made.append(_called(service, step))
        if made[-1].error:
            made.append(_called("refund", lambda: _refund(number)))
            break
    return [asdict(call) for call in made]


def _called(service: str, step: Callable[[], None]) -> Call:
    began = time.perf_counter()
    error = ""
    try:
        step()
    except ServiceDown as down:
        error = str(down)
    return Call(service, round((time.perf_counter() - began) * 1000), error)


def _charge(number: int, total: Decimal) -> None:
    gateway.charge(number, total, key=f"lab.calls:{number}", fault=_PAYMENT)


def _refund(number: int) -> None:
    gateway.refund(number, key=f"lab.calls:{number}:refund")


def _silence() -> None:
    _pause(_TIMEOUT)
    raise ServiceDown(f"notification did not answer within {_TIMEOUT:.0f} s")


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)
