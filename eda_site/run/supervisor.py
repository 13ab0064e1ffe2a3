"""Starts Redis, prepares the database, starts web and workers, watches them, stops them all."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType

from eda_site import environment
from eda_site.run import redis_server
from eda_site.run.code import Code
from eda_site.run.errors import CannotRun
from eda_site.run.listener import opened
from eda_site.run.lock import HomeLock
from eda_site.run.options import Options
from eda_site.run.output import Output, show
from eda_site.run.process import Command, Process
from eda_site.run.watchdog import Watchdog

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# All is stopped within 5 s: workers and web get the most of it, Redis the rest.
WORK_STOP_SECONDS = 3.5
WEB_STOP_SECONDS = 2
REDIS_STOP_SECONDS = 0.8
REDIS_START_SECONDS = 10
READY_SECONDS = 60
# So many deaths before the first answer, and it will not start by itself.
TOO_MANY_FAILURES = 4


class Supervisor:
    """One run of Flowdeck, from the lock to the last process."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.environment = {
            "FLOWDECK_HOME": str(options.home),
            "FLOWDECK_DEMO": "1" if options.demo else "0",
            "PYTHONUNBUFFERED": "1",
        }
        self._stop = threading.Event()
        self._work: list[Process] = []
        self._redis: Process | None = None

    def run(self) -> None:
        """Start everything and stay until a signal comes."""
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        lock = HomeLock(self.options.home)
        lock.acquire(self.options.address)
        with ExitStack() as at_the_end:
            at_the_end.callback(lock.release)
            listener = at_the_end.enter_context(opened(self.options.host, self.options.port))
            self._watchdog = Watchdog(lock.fileno())
            at_the_end.callback(self._watchdog.close)
            at_the_end.callback(self._stop_processes)
            self._start(listener)
            self._stay()

    def _start(self, listener: socket.socket) -> None:
        show(f"Flowdeck starts in {self.options.home}")
        for step in (self._start_redis, self._prepare, lambda: self._start_work(listener)):
            if not self._stop.is_set():
                step()
        if self._wait(self._answers, READY_SECONDS):
            self._greet()

    def _start_redis(self) -> None:
        if url := os.environ.get("REDIS_URL"):
            if not redis_server.answers(url):
                show("redis  | REDIS_URL does not answer; Flowdeck is slower until it does")
            return
        path = environment.redis_socket(self.options.home)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)  # of a run that was killed; nobody else has the lock
        self.environment["REDIS_URL"] = f"unix://{path}"
        arguments = redis_server.command(redis_server.find_server(), path)
        self._redis = self._process("redis", arguments)
        self._redis.start()
        if not self._wait(lambda: redis_server.answers(f"unix://{path}"), REDIS_START_SECONDS):
            self._unless_stopped(f"Redis did not start; see {self._redis.output.path}")

    def _prepare(self) -> None:
        output = Output("setup", self.options.home / "logs")
        child = subprocess.Popen(
            [sys.executable, "-m", "eda_site.run.prepare"],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._watchdog.started(child.pid)
        assert child.stdout is not None
        output.follow(child.stdout)
        while child.poll() is None:
            if self._stop.wait(0.05):
                child.terminate()
                break
        code = child.wait()
        self._watchdog.ended(child.pid)
        if code:
            self._unless_stopped(f"Its database could not be prepared; see {output.path}")

    def _start_work(self, listener: socket.socket) -> None:
        file = listener.fileno()
        limits = ["--fd", str(file), "--stop-seconds", str(WEB_STOP_SECONDS)]
        web = [sys.executable, "-m", "eda_site.serve", *limits]
        self._web = self._process("web", web, files=[file])
        self._worker = self._process("worker", worker_command(self.options.workers))
        self._work = [self._web, self._worker]
        for process in self._work:
            process.start()

    def _process(self, name: str, arguments: list[str], files: list[int] | None = None) -> Process:
        command = Command(name, arguments, dict(self.environment), files or [])
        return Process(command, Output(name, self.options.home / "logs"), self._watchdog)

    def _answers(self) -> bool:
        if self._web.failures >= TOO_MANY_FAILURES:
            raise CannotRun(f"Its web process does not start; see {self._web.output.path}")
        try:
            connection = http.client.HTTPConnection(
                self.options.host.strip("[]"), self.options.port, timeout=5
            )
            connection.request("GET", "/accounts/login/")
            status = connection.getresponse().status
            connection.close()
        except (OSError, http.client.HTTPException):
            return False
        # Outside of the demo this host name may be refused (400) or sent on to https (301).
        return status == 200 if self.options.demo else status < 500

    def _greet(self) -> None:
        show(f"\nFlowdeck is ready at {self.options.address}")
        if self.options.demo:
            show("Sign in as customer, operator or teacher; the password is demo")
        show("Ctrl-C stops it\n")

    def _stay(self) -> None:
        parent, code = os.getppid(), Code() if self.options.reload else None
        while not self._stop.wait(0.5):
            if code and code.has_changed():
                show("The code has changed: web and workers start again")
                for process in self._work:
                    process.start_again()
            # make can be killed without its child being told; nobody could stop us then.
            if "MAKELEVEL" in os.environ and os.getppid() != parent:
                show("make is gone, so Flowdeck stops")
                self._stop.set()

    def _wait(self, happened: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._stop.is_set() and time.monotonic() < deadline:
            if happened():
                return True
            self._stop.wait(0.05)
        return False

    def _unless_stopped(self, problem: str) -> None:
        if not self._stop.is_set():
            raise CannotRun(problem)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _stop_processes(self) -> None:
        show("\nFlowdeck stops")
        self._end(self._work, WORK_STOP_SECONDS)
        if self._redis:
            self._end([self._redis], REDIS_STOP_SECONDS)
            environment.redis_socket(self.options.home).unlink(missing_ok=True)
        show("Flowdeck has stopped")

    def _end(self, processes: list[Process], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            process.wait_stopped(deadline)


def worker_command(children: int) -> list[str]:
    """How a Celery worker with ``children`` processes is started."""
    options = ["--pool=prefork", f"--concurrency={children}", "--loglevel=INFO"]
    # Workers need to know nothing of each other: the database tells who does what.
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    # It warns of running as root, which in a container is the rule; messages are JSON only.
    python = [sys.executable, "-W", "ignore:You're running the worker"]
    return [*python, "-m", "eda_site.run.worker", *options, *quiet]
