"""Publishing from where a project does things: async views, admin, signals, commands, bulk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin import ModelAdmin, site
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models.signals import post_save
from django.http import HttpRequest, JsonResponse
from django.test import AsyncRequestFactory

from flowdeck import apublish, correlation, in_transaction, publish, read_stream
from flowdeck.errors import SequenceConflict
from tests.probe.events import Probed
from tests.probe.models import Tally

pytestmark = pytest.mark.django_db(transaction=True)


def told(stream: str = "probe-1") -> list[str]:
    return [event.type for event in read_stream(stream)]


def place(stream: str, fails: bool = False) -> int:
    Tally.objects.create(stream=stream)
    publish(Probed(n=1), stream=stream)
    if fails:
        raise ValueError("changed its mind")
    return 7


def test_an_async_view_publishes_without_a_thread_of_its_own() -> None:
    async def view(request: HttpRequest) -> JsonResponse:
        with correlation() as shared:
            receipt = await apublish(Probed(n=1), stream="probe-1")
        with pytest.raises(SequenceConflict):
            await apublish(Probed(n=2), stream="probe-1", expected_sequence=7)
        return JsonResponse({"same": receipt.correlation_id == shared.correlation_id})

    answer = async_to_sync(view)(AsyncRequestFactory().get("/"))
    assert b"true" in answer.content
    assert told() == ["Probed"]


def test_what_is_done_in_one_transaction_is_kept_or_gone_with_its_events() -> None:
    async def view() -> int:
        with pytest.raises(ValueError, match="changed its mind"):
            await in_transaction(place, "probe-1", fails=True)
        assert not await Tally.objects.aexists()
        return await in_transaction(place, "probe-2")

    assert async_to_sync(view)() == 7
    assert (told("probe-1"), told("probe-2")) == ([], ["Probed"])


def by_admin() -> None:
    class Admin(ModelAdmin):  # type: ignore[type-arg]
        def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
            super().save_model(request, obj, form, change)
            publish(Probed(n=1), stream="probe-1")

    Admin(Tally, site).save_model(HttpRequest(), Tally(stream="a"), None, change=False)


def by_signal() -> None:
    def saved(sender: Any, **_: Any) -> None:
        publish(Probed(n=1), stream="probe-1")

    post_save.connect(saved, sender=User)
    try:
        User.objects.create_user("ann")
    finally:
        post_save.disconnect(saved, sender=User)


def by_command() -> None:
    class Command(BaseCommand):
        def handle(self, **options: Any) -> None:
            publish(Probed(n=1), stream="probe-1")

    call_command(Command())


def on_commit() -> None:
    with transaction.atomic():
        transaction.on_commit(lambda: publish(Probed(n=1), stream="probe-1"))
        assert told() == []


def by_bulk() -> None:
    with transaction.atomic():
        Tally.objects.bulk_create(Tally(stream=f"s{n}") for n in range(3))
        publish(Probed(n=1), stream="probe-1")


@pytest.mark.parametrize("way", [by_admin, by_signal, by_command, on_commit, by_bulk])
def test_events_are_published_from(way: Callable[[], None]) -> None:
    way()
    assert told() == ["Probed"]
