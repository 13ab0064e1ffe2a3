"""Every page of the site, with every filter: for tests of all of them and for measuring.

A page that is added to the addresses of the site has to be added here: ``missing()`` names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from events.models import Delivery, DeliveryState, Event
from events.states import PARKED, RUNNING

_ACTIONS = {
    "events:save_view", "events:delete_view", "events:pause", "events:resume", "events:resolve",
    "events:cancel_bulk", "events:run_replay", "events:cancel_replay", "events:prove",
    "events:create_token", "events:revoke_token", "events:home", "lab:reset", "lab:switch_on",
    "lab:switch_off", "lab:run", "lab:mend", "lab:answer", "shop:orders", "events:group_status",
    "events:reveal", "events:save_alert", "events:mute_alert", "events:delete_alert",
    "login", "logout",
}  # fmt: skip
PAGES = {
    "events:timeline", "events:log", "events:event", "events:traces", "events:trace",
    "events:compare_traces", "events:mermaid", "events:export_trace",
    "events:streams", "events:stream", "lab:quiz",
    "lab:handout", "events:catalog", "events:event_type", "events:flow", "events:search",
    "events:processors", "events:flow_past", "events:hops", "events:alerts", "events:redeliver",
    "events:dead_letters", "events:letter", "events:audit", "events:audit_export", "events:replay",
    "events:design_review", "events:account", "lab:lab", "lab:glossary", "lab:class", "lab:faults",
    "lab:lesson", "shop:shop", "shop:outbox",
}  # fmt: skip
STATES = (*DeliveryState.values, PARKED, RUNNING)


def pages() -> dict[str, list[str]]:
    """Addresses by the name of their pattern; the log must not be empty."""
    newest = Event.objects.latest("position")
    dead = Delivery.objects.filter(state=DeliveryState.DEAD).order_by("-id").first()
    letters = [f"/dead-letters/{dead.pk}/", f"/dead-letters/?selected={dead.pk}"] if dead else []
    trace = f"/traces/{newest.correlation_id}/"
    return {
        "events:timeline": [f"/timeline/{query}" for query in _timeline(newest)],
        "events:log": [f"/events/{query}" for query in _log(newest)],
        "events:event": [f"/events/{newest.position}/"],
        "events:traces": ["/traces/", f"/traces/?before={newest.position // 2 + 1}"],
        "events:trace": [trace, f"{trace}?view=graph", f"{trace}?view=sequence"],
        "events:compare_traces": [f"/traces/compare/?a={newest.correlation_id}"],
        "events:mermaid": [f"{trace}mermaid/"],
        "events:export_trace": [f"{trace}export/"],
        "events:streams": ["/streams/", f"/streams/?stream={newest.stream}"],
        "events:stream": [f"/streams/{newest.stream}/"],
        "events:catalog": ["/catalog/"],
        "events:event_type": [f"/catalog/{newest.type}/"],
        "events:flow": ["/flow/", "/flow/?models=1", "/flow/?node=processor:payment"],
        "events:flow_past": ["/flow/past/"],
        "events:hops": ["/flow/past/hops/"],
        "events:alerts": ["/alerts/"],
        "events:redeliver": ["/replay/redeliver/"],
        "events:search": [f"/search/?q={word}" for word in _words(newest)],
        "events:processors": ["/processors/", "/processors/?pause=payment"],
        "events:dead_letters": ["/dead-letters/"],
        "events:letter": letters,
        "events:audit": ["/audit/", "/audit/?who=operator"],
        "events:audit_export": ["/audit/export/"],
        "events:replay": ["/replay/"],
        "events:design_review": ["/design-review/"],
        "events:account": ["/account/"],
        "lab:lab": ["/lab/"],
        "lab:glossary": ["/lab/glossary/"],
        "lab:class": ["/lab/class/"],
        "lab:faults": ["/lab/faults/"],
        "lab:quiz": ["/lab/quiz/"],
        "lab:handout": ["/lab/handout/"],
        "lab:lesson": ["/lab/lessons/ordering/"],
        "shop:shop": ["/shop/"],
        "shop:outbox": ["/shop/outbox/"],
    }


def missing() -> set[str]:
    """Names of patterns that answer GET and are neither in ``PAGES`` nor known as actions."""
    return set(_names(get_resolver())) - PAGES - _ACTIONS


def administrator() -> Client:
    """A browser of somebody who may open every page."""
    user, _ = User.objects.get_or_create(username="measurer", is_superuser=True, is_staff=True)
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


def _names(found: URLResolver, before: str = "", space: str = "") -> Iterator[str]:
    for one in found.url_patterns:
        path = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield f"{space}{one.name}"
        elif not path.startswith(("admin/", "api/")):
            yield from _names(one, path, f"{one.namespace}:" if one.namespace else space)


def _timeline(newest: Event) -> list[str]:
    past = _text(newest.recorded_at - timedelta(hours=1))
    windows = [f"?window={seconds}" for seconds in (15, 60, 300, 900, 3600)]
    return [
        "", *windows, "?lanes=all", f"?window=60&selected={newest.position}",
        f"?window=60&until={past}", f"?window=3600&until={past}", f"?window=60&type={newest.type}",
    ]  # fmt: skip


def _log(newest: Event) -> list[str]:
    hour, day = newest.recorded_at - timedelta(hours=1), newest.recorded_at - timedelta(days=1)
    filters: list[dict[str, Any]] = [
        {"before": newest.position // 2}, {"after": newest.position // 2}, {"before": 150},
        {"type": newest.type}, {"type": "Unknown"}, {"not.type": newest.type},
        {"type": newest.type, "before": newest.position // 2},
        {"stream": newest.stream}, {"stream": "order-*"}, {"stream": "nothing-*"},
        {"not.stream": newest.stream}, {"correlation": newest.correlation_id},
        {"producer": newest.producer}, {"producer": "nobody"}, {"not.producer": newest.producer},
        {"since": "15min"}, {"since": _text(day), "until": _text(hour)}, {"until": _text(hour)},
        {"type": newest.type, "since": "1h"}, {"data.user_id": 1}, {"data.user_id": 999_999},
        {"not.data.user_id": 1}, {"data.items.0.sku": "mug"}, {"data.order_id": 7},
        {"type": "OrderCreated", "data.items.0.sku": "mug"},
        {"processor": "payment"}, {"processor": "nobody"},
        *({"state": state} for state in STATES),
        *({"state": state, "processor": "payment"} for state in STATES),
        {"state": "dead", "type": newest.type}, {"state": "done", "producer": newest.producer},
    ]  # fmt: skip
    return ["", f"?selected={newest.position}", *(f"?{urlencode(one)}" for one in filters)]


def _words(newest: Event) -> list[str]:
    return [
        "order", str(newest.id), str(newest.correlation_id), newest.stream, str(newest.position),
        newest.id.hex[-7:], newest.type, "nothing+at+all",
    ]  # fmt: skip


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
