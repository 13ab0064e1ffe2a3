"""Inlets as an app declares them."""

from __future__ import annotations

from collections.abc import Callable

from flowdeck.connect import unread
from flowdeck.connect.mapping import Inlet, Mapping, inlets
from flowdeck.declare.subscribing import checked_name
from flowdeck.errors import RegistrationError

_MOST_BATCH = 10_000


def inlet(
    name: str, *, broker: str, source: str, group: str = "flowdeck", batch: int = 500
) -> Callable[[Mapping], Mapping]:
    """Take the messages of a topic, queue or stream into the log::

        @inlet("carrier", broker="lake", source="carrier.parcels")
        def arrived(message: CloudEvent) -> Draft | None:
            return Draft(ParcelArrived(**message.data), stream=f"parcel-{message.subject}")

    The function says which events a message becomes, each with its stream; None for one that is
    not for us. It is called outside of any transaction and may be called again, so it only maps.
    A message whose id and source were taken in before is dropped, so each is in the log exactly
    once. What can't be read, or what the function raises at, becomes a dead letter with all of the
    message and holds up nothing. ``group`` is the name that the broker knows us by.
    Raises RegistrationError.
    """
    where = f"inlet {name!r}"
    if not source:
        raise RegistrationError(f"{where}: source is empty; name a topic, queue or stream.")
    if not 1 <= batch <= _MOST_BATCH:
        raise RegistrationError(f"{where}: batch must be 1 to {_MOST_BATCH:,}, not {batch}.")

    def register(mapping: Mapping) -> Mapping:
        made = Inlet(checked_name(where, name), broker, source, group, batch, mapping)
        inlets[name] = made
        unread.register(made)
        return mapping

    return register
