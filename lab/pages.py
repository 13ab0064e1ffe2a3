"""What the lab adds to the dashboard: entry, live view, notices of faults."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from events import scenarios
from flowdeck import live
from flowdeck.dashboard.shared import hues
from flowdeck.dashboard.shell import navigation
from lab import runs, sandbox
from lab.lessons import LESSONS
from lab.live import ExperimentView
from lab.shown import felt_faults


def _progress(user: Any) -> navigation.Count:
    done, _ = runs.progress(user)
    return navigation.Count(f"{len(done)}/{len(LESSONS)}")


def _notices(user: Any) -> list[navigation.Notice]:
    url = reverse("lab:faults")
    return [navigation.Notice(fault.words, url, fault.until) for fault in felt_faults(user)]


if scenarios.allowed():
    navigation.register("Learn", "Lab", "lab:lab", "lab", 10, "use_lab", count=_progress, key="l")
    navigation.register_notices(_notices)
live.register("experiment", ExperimentView)
hues.assign(
    lab="slate",
    **{
        sandbox.CARELESS: "magenta",
        sandbox.KEYED: "teal",
        sandbox.ATOMIC: "leaf",
        sandbox.ARRIVALS: "indigo",
        sandbox.LOYALTY: "teal",
        sandbox.ACCOUNT: "slate",
        sandbox.GREETER: "leaf",
    },
)
