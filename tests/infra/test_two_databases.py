"""The log in a database of its own: the library finds it there, and leaves nothing elsewhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.every_page import PAGES
from tests.infra.commands import ran

pytestmark = pytest.mark.long

_ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = f"""
import json
import django
django.setup()
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.urls import get_resolver, reverse
for alias in ("log", "default"):
    call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
call_command("check", "--fail-level", "ERROR", "--database", "log", "--database", "default")
call_command("flowdeck", "groups")
from flowdeck import publish
from flowdeck.models import ApiToken, AuditEntry, Delivery, Event
from flowdeck.people import saved_views, tokens
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.probe.events import Probed
from tests.probe.models import Effect
publish(Probed(n=1, echoes=2), stream="probe-1")
publish(Probed(n=1, fails=9, by="probe.atomic"), stream="probe-2")
settle()
olga = User.objects.create_user("olga")
olga.groups.add(Group.objects.get(name="flowdeck-admin"))
token = tokens.find(tokens.issue(olga))
saved_views.save(olga, "mine", "type=Probed", shared=True)
event, letter = Event.objects.earliest("position"), Delivery.objects.filter(state="dead").first()
values = {{"position": event.position, "correlation_id": event.correlation_id, "name": event.type,
          "stream": event.stream, "number": letter.letter}}
more = {{"search": "?q=probe", "compare_traces": f"?a={{event.correlation_id}}",
        "dead_letters": f"?selected={{letter.letter}}"}}
client, known, pages = Client(), get_resolver("flowdeck.urls").reverse_dict, {{}}
client.force_login(olga)
for name in {sorted(name.partition(":")[2] for name in PAGES if name.startswith("flowdeck:"))}:
    wanted = known.getlist(name)[0][0][0][1]
    if "process" in wanted:
        continue  # there is none
    given = values | ({{"name": "probe.atomic"}} if name == "processor" else {{}})
    path = reverse(f"flowdeck:{{name}}", kwargs={{one: given[one] for one in wanted}})
    pages[name] = client.get(path + more.get(name, ""), follow=True).status_code
form = {{"action": "retry", "letter": letter.letter, "reason": "a test"}}
retried = client.post(reverse("flowdeck:resolve"), form).status_code
tables = {{alias: connections[alias].introspection.table_names() for alias in ("log", "default")}}
print(json.dumps({{
    "pages": [name for name, status in pages.items() if status != 200],
    "retried": retried,
    "effects": Effect.objects.using("log").count() > 0,
    "tokens": ApiToken.objects.using("default").filter(user=token.user).count(),
    "audit": AuditEntry.objects.using("log").filter(action="create_token").count(),
    "violations": [f"{{one.check}}: {{one.detail}}" for one in verify()],
    "default": sorted(one for one in tables["default"] if one.startswith(("flowdeck", "probe"))),
    "log": sorted(one for one in tables["log"] if one.startswith(("auth", "django_session"))),
}}))
"""


def told(databases: dict[str, dict[str, object]]) -> dict[str, object]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.infra.two_databases",
        "TWO_DATABASES": json.dumps(databases),
    }
    run = ran(_ROOT, environment, "-c", _SCRIPT)
    found: dict[str, object] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_the_library_finds_the_log_and_leaves_nothing_elsewhere(tmp_path: Path) -> None:
    options = {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"}
    kind = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": options}
    found = told(
        {name: {**kind, "NAME": str(tmp_path / f"{name}.sqlite3")} for name in ("default", "log")}
    )
    assert found == {
        "pages": [],
        "retried": 302,
        "effects": True,
        "tokens": 1,
        "audit": 1,
        "violations": [],
        "default": ["flowdeck_apitoken", "flowdeck_savedview"],
        "log": [],
    }
