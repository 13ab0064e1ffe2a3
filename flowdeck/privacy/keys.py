"""The keys of subjects: made when first needed, wrapped in the database, destroyed to forget.

They are wrapped (Fernet) by a key derived from ``FLOWDECK["PERSONAL_KEY"]``, or from Django's
``SECRET_KEY`` if that is empty. Nothing is cached: a destroyed key is gone for all processes at
once.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from uuid_utils.compat import uuid7

from flowdeck.conf import conf
from flowdeck.database import connection
from flowdeck.errors import PersonalKeyUnreadable
from flowdeck.sql.parts import placeholders
from flowdeck.sql.parts import rows as asked

_BYTES = 32


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """One key: what names it in stored payloads, and the secret itself."""

    id: str
    secret: bytes = field(repr=False)


def of_subjects(subjects: Collection[str]) -> dict[str, SubjectKey]:
    """The keys of the subjects; who has none gets one. One query if all have, else two.

    Needs an open transaction. Raises PersonalKeyUnreadable.
    """
    wanted = sorted(set(subjects))
    found = _living(wanted)
    if missing := [subject for subject in wanted if subject not in found]:
        found |= _made(missing)
    if missing := [subject for subject in missing if subject not in found]:
        found |= _living(missing)  # somebody else made them at the same moment
    return found


def by_ids(ids: Iterable[str]) -> dict[str, bytes]:
    """The secrets of those keys that are still there, b"" for one that can't be unwrapped.

    One query.
    """
    wanted = sorted(set(ids))
    rows = asked(
        f"SELECT id, wrapped FROM flowdeck_personalkey "
        f"WHERE wrapped <> '' AND id IN ({placeholders(wanted)})",
        wanted,
    )
    secrets = {}
    for id_, wrapped in rows:
        with suppress(PersonalKeyUnreadable):
            secrets[id_] = b""
            secrets[id_] = _unwrapped(wrapped)
    return secrets


def destroy(subject: str) -> int:
    """Destroy the subject's key for good; how many there were (0 or 1)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE flowdeck_personalkey SET wrapped = '', destroyed_at = %s "
            "WHERE subject = %s AND destroyed_at IS NULL",
            [_now(), subject],
        )
        return int(cursor.rowcount)


def destroyed() -> int:
    """How many keys were ever destroyed."""
    rows = asked("SELECT count(*) FROM flowdeck_personalkey WHERE destroyed_at IS NOT NULL", [])
    return int(rows[0][0])


def rewrap() -> int:
    """Wrap all keys by the first of the installation's keys; how many. Needs a transaction."""
    rows = asked("SELECT id, wrapped FROM flowdeck_personalkey WHERE wrapped <> ''", [])
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE flowdeck_personalkey SET wrapped = %s WHERE id = %s AND wrapped <> ''",
            [(_wrapper().encrypt(_unwrapped(wrapped)).decode(), id_) for id_, wrapped in rows],
        )
    return len(rows)


def _living(subjects: list[str]) -> dict[str, SubjectKey]:
    rows = asked(
        "SELECT subject, id, wrapped FROM flowdeck_personalkey "
        f"WHERE destroyed_at IS NULL AND subject IN ({placeholders(subjects)})",
        subjects,
    )
    return {subject: SubjectKey(id_, _unwrapped(wrapped)) for subject, id_, wrapped in rows}


def _made(subjects: list[str]) -> dict[str, SubjectKey]:
    """New keys, in order of subject, so that two who make the same can't deadlock."""
    made = {subject: SubjectKey(uuid7().hex, os.urandom(_BYTES)) for subject in subjects}
    now = _now()
    values: list[Any] = []
    for subject, key in made.items():
        values += [key.id, subject, _wrapper().encrypt(key.secret).decode(), now]
    rows = asked(
        "INSERT INTO flowdeck_personalkey (id, subject, wrapped, created_at) VALUES "
        + placeholders(made, "(%s, %s, %s, %s)")
        + " ON CONFLICT (subject) WHERE destroyed_at IS NULL DO NOTHING RETURNING subject",
        values,
    )
    return {subject: made[subject] for (subject,) in rows}


def _unwrapped(wrapped: str) -> bytes:
    try:
        return _wrapper().decrypt(wrapped.encode())
    except InvalidToken:
        raise PersonalKeyUnreadable(
            "The key of a person can't be unwrapped: FLOWDECK['PERSONAL_KEY'] (or SECRET_KEY) is "
            "not the one it was wrapped with. Put the former one into its fallbacks, then retry."
        ) from None


def _wrapper() -> MultiFernet:
    first = conf().PERSONAL_KEY
    if first:
        return _derived(first, tuple(conf().PERSONAL_KEY_FALLBACKS))
    return _derived(settings.SECRET_KEY, tuple(settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=4)
def _derived(first: str, others: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_key_from(secret)) for secret in (first, *others)])


def _key_from(secret: str) -> bytes:
    derive = HKDF(algorithm=SHA256(), length=_BYTES, salt=None, info=b"flowdeck personal keys")
    return base64.urlsafe_b64encode(derive.derive(secret.encode()))


def _now() -> Any:
    return connection.ops.adapt_datetimefield_value(datetime.now(UTC))
