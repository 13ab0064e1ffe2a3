"""What outlets do whatever the broker: here it is Redis."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from flowdeck import outlet, publish
from flowdeck.checks.project import outside as checked
from flowdeck.connect import connectors, control, lease, relay, runner
from flowdeck.connect.brokers.redis_streams import RedisSender
from flowdeck.connect.messages import Outgoing, Refusal
from flowdeck.connect.standing import standings
from flowdeck.declare.registry import registry
from flowdeck.engine import drain
from flowdeck.engine.sweep import Sweeper
from flowdeck.errors import BrokerAway, RegistrationError, RewindRefused
from flowdeck.letters import dead_letters
from flowdeck.log.positions import newest_position
from flowdeck.models import AuditEntry, Connector, Delivery, Due, Event
from flowdeck.privacy import forgetting
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.flowdeck.connect.brokers import Redis
from tests.flowdeck.connect.declared import OUTLET, Make
from tests.polling import eventually
from tests.probe.events import Echoed, Introduced, Probed
from tests.under_way import open_transaction

pytestmark = pytest.mark.django_db(transaction=True)


def numbers(broker: Redis, to: str) -> list[int]:
    return [one.data["n"] for one in broker.received(to)]


def published(*wanted: int, stream: str = "a", **words: Any) -> None:
    publish(*[Probed(n=n, **words) for n in wanted], stream=stream)


def said(*words: str) -> str:
    out = io.StringIO()
    call_command("flowdeck", "connectors", *words, stdout=out)
    return out.getvalue()


def test_an_outlet_hears_its_types_in_its_streams(broker: Redis, make: Make) -> None:
    out = make(streams="b")
    published(1, stream="a")
    published(2, stream="b1")
    publish(Echoed(n=3, by=""), stream="b1")
    relay.run_once(out)
    assert numbers(broker, out.to) == [2]
    assert Connector.objects.get().position == newest_position()
    assert not Delivery.objects.filter(processor=OUTLET).exists()


def test_it_begins_where_it_is_told_to(broker: Redis, make: Make) -> None:
    published(1)
    out = make(start="end")
    assert relay.run_once(out) == 0
    published(2)
    relay.run_once(out)
    assert numbers(broker, out.to) == [2]


@pytest.mark.postgres
def test_it_waits_for_what_may_still_come_before(broker: Redis, make: Make) -> None:
    out = make()
    with open_transaction(lambda: publish(Probed(n=1), stream="late")) as commit:
        published(2)
        relay.run_once(out)
        assert numbers(broker, out.to) == []
        commit()
    relay.run_once(out)
    assert numbers(broker, out.to) == [1, 2]


def test_personal_values_leave_masked_sealed_or_not_at_all(broker: Redis, make: Make) -> None:
    publish(Introduced(user_id=7, email="ada@example.org"), stream="p")
    found = {}
    for personal in ("masked", "sealed", "left-out"):
        Connector.objects.all().delete()
        out = make(types=[Introduced], personal=personal)
        relay.run_once(out)
        (found[personal],) = broker.received(out.to)
        assert "ada" not in json.dumps(found[personal].data)
    assert found["masked"].attributes["datamasked"] == "true"
    assert found["masked"].data["email"] == "••••"
    assert found["sealed"].data["email"].keys() == {"$sealed", "$key"}
    assert found["left-out"].data == {"user_id": 7}
    forgetting.forget("7", by="olga", reason="asked for it")
    Connector.objects.all().delete()
    out = make(types=[Introduced])
    relay.run_once(out)
    assert broker.received(out.to)[0].data["email"] == "erased"


def test_a_letter_that_is_retried_goes_out_before_what_waits(
    broker: Redis, make: Make, settings: Any
) -> None:
    out = make(options="largest=2000")
    published(1, by="x" * 3000)
    published(2)
    relay.run_once(out)
    make(to=out.to)  # somebody raised the limit
    letters = list(Due.objects.filter(state="dead").values_list("letter", flat=True))
    dead_letters.retry(letters, by="olga")
    settle()
    published(3)
    relay.run_once(out)
    assert numbers(broker, out.to) == [1, 2, 3]
    assert set(Delivery.objects.values_list("processor", "state")) >= {(OUTLET, "done")}
    assert list(verify()) == []


def test_deliveries_wait_while_the_broker_is_away(broker: Redis, make: Make) -> None:
    out = make(mode="deliveries")
    broker.proxy.cut()
    published(1, 2)
    drain.drain(registry.processor(OUTLET))
    row = Due.objects.get(processor=OUTLET, state="sleeping")
    assert row.attempts == 0, "a broker that is away uses up no attempt"
    broker.proxy.mend()
    settle()
    assert numbers(broker, out.to) == [1, 2]
    assert OUTLET not in connectors.runnable()


def test_workers_run_it(broker: Redis, make: Make) -> None:
    out, sweeper = make(), Sweeper()
    published(1)
    try:
        sweeper.tick()
        eventually(lambda: numbers(broker, out.to) == [1])
        published(2)
        eventually(lambda: numbers(broker, out.to) == [1, 2])
        (standing,) = standings()
        assert standing.runs
        assert standing.per_second > 0
    finally:
        runner.stop()
    assert Connector.objects.get().token is None


def test_a_slow_broker_is_given_less_at_a_time(
    broker: Redis, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, ended, real = make(), threading.Event(), RedisSender.send

    def send(self: RedisSender, batch: Sequence[Outgoing]) -> list[Refusal]:
        if len(batch) > 3:
            raise BrokerAway("it did not confirm in time")
        return real(self, batch)

    def follow() -> None:
        try:
            relay.run(out, ended)
        finally:
            connection.close()

    monkeypatch.setattr(RedisSender, "send", send)
    monkeypatch.setattr(relay, "MOST", 8)
    published(*range(10))
    following = threading.Thread(target=follow)
    following.start()
    eventually(lambda: numbers(broker, out.to) == list(range(10)))
    ended.set()
    following.join()


def test_pause_resume_and_rewind_are_done_and_noted(broker: Redis, make: Make) -> None:
    out = make()
    published(1, 2, 3)
    relay.run_once(out)
    assert control.pause(OUTLET, by="olga", reason="their index is rebuilt")
    assert not control.pause(OUTLET, by="tom", reason="me too")
    published(4)
    assert relay.run_once(out) == 0
    (standing,) = standings()
    assert (standing.behind, standing.paused_by) == (1, "olga")
    assert standing.seconds > 0
    assert control.resume(OUTLET, by="olga")
    relay.run_once(out)
    second = Event.objects.get(data__n=2).position
    found = control.would_rewind(OUTLET, second)
    assert (found.again, found.skipped) == (2, 0)
    with pytest.raises(RewindRefused, match="is at"):
        control.rewind(OUTLET, second, by="olga", reason="lost", seen=second)
    control.rewind(OUTLET, second, by="olga", reason="they lost two", seen=found.now)
    relay.run_once(out)
    assert numbers(broker, out.to) == [1, 2, 3, 4, 3, 4]
    ids = [one.id for one in broker.received(out.to)]
    assert ids[2:4] == ids[4:6]
    with pytest.raises(RewindRefused, match="no position"):
        control.would_rewind(OUTLET, 10**9)
    actions = AuditEntry.objects.order_by("id").values_list("action", "who", "count")
    assert list(actions) == [("pause", "olga", 1), ("resume", "olga", 1), ("rewind", "olga", 2)]


def test_a_letter_that_is_refused_again_after_a_rewind_is_a_letter_again(
    broker: Redis, make: Make
) -> None:
    out = make(options="largest=2000")
    published(1, by="x" * 3000)
    relay.run_once(out)
    letter = Due.objects.get(state="dead").letter
    dead_letters.discard([letter], by="olga", reason="no use")
    control.rewind(OUTLET, 0, by="olga", reason="again")
    relay.run_once(out)
    row = Due.objects.get(processor=OUTLET)
    assert (row.state, row.letter, row.attempts) == ("dead", letter, 2)


def test_the_command_lists_runs_pauses_and_rewinds(broker: Redis, make: Make) -> None:
    out = make(options="largest=2000")
    published(1, 2)
    assert said("run", OUTLET, "--once") == "Moved: 2 messages.\n"
    last = newest_position()
    listed = f"{OUTLET}  at {last:,}, 0 events behind (0 ms), nobody runs it\n"
    assert said("list") == listed
    with pytest.raises(CommandError, match="needs a --reason"):
        said("pause", OUTLET)
    assert said("pause", OUTLET, "--reason", "why not") == f"{OUTLET} is paused.\n"
    assert "paused by" in said("list")
    assert said("resume", OUTLET) == f"{OUTLET} goes on.\n"
    assert "2 messages again. Nothing was changed." in said("rewind", OUTLET, "--to", "0")
    assert "2 messages again. Nothing was changed." in said(
        "rewind", OUTLET, "--to", "2026-01-01T10:00"
    )
    with pytest.raises(CommandError, match="a position or a time"):
        said("rewind", OUTLET, "--to", "yesterday")
    assert Connector.objects.get().position == last
    seen = ["--seen", str(last)]
    done = said("rewind", OUTLET, "--to", "0", "--yes", "--reason", "again", *seen)
    assert done == f"From {last:,} back to 0: 2 messages again.\n"
    for words in (["pause", "no", "--reason", "x"], ["run", "no"], ["rewind", "no", "--to", "1"]):
        with pytest.raises(CommandError, match=rf"There is no connector 'no'.*{OUTLET}"):
            said(*words)
    assert numbers(broker, out.to) == [1, 2]
    assert said("held", OUTLET) == f"{OUTLET} holds back no key.\n"
    published(3, by="x" * 3000)
    said("run", OUTLET, "--once")
    kept = f"a  from {newest_position():,} on: 1 dead letter, 0 events behind\n"
    assert said("held", OUTLET) == kept


def test_what_can_not_work_is_refused_where_it_is_declared(make: Make, settings: Any) -> None:
    for words, why in [
        ({"to": "x.{stream}"}, "may hold {type}"),
        ({"to": ""}, "to is empty"),
        ({"to": "x", "personal": "plain"}, "personal is one of"),
        ({"to": "x", "mode": "deliveries"}, "needs the types by name"),
    ]:
        with pytest.raises(RegistrationError, match=why):
            outlet("wrong", broker="probe", **words)  # type: ignore[arg-type]
    make(types=["Nonsense"])
    settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": {"probe": "ftp://elsewhere"}}
    found = [(one.id, one.msg) for one in checked()]
    assert found[0][0] == "flowdeck.E010"
    assert "begins with 'ftp'" in found[0][1]
    assert (found[1][0], "Nonsense" in found[1][1]) == ("flowdeck.E011", True)
    here = {"BROKERS": {"probe": "https://elsewhere"}, "WEBHOOK_SECRETS": {"probe": ["short"]}}
    settings.FLOWDECK = {**settings.FLOWDECK, **here}
    assert "whsec_" in checked()[0].msg


def test_passwords_of_brokers_are_not_shown(make: Make, settings: Any) -> None:
    make()
    url = "redis://user:secret@127.0.0.1:1/0?maxlen=5"
    settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": {"probe": url}}
    (standing,) = standings()
    assert standing.address == "redis://127.0.0.1:1/0"


def test_following_a_log_that_does_not_grow_writes_nothing(broker: Redis, make: Make) -> None:
    out = make()
    published(1)
    relay.run_once(out)
    taken = lease.take(OUTLET)
    assert taken is not None
    following = relay.Relay(out, taken)
    with CaptureQueriesContext(connection) as asked:
        assert not following.step()
    following.close()
    assert [one["sql"].split()[0] for one in asked] == ["SELECT"]
