"""What the evidence of lessons says, held against the tables of the log.

The other lessons have tests of their own that do so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from events.models import OrderSummary, Sales, StockLevel
from flowdeck.models import Attempt, Delivery, Event
from flowdeck.words import duration
from lab.lesson import Evidence
from lab.models import LabAccount, LabBalance, LabRun
from processors.models import Charge


def value(evidence: Evidence, what: str) -> list[str]:
    """The cells of the row ``what``."""
    row = next(row for row in evidence.rows if row.what == what)
    return [*(cell.text for cell in row.values), row.last.text]


def agrees(slug: str, run: LabRun, evidence: Evidence) -> None:
    """Fail if the evidence of a run that is over says anything else than the log."""
    compare = _COMPARED.get(slug)
    if compare is not None and evidence.settled:
        compare(run, evidence)


def _events(run: LabRun, **chosen: Any) -> QuerySet[Event]:
    trace = run.facts["trace"]
    return Event.objects.filter(correlation_id=trace, **chosen).order_by("position")


def _done(run: LabRun, **chosen: Any) -> list[Delivery]:
    rows = Delivery.objects.filter(event__correlation_id=run.facts["trace"], state="done", **chosen)
    return list(rows.select_related("event").order_by("event_id"))


def _since_begin(run: LabRun, type_name: str) -> str:
    times = [event.recorded_at for event in _events(run)]
    return duration(_events(run, type=type_name)[0].recorded_at - min(times))


def _behind(deliveries: list[Delivery]) -> list[timedelta]:
    return [one.finished_at - one.event.recorded_at for one in deliveries if one.finished_at]


def _consistency(run: LabRun, told: Evidence) -> None:
    for what, type_name in (
        ("First event committed", "OrderCreated"),
        ("The card was declined after", "PaymentProcessed"),
        ("Items back on the shelf after", "InventoryReleased"),
    ):
        assert value(told, what)[0] == _since_begin(run, type_name)
    cancelled = _since_begin(run, "OrderCancelled")
    assert value(told, "The order")[0] == f"cancelled after {cancelled}"
    assert cancelled in told.conclusion
    order = OrderSummary.objects.get(correlation_id=run.facts["trace"])
    assert value(told, "The read model says")[0] == order.status
    lags = _behind(_done(run, processor="orders"))
    said = value(told, "The read model was behind by")
    assert said[0].endswith(f"at most {duration(max(lags))}")
    assert f"{len(lags)} events" in said[1]


def _ordering(run: LabRun, told: Evidence) -> None:
    columns = []
    for type_name in ("LabStepTaken", "LabStepScattered"):
        published = [event.data["n"] for event in _events(run, type=type_name)]
        done = _done(run, processor="lab.arrivals", event__type=type_name)
        handled = [one.event.data["n"] for one in sorted(done, key=_ended)]
        failed = Attempt.objects.filter(
            processor="lab.arrivals", event_id__in=[one.event_id for one in done]
        )
        first = [one.event.data["n"] for one in failed.order_by("event_id")]
        late = [n for at, n in enumerate(handled) if any(before > n for before in handled[:at])]
        took = max(one.finished_at or one.event.recorded_at for one in done) - min(
            one.event.recorded_at for one in done
        )
        columns.append(
            (
                " ".join(map(str, published)),
                " and ".join(map(str, first)),
                " ".join(map(str, handled)),
                str(len(late)),
                duration(took),
            )
        )
    rows = ("Published", "Failed at first", "Handled", "Out of order", "All done after")
    for row, cells in zip(rows, zip(*columns, strict=True), strict=True):
        assert value(told, row)[:2] == list(cells), row


def _ended(delivery: Delivery) -> Any:
    return delivery.finished_at, delivery.event_id


def _duplicates(run: LabRun, told: Evidence) -> None:
    paid = sum(event.data["amount"] for event in _events(run, type="LabPaidIn"))
    for column, name in enumerate(("lab.careless", "lab.keyed", "lab.atomic")):
        balance = LabBalance.objects.get(run_id=run.pk, processor=name).amount
        cells = (paid, len(_done(run, processor=name)), balance, balance - paid)
        rows = ("Paid in", "Deliveries done", "Balance", "Wrong by")
        assert [value(told, row)[column] for row in rows] == list(map(str, cells))


def _durability(run: LabRun, told: Evidence) -> None:
    traces = [UUID(one) for one in run.facts["traces"]]
    confirmed = Event.objects.filter(correlation_id__in=traces, type="OrderConfirmed")
    assert value(told, "Orders confirmed")[0] == f"{confirmed.count()} of {len(traces)}"
    assert len(set(confirmed.values_list("correlation_id", flat=True))) == confirmed.count()
    rows = Delivery.objects.filter(event__correlation_id__in=traces)
    done = rows.filter(state="done").count()
    assert value(told, "Deliveries done")[0] == f"{done} of {rows.count()}"
    own = Attempt.objects.filter(
        event__correlation_id=run.facts["trace"], processor="confirmation"
    ).count()
    assert value(told, "Failed attempts")[0] == str(own)


def _tracing(run: LabRun, told: Evidence) -> None:
    traces = [UUID(one) for one in run.facts["traces"]]
    events = Event.objects.filter(correlation_id__in=traces)
    wrong = events.get(type="OrderCancelled")
    own = {one.id: one for one in events.filter(correlation_id=wrong.correlation_id)}
    assert value(told, "All events") == [
        str(events.count()),
        f"of {len(traces)} orders, mixed in time",
    ]
    assert value(told, "The failure")[0] == f"OrderCancelled in {wrong.stream}"
    assert value(told, "Its correlation id")[1] == f"left: {len(own)} events"
    causes = [row for row in told.rows if row.what.startswith("Cause ")]
    at = wrong
    for row in causes:
        known = {at.causation_id, *map(UUID, at.metadata.get("also_caused_by", []))}
        (at,) = [
            own[one]
            for one in known
            if one in own and f"{own[one].type} by {own[one].producer}" == row.values[0].text
        ]
    assert at.causation_id is None, "it leads to where the order began"


def _sourcing(run: LabRun, told: Evidence) -> None:
    balance = 0
    for event in _events(run):
        balance += event.data["amount"]
        moved = f"{event.data['amount']:+}"
        row = value(told, f"After event {event.sequence}")
        assert row == [moved, str(balance), event.data["note"]]
    account = LabAccount.objects.get(run_id=run.pk)
    assert value(told, "The read model says")[1] == str(account.balance) == str(balance)
    if "replayed" in run.facts:
        assert value(told, "Replayed")[:2] == [f"{_events(run).count()} events", str(balance)]


def _evolution(run: LabRun, told: Evidence) -> None:
    for column, event in enumerate(_events(run, type="LabCustomerNamed")):
        delivery = Delivery.objects.get(event=event, processor="lab.greeter")
        greeted = Event.objects.get(causation_id=event.id, type="LabCustomerGreeted")
        said = {row.what: row.values[column].text for row in told.rows}
        assert said["Version in the log"] == str(event.version)
        assert all(text in said["Stored payload"] for text in event.data.values())
        assert said["What the processor did"] == greeted.data["text"]
        assert said["Its deliveries"] == delivery.state


def _cqrs(run: LabRun, told: Evidence) -> None:
    sku = _events(run, type="OrderCreated")[0].data["items"][0]["sku"]
    order = OrderSummary.objects.get(correlation_id=run.facts["trace"])
    level = StockLevel.objects.get(sku=sku)
    sold = Sales.objects.get(sku=sku, day=_events(run)[0].recorded_at.date())
    for question, name, answer in (
        ("Where is my order?", "orders", order.status),
        (f"How many {sku} are left?", "stock", str(level.available)),
        (f"How many {sku} were sold that day?", "sales", str(sold.quantity)),
    ):
        heard = Delivery.objects.filter(processor=name)
        if name == "orders":
            heard = heard.filter(event__correlation_id=run.facts["trace"])
        behind = duration(_behind(_done(run, processor=name))[-1])
        assert value(told, question) == [name, answer, "1", f"{heard.count():,}", behind], question


def _calls(run: LabRun, told: Evidence) -> None:
    by_calls = Charge.objects.get(order_id=-run.pk)
    back = "taken, then given back" if by_calls.refunded else "taken"
    paid = _since_begin(run, "PaymentProcessed")
    assert value(told, "The money")[:2] == [back, f"taken once, after {paid}"]
    number = _events(run, type="OrderCreated")[0].data["order_id"]
    assert Charge.objects.filter(order_id=number, refunded=False).count() == 1
    confirmed = _since_begin(run, "OrderConfirmed")
    assert value(told, "The order")[1] == f"confirmed after {confirmed}"
    (told_them,) = _done(run, processor="notification", event__type="OrderConfirmed")
    assert value(told, "Notification")[1] == told_them.state
    assert told.conclusion.endswith(f"after {_since_begin(run, 'NotificationSent')}.")
    services = {call["service"] for call in run.facts["calls"]} - {"refund"}
    assert value(told, "Must be up at the click")[0] == f"{len(services)} services"


_COMPARED: dict[str, Callable[[LabRun, Evidence], None]] = {
    "consistency": _consistency,
    "ordering": _ordering,
    "duplicates": _duplicates,
    "durability": _durability,
    "tracing": _tracing,
    "sourcing": _sourcing,
    "evolution": _evolution,
    "cqrs": _cqrs,
    "calls": _calls,
}
