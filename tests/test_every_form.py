"""Every form that acts, in the library, the shop and the lab: sent twice, it acts once.

Which there are is read from the templates, so a new one can't be forgotten: it has to carry a key,
and to stand in ``FORMS`` with something to send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.urls import reverse

from events import orders
from events.domain_events import OrderSubmitted
from flowdeck import Limits, clock, publish
from flowdeck.alerts import rules
from flowdeck.connect import control
from flowdeck.declare.registry import registry
from flowdeck.engine import drain
from flowdeck.letters import bulk, dead_letters, redelivery
from flowdeck.letters.dead_letters import Criteria
from flowdeck.models import (
    AuditEntry,
    Connector,
    Delivery,
    Event,
    Lane,
    SavedView,
    Schedule,
    Submission,
    Timer,
    WebhookAttempt,
    Worker,
)
from flowdeck.objectives import setting as objectives
from flowdeck.people import tokens
from flowdeck.repair import asking
from flowdeck.replay import runs
from flowdeck.testing import settle
from lab import injection
from lab.lessons import LESSONS
from lab.switched_faults import switch_on
from tests import every_page
from tests.flowdeck.connect.declared import a_connector, forget
from tests.probe.events import Introduced, Probed
from tests.processors.conftest import demo, shelf  # noqa: F401 (fixtures)

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (ROOT / "templates", ROOT / "flowdeck/templates")
FORM = re.compile(r"<form\b[^>]*\bmethod=\"post\".*?</form>", re.DOTALL)
SENT_TO = re.compile(r"(?:form)?action=\"{% url '([\w:]+)'")
# These sign in and out, or keep a choice in a cookie of one's own, or change nothing that stays.
NO_ACTS = {
    "registration/form.html",
    "registration/demo_accounts.html",
    "registration/password.html",  # the old password is no longer right the second time
    "flowdeck/shell/who.html",
    "flowdeck/log/_columns.html",
    "flowdeck/design_review/page.html",
    "flowdeck/design_review/question.html",
}
PLAIN = "flowdeck:redeliver"  # its form names no address: it is sent to its own page


@dataclass(frozen=True)
class Sent:
    """Where a form is sent to, and what is in it."""

    path: str
    fields: dict[str, Any]


Made = Callable[[User], Sent]


def templates() -> Iterator[tuple[str, str]]:
    for folder in FOLDERS:
        for file in folder.rglob("*.html"):
            yield str(file.relative_to(folder)), file.read_text()


def forms() -> Iterator[tuple[str, str]]:
    """The template and the text of each form that acts."""
    for name, text in templates():
        if name not in NO_ACTS:
            yield from ((name, form) for form in FORM.findall(text))


def test_every_form_that_acts_carries_a_key() -> None:
    found = list(forms())
    assert len(found) > 25
    known = ("{% once %}", 'name="key"', "data-again")  # an order's own key; the script gives it
    without = [(name, form[:90]) for name, form in found if not any(key in form for key in known)]
    assert without == []


def test_every_form_that_acts_is_sent_twice_here() -> None:
    sent_to = {PLAIN}
    for name, text in templates():
        if name not in NO_ACTS:
            pieces = [*(form[: form.index(">")] for form in FORM.findall(text))]
            pieces += re.findall(r"formaction=\"{% url '[\w:]+'", text)
            sent_to |= {address for piece in pieces for address in SENT_TO.findall(piece)}
    assert sent_to == set(FORMS)


def letter() -> int:
    publish(Probed(n=1, fails=99, by="probe.atomic"), stream=f"held-{uuid4()}")
    settle()
    return dead_letters.dead().latest("letter").letter or 0


def retries(_: User) -> Sent:
    return Sent(reverse("flowdeck:resolve"), {"action": "retry", "letter": letter()})


def stops_a_bulk_action(_: User) -> Sent:
    row = bulk.ask("retry", Criteria(ids=(letter(),)), by="olga", delay=600)
    return Sent(reverse("flowdeck:cancel_bulk", args=[row.pk]), {})


def says_of_a_group(_: User) -> Sent:
    fingerprint = Delivery.objects.get(letter=letter()).fingerprint
    path = reverse("flowdeck:group_status", args=[fingerprint])
    return Sent(path, {"status": "acknowledged", "note": "seen"})


def pauses(_: User) -> Sent:
    return Sent(reverse("flowdeck:pause", args=["probe.atomic"]), {"reason": "a test"})


def changes_limits(_: User) -> Sent:
    known = registry.processor("probe.leased")
    registry.add_processor(replace(known, name="probe.limited", limits=Limits(concurrent=1)))
    fields = {"concurrent": "3", "per": "10/s", "burst": "2", "reason": "a test"}
    return Sent(reverse("flowdeck:change_limits", args=["probe.limited"]), fields)


def resumes(user: User) -> Sent:
    client = every_page.administrator()
    client.post(reverse("flowdeck:pause", args=["probe.atomic"]), {"reason": "a test"})
    return Sent(reverse("flowdeck:resume", args=["probe.atomic"]), {})


def pauses_a_connector(_: User) -> Sent:
    return Sent(reverse("flowdeck:pause_connector", args=[a_connector()]), {"reason": "a test"})


def resumes_a_connector(_: User) -> Sent:
    name = a_connector()
    control.pause(name, by="olga", reason="a test")
    return Sent(reverse("flowdeck:resume_connector", args=[name]), {})


def rewinds_a_connector(_: User) -> Sent:
    (at,) = publish(Probed(n=1), stream="rewound").positions
    fields = {"to": at, "seen": 0, "reason": "a test"}
    return Sent(reverse("flowdeck:rewind_connector", args=[a_connector()]), fields)


def posts_a_test(_: User) -> Sent:
    return Sent(reverse("flowdeck:test_webhook", args=[a_connector()]), {})


def sends_again(_: User) -> Sent:
    name = a_connector()
    (at,) = publish(Probed(n=1), stream="sent").positions
    Connector.objects.create(name=name, position=at)
    row = WebhookAttempt.objects.create(
        outlet=name, position=at, number=1, at=clock.now(), seconds=0, status=204
    )
    fields = {"attempt": row.pk, "reason": "a test"}
    return Sent(reverse("flowdeck:send_again", args=[name]), fields)


def fires_a_timer(_: User) -> Sent:
    publish(Probed(n=1), stream="later", in_=600, timer="t")
    number = Timer.objects.get(name="t").pk
    fields = {"verb": "fire", "reason": "a test"}
    return Sent(reverse("flowdeck:change_timer", args=[number]), fields)


def holds_timers(_: User) -> Sent:
    return Sent(reverse("flowdeck:switch_timers"), {"ask": "hold", "reason": "a test"})


def stops_an_instance(_: User) -> Sent:
    publish(OrderSubmitted(order_id=1, user_id=1, total=Decimal(1), items=[]), stream="mediated-1")
    drain.drain(registry.processor("mediator"))
    fields = {"key": "mediated-1", "undo": "1", "reason": "a test"}
    return Sent(reverse("flowdeck:stop_process", args=["mediator"]), fields)


def pauses_a_schedule(_: User) -> Sent:
    row = {"expression": "0 2 * * *", "zone": "UTC", "last_nominal": datetime.now(UTC)}
    Schedule.objects.create(name="nightly", **row)
    fields = {"verb": "pause", "reason": "a test"}
    return Sent(reverse("flowdeck:change_schedule", args=["nightly"]), fields)


def verifies(_: User) -> Sent:
    fields = {"kind": "verify", "name": "probe.tally", "reason": "a test"}
    return Sent(reverse("flowdeck:run_replay"), fields)


def cancels_a_run(_: User) -> Sent:
    run = runs.request("verify", ["probe.tally"], by="olga")
    return Sent(reverse("flowdeck:cancel_replay", args=[run.pk]), {})


def redelivers(_: User) -> Sent:
    publish(Probed(n=1), stream="again")
    settle()
    seen = redelivery.question("probe.atomic", redelivery.Choice(type="Probed")).digest
    fields = {"processor": "probe.atomic", "type": "Probed", "reason": "a test", "seen": seen}
    return Sent(reverse("flowdeck:redeliver"), fields)


def proposes_a_repair(_: User) -> Sent:
    return Sent(reverse("flowdeck:repair", args=[letter()]), {"field:fails": "0"})


def confirms_a_repair(user: User) -> Sent:
    number = letter()
    row = asking.ask(number, {"fails": 0}, by=user.get_username())
    asking.execute(row.pk)
    return Sent(reverse("flowdeck:confirm_repair", args=[number, row.pk]), {"reason": "a test"})


def reveals(_: User) -> Sent:
    publish(Introduced(user_id=1, email="a@example.org"), stream="person-1")
    event = Event.objects.latest("position")
    return Sent(reverse("flowdeck:reveal", args=[event.position]), {"reason": "a test"})


def saves_a_view(_: User) -> Sent:
    return Sent(reverse("flowdeck:save_view"), {"name": "Mine", "query": "type=Probed"})


def deletes_a_view(user: User) -> Sent:
    view = SavedView.objects.create(owner=user, name="Mine", query="type=Probed")
    return Sent(reverse("flowdeck:delete_view", args=[view.pk]), {})


RULE = {"name": "Dead", "kind": "dead", "threshold": "1", "hold_seconds": "0"}
RULE |= {"processor": "", "mail_to": "", "webhook": ""}


def saves_an_alert(_: User) -> Sent:
    return Sent(reverse("flowdeck:save_alert"), RULE)


def an_alert() -> int:
    return int(rules.save(None, RULE, by="olga").pk)


AIM = {"began_with": "Probed", "reaches": "Echoed", "within": 5, "target": 95, "days": 30}


def saves_an_objective(_: User) -> Sent:
    return Sent(reverse("flowdeck:save_objective"), {"name": "Fast", **AIM})


def deletes_an_objective(_: User) -> Sent:
    number = objectives.save(None, "Fast", AIM, by="olga").pk
    return Sent(reverse("flowdeck:delete_objective", args=[number]), {})


def mutes_an_alert(_: User) -> Sent:
    return Sent(reverse("flowdeck:mute_alert", args=[an_alert()]), {"hours": "8"})


def sends_a_test_of_an_alert(_: User) -> Sent:
    number = rules.save(None, RULE | {"mail_to": "ops@example.com"}, by="olga").pk
    return Sent(reverse("flowdeck:test_alert", args=[number]), {})


def deletes_an_alert(_: User) -> Sent:
    return Sent(reverse("flowdeck:delete_alert", args=[an_alert()]), {})


def creates_a_token(_: User) -> Sent:
    return Sent(reverse("flowdeck:create_token"), {"name": "nightly", "scope": "read"})


def revokes_a_token(user: User) -> Sent:
    tokens.issue(user, name="nightly")
    number = tokens.of(user).get().pk
    return Sent(reverse("flowdeck:revoke_token", args=[number]), {})


def orders_a_mug(_: User) -> Sent:
    return Sent(reverse("shop:orders"), {"key": str(uuid4()), "sku": "mug", "quantity": "1"})


def cancels_an_order(user: User) -> Sent:
    placed = orders.place_order(user, [{"sku": "mug", "quantity": 1}], str(uuid4()))
    return Sent(reverse("shop:cancel", args=[placed.order_id]), {})


def runs_an_experiment(_: User) -> Sent:
    return Sent(reverse("lab:run", args=[LESSONS[0].slug]), {})


def mends_an_experiment(_: User) -> Sent:
    every_page.administrator().post(reverse("lab:run", args=["retries"]), {})
    return Sent(reverse("lab:mend", args=["retries"]), {})


def answers_a_question(_: User) -> Sent:
    return Sent(reverse("lab:answer", args=[LESSONS[0].slug]), {"option": "0"})


def switches_a_fault_on(_: User) -> Sent:
    fields = {"processor": "payment", "kind": "poison", "seconds": "60"}
    return Sent(reverse("lab:switch_on"), fields)


def switches_a_fault_off(user: User) -> Sent:
    number = switch_on(user, "payment", "poison").pk
    return Sent(reverse("lab:switch_off"), {"fault": number})


def resets_the_lab(_: User) -> Sent:
    return Sent(reverse("lab:reset"), {})


FORMS: dict[str, Made] = {
    "flowdeck:resolve": retries,
    "flowdeck:repair": proposes_a_repair,
    "flowdeck:confirm_repair": confirms_a_repair,
    "flowdeck:cancel_bulk": stops_a_bulk_action,
    "flowdeck:group_status": says_of_a_group,
    "flowdeck:pause": pauses,
    "flowdeck:change_limits": changes_limits,
    "flowdeck:resume": resumes,
    "flowdeck:pause_connector": pauses_a_connector,
    "flowdeck:resume_connector": resumes_a_connector,
    "flowdeck:rewind_connector": rewinds_a_connector,
    "flowdeck:test_webhook": posts_a_test,
    "flowdeck:send_again": sends_again,
    "flowdeck:change_timer": fires_a_timer,
    "flowdeck:switch_timers": holds_timers,
    "flowdeck:change_schedule": pauses_a_schedule,
    "flowdeck:stop_process": stops_an_instance,
    "flowdeck:run_replay": verifies,
    "flowdeck:cancel_replay": cancels_a_run,
    PLAIN: redelivers,
    "flowdeck:reveal": reveals,
    "flowdeck:save_view": saves_a_view,
    "flowdeck:delete_view": deletes_a_view,
    "flowdeck:save_alert": saves_an_alert,
    "flowdeck:save_objective": saves_an_objective,
    "flowdeck:delete_objective": deletes_an_objective,
    "flowdeck:mute_alert": mutes_an_alert,
    "flowdeck:test_alert": sends_a_test_of_an_alert,
    "flowdeck:delete_alert": deletes_an_alert,
    "flowdeck:create_token": creates_a_token,
    "flowdeck:revoke_token": revokes_a_token,
    "shop:orders": orders_a_mug,
    "shop:cancel": cancels_an_order,
    "lab:run": runs_an_experiment,
    "lab:mend": mends_an_experiment,
    "lab:answer": answers_a_question,
    "lab:switch_on": switches_a_fault_on,
    "lab:switch_off": switches_a_fault_off,
    "lab:reset": resets_the_lab,
}


def everything() -> dict[str, list[Any]]:
    """All rows, without what time and sessions alone change."""
    left_out = (Submission, Worker, Lane, Session, User)
    return {
        model._meta.label: sorted(map(repr, model._default_manager.values_list()))
        for model in apps.get_models()
        if model not in left_out
    }


def changed(before: dict[str, list[Any]], then: dict[str, list[Any]]) -> list[str]:
    return [name for name, rows in then.items() if rows != before[name]]


@pytest.fixture
def _nothing_declared_stays(settings: Any) -> Iterator[None]:
    # Nobody listens there, and nobody may go there.
    told = {"BROKERS": {"nowhere": "http://127.0.0.1:9/hooks"}, "WEBHOOK_NETWORKS": ()}
    settings.FLOWDECK = {**settings.FLOWDECK, **told}
    yield
    forget()
    registry.remove_processor("probe.limited")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("shelf", "demo", "_nothing_declared_stays")
@pytest.mark.parametrize("name", FORMS)
def test_a_second_submit_is_ignored(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injection, "LOOK_SECONDS", 0.0)
    client = every_page.administrator()
    sent = FORMS[name](User.objects.get(username="measurer"))
    entries, before = AuditEntry.objects.count(), everything()
    fields = {**sent.fields, "once": str(uuid4())}
    first = client.post(sent.path, fields)
    then = everything()
    assert first.status_code < 400
    assert changed(before, then)
    acts = 2 if name == "lab:mend" else 1  # it ends a fault and retries
    assert AuditEntry.objects.count() - entries <= acts
    for headers in ({}, {"HX-Request": "true"}):
        assert client.post(sent.path, fields, headers=headers).status_code < 400
        assert changed(then, everything()) == []
