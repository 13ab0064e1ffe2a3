"""What is kept beside the log: lanes that divide the slots, their floors, states of processes."""

from __future__ import annotations

from collections.abc import Iterator

from flowdeck.declare.registry import SLOTS
from flowdeck.letters import floors
from flowdeck.models import Lane
from flowdeck.process_managers.declared import flows
from flowdeck.process_managers.replay import differences
from flowdeck.verification.checking import Scope, check


@check("lanes divide the slots")
def _lanes(scope: Scope) -> Iterator[str]:
    covered: dict[str, list[int]] = {}
    for lane in Lane.objects.order_by("processor", "first_slot"):
        covered.setdefault(lane.processor, []).extend(range(lane.first_slot, lane.last_slot + 1))
    for processor, slots in covered.items():
        if slots != list(range(SLOTS)):
            yield f"the lanes of {processor} overlap or leave slots out"


@check("no work below a lane's floor")
def _floors(scope: Scope) -> Iterator[str]:
    for lane, processor, position in floors.wrong():
        yield f"lane {lane} of {processor}: event {position} is below its floor"


@check("states of processes follow from their events")
def _processes(scope: Scope) -> Iterator[str]:
    for name in sorted(flows):
        yield from differences(name)
