"""A form that acts carries a key (``{% once %}``): what is sent twice is done once.

The second answer is the first one's: where that led to, or nothing more for a part of a page. Two
at the same moment wait for each other, since the key is written in the transaction of what it
guards. Without a key nothing is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from flowdeck import clock
from flowdeck.database import transaction
from flowdeck.models import Submission

FIELD = "once"
_KEPT = timedelta(days=1)
_GUARDED = "_flowdeck_once"
Act = Callable[[], HttpResponseBase]


def once(request: HttpRequest, act: Act, *, atomic: bool = True) -> HttpResponseBase:
    """``act()``, unless this form was sent before and acted; then where it led to.

    What names no place that it led to (it asks first, or asks again) has not acted and may be sent
    again; of parts for htmx, what answers with an error. What has to commit on its way is not
    ``atomic``: then the second of two does not wait, and a process that dies meanwhile leaves the
    form sent.
    """
    if request.method != "POST" or not request.POST.get(FIELD) or hasattr(request, _GUARDED):
        return act()
    setattr(request, _GUARDED, True)  # a view may ask for several permissions, each time in here
    return _atomically(request, act) if atomic else _on_its_way(request, act)


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx asks, for a part of the page. Without script the same address is a whole one."""
    return request.headers.get("HX-Request") == "true"


def _atomically(request: HttpRequest, act: Act) -> HttpResponseBase:
    refusal: Exception | None = None
    response: HttpResponseBase | None = None
    with transaction.atomic():
        sent, is_first = Submission.objects.get_or_create(pk=_key(request))
        if not is_first:
            return _again(request, sent)
        try:
            response = act()
        except (PermissionDenied, Http404) as error:
            refusal = error  # what it wrote of the refusal stays
        _note(request, sent, response)
    if response is None:
        assert refusal is not None
        raise refusal
    return response


def _on_its_way(request: HttpRequest, act: Act) -> HttpResponseBase:
    sent, is_first = Submission.objects.get_or_create(pk=_key(request))
    if not is_first:
        return _again(request, sent)
    response: HttpResponseBase | None = None
    try:
        response = act()
    finally:
        _note(request, sent, response)
    return response


def _again(request: HttpRequest, sent: Submission) -> HttpResponseBase:
    if wants_part(request):
        return HttpResponse(status=204)  # htmx leaves the page as the first answer made it
    return HttpResponseRedirect(sent.answer or reverse("flowdeck:home"))


def _note(request: HttpRequest, sent: Submission, response: HttpResponseBase | None) -> None:
    if response is None or not _acted(request, response):
        sent.delete()
        return
    sent.answer = response.headers.get("Location", "")
    sent.save(update_fields=["answer"])
    Submission.objects.filter(at__lt=clock.now() - _KEPT).delete()


def _acted(request: HttpRequest, response: HttpResponseBase) -> bool:
    return "Location" in response.headers or (wants_part(request) and response.status_code < 300)


def _key(request: HttpRequest) -> str:
    # Of all that was sent: one form may do several things, and each of them once.
    said = [
        (name, values) for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"
    ]
    told = repr((request.user.pk, request.get_full_path(), sorted(said)))
    return sha256(told.encode("utf-8", "backslashreplace")).hexdigest()
