"""Which numbers are held against which, and what is to be reached."""

from __future__ import annotations

import statistics

from benchmarks.goals import met

# ratio: (ours, the other, what must be shown); for latencies less is better.
_TABLE = {
    "noop_vs_celery": ("noop", "celery", ">= 15"),
    "echo_vs_celery": ("echo", "celery", ">= 15"),
    "batch_vs_celery": ("batch", "celery", ">= 20"),
    "orm_vs_celery": ("orm", "celery", ">= 4"),
    "orm_vs_plain_django": ("orm", "plain_django", ">= 6"),
    "workflow_vs_celery": ("workflow", "celery", ">= 8"),
    "sqlite_workflow_vs_celery": ("sqlite_workflow", "celery", ">= 1"),
    "publish_1_vs_commit_row": ("publish_1", "commit_row", ">= 0.7"),
    "publish_1_vs_celery": ("publish_1", "celery_publish", ""),
    "publish_100_vs_celery": ("publish_100", "celery_publish", ">= 5.1"),
    "latency_p50_vs_celery": ("latency_p50", "celery_latency_p50", "<= 2"),
    "latency_p99_vs_celery": ("latency_p99", "celery_latency_p99", "<= 3"),
    "backlog_vs_empty": ("backlog", "empty", ">= 0.8"),
    "hot_key_vs_empty": ("hot_key", "empty", ">= 0.5"),
    "dead_keys_vs_empty": ("dead_keys", "empty", ">= 0.8"),
    "memory_1m_vs_50k": ("memory_1m", "memory_50k", "<= 1.2"),
    "procrastinate_vs_celery": ("procrastinate", "celery", ""),
    "eventsourcing_vs_celery": ("eventsourcing", "celery", ""),
    "celery_outbox_vs_celery": ("celery_outbox", "celery", ""),
}
RATIOS = {name: (ours, other) for name, (ours, other, _) in _TABLE.items()}
# Numbers with a goal of their own, for a machine on which bare Celery drains 950 tasks/s and sends
# 1,560/s; the ratio publish_100_vs_celery is the same goal for any machine.
ABSOLUTE = {"publish_100": ">= 8000"}
GOALS = {**{name: goal for name, (_, _, goal) in _TABLE.items()}, **ABSOLUTE}


def ratios(runs: dict[str, list[float]]) -> dict[str, float]:
    """The median of the rounds' ratios, of those for which both numbers were measured.

    Both sides of a round ran shortly after each other, or in turn, on the same machine in the same
    mood; medians of each side may come from different rounds.
    """
    return {
        name: round(
            statistics.median(a / b for a, b in zip(runs[ours], runs[other], strict=True)), 3
        )
        for name, (ours, other) in RATIOS.items()
        if ours in runs and other in runs
    }


def reached(name: str, value: float) -> bool | None:
    """Whether a number is as good as it has to be; None if nothing was promised."""
    goal = GOALS.get(name)
    return met(goal, value) if goal else None
