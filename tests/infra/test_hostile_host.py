"""A project that makes it hard: ATOMIC_REQUESTS, connections that stay, own Celery, own sockets.

The other tests of this project walk through its pages; here something is done.
"""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from tests.infra.host_project import Host, Maker
from tests.polling import eventually

_ACTS = """
import json
from django.core.management import call_command
from django.db import connections
from django.test import Client
from flowdeck.models import AuditEntry, Delivery
from mysite.members.models import Member
call_command("collectstatic", interactive=False, verbosity=0)
client = Client(headers={"host": "localhost"})
client.force_login(Member.objects.get(is_superuser=True))
letter = Delivery.objects.get(state="dead").letter
acts = [
    ("processors/programme/pause/", {"reason": "a look"}),
    ("processors/programme/resume/", {}),
    ("dead-letters/resolve/", {"action": "retry", "letter": letter}),
    ("design-review/prove/", {"question": "1"}),
]
said = {path: client.post("/ops/events/" + path, form).status_code for path, form in acts}
said["state"] = Delivery.objects.get(letter=letter).state
said["audit"] = sorted(set(AuditEntry.objects.values_list("action", flat=True)))
said["atomic"] = connections.settings["default"]["ATOMIC_REQUESTS"]
print(json.dumps(said))
"""

_SOCKETS = """
import asyncio, json
from asgiref.testing import ApplicationCommunicator
from mysite.asgi import application

async def said(path, *texts):
    scope = {"type": "websocket", "path": path, "query_string": b"", "subprotocols": [],
             "headers": [(b"host", b"localhost"), (b"origin", b"http://localhost")]}
    one = ApplicationCommunicator(application, scope)
    await one.send_input({"type": "websocket.connect"})
    heard = [(await one.receive_output(30))["type"]]
    for text in texts:
        await one.send_input({"type": "websocket.receive", "text": text})
    heard.append((await one.receive_output(30)).get("text"))
    one.stop()
    return heard

async def both():
    return [await said("/ws/echo/", "hello"), await said("/ops/events/ws/live/")]

print(json.dumps(asyncio.run(both())))
"""

_CELERY = """
import json
from celery import current_app
from flowdeck.bells import bell
conf = current_app.conf
current_app.loader.import_default_modules()  # as a worker does at its start
print(json.dumps([current_app.main, bell.queue(), sorted(conf.beat_schedule),
                  sorted(conf.task_routes), bell.DRAIN_TASK in current_app.tasks]))
"""


def test_people_act_within_atomic_requests(make: Maker) -> None:
    host = make("wheel")
    said = host.asked({"acts": _ACTS})["acts"]
    host.manage(("drain",))  # it dies again: other tests of this project look at it
    assert said["atomic"] is True
    assert {status for path, status in said.items() if "/" in path} == {200, 302}
    assert said["state"] == "pending"
    assert {"pause", "resume", "retry"} <= set(said["audit"])


def test_own_sockets_and_own_celery_stay_as_they_are(make: Maker) -> None:
    said = make("wheel").asked({"sockets": _SOCKETS, "celery": _CELERY})
    echo, ours = said["sockets"]
    assert echo == ["websocket.accept", "hello"]
    assert json.loads(ours[1]) == {"signed_out": True}
    assert said["celery"] == ["mysite", "mysite", ["greet"], ["mysite.members.tasks.*"], True]


@pytest.mark.long
def test_a_worker_with_beat_does_the_projects_work_and_ours(make: Maker) -> None:
    host = make("wheel")
    words = ["-A", "mysite", "worker", "-B", "-P", "solo", "-Q", "mysite,slow"]
    schedule = ["-s", str(host.folder / "beat")]
    worker = subprocess.Popen(
        [host.python, "-m", "celery", *words, *schedule],
        cwd=host.folder,
        env=host.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _done(host) == [True, True], within=180, every=1)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait()


def _done(host: Host) -> object:
    return host.asked({"done": _DONE})["done"]


_DONE = """
import json
from django.contrib.auth.models import Group
from flowdeck import publish
from flowdeck.models import Delivery
from mysite.events.events import ConcertAnnounced
title = "played by a worker"
if not Delivery.objects.filter(event__stream="concert-7").exists():
    publish(ConcertAnnounced(title=title), stream="concert-7")
done = Delivery.objects.filter(event__stream="concert-7", state="done").exists()
print(json.dumps([Group.objects.filter(name="greeted by beat").exists(), done]))
"""
