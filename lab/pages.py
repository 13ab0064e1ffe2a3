"""What the lab adds to the dashboard: entry, live view, notices of faults."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from events import scenarios
from flowdeck.extend import (
    Count,
    Notice,
    assign_hues,
    register_entry,
    register_live_view,
    register_notices,
)
from lab import runs, sandbox
from lab.lessons import LESSONS
from lab.live import ExperimentView
from lab.shown import felt_faults


def _progress(user: Any) -> Count:
    done, _ = runs.progress(user)
    return Count(f"{len(done)}/{len(LESSONS)}")


def _notices(user: Any) -> list[Notice]:
    url = reverse("lab:faults")
    return [Notice(fault.words, url, fault.until) for fault in felt_faults(user)]


if scenarios.allowed():
    register_entry(
        section="Learn",
        label="Lab",
        url_name="lab:lab",
        icon="flask",
        order=10,
        permission="lab.use_lab",
        count=_progress,
        key="l",
    )
    register_notices(_notices)
register_live_view("experiment", ExperimentView)
assign_hues(
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
