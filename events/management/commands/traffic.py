"""``manage.py traffic``: places orders as customers would, for demos and measuring."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from events import orders, scenarios
from events.domain_events import InventoryReplenished
from events.models import Product
from flowdeck import Draft, publish

# Weights of scenarios; "" is an order without any fault.
MIXES = {
    "default": {"": 88, "declined_at_once": 6, "sold_out_at_once": 3, "provider_down": 3},
    "happy": {"": 100},
    "faulty": {
        "": 50,
        "card_declined": 20,
        "out_of_stock": 10,
        "provider_down": 14,
        "slow": 3,
        "poison": 3,
    },
}
_BATCH = 100


class Command(BaseCommand):
    """Place orders at a rate, or as fast as it goes."""

    help = "Place orders as customers would: at --rate a second for --seconds, or --orders in all."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--rate", type=float, default=20, help="orders a second; 0: no limit")
        parser.add_argument("--seconds", type=float, default=60)
        parser.add_argument("--orders", type=int, help="stop after so many")
        parser.add_argument("--mix", choices=sorted(MIXES), default="default")
        parser.add_argument("--user", default="customer", help="who orders")
        parser.add_argument("--seed", type=int, help="for the same orders each time")
        parser.add_argument("--restock", type=int, default=0, help="first add so many of each")

    def handle(self, **options: Any) -> None:
        """Run the command."""
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}; run seed_demo first.")
        if options["mix"] != "happy" and not scenarios.allowed():
            raise CommandError("Faults exist in demo mode only: use --mix happy.")
        skus = list(Product.objects.values_list("sku", flat=True))
        if not skus:
            raise CommandError("The shop has no products; run seed_demo first.")
        if options["restock"]:
            _restock(skus, options["restock"])
        draw = random.Random(options["seed"])  # noqa: S311 (not for secrets)
        mix = MIXES[options["mix"]]

        def one() -> tuple[list[dict[str, Any]], str]:
            items = [{"sku": draw.choice(skus), "quantity": draw.choice((1, 1, 1, 2, 3))}]
            return items, draw.choices(list(mix), list(mix.values()))[0]

        started = time.monotonic()
        placed = _place(user, one, options["rate"], options["seconds"], options["orders"])
        seconds = time.monotonic() - started
        self.stdout.write(f"{placed} orders placed in {seconds:.1f} s ({placed / seconds:.1f}/s)")


def _place(user: Any, one: Any, rate: float, seconds: float, limit: int | None) -> int:
    """Place orders on schedule: late ones are caught up with in batches, so the rate is kept."""
    placed, started, pause = 0, time.monotonic(), threading.Event()
    while (elapsed := time.monotonic() - started) < seconds or limit is not None:
        due = int(elapsed * rate) + 1 - placed if rate else _BATCH
        if limit is not None:
            due = min(due, limit - placed)
            if placed >= limit:
                break
        if due > 0:
            count = min(due, _BATCH)
            orders.place_many(user, [one() for _ in range(count)])
            placed += count
        else:
            pause.wait(max(0.0, placed / rate - elapsed))
    return placed


def _restock(skus: list[str], pieces: int) -> None:
    publish(
        *[
            Draft(InventoryReplenished(sku=sku, quantity=pieces), stream=f"product-{sku}")
            for sku in skus
        ],
        producer="warehouse",
    )
