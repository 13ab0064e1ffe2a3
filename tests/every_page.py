"""Every page of the site, with every filter: for tests of all of them and for measuring.

Addresses come from the URLconf (:mod:`tests.addresses`); here are what goes into them and which
filters they have. A page that is added to the site has to be added here: ``missing()`` names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.test import Client

from flowdeck.declare.states import DeliveryState
from flowdeck.models import Delivery, Event
from tests.addresses import addresses

_ACTIONS = {
    "flowdeck:save_view",
    "flowdeck:delete_view",
    "flowdeck:columns",
    "flowdeck:change_limits",
    "flowdeck:pause",
    "flowdeck:pause_connector",
    "flowdeck:resume_connector",
    "flowdeck:rewind_connector",
    "flowdeck:webhook_attempts",  # of outlets to webhooks, of which the shop has none
    "flowdeck:test_webhook",
    "flowdeck:send_again",
    "flowdeck:resume",
    "flowdeck:switch_timers",
    "flowdeck:stop_process",
    "flowdeck:change_timer",
    "flowdeck:change_schedule",
    "flowdeck:resolve",
    "flowdeck:cancel_bulk",
    "flowdeck:run_replay",
    "flowdeck:cancel_replay",
    "flowdeck:prove",
    "flowdeck:confirm_repair",
    "flowdeck:create_token",
    "flowdeck:revoke_token",
    "flowdeck:live",
    "flowdeck:live_regions",
    "lab:reset",
    "lab:switch_on",
    "lab:switch_off",
    "lab:run",
    "lab:mend",
    "lab:answer",
    "shop:orders",
    "shop:cancel",
    "flowdeck:group_status",
    "flowdeck:reveal",
    "flowdeck:save_alert",
    "flowdeck:mute_alert",
    "flowdeck:save_objective",
    "flowdeck:delete_objective",
    "flowdeck:test_alert",
    "flowdeck:delete_alert",
    "login",
    "logout",
    "password_change",
    "flowdeck-probes:livez",
    "flowdeck-probes:readyz",
    "flowdeck-metrics:metrics",
    "flowdeck-otlp:traces",
}
PAGES = {
    "flowdeck:home",
    "flowdeck:why",
    "flowdeck:timeline",
    "flowdeck:log",
    "flowdeck:event",
    "flowdeck:traces",
    "flowdeck:trace",
    "flowdeck:compare_traces",
    "flowdeck:mermaid",
    "flowdeck:export_trace",
    "flowdeck:streams",
    "flowdeck:stream",
    "lab:quiz",
    "lab:handout",
    "flowdeck:catalog",
    "flowdeck:event_type",
    "flowdeck:flow",
    "flowdeck:search",
    "flowdeck:processor",
    "flowdeck:processors",
    "flowdeck:connectors",
    "flowdeck:timers",
    "flowdeck:processes",
    "flowdeck:process",
    "flowdeck:flow_past",
    "flowdeck:hops",
    "flowdeck:alerts",
    "flowdeck:objectives",
    "flowdeck:redeliver",
    "flowdeck:dead_letters",
    "flowdeck:letter",
    "flowdeck:letter_test",
    "flowdeck:repair",
    "flowdeck:audit",
    "flowdeck:database",
    "flowdeck:audit_export",
    "flowdeck:replay",
    "flowdeck:design_review",
    "flowdeck:account",
    "lab:lab",
    "lab:glossary",
    "lab:class",
    "lab:faults",
    "lab:lesson",
    "shop:shop",
    "shop:outbox",
}


def pages(
    event: Event | None = None, values: Mapping[str, object] | None = None
) -> dict[str, list[str]]:
    """Addresses by the name of their pattern, the plain one and one with a choice first.

    They are about ``event``, without one about the newest; ``values`` go into placeholders.
    """
    event = event or Event.objects.latest("position")
    filters, place = _filters(event), values or _values(event)
    return {
        one.name: [one.path(place) + query for query in filters.get(one.name, [""])]
        for one in addresses()
        if one.name in PAGES
    }


def missing() -> set[str]:
    """Names of patterns that answer GET and are neither in ``PAGES`` nor known as actions."""
    names = {one.name for one in addresses() if not one.pattern.startswith(("admin/", "api/"))}
    return names - PAGES - _ACTIONS


def administrator() -> Client:
    """A browser of somebody who may open every page."""
    user, _ = User.objects.get_or_create(username="measurer", is_superuser=True, is_staff=True)
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


def _values(event: Event) -> dict[str, object]:
    letter = _letter()
    return {
        "position": event.position,
        "correlation_id": event.correlation_id,
        "name": event.type,
        "flowdeck:processor name": "payment",
        "process": "mediator",
        "stream": event.stream,
        "number": letter.letter if letter else 0,
        "lesson": "ordering",
    }


def _filters(event: Event) -> dict[str, list[str]]:
    letter = _letter()
    letters = [f"?selected={letter.letter}"] if letter else []
    return {
        "flowdeck:timeline": _timeline(event),
        "flowdeck:why": _why(event),
        "flowdeck:log": _log(event),
        "flowdeck:traces": ["", f"?before={event.position // 2 + 1}"],
        "flowdeck:trace": ["", "?view=graph", "?view=sequence"],
        "flowdeck:compare_traces": [f"?a={event.correlation_id}"],
        "flowdeck:streams": ["", _query(stream=event.stream)],
        "flowdeck:flow": [
            "",
            "?node=processor:payment",
            "?models=1",
            "?window=3600",
            "?topology=mediator",
        ],
        "flowdeck:catalog": ["", "?q=order"],
        "flowdeck:search": [_query(q=word) for word in _words(event)],
        "flowdeck:processor": ["", "?window=1h", "?window=7d"],
        "flowdeck:processors": ["", "?pause=payment"],
        "flowdeck:timers": ["", "?tab=ended&type=OrderCreated", "?ask=hold", "?tab=schedules"],
        "flowdeck:process": ["", "?step=confirmed&order=newest", "?selected=nobody"],
        "flowdeck:dead_letters": ["", *letters, "?by=stream"],
        "flowdeck:letter": [""] if letter else [],
        "flowdeck:letter_test": [""] if letter else [],
        "flowdeck:repair": [""] if letter else [],
        "flowdeck:audit": ["", "?who=operator"],
    }


def _letter() -> Delivery | None:
    return Delivery.objects.filter(state=DeliveryState.DEAD).order_by("-letter").first()


def _why(event: Event) -> list[str]:
    letter = _letter()
    asked = [event.stream, f"trace:{event.correlation_id}", f"event:{event.position}", "payment"]
    return ["", *(_query(of=of) for of in asked + [f"letter:{letter.letter}"] * bool(letter))]


def _timeline(event: Event) -> list[str]:
    past = _text(event.recorded_at - timedelta(hours=1))
    windows = [f"?window={seconds}" for seconds in (15, 60, 300, 900, 3600)]
    return [
        "",
        f"?window=60&selected={event.position}",
        *windows,
        "?lanes=all",
        f"?window=60&until={past}",
        f"?window=3600&until={past}",
        _query(window=60, type=event.type),
    ]


def _log(newest: Event) -> list[str]:
    hour, day = newest.recorded_at - timedelta(hours=1), newest.recorded_at - timedelta(days=1)
    filters: list[dict[str, Any]] = [
        {"before": newest.position // 2},
        {"after": newest.position // 2},
        {"before": 150},
        {"type": newest.type},
        {"type": "Unknown"},
        {"not.type": newest.type},
        {"type": newest.type, "before": newest.position // 2},
        {"stream": newest.stream},
        {"stream": "order-*"},
        {"stream": "nothing-*"},
        {"not.stream": newest.stream},
        {"correlation": newest.correlation_id},
        {"producer": newest.producer},
        {"producer": "nobody"},
        {"not.producer": newest.producer},
        {"since": "15min"},
        {"since": _text(day), "until": _text(hour)},
        {"until": _text(hour)},
        {"type": newest.type, "since": "1h"},
        {"data.user_id": 1},
        {"data.user_id": 999_999},
        {"not.data.user_id": 1},
        {"data.items.0.sku": "mug"},
        {"data.order_id": 7},
        {"type": "OrderCreated", "data.items.0.sku": "mug"},
        {"processor": "payment"},
        {"processor": "nobody"},
        *({"state": state} for state in DeliveryState),
        *({"state": state, "processor": "payment"} for state in DeliveryState),
        {"state": "dead", "type": newest.type},
        {"state": "done", "producer": newest.producer},
    ]
    return ["", f"?selected={newest.position}", *(_query(**one) for one in filters)]


def _words(newest: Event) -> list[str]:
    return [
        "order",
        str(newest.id),
        str(newest.correlation_id),
        newest.stream,
        str(newest.position),
        newest.id.hex[-7:],
        newest.type,
        "nothing at all",
    ]


def _query(**asked: object) -> str:
    return f"?{urlencode(asked)}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
