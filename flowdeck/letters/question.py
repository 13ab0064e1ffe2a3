"""What a question was about: so that the answer is not given to other deliveries than were seen."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from django.db.models import Count, F, Max, QuerySet, Sum

from flowdeck.models import Delivery, Due

_PRIME = 1_000_003


@dataclass(frozen=True, slots=True)
class Question:
    """A set of deliveries as somebody saw it: how many, the newest, and a ``digest`` of the set.

    Another delivery in it, or one of them that was tried again meanwhile, gives another digest.
    """

    count: int
    newest: int
    digest: str

    @classmethod
    def about(cls, deliveries: QuerySet[Delivery] | QuerySet[Due], number: str) -> Question:
        """Look at them as they are now, in one query; ``number`` is the field that tells them
        apart."""
        rest = F(number) % _PRIME
        found = deliveries.order_by().aggregate(
            count=Count("*"),
            newest=Max(number),
            sum_of_ids=Sum(number),
            sum_of_squares=Sum(rest * rest),
            sum_of_tries=Sum(rest * F("attempts")),
            sum_of_retries=Sum(rest * F("retried")),
        )
        digest = sha256(repr(sorted(found.items())).encode()).hexdigest()[:32]
        return cls(found["count"], found["newest"] or 0, digest)
