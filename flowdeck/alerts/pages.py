"""Where the cause of an alert is seen: the page of its kind, as a link into the site."""

from __future__ import annotations

import socket
from urllib.parse import urlencode, urljoin, urlsplit

from django.urls import NoReverseMatch, reverse

from flowdeck.alerts.facts import Told
from flowdeck.conf import conf
from flowdeck.declare.registry import registry
from flowdeck.models import AlertRule

_Kind = AlertRule.Kind
_OF_KIND = {
    _Kind.DEAD: "dead_letters",
    _Kind.GROWTH: "dead_letters",
    _Kind.ROUND: "dead_letters",
    _Kind.SNAPSHOT: "database",
    _Kind.LAG: "database",
    _Kind.FULL: "database",
    _Kind.FLOOR: "database",
    _Kind.TIMERS: "timers",
    _Kind.STUCK: "traces",
    _Kind.STANDING: "processes",
    _Kind.CONNECT: "connectors",
    _Kind.WORKERS: "processors",
    _Kind.BURN: "objectives",
}
_OF_TYPES = (_Kind.SILENCE, _Kind.MISSING)
_BY_PROCESSOR = (_Kind.DEAD, _Kind.GROWTH, _Kind.ROUND)
_OF_PROCESSORS = (_Kind.WAITING, _Kind.PAUSED, _Kind.FAILURES, _Kind.LATENCY, _Kind.STALE)


def link(event: Told) -> str:
    """The address of the page; without its host if ``FLOWDECK["SITE_URL"]`` is not set.

    Empty where the project has no such pages.
    """
    try:
        path = _path(event)
    except NoReverseMatch:
        return ""
    return urljoin(conf().SITE_URL, path)


def host() -> str:
    """The host that people know the site by, or the machine's own."""
    return urlsplit(conf().SITE_URL).hostname or socket.gethostname()


def _path(event: Told) -> str:
    kind, whose = _Kind(event.kind), event.processor
    if kind in _OF_PROCESSORS and whose in registry.processors:
        return reverse("flowdeck:processor", args=[whose])
    if kind in _OF_TYPES and event.about in registry.event_types:
        return reverse("flowdeck:event_type", args=[event.about])
    if kind in _OF_TYPES and event.about:
        return reverse("flowdeck:stream", args=[event.about])
    if kind == _Kind.STANDING and whose:
        return reverse("flowdeck:process", args=[whose])
    path = reverse(f"flowdeck:{_OF_KIND.get(kind, 'alerts')}")
    return f"{path}?{urlencode({'processor': whose})}" if kind in _BY_PROCESSOR and whose else path
