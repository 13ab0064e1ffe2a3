"""A form that acts carries a key (``{% once %}``): what is sent twice is done once.

The second answer is the first one's: where that led to. Two at the same moment wait for each other,
since the key is written in the transaction of what it guards. Without a key nothing is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect

from flowdeck import clock
from flowdeck.models import Submission

FIELD = "once"
_KEPT = timedelta(days=1)


def once(request: HttpRequest, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """``act()``, unless this form was sent before and acted; then where it led to.

    What names no place that it led to (it asks first, or asks again) has not acted and may be sent
    again.
    """
    if request.method != "POST" or not request.POST.get(FIELD):
        return act()
    refusal: Exception | None = None
    response: HttpResponseBase | None = None
    with transaction.atomic():
        sent, is_first = Submission.objects.get_or_create(pk=_key(request))
        if not is_first:
            return HttpResponseRedirect(sent.answer)
        try:
            response = act()
        except (PermissionDenied, Http404) as error:
            refusal = error  # what it wrote of the refusal stays
        if response is not None and "Location" in response.headers:
            sent.answer = response.headers["Location"]
            sent.save(update_fields=["answer"])
            Submission.objects.filter(at__lt=clock.now() - _KEPT).delete()
        else:
            sent.delete()
    if response is None:
        assert refusal is not None
        raise refusal
    return response


def _key(request: HttpRequest) -> str:
    # Of all that was sent: one form may do several things, and each of them once.
    said = [
        (name, values) for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"
    ]
    told = repr((request.user.pk, request.get_full_path(), sorted(said)))
    return sha256(told.encode("utf-8", "backslashreplace")).hexdigest()
