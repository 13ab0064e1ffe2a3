"""Outlets as an app declares them, and the processor that each is to the console."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from flowdeck.connect import brokers
from flowdeck.connect.envelope import PERSONAL, PersonalAs, messages
from flowdeck.connect.messages import Refusal, Sender
from flowdeck.database import connection
from flowdeck.declare.event import Delivery, Event, StoredEvent
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.retry import Retry
from flowdeck.declare.subscribing import checked_name
from flowdeck.errors import BrokerAway, RegistrationError, Reject, Snooze
from flowdeck.sql import dialect
from flowdeck.sql.parts import placeholders

Mode = Literal["log", "deliveries"]
Start = Literal["beginning", "end"]
Of = Literal["events", "deliveries"]
ALL = "*"
_AWAY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outlet:
    """An outlet as declared in code. ``types`` are names of event types; none: all of them."""

    name: str
    broker: str
    to: str
    types: tuple[str, ...]
    streams: str
    mode: Mode
    personal: PersonalAs
    start: Start
    of: Of = "events"

    def hears(self, type_name: str, stream: str) -> bool:
        """Whether events of this type in this stream go out here."""
        return (not self.types or type_name in self.types) and stream.startswith(self.streams)


outlets: dict[str, Outlet] = {}
"""By name, in the order of their declaration."""


def outlet(
    name: str,
    *,
    broker: str,
    to: str,
    types: Iterable[type[Event] | str] | Literal["*"] = ALL,
    streams: str = "",
    mode: Mode = "log",
    personal: PersonalAs = "masked",
    start: Start = "beginning",
    of: Of = "events",
) -> Outlet:
    """Hand events on to a broker, as CloudEvents, at least once and in order by key::

        outlet("parcels-to-lake", broker="lake", to="parcels.{type}", types=[ParcelSent])

    ``broker`` is a name of ``FLOWDECK["BROKERS"]``; ``to`` the topic, queue or stream. ``types``
    are event types or their names, ``streams`` a prefix of stream names. ``mode="log"`` follows
    the log, from its beginning or, for a new outlet with ``start="end"``, from where it is now;
    ``mode="deliveries"`` is an ordinary processor, for a target that fails event by event.
    ``personal`` says what becomes of personal values: masked, sealed as they are stored, or left
    out. ``of="deliveries"`` writes how it went with each delivery into Parquet files, instead of
    the events (docs/brokers/parquet.md). The id of a message is that of its event: whoever receives
    it drops what it knows.
    Raises RegistrationError.
    """
    where = f"outlet {name!r}"
    if mode == "deliveries" and types == ALL:
        raise RegistrationError(f"{where}: mode='deliveries' needs the types by name.")
    if of == "deliveries" and mode != "log":
        raise RegistrationError(f"{where}: of='deliveries' follows the log, so mode is 'log'.")
    if personal not in PERSONAL or mode not in ("log", "deliveries"):
        raise RegistrationError(
            f"{where}: personal is one of {', '.join(PERSONAL)}, mode is log or deliveries; "
            f"not {personal!r} and {mode!r}."
        )
    made = Outlet(
        name=checked_name(where, name),
        broker=broker,
        to=_checked_target(where, to),
        types=() if types == ALL else tuple(name for one in types for name in _names(one)),
        streams=streams,
        mode=mode,
        personal=personal,
        start=start,
        of=of,
    )
    outlets[name] = made
    registry.add_processor(_processor(made))
    return made


def _checked_target(where: str, to: str) -> str:
    try:
        found = to.format(type="Type")
    except (KeyError, IndexError, ValueError) as error:
        raise RegistrationError(
            f"{where}: to={to!r} may hold {{type}} and nothing else in braces."
        ) from error
    if not found:
        raise RegistrationError(f"{where}: to is empty; name a topic, queue or stream.")
    return to


def _names(one: type[Event] | str) -> tuple[str, ...]:
    return (one,) if isinstance(one, str) else one.__event_type__.names


def _processor(made: Outlet) -> Processor:
    """What gets the deliveries: all of them, or of the log those that were refused or wait behind.

    So dead letters of outlets are those of the console, and are retried in order by the engine.
    """
    return Processor(
        name=made.name,
        handler=_handler(made),
        subscriptions=made.types if made.mode == "deliveries" else (),
        retry=Retry(),
        atomic=False,
        batch=True,
        on_dead="park",
        streams=made.streams,
        emits=(),
    )


def _handler(made: Outlet) -> Callable[..., None]:
    def send(events: list[Event], deliveries: list[Delivery]) -> None:
        events_there = stored([one.envelope.position for one in deliveries])
        try:
            with _kept_sender(made.broker) as sender:
                refused = sent(made, sender, events_there)
        except BrokerAway as error:
            raise Snooze(_AWAY_SECONDS) from error
        if refused:
            raise Reject("; ".join(f"{one.error}: {one.reason}" for one in refused[:3]))

    send.__doc__ = f"Outlet to {made.to} of the broker {made.broker}."
    send.__qualname__ = f"outlet.{made.name}"
    return send


def sent(made: Outlet, sender: Sender, events: Sequence[StoredEvent]) -> list[Refusal]:
    """Send events, unless any is too large; what is refused. Raises BrokerAway."""
    from flowdeck.connect import attempts  # it has tables, which are not there when apps load

    batch = messages(made.to, made.personal, events)
    large = [
        too_large(n, one.size, sender.largest)
        for n, one in enumerate(batch)
        if one.size > sender.largest
    ]
    # What is behind a large one has to wait for it: they are tried again, one by one.
    return large or attempts.sent(made.name, sender, batch)


def too_large(at: int, size: int, most: int) -> Refusal:
    """What is said of a message that the broker need not be asked about."""
    return Refusal(at, "MessageTooLarge", f"It has {size:,} bytes; the broker takes {most:,}.")


def stored(positions: Sequence[int]) -> list[StoredEvent]:
    """Events as they are stored: what the engine hands over is opened and upcast."""
    with connection.cursor() as cursor:
        where = f"WHERE position IN ({placeholders(positions)}) ORDER BY position"
        return dialect().select_events(cursor, where, list(positions))


_kept = threading.local()


@contextmanager
def _kept_sender(broker: str) -> Iterator[Sender]:
    """This thread's connection to the broker; after an error there is a new one."""
    senders: dict[str, Any] = _kept.__dict__.setdefault("senders", {})
    url = brokers.address(broker).url
    sender = senders.pop(url, None) or brokers.sender(broker)
    try:
        yield sender
    except BaseException:
        sender.close()
        raise
    senders[url] = sender
