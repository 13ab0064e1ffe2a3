"""Whatever is asked of the API, the answer is JSON, and the description has it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from eda_site.api import api
from flowdeck import publish
from tests.flowdeck.api.conftest import Caller
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "head"])
@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v1/events/", "/api/v1/", "/api/", "/api/v2/events"]
)
def test_an_unknown_address_is_answered_in_json(path: str, method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("application/json")
    assert method == "head" or "detail" in answer.json()


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/events", "delete", "GET, HEAD, POST"),
        ("/processors", "post", "GET, HEAD"),
        ("/dead-letters/retries", "get", "POST"),
        ("/dead-letters/retries", "head", "POST"),
    ],
)
def test_a_wrong_method_is_answered_in_json(
    operator: Caller, path: str, method: str, allowed: str
) -> None:
    answer = getattr(operator.client, method)(f"/api/v1{path}", headers=operator.headers)
    assert answer.status_code == 405
    assert answer["Allow"] == allowed
    if method != "head":
        assert answer.json() == {
            "detail": f"{method.upper()} is not possible here; {allowed} would be."
        }


def test_head_is_get_without_a_body(operator: Caller) -> None:
    publish(Probed(n=1), stream="probe-1")
    answer = operator.client.head("/api/v1/events", headers=operator.headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert operator.client.head("/api/v1/events").status_code == 401


@pytest.mark.parametrize(
    ("path", "query", "known"),
    [
        ("/events", {"typ": "Probed"}, "known are after, before, correlation_id"),
        ("/processors", {"name": "x"}, "there are none here"),
        ("/dead-letters/groups", {"By": "type"}, "by, came_back"),
    ],
)
def test_an_unknown_parameter_is_refused_and_not_left_out(
    operator: Caller, path: str, query: dict[str, Any], known: str
) -> None:
    answer = operator.get(path, **query)
    assert answer.status_code == 422
    (fault,) = answer.json()["fields"]
    assert fault["field"] == next(iter(query))
    assert known in fault["message"]


def test_the_description_has_the_refusals_of_each_operation() -> None:
    schema = api.get_openapi_schema()
    assert "detail" in schema["components"]["schemas"]["Refusal"]["properties"]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            wanted = {401, 403, 405, 422, 503}
            wanted |= {404} if "{" in path else set()
            wanted |= {413} if "requestBody" in operation else set()
            assert wanted <= {int(status) for status in operation["responses"]}, (method, path)
