"""Timers over the API."""

from __future__ import annotations

import pytest

from flowdeck import publish
from flowdeck.engine import timers
from flowdeck.models import AuditEntry, Timer
from tests.flowdeck.api.conftest import Caller, person
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
WHY = {"reason": "a test"}


def test_what_is_due_next_is_listed_in_pages_and_acted_on() -> None:
    caller = Caller(person("olga", "operator"))
    for n in range(3):
        publish(Probed(n=n), stream=f"s{n}", in_=600 + n, timer="t")
    page = caller.get("/timers", limit=2).json()
    assert [one["stream"] for one in page["timers"]] == ["s0", "s1"]
    rest = caller.get("/timers", after=page["next"]).json()
    assert ([one["stream"] for one in rest["timers"]], rest["next"]) == (["s2"], None)
    first, second, third = Timer.objects.order_by("due_at").values_list("pk", flat=True)
    assert caller.post(f"/timers/{first}/fire", WHY).status_code == 204
    assert timers.fire_all() == 1
    assert caller.post(f"/timers/{first}/fire", WHY).status_code == 404
    assert caller.post(f"/timers/{second}/cancel", {"reason": ""}).status_code == 422
    assert caller.post(f"/timers/{second}/cancel", WHY).status_code == 204
    at = {"at": "2031-01-01T00:00:00Z", **WHY}
    assert caller.post(f"/timers/{third}/move", at).status_code == 204
    assert Timer.objects.get(ended_at=None).due_at.year == 2031
    assert caller.post("/timers/hold", WHY).status_code == 204
    assert caller.get("/timers").json()["held"] is True
    assert caller.post("/timers/release", WHY).status_code == 204
    assert AuditEntry.objects.filter(who="olga", action__contains="timer").count() == 5
