"""Whatever is sent to the API is answered; nothing is an error of the server.

The requests are made by schemathesis from the API's own description: such as fit it, and such as
don't. They are the same in every run.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from eda_site.api import api
from events.models import Product
from flowdeck import publish
from flowdeck.people import tokens
from flowdeck.testing import settle
from tests.accounts import person
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

THOROUGHLY = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
_MOST = 1_000_000  # characters of an answer, whatever was asked for


@pytest.fixture
def bearer() -> dict[str, str]:
    """An admin's token, in a site with an event, a dead letter and a product."""
    Product.objects.create(sku="mug", name="Mug", price="14.00")
    publish(Probed(n=1, fails=9, by="probe.atomic"), stream="probe-1")
    settle()
    return {"Authorization": f"Bearer {tokens.issue(person('admin'))}"}


@pytest.mark.parametrize("examples", [1, pytest.param(5, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", list(GenerationMode), ids=lambda kind: kind.value)
def test_no_request_is_an_error_of_the_server(
    kind: GenerationMode, examples: int, bearer: dict[str, str]
) -> None:
    described = schemathesis.openapi.from_dict(json.loads(json.dumps(api.get_openapi_schema())))
    client, statuses = Client(), set()
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(THOROUGHLY, max_examples=examples)
        @given(case=operation.as_strategy(generation_mode=kind))
        def check(case: Any) -> None:
            answer = client.generic(
                case.method,
                case.formatted_path,
                _body(case.body),
                content_type=case.media_type or "application/json",
                headers={**_sendable(case.headers), **bearer},
                query_string=urlencode(case.query or {}, doseq=True),
            )
            statuses.add(answer.status_code)
            assert answer.status_code < 500  # what the view raises is raised here, too
            assert answer.streaming or len(answer.content) < _MOST
            if answer.status_code >= 400 and "json" in answer["Content-Type"]:
                assert answer.json()["detail"]

        check()
    assert statuses & {200, 201, 204} if kind is GenerationMode.POSITIVE else statuses >= {422}


@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, '{"items":' * 20_000, '{"items": [1e999]}', "\x00", '"\ud800"', "{" * 10],
    ids=range(6),
)
def test_a_body_that_is_hard_to_read_is_refused(body: str, bearer: dict[str, str]) -> None:
    for path in ("orders", "dead-letters/bulk", "dead-letters/retries", "events/1/reveal"):
        answer = Client().post(
            f"/api/v1/{path}",
            body.encode("utf-8", "surrogatepass"),
            "application/json",
            headers={**bearer, "Idempotency-Key": "k"},
        )
        assert answer.status_code in (400, 422), (path, answer.status_code)


def test_bodies_and_pages_are_limited(bearer: dict[str, str]) -> None:
    client = Client(headers=bearer)
    big = json.dumps({"reason": "x" * 300_000})
    assert client.post("/api/v1/events/1/reveal", big, "application/json").status_code == 413
    for path in ("events", "dead-letters"):
        assert client.get(f"/api/v1/{path}?limit=200").status_code == 200
        assert client.get(f"/api/v1/{path}?limit=201").status_code == 422


def _body(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if type(value).__name__ == "NotSet":
        return b""
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _sendable(headers: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in (headers or {}).items()}
