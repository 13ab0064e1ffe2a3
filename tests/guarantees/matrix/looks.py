"""What everybody really gets: pages, operations of the API, live views and models of the admin."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from eda_site.api import api
from flowdeck.live.views import _views
from flowdeck.people import tokens
from tests.addresses import Address, addresses
from tests.flowdeck.live.communicate import tab
from tests.guarantees.matrix.scene import Scene
from tests.guarantees.matrix.table import NOT_ASKED, PEOPLE, Table

METHODS = ("GET", "POST")
OTHER_METHODS = ("PUT", "PATCH", "DELETE")
_OF_MODELS = ("_changelist", "_add", "_history", "_delete", "_change")
_NOT_OPERATIONS = ("api:openapi-json", "api:api-root", "api:missing")
_VERBS = {"view": "v", "add": "a", "change": "c", "delete": "d"}
BODIES: dict[str, Any] = {  # what fits, so that the answer is about the person
    "place_order": {"items": []},
    "retry_letters": {"letters": [999999]},
    "discard_letters": {"letters": [999999], "reason": "test"},
    "propose_repair": {"data": {"n": 1}},
    "confirm_repair": {"reason": "test"},
    "ask_bulk": {"action": "retry", "processor": "nobody", "seen": "other letters"},
    "set_letter_group_status": {"status": "open"},
    "reveal_event": {"reason": "test"},
    "announce_release": {"name": "test"},
    "set_objective": {
        **{"name": "fast", "began_with": "nothing", "reaches": "nothing"},
        **{"within": 5, "target": 95},
    },
    "send_again": {"position": 1, "reason": "test"},
    "pause_connector": {"reason": "test"},
    "rewind_connector": {"to": 1, "reason": "test"},
    "fire_timer": {"reason": "test"},
    "cancel_timer": {"reason": "test"},
    "move_timer": {"reason": "test", "at": "2030-01-01T00:00:00Z"},
    "hold_timers": {"reason": "test"},
    "release_timers": {"reason": "test"},
    "change_limits": {"concurrent": 1, "reason": "test"},
    "restore_limits": {"reason": "test"},
}
_ARGUMENTS = {
    "attempts": "probe-out:all",
    "event": "1",
    "event-people": "1",
    "experiment": "ripple",
    "flow-node": "type:Probed",
    "letter": "1",
    "processor": "probe.atomic:24h",
    "processes": "mediator?",
}


def pages() -> list[Address]:
    """All addresses but those of the API's operations and of the admin's models."""
    return [one for one in addresses() if not (_is_operation(one) or _is_of_model(one))]


def live_views(trace: str) -> dict[str, str]:
    """What a page asks for to watch each live view."""
    arguments = {**_ARGUMENTS, "trace": trace}
    return {
        name: f"{name}:{arguments[name]}" if name in arguments else name for name in sorted(_views)
    }


def operations() -> Iterator[tuple[str, str, Address]]:
    """Method, name and address of each operation that the API's description has.

    Fails if there is an address that it does not describe.
    """
    known = {_shape(one.pattern): one for one in addresses() if _is_operation(one)}
    for path, methods in api.get_openapi_schema()["paths"].items():
        address = known.pop(_shape(path))
        for method in methods:
            yield method.upper(), path, address
    assert known == {}, "not in the API's description"


def look_at_pages(scene: Scene, people: Collection[str]) -> Table:
    """The status of GET and POST for these people; who was not asked has ``NOT_ASKED``."""
    found: Table = {}
    browsers = {who: scene.browser(who) for who in people}
    for address in pages():
        ends = address.name.endswith("logout")  # the session of the browser
        for method in METHODS:
            path = address.path(scene.values)
            cells = [
                NOT_ASKED
                if who not in people
                else _status(scene.browser(who) if ends else browsers[who], method, path)
                for who in PEOPLE
            ]
            found[f"page {method:<4} {address.name}"] = tuple(cells)
    return found


def look_at_operations(scene: Scene) -> Table:
    """The status for a bearer of each person's token."""
    bearers = {
        who: {"HTTP_AUTHORIZATION": f"Bearer {tokens.issue(user)}"} if user else {}
        for who, user in scene.people.items()
    }
    found: Table = {}
    for method, path, address in operations():
        body = json.dumps(BODIES.get(address.name.partition(":")[2], {}))
        cells = [
            str(
                Client(raise_request_exception=False)
                .generic(
                    method,
                    address.path(scene.values),
                    body if method != "GET" else "",
                    content_type="application/json",
                    **bearers[who],
                )
                .status_code
            )
            for who in PEOPLE
        ]
        found[f"api {method:<4} {path.removeprefix('/api/v1')}"] = tuple(cells)
    return found


def look_at_admin(scene: Scene) -> Table:
    """The verbs that the admin allows on each model, seen to be so at its addresses."""
    browsers = {who: scene.browser(who) for who in PEOPLE}
    found: Table = {}
    for model, shown in admin.site._registry.items():
        thing = f"admin {model._meta.label_lower}"
        cells = []
        for who in PEOPLE:
            request = RequestFactory().get("/")
            request.user = scene.people[who]
            perms = shown.get_model_perms(request) if request.user else {}
            may_open = bool(request.user) and admin.site.has_permission(request)
            verbs = [_VERBS[verb] for verb in _VERBS if may_open and perms.get(verb)]
            cells.append("".join(verbs) or "-")
            _assert_so(browsers[who], may_open, cells[-1], thing, model, scene)
        found[thing] = tuple(cells)
    return found


async def look_at_live_views(scene: Scene) -> Table:
    """Whether a socket of each person gets the view. A trace is the customer's own."""
    asked = live_views(str(scene.values["correlation_id"]))
    names = list(asked.values())
    refused = {who: await _refused(user, names) for who, user in scene.people.items()}
    return {
        f"live {name}": tuple("no" if text in refused[who] else "yes" for who in PEOPLE)
        for name, text in asked.items()
    }


async def _refused(user: Any, names: list[str]) -> set[str]:
    if user is None:
        async with tab() as browser:
            await browser.until(lambda: browser.closed is not None)
            return set(names)
    found: set[str] = set()
    for first in range(0, len(names), 8):  # a socket watches a dozen or two
        async with tab(user) as browser:
            await browser.watch(*names[first : first + 8], "nonsense")
            await browser.until(lambda said=browser.said: any("refused" in one for one in said))
            found |= {one["view"] for said in browser.said for one in said.get("refused", ())}
    return found


def _assert_so(
    browser: Client, may_open: bool, verbs: str, thing: str, model: Any, scene: Scene
) -> None:
    row = scene.values.get(thing, 1)
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    for place, verb in (("changelist", "v"), ("add", "a"), ("change", "v"), ("delete", "d")):
        about = [row] if place in ("change", "delete") else []
        got = browser.get(reverse(f"{base}_{place}", args=about)).status_code
        allowed = 200 if verb in verbs else 403
        expected = allowed if may_open else 302  # to sign in, or to be told which role it needs
        assert got == expected, f"{thing} {place}: {got}, not {expected}. Is there a row?"


def _status(browser: Client, method: str, path: str) -> str:
    body = "reason=test" if method == "POST" else ""
    kind = "application/x-www-form-urlencoded"
    return str(browser.generic(method, path, body, content_type=kind).status_code)


def _is_operation(address: Address) -> bool:
    return address.name.startswith("api:") and address.name not in _NOT_OPERATIONS


def _is_of_model(address: Address) -> bool:
    known = [f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry]
    own = {f"admin:{one}{place}" for one in known for place in _OF_MODELS}
    return address.name in own or address.name.endswith("RedirectView")


def _shape(path: str) -> str:
    """A path without the names of its placeholders."""
    return re.sub(r"\{\w+\}|<[^>]+>", "{}", path.lstrip("/"))
