"""Scenarios: faults that one order brings along, for teaching. Possible in demo mode only."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Scenario:
    """What goes wrong with one order.

    ``stages`` are the expected states of placed, paid, reserved, confirmed and notified, which the
    pages show before the order is placed. ``outage`` is how many calls the provider leaves
    unanswered first; ``latency`` how many seconds it takes; ``reported_late`` how many seconds ago
    it happened, as the provider says.
    """

    slug: str
    title: str
    blurb: str
    stages: tuple[str, str, str, str, str]
    latency: float = 0.0
    declines: bool = False
    outage: int = 0
    out_of_stock: bool = False
    poison: bool = False
    reported_late: float = 0.0


SCENARIOS = {
    scenario.slug: scenario
    for scenario in (
        Scenario(
            "all_well",
            "All goes well",
            "confirmed in a moment",
            ("done", "done", "done", "done", "done"),
            latency=0.3,
        ),
        Scenario(
            slug="card_declined",
            title="Card declined",
            blurb="placed, then corrected",
            stages=("done", "refused", "done", "refused", "done"),
            latency=0.6,
            declines=True,
        ),
        Scenario(
            slug="out_of_stock",
            title="Out of stock",
            blurb="refunded, cancelled",
            stages=("done", "done", "refused", "refused", "done"),
            latency=0.3,
            out_of_stock=True,
        ),
        Scenario(
            "provider_down",
            "Provider down",
            "retried until it is back",
            ("done", "retrying", "done", "done", "done"),
            outage=3,
        ),
        Scenario(
            "slow",
            "Slow payment",
            "you see it waiting",
            ("done", "running", "done", "pending", "pending"),
            latency=3.0,
        ),
        Scenario(
            "poison",
            "Poison message",
            "a dead letter; others go on",
            ("done", "dead", "done", "pending", "pending"),
            poison=True,
        ),
    )
}
# The same without the waiting, for orders by the thousand (``manage.py traffic``).
_DECLINED = SCENARIOS["card_declined"]
AT_ONCE = {
    "declined_at_once": replace(_DECLINED, slug="declined_at_once", latency=0),
    "sold_out_at_once": replace(SCENARIOS["out_of_stock"], slug="sold_out_at_once", latency=0),
    # Declined long before the provider said so; each comes after the ones before.
    "declined_20_s_ago": replace(_DECLINED, latency=1.2, reported_late=20),
    "declined_3_min_ago": replace(_DECLINED, latency=0.6, reported_late=180),
    "declined_10_min_ago": replace(_DECLINED, latency=1.8, reported_late=600),
}
_ALL = SCENARIOS | AT_ONCE
_NONE = Scenario("", "", "", ("done", "done", "done", "done", "done"))


def allowed() -> bool:
    """Whether faults can be set at all: in demo mode only."""
    return bool(getattr(settings, "DEMO", False))


def scenario(slug: str) -> Scenario:
    """The scenario of this name; the one without faults for none, or outside of demo mode."""
    return _ALL.get(slug, _NONE) if allowed() else _NONE
