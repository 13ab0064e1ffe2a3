"""Invariant 9: nobody sees or does what their permissions don't give.

Every address of the site is in the table below with what each kind of person gets. An address that
is not in it fails the test, so nobody can add one without saying who may use it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from events import access, publish
from events.models import Event
from events.testing import settle
from processors import orders
from processors.domain_events import InventoryReplenished
from processors.models import Product
from tests.accounts import person
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = ("nobody", "customer", "other", "viewer", "operator", "teacher", "admin")
ALL, SIGN_IN = (200,) * 7, 302
# What each of PEOPLE gets. "trace" and "order" are the customer's own; "log" is for who may watch.
WATCHERS = (SIGN_IN, 403, 403, 200, 200, 200, 200)
LEARNERS = (SIGN_IN, 200, 200, 403, 200, 200, 200)
API_WATCHERS = (401, 403, 403, 200, 200, 200, 200)
PAUSERS = (SIGN_IN, 403, 403, 403, 302, 403, 302)
TABLE: dict[str, tuple[str, tuple[int, ...]]] = {
    "events:home": ("GET", (SIGN_IN,) * 7),
    "events:log": ("GET", WATCHERS),
    "events:event": ("GET", WATCHERS),
    "events:reveal": ("POST", (SIGN_IN, 403, 403, 403, 200, 403, 200)),
    "events:save_view": ("POST", (SIGN_IN, 403, 403, 302, 302, 302, 302)),
    "events:delete_view": ("POST", (SIGN_IN, 403, 403, 404, 404, 404, 404)),  # it is nobody's
    "events:traces": ("GET", WATCHERS),
    "events:trace": ("GET", (SIGN_IN, 200, 404, 200, 200, 200, 200)),
    "events:mermaid": ("GET", (SIGN_IN, 200, 404, 200, 200, 200, 200)),
    "events:compare_traces": ("GET", (SIGN_IN, 403, 403, 404, 404, 404, 404)),  # of none
    "events:timeline": ("GET", WATCHERS),
    "events:catalog": ("GET", WATCHERS),
    "events:event_type": ("GET", WATCHERS),
    "events:flow": ("GET", WATCHERS),
    "events:search": ("GET", WATCHERS),
    "events:processors": ("GET", WATCHERS),
    "events:design_review": ("GET", WATCHERS),
    "events:prove": ("POST", (SIGN_IN, 403, 403, 403, 200, 200, 200)),
    "events:pause": ("POST", PAUSERS),
    "events:resume": ("POST", PAUSERS),
    "events:dead_letters": ("GET", WATCHERS),
    "events:letter": ("GET", (SIGN_IN, 403, 403, 404, 404, 404, 404)),  # there is none
    "events:resolve": ("POST", PAUSERS),
    "events:cancel_bulk": ("POST", PAUSERS),
    "events:group_status": ("POST", (SIGN_IN, 403, 403, 403, 404, 403, 404)),  # no such status
    "events:audit": ("GET", (SIGN_IN, 403, 403, 403, 200, 403, 200)),
    "events:audit_export": ("GET", (SIGN_IN, 403, 403, 403, 200, 403, 200)),
    "events:replay": ("GET", WATCHERS),
    "events:run_replay": ("POST", (SIGN_IN, 403, 403, 403, 404, 403, 404)),  # of no kind
    "events:cancel_replay": ("POST", (SIGN_IN, 403, 403, 403, 404, 403, 404)),  # of no run
    "events:account": ("GET", (SIGN_IN, *(200,) * 6)),
    "events:create_token": ("POST", (SIGN_IN, *(201,) * 6)),
    "events:revoke_token": ("POST", (SIGN_IN, *(404,) * 6)),  # it is nobody's
    "lab:lab": ("GET", (SIGN_IN, 302, 302, 403, 302, 302, 302)),
    "lab:lesson": ("GET", LEARNERS),
    "lab:run": ("POST", (SIGN_IN, 302, 302, 403, 302, 302, 302)),
    "lab:mend": ("POST", (SIGN_IN, 422, 422, 403, 422, 422, 422)),
    "lab:answer": ("POST", (SIGN_IN, 422, 422, 403, 422, 422, 422)),
    "lab:reset": ("POST", (SIGN_IN, 302, 302, 403, 302, 302, 302)),
    "lab:glossary": ("GET", LEARNERS),
    "lab:faults": ("GET", LEARNERS),
    "lab:switch_on": ("POST", (SIGN_IN, 422, 422, 403, 422, 422, 422)),
    "lab:switch_off": ("POST", (SIGN_IN, 302, 302, 403, 302, 302, 302)),
    "lab:class": ("GET", (SIGN_IN, 403, 403, 403, 403, 200, 200)),
    "shop:shop": ("GET", (SIGN_IN, 200, 200, 200, 200, 200, 200)),
    "shop:orders": ("POST", (SIGN_IN, 422, 422, 403, 422, 422, 422)),
    "shop:outbox": ("GET", (SIGN_IN, 200, 200, 200, 200, 200, 200)),
    "api:openapi-json": ("GET", ALL),
    "api:api-root": ("GET", (404,) * 7),
    "api:list_products": ("GET", (401, 200, 200, 200, 200, 200, 200)),
    "api:place_order": ("POST", (401, 400, 400, 403, 400, 400, 400)),
    "api:cancel_order": ("POST", (401, 409, 409, 403, 409, 409, 409)),  # confirmed, or not theirs
    "api:get_order": ("GET", (401, 200, 404, 200, 200, 200, 200)),
    "api:list_events": ("GET", API_WATCHERS),
    "api:reveal_event": ("POST", (401, *(422,) * 6)),  # the test's body has no reason
    "api:get_trace": ("GET", (401, 200, 404, 200, 200, 200, 200)),
    "api:list_processors": ("GET", API_WATCHERS),
    "api:list_letter_groups": ("GET", API_WATCHERS),
    "api:list_letters": ("GET", API_WATCHERS),
    "api:get_letter": ("GET", (401, 403, 403, 404, 404, 404, 404)),  # there is none
    "api:retry_letters": ("POST", (401, *(422,) * 6)),  # the test's body fits no letters
    "api:discard_letters": ("POST", (401, *(422,) * 6)),
    "api:ask_bulk": ("POST", (401, *(422,) * 6)),
    "api:get_bulk": ("GET", (401, 403, 403, 404, 404, 404, 404)),
    "api:cancel_bulk": ("POST", (401, 403, 403, 403, 404, 403, 404)),
    "api:set_letter_group_status": ("POST", (401, *(422,) * 6)),
    "login": ("GET", (200, *(SIGN_IN,) * 6)),
    "logout": ("POST", (SIGN_IN,) * 7),
}


@pytest.fixture
def people() -> dict[str, User | None]:
    found: dict[str, User | None] = {"nobody": None}
    for name in PEOPLE[1:]:
        user = User.objects.create_user(name, is_superuser=name == "admin")
        role = "customer" if name == "other" else name
        user.groups.add(Group.objects.get_or_create(name=role)[0])
        found[name] = user
    return found


def addresses(
    patterns: list[Any], before: str = "", namespace: str = ""
) -> Iterator[tuple[str, str]]:
    """Name and pattern of each address, without Django's admin (it has its own test)."""
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                inside = pattern.namespace or namespace
                yield from addresses(pattern.url_patterns, path, inside)
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}:{pattern.name}" if namespace else str(pattern.name), path


@pytest.fixture
def filled(people: dict[str, User | None], settings: Any) -> dict[str, str]:
    """A log with an order of the customer; what to put into the addresses."""
    settings.DEMO = True
    Product.objects.create(sku="mug", name="Mug", price="14.00")
    publish(InventoryReplenished(sku="mug", quantity=10), stream="product-mug")
    placed = orders.place_order(people["customer"], [{"sku": "mug", "quantity": 1}], str(uuid4()))
    publish(Probed(n=1), stream="probe-1")
    settle()
    position = Event.objects.get(type="OrderCreated").position
    return {
        "<int:position>": str(position),
        "<position>": str(position),
        "<uuid:correlation_id>": str(placed.correlation_id),
        "<uuidstr:correlation_id>": str(placed.correlation_id),
        "<int:order_id>": str(placed.order_id),
        "<int:number>": "999999",
        "<str:fingerprint>": "0123456789abcdef",
        "<path:name>": "Probed",
        "<slug:lesson>": "ripple",
        "<str:name>": "probe.atomic",
    }


def test_every_address_is_in_the_table() -> None:
    assert {name for name, _ in addresses(get_resolver().url_patterns)} == set(TABLE)


@pytest.mark.parametrize("number", range(len(PEOPLE)), ids=PEOPLE)
def test_everybody_gets_what_the_table_says(
    number: int, people: dict[str, User | None], filled: dict[str, str]
) -> None:
    wrong = {}
    for name, path in addresses(get_resolver().url_patterns):
        method, statuses = TABLE[name]
        for placeholder, value in filled.items():
            path = path.replace(placeholder, value)
        client = Client(raise_request_exception=False)
        user = people[PEOPLE[number]]
        if user is not None:
            client.force_login(user)
        body = {"reason": "test"} if name.startswith("events:") else {}
        if name.startswith("api:") and method == "POST":
            answer = client.post(f"/{path}", json.dumps({"items": []}), "application/json")
        else:
            answer = client.generic(
                method, f"/{path}",
                "&".join(f"{key}={value}" for key, value in body.items()),
                content_type="application/x-www-form-urlencoded",
            )  # fmt: skip
        if answer.status_code != statuses[number]:
            wrong[name] = (answer.status_code, statuses[number])
    assert wrong == {}


@pytest.mark.parametrize("path", ["/shop/orders/", "/processors/probe.atomic/pause/"])
def test_a_form_without_its_csrf_token_is_refused(path: str, people: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["admin"])
    assert client.post(path, {}).status_code == 403


@pytest.mark.parametrize("path", ["/shop/orders/", "/processors/probe.atomic/pause/"])
def test_looking_changes_nothing(path: str, people: dict[str, Any]) -> None:
    client = Client()
    client.force_login(people["admin"])
    assert client.get(path).status_code == 405


def test_the_admin_is_for_whoever_may_open_it(people: dict[str, Any]) -> None:
    answers = {}
    for name, user in people.items():
        client = Client()
        if user is not None:
            client.force_login(user)
        answer = client.get("/admin/", follow=user is not None)
        answers[name] = answer.status_code
    opens, refused = 200, 403
    assert answers == {
        "nobody": SIGN_IN, "customer": refused, "other": refused, "viewer": refused,
        "operator": opens, "teacher": refused, "admin": opens,
    }  # fmt: skip


ADMIN_TABLE = {  # model: what the role "admin" and an operator may do there
    "events.event": ({"view"}, {"view"}),
    "events.delivery": ({"view"}, {"view"}),
    "events.processorstate": ({"view"}, {"view"}),
    "events.apitoken": ({"view"}, set[str]()),
    "auth.user": ({"view", "add", "change", "delete"}, set[str]()),
    "auth.group": ({"view", "add", "change", "delete"}, set[str]()),
    "axes.accessattempt": (set[str](), set[str]()),
    "axes.accesslog": (set[str](), set[str]()),
    "axes.accessfailurelog": (set[str](), set[str]()),
}


def test_the_admin_allows_what_its_table_says(rf: Any) -> None:
    """Each model of the admin has its row; the events can be changed by nobody."""
    allowed = {}
    for model, shown in admin.site._registry.items():
        row = []
        for role in ("admin", "operator"):
            request = rf.get("/")
            request.user = person(role, f"{role} of {model._meta.label_lower}")
            row.append({verb for verb, may in shown.get_model_perms(request).items() if may})
        allowed[model._meta.label_lower] = tuple(row)
    assert allowed == ADMIN_TABLE


def test_an_action_that_nobody_granted_is_denied(people: dict[str, Any]) -> None:
    assert not access.can(people["operator"], "launch_rockets")
    assert "need the role" in access.can(people["operator"], "launch_rockets").reason
    people["admin"].is_active = False
    assert not access.can(people["admin"], "view_log")
