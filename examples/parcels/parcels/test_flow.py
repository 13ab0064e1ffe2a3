"""From the announcement to the door, without Redis, workers and waiting."""

import pytest

from flowdeck.testing import Flow
from parcels import carrier
from parcels.events import (
    DeliveryOverdue,
    LabelBought,
    ParcelAnnounced,
    ParcelDelivered,
    ParcelInvoiced,
)
from parcels.models import ParcelStatus

ANNOUNCED = ParcelAnnounced(tenant="acme", parcel=7, weight=900, recipient="Ada")
BOUGHT = LabelBought(tenant="acme", parcel=7, label="L-7")
DELIVERED = ParcelDelivered(tenant="acme", parcel=7)
STREAM = "parcel-7"


class Carrier:
    """Sells each key one label."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.sold: list[int] = []

    def buy_label(self, parcel: int, weight: int, *, key: str) -> str:
        if key not in self.keys:
            self.keys.add(key)
            self.sold.append(parcel)
        return f"L-{parcel}"


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    fake = Carrier()
    monkeypatch.setattr(carrier, "buy_label", fake.buy_label)
    return fake


def test_a_parcel_gets_its_label(flow: Flow, labels: Carrier) -> None:
    flow.given(ANNOUNCED, stream=STREAM).run().expect(BOUGHT).nothing_dead()
    status = ParcelStatus.objects.get()
    assert (status.parcel, status.status, status.label) == (7, "labelled", "L-7")
    flow.assert_trace("""
        parcels.announced
          parcels.label-bought by parcels.label
    """)


def test_what_is_late_is_said_and_what_is_there_is_not(flow: Flow, labels: Carrier) -> None:
    flow.given(ANNOUNCED, stream=STREAM).run().passes(hours=47).expect_only(BOUGHT)
    flow.passes(hours=1).expect(DeliveryOverdue(tenant="acme", parcel=7))
    assert ParcelStatus.objects.get().status == "overdue"


def test_what_is_there_is_never_late(flow: Flow, labels: Carrier) -> None:
    flow.given(ANNOUNCED, stream=STREAM).run().given(DELIVERED, stream=STREAM).run()
    flow.passes(days=30).expect_only(BOUGHT)
    assert ParcelStatus.objects.get().status == "delivered"


def test_what_is_too_heavy_is_for_people(flow: Flow, labels: Carrier) -> None:
    heavy = ParcelAnnounced(tenant="acme", parcel=8, weight=40_000)
    flow.given(heavy).run().expect_only().dead("parcels.label", "too heavy")
    assert labels.sold == []


def test_a_crash_buys_no_second_label(flow: Flow, labels: Carrier) -> None:
    flow.given(ANNOUNCED, stream=STREAM).run("parcels.label", "parcels.status")
    flow.survives("crashes", watching=[labels.sold])


def test_an_invoice_is_noted(flow: Flow, labels: Carrier) -> None:
    flow.given(ANNOUNCED, stream=STREAM).run()
    flow.given(ParcelInvoiced(tenant="acme", parcel=7, invoice="I-7"), stream=STREAM).run()
    assert ParcelStatus.objects.get().invoice == "I-7"
