"""H3 under load: whoever folds is killed again and again, with -9, while work goes on."""

from __future__ import annotations

import os
import signal
from random import Random

import pytest

from flowdeck import publish
from flowdeck.engine import drain
from flowdeck.history import fold
from flowdeck.letters import dead_letters
from flowdeck.models import Tally, Trace
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.guarantees.forked import begin
from tests.guarantees.remembered import assert_all_is_remembered
from tests.polling import eventually
from tests.probe.events import Keyed, Probed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
KILLS = 20


def fold_for_ever() -> None:
    while True:
        fold.fold_all()


def work(turn: int) -> None:
    """Events of all outcomes, done as far as they are due."""
    events = [Probed(n=n, fails=n % 4, by="probe.atomic", echoes=n % 2) for n in range(20)]
    publish(*events, stream=f"load-{turn}")
    publish(Probed(rejects="probe.batch"), Keyed(owner=f"{turn % 5}", n=turn), stream="held")
    drain.drain_all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_folder_that_is_killed_under_load_leaves_no_difference(seed: int) -> None:
    chance, folded = Random(seed), 0
    fold.make_row()
    for kill in range(KILLS):
        folder = begin(fold_for_ever)
        try:
            for turn in range(chance.randint(1, 3)):
                work(kill * 10 + turn)
            if kill % 5 == 0:  # it gets on at all
                newest = Tally.objects.order_by("-id").values_list("id", flat=True).first() or 0
                eventually(lambda: not Tally.objects.filter(id__lte=newest).exists())  # noqa: B023
                folded += 1
        finally:
            os.kill(folder, signal.SIGKILL)
            os.waitpid(folder, 0)
    letters = dead_letters.dead().values_list("letter", flat=True)
    dead_letters.discard(letters, by="operator", reason="a test")
    settle()
    assert folded == KILLS // 5
    assert Trace.objects.exists()
    assert_all_is_remembered()
    assert [one for one in verify() if "remembered" in one.check] == []
