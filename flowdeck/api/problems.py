"""How the API says no: always ``{"detail": "..."}``, with ``fields`` for input that doesn't fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from flowdeck import words
from flowdeck.conf import conf
from flowdeck.engine import faults as infrastructure
from flowdeck.errors import PublishError, UnknownConnector
from flowdeck.people import audit
from flowdeck.people.access import Decision, can


def require(decision: Decision) -> None:
    """Go on only if allowed. Raises HttpError 403 with the reason."""
    if not decision:
        raise HttpError(403, decision.reason)


def require_action(request: HttpRequest, action: str) -> None:
    """Go on only if the caller may do ``action``; a refusal leaves its entry in the audit.

    Raises HttpError 403 with the reason.
    """
    decision = can(request.user, action)
    if not decision:
        by = request.user.get_username()
        audit.refused(action, by=by, target=request.path, reason=decision.reason)
    require(decision)


def handle_problems(api: NinjaAPI) -> None:
    """Give ``api`` one wording for each kind of refusal."""

    def answer(request: HttpRequest, status: int, detail: str, **more: Any) -> HttpResponse:
        return api.create_response(request, {"detail": detail, **more}, status=status)

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        fields = [
            {"field": _field(fault["loc"]), "message": fault["msg"]} for fault in error.errors
        ]
        detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in fields[:5])
        return answer(request, 422, detail, fields=fields)

    @api.exception_handler(AuthenticationError)
    def unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        return answer(request, 401, "Sign in, or send a valid bearer token.")

    @api.exception_handler(Http404)
    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return answer(request, 404, str(error) or "There is nothing here.")

    @api.exception_handler(UnknownConnector)
    def undeclared(request: HttpRequest, error: UnknownConnector) -> HttpResponse:
        return answer(request, 404, str(error))

    @api.exception_handler(RequestDataTooBig)
    def too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
        limit = conf().MAX_PAYLOAD_BYTES
        return answer(request, 413, f"The request is too large; the limit is {limit:,} bytes.")

    @api.exception_handler(PublishError)
    def refused(request: HttpRequest, error: PublishError) -> HttpResponse:
        return answer(request, 422, str(error))

    _handle_faults(api, answer)


def _handle_faults(api: NinjaAPI, answer: Callable[..., HttpResponse]) -> None:
    """A fault of the database is no error of the server: 503, and try again."""

    @api.exception_handler(OperationalError)
    @api.exception_handler(InterfaceError)
    def unavailable(request: HttpRequest, error: DatabaseError) -> HttpResponse:
        if not infrastructure.is_fault(error):
            raise error
        said = answer(request, 503, words.UNAVAILABLE)
        said.headers["Retry-After"] = str(words.UNAVAILABLE_SECONDS)
        return said


def _field(location: Any) -> str:
    # The first part says where the parser looked (body, query), and for a body the second one is
    # the name of our parameter: neither means anything to the caller.
    parts = [str(part) for part in location]
    skipped = 2 if parts[0] == "body" else 1
    return ".".join(parts[skipped:] or parts[-1:])
