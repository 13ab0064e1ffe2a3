"""The AsyncAPI document: valid by the official schema, and true."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from flowdeck import inlet, outlet
from flowdeck.connect import asyncapi
from flowdeck.people import tokens
from tests.accounts import person
from tests.flowdeck.connect.declared import forget, mapped
from tests.probe.events import Introduced, Probed

# Of the package @asyncapi/specs 6.11.1 (Apache-2.0).
_SCHEMA = Path(__file__).parent / "data" / "asyncapi-3.0.0.json.gz"


@pytest.fixture
def document(settings: Any) -> Iterator[dict[str, Any]]:
    url = "kafka://user:secret@b1:9092?security.protocol=SASL_SSL"
    settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": {"lake": url}}
    outlet("probe-idle", broker="lake", to="probe.{type}", types=[Probed, Introduced])
    inlet("probe-in", broker="lake", source="crm.customers")(mapped)
    yield asyncapi.document("Probe", "1.2.3")
    forget()
    forget("probe-in")


def test_it_is_valid_by_the_official_schema(document: dict[str, Any]) -> None:
    schema = json.loads(gzip.decompress(_SCHEMA.read_bytes()))
    jsonschema_rs.validate(schema, document)
    text = json.dumps(document)
    assert "secret" not in text
    for reference in {one.split('"')[0] for one in text.split('"$ref": "#/')[1:]}:
        found: Any = document
        for part in reference.split("/"):
            found = found[part]


def test_it_tells_what_is_declared(document: dict[str, Any]) -> None:
    channel = document["channels"]["outlet.probe-idle.Probed"]
    assert channel["address"] == "probe.Probed"
    assert document["servers"]["lake"] == {"host": "b1:9092", "protocol": "kafka"}
    assert document["channels"]["inlet.probe-in"]["address"] == "crm.customers"
    assert document["operations"]["probe.atomic.hears.Probed"]["action"] == "receive"
    message = document["components"]["messages"]["Introduced.v2"]
    assert message["payload"]["properties"]["email"]["x-personal"]["subject"] == "user_id"


def test_a_file_of_it_is_compared(tmp_path: Path) -> None:
    file = tmp_path / "asyncapi.json"
    with pytest.raises(CommandError, match="is not what the code declares"):
        call_command("flowdeck", "asyncapi", "--check", str(file))
    call_command("flowdeck", "asyncapi", "--write", str(file), stdout=io.StringIO())
    call_command("flowdeck", "asyncapi", "--check", str(file))


@pytest.mark.django_db
def test_the_api_gives_it() -> None:
    client = Client(headers={"Authorization": f"Bearer {tokens.issue(person('viewer'))}"})
    assert client.get("/api/v1/asyncapi.json").json()["asyncapi"] == "3.0.0"
