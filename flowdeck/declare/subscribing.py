"""Subscribing a function to events: the decorators, and what they refuse."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from flowdeck.conf import conf
from flowdeck.declare.annotations import annotated_events, emitted_types
from flowdeck.declare.event import Event
from flowdeck.declare.gathering import Gather
from flowdeck.declare.limits import Breaker, Limits
from flowdeck.declare.overlap import way_of
from flowdeck.declare.registry import SLOTS, OnDead, Processor, Starts, registry
from flowdeck.declare.retry import Retry
from flowdeck.errors import RegistrationError

Handler = TypeVar("Handler", bound=Callable[..., Any])


_LONGEST_TIMEOUT = 86_400


def processor(
    name: str,
    *,
    retry: Retry | None = None,
    atomic: bool | None = None,
    batch: bool = False,
    on_dead: OnDead = "park",
    lanes: int = 16,
    batch_size: int = 500,
    streams: str = "",
    emits: Iterable[type[Event]] | None = None,
    mediates: bool = False,
    timeout: float | None = None,
    limits: Limits | None = None,
    breaker: Breaker | None = None,
    priority: int = 0,
    overlap: int | None = None,
    gather: Gather | None = None,
    database: str = "",
    starts: Starts = "now",
    was: Sequence[str] = (),
) -> Callable[[Handler], Handler]:
    """Subscribe the decorated function to the event types in its first annotation::

        @processor("customs", retry=Retry(max_attempts=5), atomic=False)
        def declare(event: ParcelSent, delivery: Delivery) -> ParcelDeclared: ...

    With ``batch=True`` it takes ``list[...]`` of events and ``list[Delivery]`` (and emits through
    ``delivery.emit``). ``atomic=False`` runs it outside of any transaction, for calls to the
    outside world. With ``streams="parcel-"`` it gets only events of streams of that prefix.
    ``emits`` are the event types it may emit, for the flow map; by default those of the return
    annotation. ``mediates=True`` says that it decides each next step of its flows. With
    ``timeout=20`` a call that takes longer than so many seconds fails with HandlerTimedOut.
    ``database`` says where it writes, which has to be where the log is.
    ``limits``, ``breaker`` and ``priority`` say how much of it happens at once
    (:mod:`flowdeck.declare.limits`); a processor that is limited takes no batches.
    An ``async def`` runs outside of transactions too; a worker process has up to ``overlap`` calls
    of it in the air, 50 if nothing is said, each for another key. ``atomic=False, overlap=20`` does
    the same with threads. With ``gather`` each call of a ``batch=True`` handler has what came for
    one key until it was quiet (:mod:`flowdeck.declare.gathering`).
    A new processor gets what is appended from the moment on at which its first worker (or
    ``migrate``) has said that it is there, whoever publishes it; with ``starts="beginning"`` all
    past events first, with a position those behind it.
    One that was renamed says what it was called before, the oldest name first: by that one the
    database goes on knowing it, so code of both names works on the same lanes.
    The function itself is returned unchanged. Raises RegistrationError.
    """

    if database:
        _demand_one_database(name, database)

    def register(handler: Handler) -> Handler:
        registry.add_processor(
            declare(
                name,
                handler,
                retry=retry or Retry(),
                atomic=atomic,
                batch=batch,
                on_dead=on_dead,
                lanes=lanes,
                batch_size=batch_size,
                streams=streams,
                emits=emits,
                mediates=mediates,
                timeout=timeout,
                limits=limits,
                breaker=breaker,
                priority=priority,
                overlap=overlap,
                gather=gather,
                starts=starts,
                was=tuple(was),
            )
        )
        return handler

    return register


def projection(
    name: str,
    *,
    model: Any | Sequence[Any] = (),
    retry: Retry | None = None,
    batch: bool = False,
    lanes: int = 16,
    batch_size: int = 500,
) -> Callable[[Handler], Handler]:
    """Subscribe a function that only writes its own read ``model`` (one or several).

    Like :func:`processor`, but replayable: it must not emit events nor reach outside.
    """
    models = tuple(model) if isinstance(model, (list, tuple)) else (model,)

    def register(handler: Handler) -> Handler:
        registry.add_processor(
            declare(
                name,
                handler,
                retry=retry or Retry(),
                batch=batch,
                lanes=lanes,
                batch_size=batch_size,
                replayable=True,
                models=models,
                emits=(),
                starts="beginning",
            )
        )
        return handler

    return register


def declare(
    name: str,
    handler: Callable[..., Any],
    *,
    emits: Iterable[type[Event]] | None = None,
    **options: Any,
) -> Processor:
    """Build a Processor from a handler's signature. Raises RegistrationError."""
    where = f"processor {name!r} ({handler.__module__}.{handler.__qualname__})"
    names = [checked_name(where, one) for one in (*options.pop("was", ()), name)]
    lanes = options.get("lanes", 16)
    if not 1 <= lanes <= SLOTS:
        raise RegistrationError(f"{where}: lanes must be 1 to {SLOTS}, not {lanes}.")
    if options.get("batch_size", 1) < 1:
        raise RegistrationError(f"{where}: batch_size must be 1 or more.")
    _check_start(where, options.get("starts", "now"))
    timeout = options.get("timeout")
    if timeout is not None and not 0 < timeout <= _LONGEST_TIMEOUT:
        raise RegistrationError(
            f"{where}: timeout must be above 0 and at most {_LONGEST_TIMEOUT:,} seconds, not "
            f"{timeout!r}."
        )
    if options.get("batch") and (options.get("limits") or options.get("breaker")):
        raise RegistrationError(f"{where}: calls are limited one by one, so not with batch=True.")
    if options.get("gather") and not options.get("batch"):
        raise RegistrationError(f"{where}: what is gathered comes as a list, so say batch=True.")
    parameters = list(inspect.signature(handler).parameters.values())
    if not 1 <= len(parameters) <= 2:
        raise RegistrationError(f"{where}: takes (event) or (event, delivery).")
    options["atomic"], options["overlap"] = way_of(
        where,
        handler,
        atomic=options.get("atomic"),
        overlap=options.get("overlap"),
        batch=options.get("batch", False),
        replayable=options.get("replayable", False),
    )
    subscribed = tuple(annotated_events(handler, parameters[0].name, where))
    _check_groups(where, subscribed, options.get("limits"))
    return Processor(
        name=names[0],
        renamed=name if len(names) > 1 else "",
        was=tuple(names[1:-1]),
        handler=handler,
        subscriptions=subscribed,
        wants_delivery=len(parameters) == 2,
        emits=emitted_types(handler, emits),
        **options,
    )


def checked_name(where: str, name: str) -> str:
    """A name as those of processors. Raises RegistrationError."""
    if not 1 <= len(name) <= 64 or not all(c.isalnum() or c in "-_." for c in name):
        raise RegistrationError(
            f"{where}: a name is 1 to 64 letters, digits, '-', '_' or '.', not {name!r}."
        )
    return name


def _check_start(where: str, starts: object) -> None:
    if starts not in ("now", "beginning") and (not isinstance(starts, int) or starts < 0):
        raise RegistrationError(
            f'{where}: starts is "now", "beginning" or a position of the log, not {starts!r}.'
        )


def _demand_one_database(name: str, database: str) -> None:
    """Two databases don't commit together, so nothing exactly once can be promised for both."""
    if database != conf().DATABASE:
        raise RegistrationError(
            f"processor {name!r}: it writes to the database {database!r}, but the log is in "
            f"{conf().DATABASE!r}, and the two don't commit together: after a crash its effects "
            "would count twice. Declare it with atomic=False and without database=, and let what "
            "it writes be told apart by delivery.idempotency_key (a unique column)."
        )


def _check_groups(where: str, subscribed: Iterable[str], limits: Limits | None) -> None:
    if limits is None or not limits.by:
        return
    types_ = [registry.event_types[one] for one in subscribed if one in registry.event_types]
    if not any(limits.by in one.cls.model_fields for one in types_):
        raise RegistrationError(f"{where}: by={limits.by!r} is a field of none of its events.")
    if any(limits.by in one.personal for one in types_):
        raise RegistrationError(
            f"{where}: by={limits.by!r} is personal, and groups are stored as they are."
        )
