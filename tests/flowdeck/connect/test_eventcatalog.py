"""The files for EventCatalog: what is declared, and what was seen."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from flowdeck import inlet, outlet, publish
from flowdeck.history import fold
from flowdeck.testing import settle
from tests.flowdeck.connect.declared import forget, mapped
from tests.probe.events import Introduced, Probed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def catalog(tmp_path: Path, settings: Any) -> Iterator[Path]:
    url = "kafka://user:secret@b1:9092"
    settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": {"lake": url}}
    outlet("probe-idle", broker="lake", to="probe.{type}", types=[Probed, Introduced])
    inlet("probe-in", broker="lake", source="crm.customers")(mapped)
    yield tmp_path
    forget()
    forget("probe-in")


def write(catalog: Path, *words: str) -> None:
    call_command("flowdeck", "eventcatalog", "--write", str(catalog), *words, stdout=io.StringIO())


def front(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text().split("---\n")[1])
    return found


def test_it_tells_what_is_declared(catalog: Path) -> None:
    write(catalog)
    event = front(catalog / "events" / "Introduced" / "index.mdx")
    assert (event["id"], event["version"]) == ("Introduced", "2")
    assert event["channels"] == [{"id": "probe.Introduced"}]
    assert {"id": "Probed"} in front(catalog / "services" / "probe.atomic" / "index.mdx")[
        "receives"
    ]
    out = front(catalog / "services" / "probe-idle" / "index.mdx")
    assert {"id": "Probed", "to": [{"id": "probe.Probed"}]} in out["sends"]
    channel = front(catalog / "channels" / "crm.customers" / "index.mdx")
    assert channel["protocols"] == ["kafka"]
    assert not any("secret" in file.read_text() for file in catalog.rglob("*.mdx"))


def test_it_tells_how_often_and_by_whom(catalog: Path) -> None:
    publish(*[Probed(n=n) for n in range(12)], stream="a")
    settle()
    fold.fold_all()
    write(catalog)
    text = (catalog / "events" / "Probed" / "index.mdx").read_text()
    assert "a day, over the last" in text
    assert "- probe.atomic: 12" in text
    write(catalog, "--days", "0")
    assert "Observed" not in (catalog / "events" / "Probed" / "index.mdx").read_text()


def test_a_difference_is_told_but_not_of_what_was_observed(catalog: Path) -> None:
    write(catalog)
    own = catalog / "events" / "Probed" / "notes.md"
    own.write_text("somebody's own")
    publish(Probed(n=1), stream="a")
    call_command("flowdeck", "eventcatalog", "--check", str(catalog), stdout=io.StringIO())
    forget()
    with pytest.raises(CommandError, match=r"channels/probe\.Introduced/index\.mdx"):
        call_command("flowdeck", "eventcatalog", "--check", str(catalog))
    write(catalog)
    assert not (catalog / "services" / "probe-idle").joinpath("index.mdx").exists()
    assert own.exists()
