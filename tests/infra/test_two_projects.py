"""The two example projects talk over RabbitMQ, and what they do together is one trace in both."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from eda_site.environment import broker_url
from tests.infra.commands import ran
from tests.infra.conftest import ROOT
from tests.polling import eventually
from tests.rabbitmq import a_rabbitmq

pytestmark = pytest.mark.long
_WITHIN = 180

ANNOUNCE = """
import json
from flowdeck import publish
from parcels.events import ParcelAnnounced
event = ParcelAnnounced(tenant="acme", parcel=7, weight=900, recipient="Ada")
print(json.dumps(str(publish(event, stream="parcel-7").correlation_id)))
"""
INVOICE = """
import json
from parcels.models import ParcelStatus
print(json.dumps(list(ParcelStatus.objects.values_list("invoice", flat=True))))
"""
LOGGED = """
import json
from flowdeck.models import Event
rows = list(Event.objects.order_by("position").values_list("type", "id", "causation_id"))
print(json.dumps([[str(part) for part in row] for row in rows]))
"""
PAGE = """
import json
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
people = get_user_model()
name = {people.USERNAME_FIELD: "anna@example.org"}
anna = people.objects.filter(**name).first() or people.objects.create_superuser(**name)
client = Client(SERVER_NAME="localhost")
client.force_login(anna)
answer = client.get(reverse("flowdeck:trace", args=["CORRELATION"]))
assert answer.status_code == 200, answer
print(json.dumps(answer.content.decode()))
"""


class _Outside(BaseHTTPRequestHandler):
    """The carrier, and a collector of spans."""

    spans: list[tuple[str, Any]]

    def do_POST(self) -> None:
        body, answer = self.rfile.read(int(self.headers["Content-Length"])), b""
        if self.path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                named = {one.key: one.value.string_value for one in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self.spans += [(named["service.name"], span) for span in scope.spans]
        else:
            answer = json.dumps({"label": f"L-{json.loads(body)['parcel']}"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def an_outside() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """The address of both, and the spans that came, with the service of each."""
    spans: list[tuple[str, Any]] = []
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Outside", (_Outside,), {"spans": spans})
    ) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Project:
    """One of the two, in a folder of its own."""

    folder: Path
    name: str
    environment: dict[str, str]

    def run(self, *words: str) -> str:
        return ran(self.folder, self.environment, *words).stdout

    def asked(self, code: str) -> Any:
        return json.loads(self.run("manage.py", "shell", "-v0", "-c", code).splitlines()[-1])

    @contextmanager
    def working(self) -> Iterator[None]:
        """With a worker, in which its connectors run."""
        words = ["-m", "celery", "-A", self.name, "worker", "-P", "threads", "-c", "2"]
        with (self.folder / "worker.log").open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, *words],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                yield
            finally:
                worker.terminate()
                worker.wait(60)


@pytest.fixture
def projects(
    wheel: Path, tmp_path: Path, redis_url: str
) -> Iterator[tuple[Project, Project, list[tuple[str, Any]]]]:
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    with ExitStack() as stack:
        (tmp_path / "rabbit").mkdir()
        port = stack.enter_context(a_rabbitmq(tmp_path / "rabbit"))
        address, spans = stack.enter_context(an_outside())
        environment = {
            **os.environ,
            "PYTHONPATH": str(tmp_path / "installed"),
            "REDIS_URL": redis_url,
            "CELERY_BROKER_URL": broker_url(redis_url),
            "AMQP_URL": f"amqp://127.0.0.1:{port}//",
            "CARRIER_URL": f"{address}/labels",
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        del environment["DJANGO_SETTINGS_MODULE"]
        made = []
        for folder, name, databases in (
            ("parcels", "depot", ("default", "log")),
            ("invoicing", "office", ("default",)),
        ):
            shutil.copytree(ROOT / "examples" / folder, tmp_path / folder)
            project = Project(tmp_path / folder, name, environment)
            for database in databases:
                project.run("manage.py", "migrate", "-v0", "--database", database)
            stack.enter_context(project.working())
            made.append(project)
        yield made[0], made[1], spans


def test_what_they_do_together_is_one_trace(
    projects: tuple[Project, Project, list[tuple[str, Any]]],
) -> None:
    parcels, invoicing, spans = projects
    correlation = parcels.asked(ANNOUNCE)
    eventually(lambda: parcels.asked(INVOICE) == ["I-L-7"], within=_WITHIN)

    here, there = parcels.asked(LOGGED), invoicing.asked(LOGGED)
    announced, bought, invoiced = here
    assert [row[0] for row in here] == [
        "parcels.announced",
        "parcels.label-bought",
        "parcels.invoiced",
    ]
    # The answer is an effect of what it answers, though another project wrote it.
    assert [announced[2], bought[2], invoiced[2]] == ["None", announced[1], bought[1]]
    assert [(row[0], row[2]) for row in there] == [
        ("invoices.label-reported", "None"),
        ("invoices.issued", there[0][1]),
    ]
    for project in (parcels, invoicing):
        project.run("manage.py", "flowdeck", "verify")

    code = PAGE.replace("CORRELATION", correlation)
    eventually(lambda: "handed on" in parcels.asked(code), within=_WITHIN)
    page = parcels.asked(code)
    assert "<b>parcels.labels</b> by outlet" in page
    assert "<b>/invoices.issue</b> by inlet" in page
    assert f"http://localhost:8001/traces/{correlation}/" in page
    page = invoicing.asked(code)
    assert "<b>/parcels.label</b> by inlet" in page
    assert "<b>invoices.issued</b> by outlet" in page
    assert f"http://localhost:8000/betrieb/traces/{correlation}/" in page

    wanted = {
        ("parcels", "publish parcels.announced"),
        ("parcels", "process parcels.announced"),
        ("invoicing", "process invoices.label-reported"),
        ("parcels", "process parcels.invoiced"),
    }
    try:
        eventually(lambda: not wanted - {(by, one.name) for by, one in spans}, within=_WITHIN)
    except AssertionError:
        assert wanted <= {(by, one.name) for by, one in spans}
    named = {link.trace_id for _, one in spans for link in one.links}
    begun = {one.trace_id for _, one in spans if not one.links}
    assert len(named) == 1
    assert begun == named
