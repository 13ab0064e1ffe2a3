"""Threads of the web process take turns with its connections."""

from __future__ import annotations

import gc
import threading
import time

import psycopg
import pytest
from django.db import connection

from eda_site.postgresql import lending
from eda_site.postgresql.lending import Connection, Lending

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def connect() -> Connection:
    return psycopg.connect(**connection.get_connection_params())


def refused() -> Connection:
    return psycopg.connect("host=127.0.0.1 port=1")


def number(one: Connection) -> int:
    return one.info.backend_pid


def test_what_is_given_back_is_lent_again_with_nothing_begun_on_it() -> None:
    pool = Lending(1)
    first = pool.take(connect)
    first.execute("CREATE TEMPORARY TABLE half_done (n int)")
    pool.give_back(first)
    again = pool.take(refused)
    assert number(again) == number(first)
    assert again.execute("SELECT to_regclass('half_done')").fetchone() == (None,)
    again.close()


def test_one_that_the_server_has_ended_is_not_lent() -> None:
    pool = Lending(2)
    kept = [pool.take(connect), pool.take(connect)]
    ended = [number(one) for one in kept]
    for one in kept:
        pool.give_back(one)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", [ended])
    fresh = pool.take(connect)
    assert number(fresh) not in ended
    fresh.close()


def test_who_waits_for_one_learns_at_once_that_the_database_is_away() -> None:
    """The one connection there may be is just being opened, and can't be."""
    opening, go_on = threading.Event(), threading.Event()

    def slowly_refused() -> Connection:
        opening.set()
        go_on.wait(60)
        return refused()

    pool = Lending(1)
    opener = threading.Thread(target=_fails, args=(pool, slowly_refused))
    opener.start()
    opening.wait(60)
    threading.Timer(0.2, go_on.set).start()
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="away"):
        pool.take(connect)
    assert time.monotonic() - began < lending._PATIENCE
    opener.join()
    pool.take(connect).close()  # and the next one tries anew


def test_a_busy_one_is_waited_for_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "_PATIENCE", 0.2)
    pool = Lending(1)
    used = pool.take(connect)
    with pytest.raises(psycopg.OperationalError, match="All 1 connections"):
        pool.take(connect)
    monkeypatch.setattr(lending, "_PATIENCE", 60.0)
    threading.Timer(0.2, pool.give_back, [used]).start()
    assert pool.take(refused) is used
    used.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_that_a_thread_took_along_when_it_ended_is_not_missed() -> None:
    pool = Lending(1)
    pool.take(connect)
    gc.collect()
    pool.take(connect).close()


def _fails(pool: Lending, how: object) -> None:
    with pytest.raises(psycopg.OperationalError):
        pool.take(how)  # type: ignore[arg-type]
