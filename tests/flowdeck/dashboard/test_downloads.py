"""Files of any length are sent while they are read, and hold what was there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, AsyncRequestFactory, RequestFactory

from flowdeck import publish
from flowdeck.dashboard.shell import download as downloads
from flowdeck.people import audit
from tests.accounts import person, signed_in
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


class Source:
    """Lines of 1,000 characters, of which it knows how many were taken."""

    taken = 0

    def lines(self) -> Iterator[str]:
        for _ in range(100_000):
            self.taken += 1
            yield "x" * 999 + "\n"


async def test_under_asgi_no_more_is_read_than_is_taken() -> None:
    source = Source()
    answer = downloads.download(
        AsyncRequestFactory().get("/"), source.lines(), kind="a/b", name="x"
    )
    assert answer.is_async
    parts = aiter(answer)
    for number in range(1, 4):
        await anext(parts)
        assert source.taken <= number * (downloads.BLOCK // 1_000 + 1)
    answer.close()


def test_under_wsgi_as_well() -> None:
    source = Source()
    answer = downloads.download(RequestFactory().get("/"), source.lines(), kind="a/b", name="x")
    next(iter(answer))
    assert source.taken <= downloads.BLOCK // 1_000 + 1


async def test_what_is_sent_is_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowdeck.dashboard.shell.audit._CHUNK", 10)
    monkeypatch.setattr("flowdeck.transfer.exporting.CHUNK", 7)
    monkeypatch.setattr(downloads, "BLOCK", 500)
    trace = await sync_to_async(_records)()
    admin = await sync_to_async(person)("admin")
    client, sync_client = AsyncClient(), await sync_to_async(signed_in)(admin)
    await sync_to_async(client.force_login)(admin)
    for path in ("/audit/export/", "/audit/export/?form=jsonl", f"/traces/{trace}/export/"):
        answer: Any = await client.get(path)
        assert answer.is_async, path
        sent = b"".join([part async for part in answer])
        plain = await sync_to_async(lambda path=path: b"".join(sync_client.get(path)))()
        assert sent == plain, path
        assert sent.count(b"\n") >= 30, path


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
