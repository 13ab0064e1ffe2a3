"""A site with people, an order of the customer, and one row of everything that can be named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Group, User
from django.test import Client

from events import orders
from events.domain_events import InventoryReplenished
from events.models import Product
from flowdeck import publish
from flowdeck.alerts import rules
from flowdeck.engine import pause
from flowdeck.models import ApiToken, AuditEntry, Delivery, Event
from flowdeck.people import saved_views, tokens
from flowdeck.testing import settle
from tests.accounts import person
from tests.guarantees.matrix.table import PEOPLE
from tests.probe.events import Probed

_NOBODYS = 999_999


@dataclass(frozen=True, slots=True)
class Scene:
    """``values`` are for the placeholders of addresses (:mod:`tests.addresses`)."""

    people: dict[str, User | None]
    values: dict[str, Any]

    def browser(self, who: str) -> Client:
        """A browser of this person."""
        client = Client(raise_request_exception=False)
        user = self.people[who]
        if user is not None:
            client.force_login(user)
        return client


def people() -> dict[str, User | None]:
    """Everybody of the table; ``other`` is a customer too."""
    roles = {name: "customer" if name == "other" else name for name in PEOPLE[1:]}
    return {"nobody": None, **{name: person(role, name) for name, role in roles.items()}}


def build() -> Scene:
    """Make it. Needs demo mode."""
    known = people()
    Product.objects.create(sku="mug", name="Mug", price="14.00")
    publish(InventoryReplenished(sku="mug", quantity=10), stream="product-mug")
    placed = orders.place_order(known["customer"], [{"sku": "mug", "quantity": 1}], str(uuid4()))
    publish(Probed(n=1, fails=9, by="probe.atomic"), stream="probe-1")
    settle()
    pause.pause("probe.batch", by="operator", reason="to have a row")
    pause.resume("probe.batch", by="operator")
    tokens.issue(known["operator"])
    saved_views.save(known["viewer"], "mine", "type=Probed", shared=False)
    alert = rules.save(None, {"name": "a", "kind": "paused"}, by="operator")
    dead = Delivery.objects.get(state="dead")
    order = Event.objects.get(type="OrderCreated")
    return Scene(
        known,
        {
            "position": order.position,
            "correlation_id": placed.correlation_id,
            "order_id": placed.order_id,
            "number": _NOBODYS,
            "fingerprint": dead.fingerprint,
            "proof": _NOBODYS,
            "name": "Probed",
            "process": "mediator",
            "stream": "probe-1",
            "flowdeck:processor name": "probe.atomic",
            "flowdeck:pause name": "probe.atomic",
            "flowdeck:resume name": "probe.atomic",
            "flowdeck:letter number": dead.letter,
            "api:get_letter number": dead.letter,
            "lesson": "ripple",
            "app_label": "flowdeck",
            "content_type_id": 1,
            "object_id": _NOBODYS,
            "id": known["customer"].pk,
            "url": "none",
            "admin flowdeck.event": order.position,
            "admin flowdeck.deadletter": dead.letter,
            "admin flowdeck.alertrule": alert.pk,
            "admin flowdeck.auditentry": AuditEntry.objects.latest("id").pk,
            "admin flowdeck.processorstate": "probe.batch",
            "admin flowdeck.apitoken": ApiToken.objects.get().pk,
            "admin auth.user": known["customer"].pk,
            "admin auth.group": Group.objects.get(name="flowdeck-viewer").pk,
        },
    )
