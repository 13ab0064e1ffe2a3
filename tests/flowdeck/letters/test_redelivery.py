"""``manage.py flowdeck redeliver``: past events again for one processor, after a dry run."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from flowdeck import publish
from flowdeck.models import Delivery, ReplayRun
from flowdeck.testing import settle
from tests.probe.events import Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def positions() -> tuple[int, ...]:
    found = publish(*[Probed(n=n) for n in range(3)], stream="probe-1").positions
    settle()
    return found


def redeliver(*arguments: str) -> str:
    out = io.StringIO()
    call_command("flowdeck", "redeliver", *arguments, stdout=out)
    return out.getvalue()


def handled(position: int) -> int:
    return Effect.objects.filter(processor="probe.atomic", position=position).count()


def test_the_dry_run_counts_and_changes_nothing(positions: tuple[int, ...]) -> None:
    said = redeliver("probe.atomic", "--after", str(positions[0]))
    assert "2 Probed" in said
    assert "nothing was changed" in said
    settle()
    assert handled(positions[1]) == 1


def test_an_answer_is_about_what_the_dry_run_showed(positions: tuple[int, ...]) -> None:
    seen = redeliver("probe.atomic", "--type", "Probed").split("--seen ")[1].strip()
    publish(Probed(n=9), stream="later")
    settle()
    words = ("probe.atomic", "--type", "Probed", "--yes", "--reason", "mended", "--seen")
    with pytest.raises(CommandError, match="Meanwhile it is other deliveries"):
        redeliver(*words, seen)
    seen = redeliver("probe.atomic", "--type", "Probed").split("--seen ")[1].strip()
    assert "due again: 4 deliveries" in redeliver(*words, seen)


def test_only_the_chosen_events_go_to_only_this_processor(positions: tuple[int, ...]) -> None:
    before = Effect.objects.exclude(processor="probe.atomic").count()
    redeliver("probe.atomic", "--position", str(positions[1]), "--yes", "--reason", "mended")
    settle()
    assert [handled(position) for position in positions] == [1, 2, 1]
    assert Effect.objects.exclude(processor="probe.atomic").count() == before
    assert Delivery.objects.get(processor="probe.atomic", event=positions[1]).attempts == 2
    run = ReplayRun.objects.get()
    assert (run.kind, run.total, run.reason) == ("redeliver", 1, "mended")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["probe.tally", "--type", "Probed"], "would count twice"),
        (["mediator", "--type", "OrderSubmitted"], "is a process"),
        (["probe.atomic"], "Say which events"),
        (["probe.atomic", "--type", "Probed", "--yes"], "Say why"),
        (["nobody", "--type", "Probed"], "No installed app declares"),
    ],
)
def test_what_is_refused(positions: tuple[int, ...], arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        redeliver(*arguments)
    assert not ReplayRun.objects.exists()
