"""Many calls are in the air at once, a key keeps its order, and a crash repeats no other calls."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from celery import current_app
from django.core.checks import run_checks
from django.db import OperationalError, connection
from django.db.models import QuerySet

from flowdeck import Delivery as Delivered
from flowdeck import Event, Limits, Reject, Retry, Snooze, publish
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.subscribing import declare
from flowdeck.engine import batch, drain, event_loop, lanes, watchdog
from flowdeck.engine.pause import pause
from flowdeck.errors import RegistrationError
from flowdeck.models import Attempt, Delivery, Lane
from flowdeck.models import Event as Stored
from tests.guarantees import leases
from tests.guarantees.forked import in_a_process
from tests.polling import eventually
from tests.probe.events import Called, Echoed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("declared")]
OVERLAP, KEYS, EACH = 20, 60, 5


async def _calls(event: Called) -> None: ...


@pytest.fixture
def declared() -> Iterator[None]:
    """An ``async def`` that hears what is called; no worker of greenlets could start with it."""
    registry.add_processor(declare("probe.calling", _calls))
    yield
    registry.remove_processor("probe.calling")


def calling(handler: Callable[..., Any], **options: Any) -> Processor:
    """The processor that calls for many keys at once, with another handler."""
    given = {"overlap": OVERLAP, "retry": Retry(max_attempts=1), "wants_delivery": True, **options}
    return replace(registry.processor("probe.calling"), handler=handler, **given)


def states() -> dict[str, int]:
    return Counter(Delivery.objects.values_list("state", flat=True))


@dataclass
class Provider:
    """A server that answers a tenth of a second after it is asked, and notes what for."""

    asked: list[tuple[str, int]] = field(default_factory=list)
    in_the_air: int = 0
    most: int = 0
    port: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key, _, number = (await reader.readline()).decode().partition(" ")
        if number:  # else it was killed before it has asked
            self.asked.append((key, int(number)))
            self.in_the_air += 1
            self.most = max(self.most, self.in_the_air)
            await asyncio.sleep(0.1)
            self.in_the_air -= 1
            writer.write(b"yes\n")
        writer.close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    made, ready, over = Provider(), threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with await asyncio.start_server(made.answer, "127.0.0.1", 0) as server:
            made.port = server.sockets[0].getsockname()[1]
            ready.set()
            await over.wait()
            while made.in_the_air:
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait(60)
    yield made
    loops[0].call_soon_threadsafe(over.set)
    thread.join(60)


def _worker(database: str, port: int) -> None:
    """Drain for ever, as a worker's process does."""
    connection.settings_dict["NAME"] = database
    connection.close()

    async def ask(event: Called, delivery: Delivered) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{delivery.envelope.stream} {event.n}\n".encode())
        assert await reader.readline() == b"yes\n"
        writer.close()

    processor = calling(ask)
    while True:
        drain.drain(processor)
        time.sleep(0.005)


def _more_than(rows: QuerySet[Any], count: int) -> bool:
    return rows.count() > count


@pytest.mark.crowd
def test_a_killed_worker_repeats_what_it_had_in_the_air_and_keys_keep_their_order(
    settings: Any, provider: Provider
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "LEASE_SECONDS": 1.0}
    publish(*[Called(n=n) for n in range(EACH)], stream="key-0")
    for n in range(EACH):
        for key in range(1, KEYS):
            publish(Called(n=n), stream=f"key-{key}")
    lanes.create_missing([registry.processor("probe.calling")])
    name, fork = str(connection.settings_dict["NAME"]), multiprocessing.get_context("fork")

    def start() -> Any:
        connection.close()
        process = fork.Process(target=_worker, args=(name, provider.port), daemon=True)
        process.start()
        return process

    workers, kills = [start(), start()], 0
    done = Delivery.objects.filter(processor="probe.calling", state="done")
    try:
        for count in (30, 120):
            eventually(partial(_more_than, done, count))
            os.kill(workers[0].pid, signal.SIGKILL)
            workers[0].join()
            kills += 1
            workers = [workers[1], start()]
        eventually(lambda: done.count() == KEYS * EACH)
    finally:
        for process in workers:
            process.kill()
            process.join()
    times = Counter(provider.asked)
    assert set(times) == {(f"key-{key}", n) for key in range(KEYS) for n in range(EACH)}
    assert sum(times.values()) - len(times) <= kills * OVERLAP
    assert provider.most > OVERLAP / 2, "calls overlap"
    by_key: dict[str, list[int]] = defaultdict(list)
    for stream, number in provider.asked:
        by_key[stream].append(number)
    for numbers in by_key.values():
        assert numbers == sorted(numbers), "what is repeated was the last one of its key"
    assert set(done.values_list("attempts", flat=True)) == {1}


def test_calls_in_threads_meet_and_those_of_one_key_do_not() -> None:
    meeting, at_once, calls = threading.Barrier(4), Counter[str](), []

    def call(event: Called, delivery: Delivered) -> None:
        key = delivery.envelope.stream
        at_once[key] += 1
        assert at_once[key] == 1
        meeting.wait(60)  # nobody goes on before four are here
        time.sleep(0.2)  # and not before there was another look for more
        calls.append((key, event.n))
        at_once[key] -= 1

    for key in range(4):
        publish(*[Called(n=n) for n in range(3)], stream=f"key-{key}")
    before = threading.active_count()
    assert drain.drain(calling(call, overlap=8), seconds=60) == 12
    assert states() == {"done": 12}
    for key in range(4):
        assert [n for one, n in calls if one == f"key-{key}"] == [0, 1, 2]
    eventually(lambda: threading.active_count() <= before + 1)  # one renews leases
    assert not Lane.objects.exclude(token=None).exists()


def test_what_comes_back_after_the_lease_was_lost_is_dropped() -> None:
    def call(event: Called, delivery: Delivered) -> Echoed:
        Lane.objects.update(token=None, lease_expires_at=None)
        return Echoed(n=1, by="late")

    publish(Called(n=1), stream="one")
    assert drain.drain(calling(call), seconds=60) == 0
    assert states() == {"pending": 1}
    assert not Stored.objects.filter(type="Echoed").exists()


def test_what_was_committed_without_anybody_hearing_of_it_is_not_committed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, fails = batch._finish_leased, [True]

    def unheard(*args: Any) -> Any:
        done = real(*args)
        if fails.pop() if fails else False:
            raise OperationalError("database is locked")
        return done

    monkeypatch.setattr(batch, "_finish_leased", unheard)
    publish(Called(n=1), Called(n=2), stream="one")
    for _ in range(2):
        drain.drain(calling(lambda event, _: Echoed(n=event.n, by="me")), seconds=60)
        leases.run_out()
    assert states() == {"done": 2}
    assert Stored.objects.filter(type="Echoed").count() == 2


def test_each_call_has_an_outcome_of_its_own() -> None:
    """Done with events, failed, rejected, put off; an exit ends its attempt and nothing else."""

    async def call(event: Called, delivery: Delivered) -> Event | None:
        outcome = outcomes[delivery.envelope.stream]
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome == "publishes":
            publish(Echoed(n=event.n, by=outcome))
            return None
        return Echoed(n=event.n, by=outcome)

    async def yields(event: Called, delivery: Delivered) -> Any:
        await asyncio.sleep(0)
        yield Echoed(n=event.n, by="yields")

    outcomes: dict[str, str | BaseException] = {
        "returns": "returns",
        "publishes": "publishes",
        "fails": ValueError("no"),
        "rejects": Reject("never"),
        "sleeps": Snooze(3_600),
        "exits": SystemExit(3),
        "cancels": asyncio.CancelledError(),
    }
    for name in outcomes:
        publish(Called(n=1), Called(n=2), stream=name)
    drain.drain(calling(call), seconds=60)
    assert states() == {"done": 4, "dead": 4, "sleeping": 1, "pending": 5}
    failed = Attempt.objects.values_list("event__stream", "error")
    assert dict(failed) == {
        "fails": "ValueError",
        "rejects": "Reject",
        "exits": "SystemExit",
        "cancels": "CancelledError",
    }
    echoes = Stored.objects.filter(type="Echoed")
    assert {one.data["by"] for one in echoes} == {"returns", "publishes"}
    assert echoes.count() == 4
    publish(Called(n=3), stream="returns")
    drain.drain(calling(yields), seconds=60)
    caused = echoes.get(causation_id__in=Stored.objects.filter(data__n=3).values("id"))
    assert caused.data["by"] == "yields"


async def _sleeps() -> None:
    await asyncio.sleep(60)


async def _computes() -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pass


async def _hears_nothing() -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


async def _blocks() -> None:
    time.sleep(60)


def hanging(hang: Callable[[], Awaitable[None]]) -> Processor:
    async def call(event: Called) -> None:
        await (hang() if event.n == 2 else asyncio.sleep(0.01))

    return calling(call, timeout=0.5, wants_delivery=False)


def four_of_which_one_hangs() -> None:
    for n in (1, 2, 3, 4):
        publish(Called(n=n), stream=f"hang-{n}")


def drained(hang: Callable[[], Awaitable[None]]) -> None:
    while drain.drain(hanging(hang)):
        pass


def assert_it_alone_failed() -> None:
    dead = Delivery.objects.get(state="dead")
    assert dead.event.data["n"] == 2
    assert dead.failures.get().error == "HandlerTimedOut"
    assert "was not done in 0.5 s" in dead.failures.get().message
    assert states() == {"done": 3, "dead": 1}


@pytest.mark.crowd
@pytest.mark.parametrize("hang", [_sleeps, _hears_nothing])
def test_what_hangs_is_ended_and_its_neighbours_are_done(
    hang: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "END_AFTER", 3.0)
    four_of_which_one_hangs()
    drained(hang)
    assert_it_alone_failed()


def test_what_computes_in_the_loop_is_interrupted_and_its_process_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watchdog, "END_AFTER", 4.0)
    four_of_which_one_hangs()
    assert in_a_process(lambda: drained(_computes)) == 0
    assert_it_alone_failed()


@pytest.mark.crowd
def test_what_blocks_the_loop_ends_with_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "END_AFTER", 2.0)
    four_of_which_one_hangs()
    assert in_a_process(lambda: drained(_blocks)) == watchdog.TIMED_OUT
    drained(_blocks)
    assert_it_alone_failed()


def test_a_straggler_holds_no_other_key_of_its_lane_back() -> None:
    """It goes on until what was published meanwhile is done, behind the end of the drain's time."""
    came = asyncio.Event()

    def publish_another() -> None:
        publish(Called(n=2), stream="quick")
        connection.close()

    async def call(event: Called, delivery: Delivered) -> None:
        if delivery.envelope.stream == "slow":
            threading.Timer(1.5, publish_another).start()
            await asyncio.wait_for(came.wait(), 20)
        else:
            came.set()

    Lane.objects.filter(processor="probe.calling").delete()
    Lane.objects.create(processor="probe.calling", first_slot=0, last_slot=1023)
    publish(Called(n=1), stream="slow")
    drain.drain(calling(call), seconds=0.2)
    assert states() == {"done": 2}
    lanes.forget_created()


def test_a_limited_processor_overlaps_up_to_its_limit() -> None:
    now, most, three = Counter[str](), Counter[str](), asyncio.Event()

    async def call(event: Called) -> None:
        now["air"] += 1
        most["air"] = max(most["air"], now["air"])
        if now["air"] == 3:
            three.set()
        await asyncio.wait_for(three.wait(), 20)
        await asyncio.sleep(0.01)
        now["air"] -= 1

    for n in range(12):
        publish(Called(n=n), stream=f"key-{n}")
    limited = calling(call, wants_delivery=False, limits=Limits(concurrent=3))
    drain.drain(limited, seconds=60)
    assert states() == {"done": 12}
    assert most["air"] == 3


def test_a_processor_that_is_paused_starts_nothing_more() -> None:
    def call(event: Called) -> None:
        pause("probe.calling", by="ann", reason="enough")

    publish(Called(n=1), Called(n=2), stream="one")
    drain.drain(calling(call, wants_delivery=False), seconds=60)
    assert states() == {"done": 1, "pending": 1}


def _sync(event: Called) -> None: ...


@pytest.mark.parametrize(
    ("handler", "options", "why"),
    [
        (_calls, {"atomic": True}, "can't be atomic=True"),
        (_calls, {"batch": True}, "can't be batch=True"),
        (_calls, {"replayable": True}, "can't be a projection"),
        (_calls, {"overlap": 0}, "overlap must be 1 to 1,000"),
        (_sync, {"overlap": 2}, "Say atomic=False"),
        (_sync, {"overlap": 2, "atomic": False, "batch": True}, "leave out batch=True"),
    ],
)
def test_what_can_not_overlap_is_refused(
    handler: Callable[..., Any], options: dict[str, Any], why: str
) -> None:
    with pytest.raises(RegistrationError, match=why):
        declare("x", handler, **options)


def test_the_event_loop_survives_what_a_handler_starts() -> None:
    async def call(event: Called) -> None:
        async def exits() -> None:
            raise SystemExit(3)

        task = asyncio.ensure_future(exits())
        await asyncio.wait([task])
        assert isinstance(task.exception(), SystemExit)

    loop = event_loop.event_loop()
    publish(Called(n=1), stream="one")
    publish(Called(n=2), stream="two")
    drain.drain(calling(call, wants_delivery=False), seconds=60)
    assert states() == {"done": 2}
    assert event_loop.event_loop() is loop


@pytest.mark.parametrize(("pool", "found"), [("prefork", 0), ("gevent", 1)])
def test_a_pool_that_has_no_event_loop_is_refused(pool: str, found: int) -> None:
    before = current_app.conf.worker_pool
    current_app.conf.worker_pool = pool
    try:
        errors = [one for one in run_checks(tags=["flowdeck"]) if one.id == "flowdeck.E014"]
    finally:
        current_app.conf.worker_pool = before
    assert len(errors) == found
