"""Releases: which versions of the code were seen at work, and since when.

A worker says its release with its sign of life; a deployment may announce it beforehand, with a
note (``manage.py flowdeck deployed``). Charts mark the moment.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache

from flowdeck import clock, parsing
from flowdeck.conf import conf
from flowdeck.database import transaction
from flowdeck.declare.registry import registry
from flowdeck.errors import ReleaseRefused
from flowdeck.models import Release
from flowdeck.people import audit

LONGEST = 100
_FROM = ("FLOWDECK_RELEASE", "GIT_SHA")


def name() -> str:
    """That of this process: the setting, or the environment's, or a digest of what is declared."""
    return (conf().RELEASE or next(filter(None, map(os.environ.get, _FROM)), "") or _digest())[
        :LONGEST
    ]


def seen() -> None:
    """Note that this process's release is at work; one query, two when it is new."""
    now = clock.now()
    if not Release.objects.filter(name=name()).update(last_seen_at=now):
        new = Release(name=name(), first_seen_at=now, last_seen_at=now)
        Release.objects.bulk_create([new], ignore_conflicts=True)


def announce(version: str, *, by: str, note: str = "") -> bool:
    """Say that a release is deployed now; whether it is new. Raises ReleaseRefused.

    One that is known keeps its time, and gets the note.
    """
    if not 1 <= len(version) <= LONGEST or not version.isprintable():
        raise ReleaseRefused(f"A release has a name of 1 to {LONGEST} characters on one line.")
    if (told := parsing.reason(note, needed=False)) is None:
        raise ReleaseRefused(f"A note has at most {parsing.LONGEST_REASON} characters.")
    with transaction.atomic():
        release, new = Release.objects.get_or_create(
            name=version, defaults={"first_seen_at": clock.now()}
        )
        Release.objects.filter(pk=release.pk).update(note=told or release.note, by=by)
        audit.record("deploy", by=by, target=f"release {version}", count=int(new), reason=told)
    return new


@cache
def _digest() -> str:
    declared = [
        *(f"{one.name} {one.version}" for one in registry.event_types.values()),
        *(f"{one.name} {one.where} {one.subscriptions}" for one in registry.processors.values()),
    ]
    return hashlib.sha256("\n".join(sorted(declared)).encode()).hexdigest()[:12]
