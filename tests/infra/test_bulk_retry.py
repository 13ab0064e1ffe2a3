"""A bulk retry goes on, and its counts are exact, whoever is killed in the middle of it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.polling import eventually
from tests.site import Site, free_port

pytestmark = pytest.mark.long

_LETTERS = 600
_FIRST = 1_000_000  # beyond the orders that the demo begins with
_PER_SECOND = 10  # so that it takes longer than a killed worker needs to come back

_DIE = f"""
from django.db import transaction
from django.db.models import F
from flowdeck import publish
from flowdeck.declare.event import Draft
from flowdeck.models import Due
from events.domain_events import OrderConfirmed

with transaction.atomic():  # nobody sees them before they are dead
    publish(*[
        Draft(OrderConfirmed(order_id=n, user_id=1, total="1.00", items=[]), stream=f"killed-{{n}}")
        for n in range({_FIRST}, {_FIRST + _LETTERS})
    ])
    made = Due.objects.filter(event__stream__startswith="killed-")
    made.filter(processor="notification").update(
        state="dead", attempts=5, fingerprint="killed", letter=F("event_id"))
    made.exclude(processor="notification").update(state="discarded")
"""
_TELL = f"""
import json
from collections import Counter
from flowdeck.letters import bulk
from flowdeck.models import Attempt, AuditEntry, BulkAction, Delivery, Event
from events.models import Notification

letters = Delivery.objects.filter(fingerprint="killed")
row = BulkAction.objects.get()
print(json.dumps({{
    "failures": list(
        Attempt.objects.filter(event__in=letters.values("event_id"), processor="notification")
        .values_list("error", "message")[:3]
    ),
    "states": Counter(letters.values_list("state", flat=True)),
    "retried": Counter(letters.values_list("retried", flat=True)),
    "sent": Event.objects.filter(type="NotificationSent", stream__startswith="killed-").count(),
    "mails": Notification.objects.filter(order_id__gte={_FIRST}).count(),
    "unfinished": bulk.progress(row).under_way,
    "done": bulk.progress(row).done,
    "audit": list(AuditEntry.objects.filter(action="retry").values_list("who", "count")),
}}))
"""


def _kill(site: Site, program: str) -> None:
    """SIGKILL every process of the site that runs it."""
    found = [one.pid for one in site.processes() if program in " ".join(one.cmdline())]
    assert found, f"No process runs {program}."
    for number in found:
        os.kill(number, signal.SIGKILL)


def _asked(site: Site, number: int) -> dict[str, Any]:
    """How far the bulk action is; nothing while the web process is away."""
    try:
        return dict(site.api(f"/dead-letters/bulk/{number}", user="operator"))
    except OSError:
        return {}


def test_workers_and_web_killed_in_the_middle_lose_and_double_nothing(tmp_path: Path) -> None:
    with Site.started(tmp_path / "home", free_port(), WORKERS="2") as site:
        site.manage("shell", "-c", _DIE)
        wanted = {"action": "retry", "processor": "notification", "per_second": _PER_SECOND}
        fitting = site.api("/dead-letters/bulk", {**wanted, "dry_run": True}, user="operator")
        wanted["seen"] = fitting["seen"]
        number = site.api("/dead-letters/bulk", wanted, user="operator")["id"]
        begun = eventually(lambda: _asked(site, number).get("asked"))
        _kill(site, "eda_site.run.worker")
        eventually(lambda: _asked(site, number).get("asked", 0) > begun, within=180, every=0.2)
        _kill(site, "eda_site.serve")
        ended = eventually(
            lambda: (row := _asked(site, number)).get("state", "running") != "running" and row,
            within=180,
            every=0.2,
        )
        assert begun < _LETTERS, "It was over before anybody was killed."
        assert (ended["state"], ended["asked"], ended["total"]) == ("finished", _LETTERS, _LETTERS)

        def told() -> Any:
            return json.loads(site.manage("shell", "-c", _TELL).splitlines()[-1])

        said = eventually(lambda: (now := told())["unfinished"] == 0 and now, within=180)
        assert said["failures"] == []
        assert said["states"] == {"done": _LETTERS}
        assert said["retried"] == {"1": _LETTERS}
        assert (said["sent"], said["mails"], said["done"]) == (_LETTERS,) * 3
        assert said["audit"] == [["operator", _LETTERS]]
