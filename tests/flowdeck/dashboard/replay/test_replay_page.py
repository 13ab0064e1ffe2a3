"""The replay page: verdicts, runs, and asking for them."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.replay.live import ReplayView
from flowdeck.models import Delivery, Event, ReplayRun
from flowdeck.replay import runs
from flowdeck.testing import settle
from tests.probe.events import Probed
from tests.probe.models import Tally

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/replay/"


@pytest.fixture
def history() -> None:
    publish(*[Probed(n=n) for n in range(3)], stream="probe-<b>1</b>")
    settle()


def text(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def ask(client: Client, kind: str = "verify", reason: str = "nightly") -> ReplayRun:
    answer = client.post(f"{PAGE}runs/", {"kind": kind, "name": "probe.tally", "reason": reason})
    made = ReplayRun.objects.latest("id")
    assert answer.headers["Location"] == f"{PAGE}?run={made.pk}"
    return made


def test_it_says_what_has_never_been_checked(viewer: Client) -> None:
    page = text(viewer)
    assert "not checked yet" in page
    assert "No run yet" in page


@pytest.mark.usefixtures("history")
def test_asking_says_first_what_would_be_read(operator: Client) -> None:
    page = text(operator, f"{PAGE}?rebuild=probe.tally")
    assert '<dt>Probed</dt><dd class="num">3</dd>' in page
    assert "not known yet" in page
    assert operator.get(f"{PAGE}?rebuild=nobody").status_code == 404


@pytest.mark.usefixtures("history")
def test_a_run_waits_is_done_and_gives_the_verdict(operator: Client) -> None:
    made = ask(operator)
    assert (made.state, made.by, made.reason) == ("waiting", "operator", "nightly")
    assert "waits for a worker" in text(operator)
    runs.execute(made.pk)
    page = text(operator)
    assert "identical" in page
    assert "nightly" in page


@pytest.mark.usefixtures("history")
def test_of_two_who_were_asked_about_the_same_rebuild_one_starts_it(operator: Client) -> None:
    seen = re.findall(r'name="seen" value="(\d+)"', text(operator, f"{PAGE}?rebuild=probe.tally"))
    form = {"kind": "rebuild", "name": "probe.tally", "reason": "wrong", "seen": seen[0]}
    assert operator.post(f"{PAGE}runs/", form).status_code == 302
    late = operator.post(f"{PAGE}runs/", form)
    assert late.status_code == 422
    assert "of the same was asked for" in late.content.decode()
    assert ReplayRun.objects.count() == 1


@pytest.mark.usefixtures("history")
def test_differences_are_shown_row_by_row_as_text(operator: Client) -> None:
    Tally.objects.update(count=9)
    runs.execute(ask(operator).pk)
    page = text(operator)
    assert "1 row differs" in page
    assert "<del>9</del>" in page
    assert "<ins>3</ins>" in page
    assert "probe-&lt;b&gt;1&lt;/b&gt;" in page
    runs.execute(ask(operator, "rebuild").pk)
    page = text(operator)
    assert "1 row mended" in page
    assert Tally.objects.get().count == 3


@pytest.mark.usefixtures("history")
def test_a_reason_is_needed(operator: Client) -> None:
    answer = operator.post(f"{PAGE}runs/", {"kind": "verify", "name": "probe.tally", "reason": " "})
    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()
    assert not ReplayRun.objects.exists()


@pytest.mark.usefixtures("history")
def test_a_waiting_run_can_be_cancelled(operator: Client, viewer: Client) -> None:
    made = ask(operator)
    assert "you need the permission" in text(viewer, f"{PAGE}?run={made.pk}&cancel=yes")
    assert f"Cancel run {made.pk}" in text(operator, f"{PAGE}?run={made.pk}&cancel=yes")
    operator.post(f"{PAGE}runs/{made.pk}/cancel/")
    made.refresh_from_db()
    assert (made.state, made.cancelled_by) == ("cancelled", "operator")


@pytest.mark.usefixtures("history")
def test_the_page_is_live(operator: Client) -> None:
    made = ask(operator)
    view = ReplayView(None, str(made.pk))
    before = {fragment.id: fragment.html for fragment in view.regions()}
    assert set(before) == {"replay-models", "replay-run", "replay-runs"}
    runs.execute(made.pk)
    after = {fragment.id: fragment.html for fragment in view.regions()}
    assert "waits for a worker" in before["replay-run"]
    assert "identical" in after["replay-run"]
    assert ReplayView.allowed(None, "x") is not None


def as_of(client: Client, position: int) -> ReplayRun:
    fields = {"kind": "preview", "name": "probe.tally", "reason": "why", "position": position}
    client.post(f"{PAGE}runs/", fields)
    made = ReplayRun.objects.latest("id")
    assert made.to_position == position
    runs.execute(made.pk)
    return made


def test_a_read_model_is_shown_as_it_was(operator: Client) -> None:
    positions = publish(*[Probed(n=n) for n in range(3)], stream="probe-1").positions
    publish(Probed(n=9), stream="probe-2")
    settle()
    asked = text(operator, f"{PAGE}?preview=probe.tally&position={positions[1]}")
    assert '<dt>Probed</dt><dd class="num">2</dd>' in asked
    then = as_of(operator, positions[1])
    page = text(operator, f"{PAGE}?run={then.pk}")
    assert "probe.Tally: 1 row then" in page
    assert "2 <ins>3 now</ins>" in page
    assert "not there then" in page
    earlier = as_of(operator, positions[0])
    page = text(operator, f"{PAGE}?run={earlier.pk}&with={then.pk}")
    assert f"1 <ins>2 at {positions[1]:,}</ins>" in page
    assert "not there then" not in page
    assert Tally.objects.get(stream="probe-1").count == 3


@pytest.mark.usefixtures("history")
def test_a_moment_leads_to_a_position(operator: Client) -> None:
    oldest, newest = Event.objects.earliest("position"), Event.objects.latest("position")
    page = text(operator, f"{PAGE}?preview=probe.tally&moment=2001-01-01T00:00:00")
    assert f'name="position" value="{oldest.position - 1}"' in page
    page = text(operator, f"{PAGE}?preview=probe.tally&moment=2199-01-01T00:00:00")
    assert f'name="position" value="{newest.position}"' in page
    assert "no date and time" in text(operator, f"{PAGE}?preview=probe.tally&moment=noon")
    assert "is no position" in text(operator, f"{PAGE}?preview=probe.tally&position=1O")
    wrong = {"kind": "preview", "name": "probe.tally", "reason": "why", "position": "1O"}
    answer = operator.post(f"{PAGE}runs/", wrong)
    assert answer.status_code == 422
    assert "is no position" in answer.content.decode()
    assert "no date and time" in text(
        operator, f"{PAGE}?preview=probe.tally&moment=2026-02-31T01:01"
    )


def test_redelivering_says_first_what_it_would_do(operator: Client, viewer: Client) -> None:
    publish(*[Probed(n=n) for n in range(3)], stream="probe-1")
    settle()
    address = f"{PAGE}redeliver/"
    assert viewer.get(address).status_code == 403
    page = text(operator, f"{address}?processor=probe.atomic&type=Probed")
    assert "Redeliver 3 to probe.atomic" in page
    assert 'name="once"' in page
    assert not ReplayRun.objects.exists()
    fields = {"processor": "probe.atomic", "type": "Probed"}
    assert "Say why" in operator.post(address, fields).content.decode()
    [seen] = re.findall(r'name="seen" value="(\w+)"', page)
    fields |= {"reason": "the webhook was down", "seen": seen}
    publish(Probed(n=4), stream="probe-1")
    settle()
    other = operator.post(address, fields)
    assert "Meanwhile it is other deliveries" in other.content.decode()
    assert not ReplayRun.objects.exists()
    [fields["seen"]] = re.findall(r'name="seen" value="(\w+)"', other.content.decode())
    answer = operator.post(address, fields)
    made = ReplayRun.objects.get()
    assert answer.headers["Location"] == f"{PAGE}?run={made.pk}"
    assert (made.kind, made.total, made.reason) == ("redeliver", 4, "the webhook was down")
    due = Delivery.objects.filter(processor="probe.atomic", state="pending")
    assert due.count() == 4
    for refused, why in [
        ({"processor": "probe.tally", "type": "Probed"}, "is a projection"),
        ({"processor": "probe.atomic"}, "Say which events"),
        ({"processor": "probe.atomic", "correlation": "x"}, "is no correlation id"),
        (fields | {"upto": "1O"}, "is no position"),
        (fields | {"after": "-1"}, "is no position"),
    ]:
        answer = operator.get(address, refused)
        assert answer.status_code == 422
        assert why in answer.content.decode()
