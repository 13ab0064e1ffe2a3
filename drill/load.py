"""The order load: customers who insist.

An order counts as placed only when an answer came. Who gets none (the database is away, web was
killed) sends the same order again with the same idempotency key until one comes.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import Error, connection

from events.domain_events import InventoryReplenished
from events.models import Product
from events.orders import place_order
from flowdeck import publish

MIX = {"": 84, "card_declined": 5, "out_of_stock": 4, "provider_down": 4, "slow": 2, "poison": 1}
_PIECES = 1_000_000
_AGAIN_SECONDS = 0.2
_ANSWER_SECONDS = 10

Order = tuple[list[dict[str, Any]], str, str]  # items, idempotency key, scenario
Send = Callable[[Order], int]


def restock() -> None:
    """Fill the shelves, so that orders are cancelled only where the mix says so."""
    for sku in Product.objects.values_list("sku", flat=True):
        publish(InventoryReplenished(sku=sku, quantity=_PIECES), stream=f"product-{sku}")


class Load:
    """Places ``rate`` orders a second until :meth:`stop`: most in this process, some over HTTP."""

    def __init__(self, rate: float, draw: random.Random, port: int, token: str) -> None:
        self.placed: dict[str, int] = {}
        self.scenarios: Counter[str] = Counter()
        self.sent_again = 0
        self.longest_wait = 0.0
        self.problem: Exception | None = None
        self._last_refusal: Exception | None = None
        self._skus = list(Product.objects.values_list("sku", flat=True))
        self._user = get_user_model().objects.get(username="customer")
        self._draw, self._lock = draw, threading.Lock()
        self._port, self._token = port, token
        self._over = threading.Event()
        ways: list[Send] = [self._in_process, self._in_process, self._over_http]
        self._threads = [
            threading.Thread(target=self._run, args=(send, rate / len(ways)), daemon=True)
            for send in ways
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Place no new orders; wait until all that were begun have an answer."""
        self._over.set()
        for thread in self._threads:
            thread.join(120)
        if self.problem is not None:
            raise self.problem
        if any(thread.is_alive() for thread in self._threads):
            raise TimeoutError(
                "An order got no answer within two minutes after the last fault; the last refusal: "
                f"{self._last_refusal!r}"
            )

    def _run(self, send: Send, rate: float) -> None:
        try:
            self._place(send, rate)
        except Exception as error:
            self.problem = error
        finally:
            connection.close()

    def _place(self, send: Send, rate: float) -> None:
        began, number = time.monotonic(), 0
        while not self._over.wait(max(0.0, began + number / rate - time.monotonic())):
            number += 1
            # Who was held up does not catch up: the load is steady, not a flood after each fault.
            began = max(began, time.monotonic() - (number + 1) / rate)
            order = self._next()
            order_id = self._insist(send, order)
            with self._lock:
                self.placed[order[1]] = order_id
                self.scenarios[order[2]] += 1

    def _next(self) -> Order:
        with self._lock:
            draw = self._draw
            items = [{"sku": draw.choice(self._skus), "quantity": draw.choice((1, 1, 2))}]
            key = str(UUID(int=draw.getrandbits(128)))
            return items, key, draw.choices(list(MIX), list(MIX.values()))[0]

    def _insist(self, send: Send, order: Order) -> int:
        began = time.monotonic()
        while True:
            try:
                order_id = send(order)
            except (Error, OSError, http.client.HTTPException) as refusal:
                connection.close()
                with self._lock:
                    self.sent_again += 1
                    self._last_refusal = refusal
                time.sleep(_AGAIN_SECONDS)
            else:
                self.longest_wait = max(self.longest_wait, time.monotonic() - began)
                return order_id

    def _in_process(self, order: Order) -> int:
        items, key, scenario = order
        return place_order(self._user, items, key, scenario or None).order_id

    def _over_http(self, order: Order) -> int:
        items, key, scenario = order
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_SECONDS)
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Idempotency-Key": key,
            "Content-Type": "application/json",
        }
        body = json.dumps({"items": items, "scenario": scenario or None})
        try:
            client.request("POST", "/api/v1/orders", body, headers)
            answer = client.getresponse()
            text = answer.read()
        finally:
            client.close()
        if answer.status >= 500:
            raise OSError(f"{answer.status} from web")
        if answer.status not in (200, 201):
            raise RuntimeError(f"{answer.status} from web: {text[:500]!r}")
        return int(json.loads(text)["order_id"])
