"""Before it is said that something has not come: was all handled that was recorded by then?"""

from __future__ import annotations

from collections.abc import Sequence

from flowdeck.declare.event import Delivery
from flowdeck.declare.registry import registry
from flowdeck.declare.states import UNFINISHED
from flowdeck.errors import Snooze
from flowdeck.log.append import read_at
from flowdeck.log.payloads import load
from flowdeck.models import Due
from flowdeck.process_managers.flow import Flow

_LOOKED_AT = 500  # deliveries before it; where more wait the process is behind anyway
_AGAIN = 1.0


def wait_for_others(flow: Flow, deliveries: Sequence[Delivery], keys: Sequence[str | None]) -> None:
    """Raise Snooze if an earlier event of the key of one that ends a wait is not handled yet.

    Events of one key come over several lanes, and one of these may be behind. One query for those
    that end a wait, and if others are due before them two more.
    """
    ending = {
        one.envelope.position: key
        for one, key in zip(deliveries, keys, strict=True)
        if one.envelope.type == flow.waits_for
    }
    if not ending:
        return
    last, mine = max(ending), {one.envelope.position for one in deliveries}
    due = Due.objects.filter(processor=flow.name, state__among=UNFINISHED, event_id__lt=last)
    found = due.order_by("event_id").values_list("event_id", flat=True)[: _LOOKED_AT + len(mine)]
    earlier = [position for position in found if position not in mine]
    if len(earlier) > _LOOKED_AT:
        raise Snooze(_AGAIN)
    for one in read_at(earlier):
        if one.type == flow.waits_for or one.type not in registry.event_types:
            continue
        try:
            key = flow.key_of(load(one)) if flow.key_of is not None else one.key
        except Exception as error:  # its own delivery says what is wrong with it
            raise Snooze(_AGAIN) from error
        if any(key == own and one.position < position for position, own in ending.items()):
            raise Snooze(_AGAIN)
