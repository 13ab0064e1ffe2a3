"""A class shares one server: nobody feels another's faults, nobody sees another's experiments.

``make bench-class`` does the same with thirty learners in real processes, and measures.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from events import orders
from events.domain_events import InventoryReplenished
from events.models import Checkout, OrderSummary
from flowdeck import publish
from flowdeck.models import Attempt, Delivery
from flowdeck.testing import settle
from lab import injection, runs, shown
from lab.lessons import BY_SLUG
from lab.switched_faults import switch_on
from tests.accounts import ready
from tests.flowdeck.live.communicate import in_thread, tab

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf")]
FAULTS = (
    None,
    ("notification", "poison", None),
    ("confirmation", "fail_next", 2),
    ("payment", "fail_next", 1),
    ("inventory", "twice", None),
    ("payment", "provider_down", None),
)


def enrol() -> list[User]:
    """As many learners as there are faults, and something to order."""
    injection.install()
    publish(InventoryReplenished(sku="lamp", quantity=100), stream="product-lamp")
    settle()
    group = ready("customer")
    made = [User.objects.create_user(f"learner-{n}") for n in range(len(FAULTS))]
    for user in made:
        user.groups.add(group)
    return made


def test_each_feels_their_own_fault_and_nobody_elses() -> None:
    learners = enrol()
    for user, fault in zip(learners, FAULTS, strict=True):
        if fault:
            switch_on(user, fault[0], fault[1], amount=fault[2])
    for _ in range(3):
        for user in learners:
            orders.place_order(user, [{"sku": "lamp", "quantity": 1}], str(uuid4()))
    settle()
    owner = dict(Checkout.objects.values_list("correlation_id", "user_id"))
    failed = Attempt.objects.values_list("event__correlation_id", "processor")
    felt = {(owner[trace], processor) for trace, processor in failed}
    assert felt == {
        (user.pk, fault[0])
        for user, fault in zip(learners, FAULTS, strict=True)
        if fault and fault[1] != "twice"
    }
    dead = Delivery.objects.filter(state="dead").values_list("event__correlation_id", flat=True)
    assert {owner[trace] for trace in dead} == {learners[1].pk, learners[5].pk}
    undecided = OrderSummary.objects.exclude(status="confirmed").values_list("user_id", flat=True)
    assert set(undecided) == {learners[5].pk}
    for user, fault in zip(learners, FAULTS, strict=True):
        assert len(shown.felt_faults(user)) == bool(fault)


async def test_each_sees_their_own_experiment_and_nobody_elses() -> None:
    made = await in_thread(enrol)()
    async with tab(made[0]) as own, tab(made[1]) as other:
        for one in (own, other):
            await one.watch("experiment:ripple", "orders")
        run = await in_thread(runs.start)(made[0], BY_SLUG["ripple"])
        await in_thread(settle)()
        trace = run.facts["trace"]
        await own.until(lambda: "confirmed after" in own.html and trace in own.html)
        await other.send({"ping": 1})
        await other.until(lambda: any("pong" in said for said in other.said))
        assert trace not in other.html
