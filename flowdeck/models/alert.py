"""Alert rules, and what each of them says now."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from flowdeck import clock


class AlertRule(models.Model):
    """When people are to be told (:mod:`flowdeck.alerts`).

    It fires once ``value`` has been at or over ``threshold`` for ``hold_seconds``, and is resolved
    once it is below. ``over_since`` is when it got there; ``firing_since`` when it fired; ``about``
    what it fired for (a group, a processor). ``muted_until``: nobody is told until then. Of a rule
    about what is missing, an event of ``then_type`` has to follow one of ``first_type`` in its
    trace within so many ``minutes``; one about silence waits for events of ``first_type``. Others
    look so many minutes back, or are that patient. The ``webhook`` gets what its ``form`` says;
    PagerDuty knows us by the ``routing_key``.
    """

    class Kind(models.TextChoices):
        """What is measured; the unit of the threshold is in the label."""

        DEAD = "dead", "dead letters there are"
        GROWTH = "growth", "letters a minute that one group grows by"
        WAITING = "waiting", "seconds that the oldest delivery waits"
        PAUSED = "paused", "minutes that a processor is paused"
        ROUND = "round", "dead letters of traces that go round"
        SNAPSHOT = "snapshot", "minutes that a transaction is open"
        LAG = "lag", "seconds that figures are behind"
        FULL = "full", "percent of the database's space that is used"
        FLOOR = "floor", "lanes whose floor was wrong in the last hour"
        TIMERS = "timers", "timers a minute late or refused"
        MISSING = "missing", "traces in which an event has not followed"
        FAILURES = "failures", "percent of attempts that failed"
        LATENCY = "latency", "milliseconds in which 99 of 100 deliveries are done"
        SILENCE = "silence", "minutes without an event of a type"
        WORKERS = "workers", "seconds that work is due and nobody works"
        STUCK = "stuck", "traces that have stood still"
        STANDING = "standing", "instances of processes that have stood still"
        STALE = "stale", "seconds that a projection is behind"
        CONNECT = "connect", "seconds that an outlet is behind"
        BURN = "burn", "objectives whose budget burns too fast"

    class Form(models.TextChoices):
        """What a webhook is sent."""

        FLOWDECK = "flowdeck", "JSON, signed"
        SLACK = "slack", "Slack"
        TEAMS = "teams", "Microsoft Teams"
        PAGERDUTY = "pagerduty", "PagerDuty"

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    processor = models.CharField(max_length=64, blank=True, default="")
    first_type = models.CharField(max_length=100, blank=True, db_default="")
    then_type = models.CharField(max_length=100, blank=True, db_default="")
    minutes = models.PositiveIntegerField(db_default=0)
    threshold = models.PositiveIntegerField(default=1)
    hold_seconds = models.PositiveIntegerField(default=0)
    mail_to = models.CharField(max_length=300, blank=True, default="")
    webhook = models.CharField(max_length=300, blank=True, default="")
    form = models.CharField(max_length=12, choices=Form.choices, db_default=Form.FLOWDECK)
    routing_key = models.CharField(max_length=64, blank=True, db_default="")
    muted_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    looked_at = models.DateTimeField(null=True, db_index=True)
    value = models.FloatField(default=0)
    about = models.CharField(max_length=300, default="")
    over_since = models.DateTimeField(null=True)
    firing_since = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        """Its name."""
        return self.name

    @property
    def state(self) -> str:
        """``firing``, ``holding`` (over, but not for long enough yet) or ``quiet``."""
        if self.firing_since:
            return "firing"
        return "holding" if self.over_since else "quiet"

    @property
    def is_muted(self) -> bool:
        """Whether nobody is told now."""
        return self.muted_until is not None and self.muted_until > clock.now()
