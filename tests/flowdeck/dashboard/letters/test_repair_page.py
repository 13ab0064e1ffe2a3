"""The page of a repair: edit, read what a worker proved, confirm."""

from __future__ import annotations

import re

import pytest

from flowdeck import publish
from flowdeck.letters import dead_letters
from flowdeck.models import Correction, Delivery, Repair
from flowdeck.repair import asking
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_letter_is_edited_proved_and_confirmed() -> None:
    publish(Probed(n=4, fails=3, by="probe.atomic", echoes=1), stream="held")
    settle()
    number = dead_letters.dead().values_list("letter", flat=True).get()
    address = f"/dead-letters/{number}/repair/"
    client = signed_in(person("operator"))
    assert address in client.get(f"/dead-letters/{number}/").content.decode()
    shown = client.get(address).content.decode()
    assert 'name="field:fails" value="3"' in shown
    fields = dict(re.findall(r'name="(field:\w+)" value="([^"]*)"', shown))

    refused = client.post(address, {**fields, "field:fails": "many"})
    assert refused.status_code == 422
    assert 'value="many"' in refused.content.decode()
    assert client.post(address, fields).status_code == 422
    assert not Repair.objects.exists()

    sent = client.post(address, {**fields, "field:fails": "0"})
    (row,) = Repair.objects.all()
    assert sent["Location"] == f"{address}?proof={row.pk}"
    waiting = client.get(sent["Location"]).content.decode()
    assert "a worker runs it" in waiting
    assert not Delivery.objects.filter(letter=number, state="done").exists()
    asking.execute(row.pk)
    part = client.get(sent["Location"], headers={"HX-Request": "true"}).content.decode()
    assert "The letter would be done." in part
    assert "<html" not in part
    assert "Echoed" in part
    assert "probe_effect" in part

    confirm = f"{address}{row.pk}/"
    assert client.post(confirm, {"reason": ""}).status_code == 422
    assert not Correction.objects.exists()
    done = client.post(confirm, {"reason": "asked them"})
    assert done["Location"] == f"/dead-letters/{number}/"
    settle()
    assert Delivery.objects.get(letter=number).state == "done"
    correction = Correction.objects.get()
    shown = client.get(f"/events/{correction.event_id}/").content.decode()
    assert f'/events/{correction.written}/">event {correction.written:,}' in shown
    assert client.post(confirm, {"reason": "again"}).status_code == 422
    assert "Nothing to repair" in client.get(address).content.decode()
