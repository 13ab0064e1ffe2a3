"""``/metrics``: what it tells is what the log and the deliveries come to, and not for everybody."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Count
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from flowdeck import publish
from flowdeck.history import fold
from flowdeck.metrics.collected import Flowdeck
from flowdeck.models import Delivery, Event
from flowdeck.people import tokens
from flowdeck.testing import settle
from tests.flowdeck.api.conftest import person
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
DEPLOY = Path(__file__).resolve().parents[3] / "deploy" / "prometheus"
Samples = dict[tuple[str, frozenset[str]], float]


def scraped(user: str = "vera", role: str = "viewer") -> str:
    token = tokens.issue(person(user, role), scope="read")
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.content
    text: str = answer.content.decode()
    return text


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counters_are_what_the_database_holds() -> None:
    publish(*[Probed(n=n) for n in range(5)], stream="a")
    publish(Probed(n=6, rejects="probe.leased"), stream="b")
    settle()
    fold.catch_up()
    found = samples(scraped())

    def value(name: str, *labels: str) -> float:
        return found[name, frozenset(labels)]

    producer = Event.objects.first().producer
    assert value("flowdeck_events_total", "Probed", producer) == Event.objects.count()
    done = Delivery.objects.filter(state="done").order_by().values_list("processor")
    for processor, count in done.annotate(n=Count("*")):
        assert value("flowdeck_deliveries_total", processor, "Probed", "done") == count
        assert value("flowdeck_run_seconds_count", processor) == count
        assert value("flowdeck_run_seconds_bucket", processor, "+Inf") == count
        assert value("flowdeck_age_seconds_sum", processor) > 0
    assert value("flowdeck_dead_letters", "probe.leased") == 1
    assert value("flowdeck_deliveries_total", "probe.leased", "Probed", "rejected") == 1
    assert value("flowdeck_log_position") == Event.objects.latest("position").position


def test_buckets_rise_up_to_the_count() -> None:
    publish(Probed(n=1), stream="a")
    settle()
    fold.catch_up()
    for family in Flowdeck().collect():
        for sample in family.samples:
            assert sample.value >= 0
    found = samples(scraped())
    buckets = [
        value
        for (name, labels), value in found.items()
        if name == "flowdeck_wait_seconds_bucket" and "probe.atomic" in labels
    ]
    assert buckets == sorted(buckets)
    assert len(buckets) == 20


def test_only_who_may_see_processors_reads_them(settings: Any) -> None:
    assert Client().get("/metrics").status_code == 401
    wrong = {"Authorization": "Bearer fd_wrong"}
    assert Client().get("/metrics", headers=wrong).status_code == 401
    token = tokens.issue(person("ada"))
    nobody = {"Authorization": f"Bearer {token}"}
    assert Client().get("/metrics", headers=nobody).status_code == 401
    settings.FLOWDECK = {**settings.FLOWDECK, "METRICS_NETWORKS": ("10.0.0.0/8",)}
    assert Client().get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert Client().get("/metrics", REMOTE_ADDR="::ffff:10.1.2.3").status_code == 200
    assert Client().get("/metrics", REMOTE_ADDR="11.1.2.3").status_code == 401
    assert Client().post("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 405


@pytest.fixture(scope="module")
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None and os.environ.get("CI"):
        pytest.fail("There is no promtool on PATH.")
    if program is None:
        pytest.skip("not run: there is no promtool on PATH")
    return program


def test_promtool_finds_no_fault(promtool: str, tmp_path: Path) -> None:
    publish(Probed(n=1), stream="a")
    settle()
    text = scraped()
    words = [promtool, "check", "metrics"]
    linted = subprocess.run(words, input=text, text=True, capture_output=True, check=False)
    ours = [line for line in linted.stderr.splitlines() + linted.stdout.splitlines() if line]
    assert [line for line in ours if "flowdeck_" in line] == []
    (tmp_path / "flowdeck.token").write_text("fd_token")
    for name in ("prometheus.yml", "flowdeck.rules.yml"):
        content = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(content.replace("/etc/prometheus", str(tmp_path)))
    words = [promtool, "check", "config", str(tmp_path / "prometheus.yml")]
    checked = subprocess.run(words, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr + checked.stdout


def test_rules_and_dashboard_name_what_is_told() -> None:
    publish(Probed(n=1), stream="a")
    settle()
    told = {family.name for family in text_string_to_metric_families(scraped())}
    suffixes = ("_total", "_bucket", "_count", "_sum")
    rules = (DEPLOY / "flowdeck.rules.yml").read_text()
    queries = [
        target["expr"]
        for panel in json.loads((DEPLOY / "grafana.json").read_text())["panels"]
        for target in panel["targets"]
    ]

    named = set(re.findall(r"flowdeck_[a-z_]+", "\n".join([*queries, rules])))
    assert named
    for name in named:
        bare = next((name.removesuffix(s) for s in suffixes if name.endswith(s)), name)
        assert bare in told, name
