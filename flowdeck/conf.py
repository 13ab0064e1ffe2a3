"""Settings of the event runtime: ``FLOWDECK = {...}`` in Django's settings, with defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from functools import lru_cache
from ipaddress import ip_network
from math import inf
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS
from django.dispatch import receiver

GROUPS = {role: f"flowdeck-{role}" for role in ("viewer", "operator", "admin")}
"""The Django group of each role, unless the setting of this name says otherwise."""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "str": (lambda value: isinstance(value, str), "a text"),
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "int": (
        lambda value: _is_number(value) and value == int(value) >= 1,
        "a whole number of 1 or more",
    ),
    "float": (lambda value: _is_number(value) and 0 <= value < inf, "a number of 0 or more"),
    "tuple[str, ...]": (_are_texts, "a list of texts"),
    "tuple[str, ...] | None": (lambda value: value is None or _are_texts(value), "a list of texts"),
    "Mapping[str, str]": (
        lambda value: isinstance(value, Mapping) and _are_texts([*value, *value.values()]),
        "a dict of texts",
    ),
    "Mapping[str, Sequence[str]]": (
        lambda value: (
            isinstance(value, Mapping) and all(map(_are_texts, [[*value], *value.values()]))
        ),
        "a dict of lists of texts",
    ),
}
"""What fits each kind of setting, and how it is called."""


def _demand_kind(one: Field[Any], value: object) -> None:
    fits, wanted = _KINDS[str(one.type)]
    if value != one.default and not fits(value):
        raise ImproperlyConfigured(f"FLOWDECK[{one.name!r}] is {value!r}; it takes {wanted}.")


def _demand_place(addresses: Mapping[str, str], mark: str) -> None:
    for setting, address in addresses.items():
        if address and mark not in address:
            raise ImproperlyConfigured(
                f"FLOWDECK{setting} is {address!r}; say where the id of the trace stands: "
                f"'https://tracing.example.org/trace/{mark}'."
            )


@dataclass(frozen=True, slots=True)
class Conf:
    """All settings. Times are seconds, sizes bytes.

    ``REDIS_URL`` is where bells are de-bounced (empty: they are not). ``DATABASE`` is the name that
    ``DATABASES`` has for the database of the log. ``PREFIX`` begins the names of keys in Redis and
    of groups in the channel layer, so that projects can share them; ``QUEUE`` is the Celery queue
    of bells (empty: where Celery routes them). ``DISCOVER`` names the apps whose modules
    ``events.py``, ``processors.py`` and ``connectors.py`` are imported (None: those of them that
    import ``flowdeck``). With ``IN_PROCESS_WORKER`` handlers run in threads of ``manage.py
    runserver``, without Redis and Celery: for development only. With ``TUNE_WORKERS`` worker
    processes are the library's alone: how they collect garbage and lose Redis is changed.
    ``PRODUCER`` names events that no processor emitted.
    ``LEASE_SECONDS`` is how long a worker that vanished while calling the outside world keeps its
    lanes. A drain goes on for ``DRAIN_SECONDS``, a batch ends after
    ``BATCH_SECONDS``; ``LANES_PER_CLAIM`` lanes are worked on in one batch. A lane whose claims
    ended badly ``CRASHES`` times in a row is worked on one delivery at a time. A trace goes on from
    cause to effect for ``MAX_HOPS`` at most: an event that causes itself would never end.
    ``SCHEMAS_LOCK`` is the path of the file in which ``manage.py schemas`` keeps the schemas of
    what is stored.
    ``PERSONAL_KEY`` wraps the keys of people (empty: Django's SECRET_KEY does), and those of
    ``PERSONAL_KEY_FALLBACKS`` did so before (docs/forgetting.md). Webhooks go to public addresses,
    and to those in ``WEBHOOK_NETWORKS`` (``"10.1.0.0/16"``). One person has at most
    ``LIVE_SOCKETS_PER_USER`` live pages open per web process, and watches ``LIVE_VIEWS_PER_USER``
    different views with them. ``GROUPS`` names the Django group whose members have a role:
    ``{"operator": "on-call"}``. ``LOGOUT_URL`` is the address, or its name, that pages post to for
    signing out (empty: they have no such button). ``BADGE`` is a word beside the name on every page
    ("demo", "staging"). With ``PROVE_OUTSIDE`` the design review delivers again what calls the
    outside, too: only where that harms nobody. Figures by ten seconds, minute and hour are kept for
    ``TEN_SECONDS_KEPT_DAYS``, ``MINUTES_KEPT_DAYS`` and ``HOURS_KEPT_DAYS``; by day, for good.
    ``DATABASE_BYTES`` is how large the database may grow (0: not known), so that pages and alerts
    can tell when it will be full. ``RELEASE`` names the version of the code (empty: what the
    environment says in ``FLOWDECK_RELEASE`` or ``GIT_SHA``, or a digest of what is declared).
    ``BROKERS`` are the addresses of brokers by the names that outlets and inlets give them
    (docs/connectors.md), ``WEBHOOK_SECRETS`` what messages from or to those of them that are
    webhooks are signed with, the newest first. Who has an address in ``METRICS_NETWORKS`` reads
    ``/metrics`` without a token (behind a proxy that is not trusted, everybody has the proxy's).
    Deliveries that are done are kept for ``DELIVERIES_KEPT_DAYS`` after their event (0: for good).
    Timers that were cancelled or refused are kept for ``TIMERS_KEPT_DAYS``, instances of processes
    that are over for ``PROCESSES_KEPT_DAYS``. What the outside has answered a handler is kept for
    ``ANSWERS_KEPT_DAYS`` if it has no more than ``ANSWER_BYTES``. ``TRACE_URL`` is the address of a
    distributed trace where your project keeps its spans, with ``{trace_id}`` in it.
    Spans of other programs are taken at ``/otlp/v1/traces`` and kept for ``SPANS_KEPT_DAYS`` (0:
    they are not taken; docs/opentelemetry.md). ``TRACES_ELSEWHERE`` are the addresses of a trace in
    the projects behind connectors, by their names, with ``{correlation_id}`` in them.
    ``UNKNOWN_KEPT_HOURS`` is for how long what a worker's code does not know waits for one that
    does, and a processor that no worker declares gets events of publishers that don't either.
    ``SITE_URL`` is where people open these pages (``https://events.example.org``), so that messages
    of alerts can link to them.
    """

    REDIS_URL: str = ""
    PREFIX: str = "flowdeck"
    QUEUE: str = ""
    DATABASE: str = DEFAULT_DB_ALIAS
    PRODUCER: str = "app"
    MAX_PAYLOAD_BYTES: int = 256 * 1024
    LEASE_SECONDS: float = 30.0
    DRAIN_SECONDS: float = 1.0
    BATCH_SECONDS: float = 0.25
    LANES_PER_CLAIM: int = 4
    CRASHES: int = 3
    MAX_HOPS: int = 100
    BELL_SECONDS: float = 2.0
    SWEEP_SECONDS: float = 1.0
    DISCOVER: tuple[str, ...] | None = None
    IN_PROCESS_WORKER: bool = False
    TUNE_WORKERS: bool = False
    SCHEMAS_LOCK: str = "schemas.lock"
    PERSONAL_KEY: str = ""
    PERSONAL_KEY_FALLBACKS: tuple[str, ...] = ()
    WEBHOOK_NETWORKS: tuple[str, ...] = ()
    WEBHOOK_SECRETS: Mapping[str, Sequence[str]] = field(default_factory=dict)
    LIVE_SOCKETS_PER_USER: int = 100
    LIVE_VIEWS_PER_USER: int = 60
    LOGOUT_URL: str = "logout"
    BADGE: str = ""
    PROVE_OUTSIDE: bool = False
    TEN_SECONDS_KEPT_DAYS: float = 2
    MINUTES_KEPT_DAYS: float = 14
    HOURS_KEPT_DAYS: float = 400
    DATABASE_BYTES: int = 0
    RELEASE: str = ""
    BROKERS: Mapping[str, str] = field(default_factory=dict)
    METRICS_NETWORKS: tuple[str, ...] = ()
    DELIVERIES_KEPT_DAYS: float = 0
    TIMERS_KEPT_DAYS: float = 1
    PROCESSES_KEPT_DAYS: float = 30
    ANSWERS_KEPT_DAYS: float = 30
    ANSWER_BYTES: int = 64 * 1024
    TRACE_URL: str = ""
    SPANS_KEPT_DAYS: float = 0
    UNKNOWN_KEPT_HOURS: float = 72
    TRACES_ELSEWHERE: Mapping[str, str] = field(default_factory=dict)
    SITE_URL: str = ""
    GROUPS: Mapping[str, str] = field(default_factory=lambda: GROUPS)

    def __post_init__(self) -> None:
        """Refuse what can't work; roles that the setting does not name keep their groups."""
        for one in fields(self):
            _demand_kind(one, getattr(self, one.name))
        for name in ("WEBHOOK_NETWORKS", "METRICS_NETWORKS"):
            for network in getattr(self, name):
                try:
                    ip_network(network)
                except ValueError as error:
                    raise ImproperlyConfigured(
                        f"FLOWDECK[{name!r}] names {network!r}, which is none ({error})."
                    ) from error
        if self.SITE_URL and not self.SITE_URL.startswith(("https://", "http://")):
            raise ImproperlyConfigured(
                f"FLOWDECK['SITE_URL'] is {self.SITE_URL!r}; it takes an address such as "
                "'https://events.example.org'."
            )
        _demand_place({"['TRACE_URL']": self.TRACE_URL}, "{trace_id}")
        elsewhere = self.TRACES_ELSEWHERE.items()
        _demand_place(
            {f"['TRACES_ELSEWHERE'][{n!r}]": url for n, url in elsewhere}, "{correlation_id}"
        )
        if self.DATABASE not in settings.DATABASES:
            raise ImproperlyConfigured(
                f"FLOWDECK['DATABASE'] is {self.DATABASE!r}, but DATABASES has "
                f"{', '.join(sorted(settings.DATABASES))} only."
            )
        if unknown := sorted(set(self.GROUPS) - set(GROUPS)):
            raise ImproperlyConfigured(
                f"FLOWDECK['GROUPS'] names the unknown role {unknown[0]!r}; roles are "
                f"{', '.join(GROUPS)}."
            )
        object.__setattr__(self, "GROUPS", {**GROUPS, **self.GROUPS})


@lru_cache(maxsize=1)
def conf() -> Conf:
    """The settings in force. Raises ImproperlyConfigured on an unknown name."""
    given: dict[str, Any] = getattr(settings, "FLOWDECK", {})
    known = {one.name for one in fields(Conf)}
    for name in sorted(set(given) - known):
        meant = get_close_matches(name.upper(), known, n=1)
        hint = f"do you mean {meant[0]!r}?" if meant else f"known are {', '.join(sorted(known))}."
        raise ImproperlyConfigured(f"FLOWDECK has no setting {name!r}; {hint}")
    return Conf(**given)


@receiver(setting_changed)
def _forget(*, setting: str, **_: Any) -> None:
    if setting == "FLOWDECK":
        conf.cache_clear()
