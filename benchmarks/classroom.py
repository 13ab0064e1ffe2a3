"""``make bench-class``: thirty learners at once on one Flowdeck, each with a fault of their own.

Each has a browser's socket open and places orders at random moments. Measured is the time from
placing an order to the first frame of their own page that shows it; counted is what went wrong for
somebody who had not set that fault. Everything is real: web, workers, PostgreSQL, Redis.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect

from benchmarks import servers
from tests.site import Site, free_port

LEARNERS, ORDERS, SECONDS = 30, 6, 30.0
ALLOWED = 1.0  # seconds, p99
TOKEN = "a" * 32
# Processor, kind and amount; every sixth learner sets nothing.
FAULTS = (
    None,
    ("notification", "poison", ""),
    ("payment", "slow", "800"),
    ("confirmation", "fail_next", "2"),
    ("inventory", "out_of_order", "1000"),
    ("payment", "twice", ""),
)
_PREPARE = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import get_user_model, BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group
store = import_module(settings.SESSION_ENGINE).SessionStore
for n in range({learners}):
    user = get_user_model().objects.create_user(f"learner-{{n}}")
    user.groups.add(Group.objects.get(name="customer"))
    session = store()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    print("session", session.session_key)
"""
_JUDGE = """
import json
from django.db.models import Count
from flowdeck.models import Attempt, Delivery
from events.models import Checkout, OrderSummary
owner = dict(Checkout.objects.values_list("correlation_id", "user__username"))
failed = Attempt.objects.values_list("processor", "event__correlation_id")
first = Delivery.objects.filter(processor="orders", event__type="OrderCreated", state="done")
behind = sorted((done - at).total_seconds() for done, at in
                first.values_list("finished_at", "event__recorded_at")[:2000])
late = Delivery.objects.exclude(state__in=("done", "dead")).count()
print("judged", json.dumps({
    "failures": [[owner[trace], processor] for processor, trace in failed],
    "open": late, "behind": behind,
    "orders": dict(OrderSummary.objects.filter(user_id__in=Checkout.objects.filter(
        user__username__startswith="learner-").values("user_id"))
        .order_by().values_list("status").annotate(n=Count("pk"))),
}))
"""


def main() -> int:
    """Run the class; exit code 1 if it was too slow or somebody felt another's fault."""
    with servers.started() as running, tempfile.TemporaryDirectory(prefix="fdc-") as home:
        os.environ |= {"DATABASE_URL": running.postgres}
        with Site.started(Path(home), free_port()) as site:
            printed = site.manage("shell", "-c", _PREPARE.format(learners=LEARNERS)).splitlines()
            sessions = [line.split()[1] for line in printed if line.startswith("session ")]
            waits = asyncio.run(_class(site.url, sessions))
            judged = _judged(site)
    waits.sort()
    wrong = [felt for felt in judged["failures"] if not _own(*felt)]
    p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    print(f"{len(sessions)} learners, {len(waits)} orders in {SECONDS:.0f} s: {judged['orders']}")
    print(f"first live update p50 {p50:.3f} s, p99 {p99:.3f} s, longest {waits[-1]:.3f} s")
    behind = judged["behind"]
    print(
        f"of it until the read model had the order: p50 {behind[len(behind) // 2]:.3f} s, "
        f"p99 {behind[int(len(behind) * 0.99)]:.3f} s"
    )
    print(f"{len(judged['failures'])} attempts failed as asked, {len(wrong)} of somebody else's")
    return int(bool(wrong) or p99 > ALLOWED)


async def _class(url: str, sessions: list[str]) -> list[float]:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_learner(url, session, number))
            for number, session in enumerate(sessions)
        ]
    return [wait for task in tasks for wait in task.result()]


async def _learner(url: str, session: str, number: int) -> list[float]:
    """One learner: sets a fault, then orders at random moments; how long each took to be seen."""
    draw = random.Random(number)
    if fault := FAULTS[number % len(FAULTS)]:
        names = ("processor", "kind", "amount")
        await asyncio.to_thread(
            _post, url, "/lab/faults/on/", session, dict(zip(names, fault, strict=True))
        )
    cookie = {"Cookie": f"sessionid={session}"}
    address = url.replace("http", "ws") + "/ws/live/"
    waits = []
    async with connect(address, additional_headers=cookie, origin=url, max_size=None) as socket:
        await socket.send(json.dumps({"subscribe": ["orders", "stock"], "seen": None}))
        begins = sorted(draw.uniform(1, SECONDS) for _ in range(ORDERS))
        began = time.monotonic()
        for moment in begins:
            await _idle(socket, began + moment - time.monotonic())
            waits.append(await _order(socket, url, session))
    return waits


async def _order(socket: ClientConnection, url: str, session: str) -> float:
    key, began = str(uuid4()), time.monotonic()
    placing = asyncio.create_task(
        asyncio.to_thread(
            _post, url, "/shop/orders/", session, {"key": key, "sku": "mug", "quantity": "1"}
        )
    )
    async with asyncio.timeout(30):
        while key not in str(await socket.recv()):
            pass
    waited = time.monotonic() - began
    await placing
    return waited


async def _idle(socket: ClientConnection, seconds: float) -> None:
    """Read what comes until it is time for the next order, as a browser does."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            while True:
                await socket.recv()
    except TimeoutError:
        return


def _post(url: str, path: str, session: str, data: dict[str, str]) -> None:
    request = urllib.request.Request(
        url + path,
        data=urllib.parse.urlencode(data).encode(),
        headers={
            "Cookie": f"sessionid={session}; csrftoken={TOKEN}",
            "X-CSRFToken": TOKEN,
            "HX-Request": "true",
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        answer.read()


def _own(owner: str, processor: str) -> bool:
    """Whether a failed attempt is of somebody who asked for it there."""
    if not owner.startswith("learner-"):
        return False
    fault = FAULTS[int(owner.removeprefix("learner-")) % len(FAULTS)]
    return bool(fault) and fault[0] == processor and fault[1] in ("poison", "fail_next")


def _judged(site: Site) -> dict:
    """What became of it, once nothing is under way."""
    deadline = time.monotonic() + 60
    while True:
        printed = site.manage("shell", "-c", _JUDGE).splitlines()
        found = json.loads(next(line[7:] for line in printed if line.startswith("judged ")))
        if not found["open"] or time.monotonic() > deadline:
            return found


if __name__ == "__main__":
    sys.exit(main())
