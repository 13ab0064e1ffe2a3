"""The shop page, and taking an order from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from events import orders
from events.shop.forms import OrderForm
from events.shop.products import cards
from events.shop.rows import UNFOLDED, orders_of, rows_of
from events.shop.stories import stories
from events.shop.story import story_of
from events.shop.summaries import own_summary, summary_of
from events.shop.track import ghost_track
from flowdeck.extend import can, demand, once, render, signed_in


@dataclass(frozen=True, slots=True)
class Refused:
    """An order that was refused: what was typed, and why it is given back."""

    typed: dict[str, str]
    message: str
    from_scenarios: bool = False


@require_GET
@signed_in
def shop(request: HttpRequest) -> HttpResponse:
    """Products, one-click stories and my orders."""
    return _page(request)


@require_POST
def place(request: HttpRequest) -> HttpResponse:
    """Place an order of the cart; answers with its row (htmx) or goes back to the page.

    ``sku`` and ``quantity`` come once for each product, in the same order; none of it wanted is 0.
    A key sent twice places one order. A refusal is 422 with its reason, on the page with the cart.
    """
    if not request.user.is_authenticated:
        return _signed_out(request)
    demand(request, "events.place_orders")
    form = OrderForm(request.POST)
    fits = form.is_valid()
    key = str(form.key_value)
    if not fits:
        return _refused(request, form, form.refusal())
    try:
        placed = orders.place_order(
            request.user,
            form.cleaned_data["items"],
            key,
            scenario=form.cleaned_data["scenario"] or None,
        )
    except orders.OrderRefused as error:
        return _refused(request, form, str(error))
    return _placed(request, key, placed)


@require_POST
def cancel(request: HttpRequest, order_id: int) -> HttpResponseBase:
    """Cancel an own order; answers with its row as it is now (htmx) or goes back to the page.

    409 with the reason if it is decided already, or is somebody else's.
    """
    if not request.user.is_authenticated:
        return _signed_out(request)
    demand(request, "events.place_orders")
    return once(request, lambda: _cancelled(request, order_id))


def _cancelled(request: HttpRequest, order_id: int) -> HttpResponse:
    try:
        orders.cancel_order(request.user, order_id)
    except orders.OrderRefused as error:
        return _not_cancelled(request, order_id, str(error))
    if _by_htmx(request):
        return _own_row(request, order_id)
    messages.success(request, f"order-{order_id} is cancelled.")
    return redirect("shop:shop")


def _not_cancelled(request: HttpRequest, order_id: int, reason: str) -> HttpResponse:
    if not _by_htmx(request):
        messages.error(request, reason)
        return redirect("shop:shop")
    answer = _own_row(request, order_id, status=409)
    told = {"title": "Not cancelled", "text": reason, "tone": "no"}
    answer.headers["HX-Trigger"] = json.dumps({"toast": told})
    return answer


def _own_row(request: HttpRequest, order_id: int, status: int = 200) -> HttpResponse:
    found = own_summary(request.user, order_id)
    context = {"row": rows_of([found])[0] if found else None}
    return render(request, "shop/cancelled.html", context, status=status)


def _placed(request: HttpRequest, key: str, placed: Any) -> HttpResponse:
    if not _by_htmx(request):
        word = "placed" if placed.created else "was placed already; it counts once"
        messages.success(request, f"order-{placed.order_id} {word}.")
        return redirect(f"{reverse('shop:shop')}#order-{key}")
    context = {"row": rows_of([summary_of(placed, key)])[0]}
    return render(request, "shop/placed.html", context, status=201 if placed.created else 200)


def _refused(request: HttpRequest, form: OrderForm, message: str) -> HttpResponse:
    refused = Refused(form.typed, message, from_scenarios="scenario" in request.POST)
    if not _by_htmx(request):
        return _page(request, refused, status=422)
    context = {"key": form.key_value, "refused": refused}
    return render(request, "shop/refused.html", context, status=422)


def _signed_out(request: HttpRequest) -> HttpResponse:
    if _by_htmx(request):
        return HttpResponse("Sign in first.", status=401, content_type="text/plain")
    return redirect(f"{reverse('login')}?next={reverse('shop:shop')}")


def _page(request: HttpRequest, refused: Refused | None = None, status: int = 200) -> HttpResponse:
    kept = None if refused is None or refused.from_scenarios else refused.typed
    products, mine = cards(kept), orders_of(request.user)
    context = {
        "products": products,
        "orders": mine,
        "story": story_of(mine),
        "scenarios": stories() if products else (),
        "scenario_product": products[0] if products else None,
        "cart_key": uuid4(),
        "scenarios_key": uuid4(),
        "unfolded": UNFOLDED,
        "ghost_track": ghost_track(),
        "refused": refused,
        "may_order": can(request.user, "events.place_orders"),
    }
    return render(request, "shop/shop.html", context, status=status)


def _by_htmx(request: HttpRequest) -> bool:
    return bool(request.htmx)  # type: ignore[attr-defined] (HtmxMiddleware)
