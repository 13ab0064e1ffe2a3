"""``/alerts``: the rules with what they say now, and what has fired."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Query, Router, Schema

from flowdeck.alerts import past, rules
from flowdeck.alerts.past import Firing
from flowdeck.api.problems import require
from flowdeck.models import AlertRule
from flowdeck.people.access import can

router = Router(tags=["alerts"])


class AlertOut(Schema):
    """A rule. ``state`` is firing, holding (over its threshold, not for long yet) or quiet."""

    id: int
    name: str
    kind: str
    said: str
    processor: str
    threshold: int
    value: float
    about: str
    state: str
    firing_since: datetime | None
    muted_until: datetime | None
    looked_at: datetime | None

    @classmethod
    def of(cls, rule: AlertRule) -> AlertOut:
        """From its row."""
        names = cls.model_fields.keys() - {"id", "said"}
        told = {name: getattr(rule, name) for name in names}
        return cls(id=rule.pk, said=rules.said(rule), **told)


class FiringOut(Schema):
    """A rule that fired. ``ended_at`` is null while it lasts, and where no end is known."""

    rule: int
    position: int
    name: str
    unit: str
    value: float
    about: str
    muted: bool
    at: datetime
    ended_at: datetime | None
    lasts: bool


@router.get("/alerts", response=list[AlertOut], summary="List the alert rules")
def list_alerts(request: HttpRequest) -> list[AlertOut]:
    """All of them, with what they say now; not whom they tell."""
    require(can(request.user, "view_alerts"))
    return [AlertOut.of(rule) for rule in AlertRule.objects.all()]


class FiredFilter(Schema):
    """Of one rule only, by its id."""

    rule: int | None = None


@router.get("/alerts/fired", response=list[FiringOut], summary="List what has fired")
def list_fired(request: HttpRequest, wanted: Query[FiredFilter]) -> list[Firing]:
    """The newest hundred or so, the newest first."""
    require(can(request.user, "view_alerts"))
    return past.firings(wanted.rule)
