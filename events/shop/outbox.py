"""The outbox: what the shop told its customers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from events.models import Notification
from flowdeck.extend import can, render, signed_in

SHOWN = 50


@require_GET
@signed_in
def outbox(request: HttpRequest) -> HttpResponse:
    """The newest messages."""
    context = {
        "messages_sent": newest_messages(request.user),
        "sees_all": bool(can(request.user, "view_log")),
        "shown": SHOWN,
    }
    return render(request, "shop/outbox.html", context)


def newest_messages(user: Any) -> list[Notification]:
    """The newest messages to this person, or to all for those who may see the log."""
    messages = Notification.objects.order_by("-pk")
    if not can(user, "view_log"):
        messages = messages.filter(user_id=user.pk)
    return list(messages[:SHOWN])
