"""A processor outlives its name: renamed it goes on, and what is gone from the code is retired."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from flowdeck import Delivery, processor, publish
from flowdeck.checks.database import undeclared
from flowdeck.declare.registry import Registry, registry
from flowdeck.declare.subscribing import declare
from flowdeck.engine import lanes
from flowdeck.engine.drain import drain
from flowdeck.management.verbs.processors import Command
from flowdeck.models import AuditEntry, Due, Lane, Subscription
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.probe.events import Probed
from tests.probe.models import Effect
from tests.probe.processors import effect

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "probe.mailer", "probe.post"


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    registry.remove_processor(OLD)
    lanes.forget_created()


def mail(event: Probed, delivery: Delivery) -> None:
    effect(delivery).save()


def handled() -> list[int]:
    found = Effect.objects.filter(processor=OLD).order_by("id")
    return list(found.values_list("position", flat=True))


def test_a_renamed_processor_goes_on_where_it_was_and_is_found_by_both_names() -> None:
    processor(OLD)(mail)
    lanes.create_missing([registry.processor(OLD)])
    first = publish(Probed(n=1), stream="probe-1").positions
    drain(registry.processor(OLD))
    waiting = publish(Probed(n=2), stream="probe-1").positions
    registry.remove_processor(OLD)
    lanes.forget_created()

    processor(NEW, was=(OLD,))(mail)
    assert registry.processor(NEW) is registry.processor(OLD)
    assert (registry.processor(NEW).label, registry.processor(NEW).name) == (NEW, OLD)
    after = publish(Probed(n=3), stream="probe-1").positions
    lanes.create_missing([registry.processor(NEW)])
    drain(registry.processor(NEW))
    assert handled() == [*first, *waiting, *after]
    assert not Lane.objects.filter(processor=NEW).exists()
    assert [one.detail for one in verify() if "probe.mailer" in one.detail] == []


def test_two_processors_have_no_name_in_common() -> None:
    def other(event: Probed) -> None:
        """Another one."""

    known = Registry()
    known.add_processor(declare("post", mail, was=("mailer", "letters")))
    known.add_processor(declare("letters", other))
    known.add_processor(declare("parcels", other, was=("post",)))
    assert [one.split(" is")[0] for one in known.problems] == [
        "Processor 'letters'",
        "Processor 'post'",
    ]


def test_what_nobody_declares_is_seen_and_retired() -> None:
    processor(OLD)(mail)
    lanes.create_missing([registry.processor(OLD)])
    publish(*[Probed(n=n) for n in range(3)], stream="probe-1")
    with pytest.raises(CommandError, match="is declared here"):
        call_command(Command(), "retire", OLD, "--reason", "no more")
    registry.remove_processor(OLD)
    settle()
    assert any("no installed app declares" in one.detail for one in verify())
    assert [OLD in one.msg for one in undeclared(["default"])] == [True]
    told = StringIO()
    call_command(Command(), stdout=told)
    assert f"{OLD}  16 lanes, 3 waiting, no code here declares it" in told.getvalue()

    call_command(Command(), "retire", OLD, "--reason", "no more")
    assert {one.state for one in Due.objects.filter(processor=OLD)} == {"discarded"}
    assert not Lane.objects.filter(processor=OLD).exists()
    assert not Subscription.objects.filter(processor=OLD).exists()
    assert AuditEntry.objects.get(action="retire").count == 3
    assert undeclared(["default"]) == []
    publish(Probed(n=4), stream="probe-1")
    assert Due.objects.filter(processor=OLD).count() == 3
    settle()
    assert list(verify()) == []
