"""Files of any length are sent while they are read, and hold what was there."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import AsyncRequestFactory, RequestFactory

from flowdeck import publish
from flowdeck.dashboard.shell import download as downloads
from flowdeck.dashboard.shell.audit import export
from flowdeck.dashboard.trace.pages import export_trace
from flowdeck.people import audit
from tests.accounts import person, signed_in
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
PACKAGES = ("flowdeck", "events", "processors", "lab", "eda_site")


class Source:
    """Lines of 1,000 characters, of which it knows how many were taken."""

    taken = 0

    def lines(self) -> Iterator[str]:
        for _ in range(100_000):
            self.taken += 1
            yield "x" * 999 + "\n"


def test_nothing_is_read_by_a_cursor_of_the_server() -> None:
    """Behind a pooler in transaction mode its next part is asked of another connection."""
    root = Path(__file__).resolve().parents[4]
    sources = [file for name in PACKAGES for file in (root / name).rglob("*.py")]
    assert len(sources) > 200
    assert [file for file in sources if ".iterator(" in file.read_text()] == []


def test_under_asgi_no_more_is_read_than_is_taken() -> None:
    source = Source()
    request = AsyncRequestFactory().get("/")
    answer = downloads.download(request, source.lines(), kind="a/b", name="x")
    assert answer.is_async

    async def take() -> None:
        parts = aiter(answer)
        for number in range(1, 4):
            await anext(parts)
            assert source.taken <= number * (downloads.BLOCK // 1_000 + 1)

    asyncio.run(take())


def test_under_wsgi_as_well() -> None:
    source = Source()
    answer = downloads.download(RequestFactory().get("/"), source.lines(), kind="a/b", name="x")
    next(iter(answer))
    assert source.taken <= downloads.BLOCK // 1_000 + 1


def test_what_is_sent_is_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowdeck.dashboard.shell.audit._CHUNK", 10)
    monkeypatch.setattr("flowdeck.transfer.exporting.CHUNK", 7)
    monkeypatch.setattr(downloads, "BLOCK", 500)
    trace, admin = _records(), person("admin")
    client = signed_in(admin)
    for path, view in (
        ("/audit/export/", export),
        ("/audit/export/?form=jsonl", export),
        (f"/traces/{trace}/export/", partial(export_trace, correlation_id=trace)),
    ):
        plain = b"".join(client.get(path))
        request = AsyncRequestFactory().get(path)
        request.user = admin
        answer = view(request)
        assert answer.is_async, path
        assert asyncio.run(_whole(answer)) == plain, path
        assert plain.count(b"\n") >= 30, path


async def _whole(answer: Any) -> bytes:
    return b"".join([part async for part in answer])


def _records() -> Any:
    for number in range(35):
        audit.record("probe", by="ada", target=f"thing {number}")
    return publish(*[Probed(n=n) for n in range(30)], stream="probe-1").correlation_id


def test_an_empty_cell_is_empty_and_a_formula_is_text() -> None:
    audit.record("probe", by="ada")
    audit.record("probe", by="ada", target="=1+1", reason="-x")
    client = signed_in(person("admin"))
    text = b"".join(client.get("/audit/export/?action=probe")).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["target"], row["reason"]) for row in rows] == [("", ""), ("'=1+1", "'-x")]
