"""A hook around handlers and bells, for drills that break things on purpose.

Nothing is installed by default; then it costs one comparison. The engine does not know who hooks
in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flowdeck.declare.event import Delivery
from flowdeck.declare.registry import Processor

Handle = Callable[[], Any]
Around = Callable[[Processor, Sequence[Delivery], Handle], Any]
Muffled = Callable[[str], bool]

_around: Around | None = None
_muffled: Muffled | None = None


def install(around: Around | None, muffled: Muffled | None) -> None:
    """Let ``around(processor, deliveries, handle)`` run handlers; ``muffled(name)`` stops a bell.

    ``around`` answers what ``handle()`` answers, or raises what an attempt may raise.
    """
    global _around, _muffled
    _around, _muffled = around, muffled


def installed() -> tuple[Around | None, Muffled | None]:
    """What :func:`install` was given last, to be given back to it."""
    return _around, _muffled


def run(processor: Processor, deliveries: Sequence[Delivery], handle: Handle) -> Any:
    """Run a handler, through the hook if there is one."""
    return handle() if _around is None else _around(processor, deliveries, handle)


def heard(names: list[str]) -> list[str]:
    """The processors among ``names`` whose bell is not muffled."""
    return names if _muffled is None else [name for name in names if not _muffled(name)]
