"""Lesson 13: complex event processing; three failed payments within a minute, by event time."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flowdeck.extend import (
    DeliveryState,
    LogDelivery,
    LogEvent,
    counted,
    duration,
    load_trace,
    stop_instance,
)
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import moment, picture, place_scenarios
from lab.models import LabRun
from processors.fraud import LATENESS, WINDOW

# When each payment failed, as the provider says; the later ones take longer to be told of.
_TOLD = (
    "declined_at_once",
    "declined_at_once",
    "declined_3_min_ago",
    "declined_20_s_ago",
    "declined_10_min_ago",
)


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    # What other lessons had declined is not to count.
    why, by = "The lesson begins anew.", user.get_username()
    stop_instance("fraud", str(user.pk), undo=False, by=by, reason=why)
    placed = place_scenarios(user, _TOLD)
    return {"orders": list(placed), "traces": list(placed.values())}


def _evidence(run: LabRun) -> Evidence:
    traces = [UUID(trace) for trace in run.facts["traces"]]
    events = LogEvent.objects.filter(correlation_id__in=traces)
    failed = list(events.filter(type="PaymentProcessed").order_by("occurred_at", "position"))
    suspicion = events.filter(type="FraudSuspected").first()
    named = suspicion.data["order_ids"] if suspicion else []
    found = Evidence(("Failed payment of", "Happened", "Came", "Late by", "Counts"))
    found.settled = len(failed) == len(traces) and not _open(traces)
    for event in failed:
        late = (event.recorded_at - event.occurred_at).total_seconds()
        if event.data["order_id"] in named:
            counts = Cell("in the window", "dead")
        elif event.recorded_at - event.occurred_at > WINDOW + LATENESS:
            counts = Cell("too late, its window is closed", "pending")
        else:
            counts = Cell("outside of the window", "pending")
        found.add(
            f"order {event.data['order_id']}",
            moment(event.occurred_at),
            moment(event.recorded_at),
            duration(late),
            counts,
        )
    if suspicion:
        cause = events.filter(id=suspicion.causation_id).first()
        came = cause.data["order_id"] if cause else "?"
        found.add(
            "FraudSuspected",
            Cell(counted(len(named), "order"), "dead"),
            moment(suspicion.recorded_at),
            "–",
            f"raised when order {came} came",
        )
        found.pictures.append(
            picture("The trace that raised it", "fraud saw the third", _trace(suspicion))
        )
        if found.settled:
            found.conclusion = (
                f"Of {len(failed)} failed payments {len(named)} happened within a minute: "
                f"FraudSuspected. One of them was told of {duration(_latest(failed, named))} late, "
                "and still counted."
            )
    return found


def _latest(failed: list[LogEvent], named: list[int]) -> float:
    return max(
        (event.recorded_at - event.occurred_at).total_seconds()
        for event in failed
        if event.data["order_id"] in named
    )


def _open(traces: list[UUID]) -> bool:
    over = (DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.DISCARDED)
    return (
        LogDelivery.objects.filter(event__correlation_id__in=traces)
        .exclude(state__in=over)
        .exists()
    )


def _trace(event: LogEvent) -> Any:
    return load_trace(event.correlation_id)


LESSON = Lesson(
    slug="patterns",
    title="Complex event processing",
    sub="what no single event shows",
    icon="filter",
    text=(
        "One declined card is nothing. Three of one customer within a minute are a pattern, and "
        "no single event shows it. Complex event processing keeps a little state for each customer "
        "and raises an event of its own: FraudSuspected.",
        "The minute is a window, and it goes by event time: when the payments failed, not when we "
        "heard of it. Messages come late and in any order, so a late event is put where it "
        "belongs, and may complete a window that was not full before. Nobody waits for ever: what "
        "comes five minutes after its window has closed is too late: it is counted, and changes "
        "nothing.",
        "The experiment lets five payments fail. The provider tells of some of them late.",
    ),
    action="Let five payments fail",
    start=_start,
    evidence=_evidence,
    question=Question(
        "A failed payment is reported 20 seconds late. Which window does it belong to?",
        (
            "That of the moment when it came",
            "That of the moment when it happened",
            "None: late events are dropped",
        ),
        1,
        "The customer's card failed then, whatever the network did afterwards. Only what is later "
        "than the lateness allowed is left out.",
        phrase="it goes by event time: when the payments failed, not when we heard of it",
    ),
)
