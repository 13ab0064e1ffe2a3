"""What the lab adds to the dashboard: entry, live view, notices of faults."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from flowdeck import live
from flowdeck.dashboard.shared import hues
from flowdeck.dashboard.shell import navigation
from processors import faults
from processors.lab import runs, sandbox
from processors.lab.lessons import LESSONS
from processors.lab.live import ExperimentView
from processors.lab.shown import felt_faults


def _progress(user: Any) -> navigation.Count:
    done, _ = runs.progress(user)
    return navigation.Count(f"{len(done)}/{len(LESSONS)}")


def _notices(user: Any) -> list[navigation.Notice]:
    url = reverse("lab:faults")
    return [navigation.Notice(fault.words, url, fault.until) for fault in felt_faults(user)]


if faults.allowed():
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
