"""The shapes of ``/dead-letters``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Field, Schema
from pydantic import AfterValidator, ConfigDict

from flowdeck import parsing
from flowdeck.api.schemas import MOST, EventOut, FailureOut
from flowdeck.letters import bulk
from flowdeck.letters.dead_letters import NAMES, Criteria
from flowdeck.letters.groups import Group
from flowdeck.models import Attempt, BulkAction, Delivery, Due

_ATTEMPTS = 50


def _named(text: str) -> str:
    # What can't name anything is refused with a message, rather than choosing nothing.
    if not text.isprintable():
        raise ValueError("holds characters that can't be in a name")
    return text


def _storable(text: str) -> str:
    found = parsing.reason(text, needed=False)
    if found is None:
        raise ValueError("holds a NUL, which can't be stored")
    return found


def _given(text: str) -> str:
    if not _storable(text):
        raise ValueError("say why: this needs a reason")
    return _storable(text)


Name = Annotated[str, AfterValidator(_named)]
Number = Annotated[int, Field(ge=1, le=parsing.LARGEST)]
Numbers = Annotated[list[Number], Field(min_length=1, max_length=500)]
Reason = Annotated[str, Field(max_length=parsing.LONGEST_REASON), AfterValidator(_storable)]
GivenReason = Annotated[str, Field(max_length=parsing.LONGEST_REASON), AfterValidator(_given)]


class _Chosen(Schema):
    """Which dead letters: those that fit all that is given."""

    fingerprint: Name = Field("", max_length=32)
    processor: Name = Field("", max_length=64)
    type: Name = Field("", max_length=100)
    stream: Name = Field("", max_length=200)
    key: Name = Field("", max_length=200)
    came_back: bool = Field(False, description="only those that failed again after a retry")

    def criteria(self) -> Criteria:
        """As the engine takes it."""
        return Criteria.parse({name: getattr(self, name) for name in (*NAMES, "came_back")})


class GroupFilter(_Chosen):
    """Which dead letters, and what to count them by."""

    by: Literal["error", "processor", "type", "stream"] = "error"


class LetterFilter(_Chosen):
    """Which dead letters, and how many of them."""

    after: Number | None = Field(None, description="letters with numbers above this one")
    limit: int = Field(50, ge=1, le=MOST)


class BulkIn(_Chosen):
    """What to do with all letters that fit now; ``delay`` is how long it can be undone."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["retry", "discard"]
    all: bool = Field(False, description="needed if no filter is given")
    reason: Reason = ""
    graduated: bool = Field(False, description="1, then 10, then 100; stops if one fails again")
    per_second: int | None = Field(None, ge=1, le=100_000)
    delay: float = Field(0.0, ge=0, le=3600, description="seconds until it begins")
    dry_run: bool = Field(False, description="do nothing; say how many fit, and ``seen`` of them")
    seen: str | None = Field(
        None, max_length=64, description="of the dry run; 409 if other letters fit by now"
    )


class Fitting(Schema):
    """What a bulk action would be about; its ``seen`` holds a later one to just these letters."""

    total: int
    seen: str


class Retried(Schema):
    """Letters to retry, by their numbers."""

    model_config = ConfigDict(extra="forbid")
    letters: Numbers
    reason: Reason = ""


class Discarded(Schema):
    """Letters to discard, by their numbers, and why."""

    model_config = ConfigDict(extra="forbid")
    letters: Numbers
    reason: GivenReason


class StatusIn(Schema):
    """What to say of a group; ``hours`` is how long it is put off."""

    model_config = ConfigDict(extra="forbid")
    status: Literal["open", "acknowledged", "on hold"]
    note: Reason = ""
    hours: int | None = Field(None, ge=1, le=8760)


class Resolution(Schema):
    """What came of it; the rest were not dead any more."""

    asked: int
    resolved: int


class GroupOut(Schema):
    """Dead letters with the same ``value``."""

    value: str
    title: str
    count: int
    came_back: int
    first_at: datetime | None
    last_at: datetime | None
    message: str
    frame: str
    processor: str
    status: str
    said_by: str
    note: str

    @classmethod
    def of(cls, group: Group) -> GroupOut:
        """From a counted group."""
        sample, said = group.sample, group.status
        return cls(
            value=group.value,
            title=group.title,
            count=group.count,
            came_back=group.came_back,
            first_at=group.first_at,
            last_at=group.last_at,
            message=sample.message[:300] if sample else "",
            frame=sample.frame if sample else "",
            processor=group.processor,
            status=group.standing,
            said_by=said.by if said else "",
            note=said.note if said else "",
        )


class LetterOut(Schema):
    """One letter: a delivery that is dead, or was."""

    id: int
    state: str
    processor: str
    type: str
    stream: str
    key: str
    position: int
    fingerprint: str
    attempts: int
    retried: int = Field(description="how often people retried it")
    died_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery | Due) -> LetterOut:
        """From its row with its event."""
        assert delivery.letter is not None
        return cls(
            id=delivery.letter,
            state=delivery.state,
            processor=delivery.processor,
            type=delivery.event.type,
            stream=delivery.event.stream,
            key=delivery.event.key,
            position=delivery.event_id,
            fingerprint=delivery.fingerprint,
            attempts=delivery.attempts,
            retried=delivery.retried,
            died_at=delivery.finished_at,
        )


class LetterPage(Schema):
    """A page of letters. ``next`` is the number to go on after; null on the last page."""

    letters: list[LetterOut]
    next: int | None


class LetterDetail(Schema):
    """One letter whole."""

    letter: LetterOut
    event: EventOut
    failures: list[FailureOut]

    @classmethod
    def of(cls, delivery: Delivery) -> LetterDetail:
        """From its row with its event; the newest attempts."""
        failures = Attempt.objects.filter(event=delivery.event_id, processor=delivery.processor)
        newest = failures.order_by("-number", "-id")[:_ATTEMPTS]
        return cls(
            letter=LetterOut.of(delivery),
            event=EventOut.of(delivery.event),
            failures=[FailureOut.of(one) for one in reversed(newest)],
        )

    @classmethod
    def find(cls, number: int) -> LetterDetail | None:
        """The letter of this number, if there is one."""
        delivery = Delivery.objects.select_related("event").filter(letter=number).first()
        return None if delivery is None else cls.of(delivery)


class BulkOut(Schema):
    """A bulk action: ``asked`` of ``total`` so far, of which ``came_back`` are dead again."""

    id: int
    action: Literal["retry", "discard"]
    state: Literal["running", "finished", "cancelled", "stopped"]
    by: str
    reason: str
    note: str
    total: int
    asked: int
    came_back: int
    begins_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: BulkAction) -> BulkOut:
        """From its row."""
        names = [name for name in cls.model_fields if name != "came_back"]
        return cls(came_back=bulk.came_back(row), **{name: getattr(row, name) for name in names})
