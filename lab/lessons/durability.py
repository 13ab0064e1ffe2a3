"""Lesson 8: a worker dies in mid-flight and Redis is emptied; nothing is lost."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from uuid_utils.compat import uuid7

from flowdeck.extend import DeliveryState, LogDelivery, duration
from lab import injection
from lab.injection import death_key
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import because, decided, failures, picture, place, settled, trace_of
from lab.models import LabRun, SwitchedFault
from lab.runs import break_for
from lab.switched_faults import switch_on

_ORDERS = 5


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    trace: UUID = uuid7()
    bell = switch_on(user, "payment", "lose_bell", seconds=2)
    (fault,) = break_for(user, trace, ("confirmation", "kill_worker", None, 15))
    placed = [place(user, trace), *(place(user) for _ in range(_ORDERS - 1))]
    emptied = injection.empty_redis()
    return {
        "trace": placed[0],
        "traces": placed,
        "fault": fault,
        "bell": bell.pk,
        "emptied": emptied,
    }


def _evidence(run: LabRun) -> Evidence:
    traces = [UUID(trace) for trace in run.facts.get("traces", [])]
    trace = trace_of(run)
    deliveries = LogDelivery.objects.filter(event__correlation_id__in=traces)
    total, done = deliveries.count(), deliveries.filter(state=DeliveryState.DONE).count()
    confirmed = deliveries.filter(processor="notification", event__type="OrderConfirmed").count()
    killed = _killed(run)
    found = Evidence(("Measured", "Value", "Why"))
    found.settled = settled(trace) and total == done and confirmed == len(traces)
    found.add(
        "Killed with SIGKILL",
        Cell(killed or "not yet", "dead" if killed else "pending"),
        "in the middle of a confirmation, its transaction open",
    )
    found.add("Bells of payment", _lost(run), "the sweep looks by itself, once a second")
    found.add(
        "Redis emptied",
        Cell(f"{run.facts.get('emptied', 0)} keys dropped", "dead"),
        "queues, bells and groups, while the orders were under way",
    )
    order = decided(trace)
    found.add(
        "That order",
        order,
        because(
            order,
            "another worker takes over",
            done="another worker took over" if killed else "no worker has died yet",
        ),
    )
    found.add("Failed attempts", str(len(failures(trace, "confirmation"))), "a death is no failure")
    found.add(
        "Orders confirmed",
        Cell(f"{confirmed} of {len(traces)}", "done" if confirmed == len(traces) else "running"),
        "from the log",
    )
    found.add(
        "Deliveries done",
        Cell(f"{done} of {total}", "done" if done == total else "running"),
        "each is a row that commits with its effects",
    )
    found.pictures.append(picture("The order whose worker died", "and went on", trace))
    if found.settled and killed:
        found.conclusion = (
            f"{killed.capitalize()} died, Redis was emptied, and {confirmed} of {len(traces)} "
            f"orders were confirmed, each once. All {total} deliveries are done."
        )
    return found


def _lost(run: LabRun) -> Cell:
    fault = SwitchedFault.objects.filter(pk=run.facts.get("bell")).first()
    lasted = duration(fault.ends_at - fault.began_at) if fault else "–"
    return Cell(f"lost for {lasted}", "retrying")


def _killed(run: LabRun) -> str:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1)
    number: Any = client.get(death_key(run.facts.get("fault", 0)))
    return f"process {number.decode()}" if number else ""


LESSON = Lesson(
    slug="durability",
    title="Durability",
    sub="kill a worker, empty Redis",
    icon="skull",
    text=(
        "What is still to be done is a row in the database, committed together with the change "
        "that caused it. Redis only carries bells: there is work. A lost bell costs time, "
        "never an event.",
        "When a worker dies, the database rolls back what it had not committed and frees its "
        "lane. Another worker reads the same row and does the work. Every worker looks for due "
        "work once a second, in a sweep, so nobody has to ring.",
        "The experiment kills a worker process for real, in the middle of your order, loses "
        "the bells of payment, and empties Redis meanwhile.",
    ),
    action="Kill a worker, empty Redis",
    start=_start,
    evidence=_evidence,
    question=Question(
        "Redis is emptied while 1,000 orders are under way. How many are lost?",
        ("All that were in Redis", "None"),
        1,
        "Redis holds bells, and bells carry no state. The deliveries are rows.",
        phrase="What is still to be done is a row in the database",
    ),
)
