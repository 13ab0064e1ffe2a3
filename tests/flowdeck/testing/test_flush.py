"""Tests of a project that know nothing of the log may empty it."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from flowdeck import publish
from flowdeck.models import Event
from tests.probe.events import Probed


@pytest.mark.django_db(transaction=True)
def test_a_flush_of_tests_empties_the_log() -> None:
    publish(Probed(n=1), stream="probe-1")
    call_command("flush", interactive=False)  # makes permissions anew, as others find them
    assert not Event.objects.exists()
