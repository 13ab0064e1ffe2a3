"""Lesson 10: the log is the truth; a balance is what its events add up to, then and now."""

from __future__ import annotations

import time
from typing import Any

from django.db import transaction

from flowdeck import Draft, load, publish, read_stream
from flowdeck.extend import duration
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import picture, trace_of
from lab.models import LabAccount, LabRun
from lab.sandbox import LabMoneyMoved, account

_MOVES = ((50, "wages"), (-20, "food"), (30, "a gift"), (-45, "rent"), (10, "a refund"))


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    publish(
        *[
            Draft(
                LabMoneyMoved(run_id=run.pk, amount=amount, note=note),
                stream=_stream(run),
                correlation_id=run.trace,
            )
            for amount, note in _MOVES
        ],
        producer="lab",
    )
    return {"trace": str(run.trace)}


def _mend(user: Any, run: LabRun) -> None:
    """Throw the read model's row away and run its own handler over the stored stream."""
    began = time.perf_counter()
    with transaction.atomic():
        LabAccount.objects.filter(run_id=run.pk).delete()
        events = [load(stored) for stored in read_stream(_stream(run))]
        for event in events:
            account(event)  # type: ignore[arg-type]
    run.facts["replayed"] = len(events)
    run.facts["ms"] = round((time.perf_counter() - began) * 1000, 1)
    run.save(update_fields=["facts"])


def _evidence(run: LabRun) -> Evidence:
    found = Evidence(("Step", "Moved", "Balance", "Why"))
    balance = 0
    for stored in read_stream(_stream(run)):
        balance += stored.payload["amount"]
        found.add(
            f"After event {stored.sequence}",
            f"{stored.payload['amount']:+}",
            str(balance),
            stored.payload["note"],
        )
    row = LabAccount.objects.filter(run_id=run.pk).first()
    found.settled = row is not None and row.moves == len(_MOVES)
    found.add("The read model says", "–", _known(row, balance), "written live by lab.account")
    found.pictures.append(picture("The account", "one stream, five events", trace_of(run)))
    if "replayed" in run.facts:
        found.add("Thrown away", "–", "none", "a read model holds no truth")
        found.add(
            "Replayed",
            f"{run.facts['replayed']} events",
            _known(row, balance),
            f"by the same handler, in {duration(run.facts['ms'] / 1000)}",
        )
        found.conclusion = f"{run.facts['replayed']} events gave the same balance again: {balance}."
    elif found.settled:
        found.mendable = True
        found.conclusion = "No event holds a balance; every balance is a sum. Throw it away."
    found.link("The stream, moment by moment", "flowdeck:stream", _stream(run))
    found.link("Replay of whole read models", "flowdeck:replay")
    return found


def _stream(run: LabRun) -> str:
    return f"lab-account-{run.pk}"


def _known(row: LabAccount | None, balance: int) -> Cell:
    if row is None:
        return Cell("nothing yet", "pending")
    return Cell(str(row.balance), "done" if row.balance == balance else "running")


LESSON = Lesson(
    slug="sourcing",
    title="Event sourcing and replay",
    sub="travel in time, throw a table away",
    icon="replay",
    text=(
        "A table says what is. A log says how it came to be, and so also what was: add up the "
        "events of a stream until any moment, and you have the state of that moment. Keeping the "
        "events as the truth is event sourcing.",
        "Every table beside the log is then only a read model. It may be wrong, slow or gone: a "
        "replay runs its projection over the stored events again and gives the same rows. That "
        "works because the handler uses nothing but events: no clock, no chance.",
        "The experiment moves money five times and shows the balance after each. Then throw the "
        "read model away, and replay.",
    ),
    action="Move money five times",
    start=_start,
    evidence=_evidence,
    mend_label="Throw the read model away and replay",
    mend=_mend,
    question=Question(
        "A read model was wrong for a week because of a bug. What do you do?",
        (
            "Restore last week's backup",
            "Correct the rows by hand",
            "Mend its projection and replay the stored events",
        ),
        2,
        "The events were right all the time. The mended projection, run over them again, gives "
        "the rows that should have been there.",
        phrase="a replay runs its projection over the stored events again and gives the same rows",
    ),
)
