"""``verify`` compares what is remembered of each trace with its events and deliveries (H2)."""

from __future__ import annotations

import pytest

from flowdeck import publish
from flowdeck.history import fold
from flowdeck.models import Tally, Trace
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.guarantees.test_remembered import some_of_everything
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def found() -> list[str]:
    return [one.detail for one in verify() if one.check == "each trace is remembered as it was"]


def test_a_row_that_is_wrong_or_missing_is_found() -> None:
    some_of_everything()
    publish(Probed(n=1), stream="open")
    fold.fold_all()
    assert found() == []  # some are under way
    settle()
    fold.fold_all()
    assert found() == []
    first, second = Trace.objects.order_by("first_position")[:2]
    Trace.objects.filter(pk=first.pk).update(settled=first.settled + 1)
    Trace.objects.filter(pk=second.pk).delete()
    wrong, missing = sorted(found(), key=len, reverse=True)
    assert f"settled is {first.settled + 1}, not {first.settled}" in wrong
    assert missing == f"trace {second.pk} is not remembered"


def test_what_is_not_folded_yet_is_none() -> None:
    some_of_everything("folded")
    settle()
    fold.fold_all()
    some_of_everything("told")  # whose tallies nobody has folded
    assert Tally.objects.exists()
    assert found() == []
