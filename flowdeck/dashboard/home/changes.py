"""What changed lately: what people did, releases, alerts, errors that are new; the newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse

from flowdeck import words
from flowdeck.letters.groups import Group
from flowdeck.models import AlertRule, AuditEntry, Release

MOST = 12
LATELY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Change:
    """One change: of what ``kind`` (people, releases or other), who or what, and more of it."""

    at: datetime
    kind: str
    mark: str
    title: str
    detail: str = ""
    url: str = ""
    who: str = ""


def changes(
    now: datetime, alerts: Sequence[AlertRule], groups: Sequence[Group], *, with_audit: bool
) -> list[Change]:
    """At most ``MOST`` of each kind; two queries."""
    since = now - LATELY
    found = [
        *(_people(since) if with_audit else ()),
        *_releases(since),
        *_alerts(alerts, since),
        *_groups(groups, since),
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _people(since: datetime) -> Iterable[Change]:
    rows = AuditEntry.objects.filter(at__gte=since).order_by("-id")[:MOST]
    for row in rows:
        number = f", {row.count:,}" if row.count > 1 else ""
        refused = "" if row.allowed else ", refused"
        yield Change(
            row.at,
            "people",
            "",
            f"{row.action} {row.target}{number}{refused}".strip(),
            row.reason,
            f"{reverse('flowdeck:audit')}?{urlencode({'who': row.who})}",
            row.who,
        )


def _releases(since: datetime) -> Iterable[Change]:
    rows = Release.objects.filter(first_seen_at__gte=since).order_by("-first_seen_at")[:MOST]
    for row in rows:
        seen = "no worker has it yet" if row.last_seen_at is None else ""
        yield Change(row.first_seen_at, "releases", "flag", f"release {row.name}", row.note or seen)


def _alerts(rules: Sequence[AlertRule], since: datetime) -> Iterable[Change]:
    for rule in rules:
        if rule.firing_since is not None and rule.firing_since >= since:
            said = f"{words.figure(rule.value)} {rule.get_kind_display()}"
            url = reverse("flowdeck:alerts")
            yield Change(
                rule.firing_since,
                "other",
                "bell",
                f"alert {rule.name} fires",
                rule.about or said,
                url,
            )


def _groups(groups: Sequence[Group], since: datetime) -> Iterable[Change]:
    for group in groups[:MOST]:
        if group.first_at is not None and group.first_at >= since:
            query = urlencode({"fingerprint": group.value})
            url = f"{reverse('flowdeck:dead_letters')}?{query}"
            where = f"{group.processor}, {group.sample.frame}" if group.sample else ""
            yield Change(
                group.first_at, "other", "dead-letters", f"new error {group.title}", where, url
            )
