"""An API all of whose answers are JSON, refusals too, and whose description names these."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, re_path
from ninja import NinjaAPI
from ninja.errors import ValidationError

from flowdeck.api.auth import authentication
from flowdeck.api.problems import handle_problems

_REFUSAL = {
    "title": "Refusal",
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {"type": "string", "description": "why, for people"},
        "fields": {
            "type": "array",
            "description": "what does not fit, field by field",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_REFUSALS = {
    401: "Nobody is signed in, or the token is not valid.",
    403: "You may not do that.",
    404: "There is no such thing, or none that you may see.",
    405: "The address has other methods; see the header Allow.",
    413: "The request is too large.",
    422: "What was sent does not fit; unknown query parameters do not either.",
    503: "The database is away; try again after the seconds of the header Retry-After.",
}

View = Callable[..., HttpResponse]


class JsonAPI(NinjaAPI):
    """Like NinjaAPI, but strict: unknown addresses, methods and query parameters are refused in
    JSON, HEAD works where GET does, and the description has the refusals of each operation.

    No cache keeps an answer: it was made for whoever asked.
    """

    def __init__(self, **options: Any) -> None:
        """Options are those of NinjaAPI; by default a session or a token is asked for."""
        super().__init__(**{"auth": authentication, **options})
        handle_problems(self)
        self.add_decorator(_known_parameters_only)

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        """For ``path("api/v1/", api.urls)``; the last pattern answers for unknown addresses."""
        patterns, app, namespace = super().urls
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                pattern.callback = self._answered(pattern.callback)
        return [*patterns, re_path("", self.missing, name="missing")], app, namespace

    def missing(self, request: HttpRequest, **words: Any) -> HttpResponse:
        """The answer for an address that the API does not have."""
        return self.create_response(
            request, {"detail": f"The API has no address {request.path}."}, status=404
        )

    missing.csrf_exempt = True  # type: ignore[attr-defined]  # it changes nothing

    def get_openapi_schema(self, **options: Any) -> Any:
        """The description, with refusals."""
        schema = super().get_openapi_schema(**options)
        schema["components"].setdefault("schemas", {})["Refusal"] = _REFUSAL
        for methods in schema["paths"].values():
            for operation in methods.values():
                _describe(operation)
        return schema

    def _answered(self, view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **words: Any) -> HttpResponse:
            asked = request.method
            if asked == "HEAD":  # the server leaves the body out
                request.method = "GET"
            try:
                response = view(request, *args, **words)
            except Http404 as error:  # of a view of ninja's own
                response = self.on_exception(request, error)
            finally:
                request.method = asked
            response.headers.setdefault("Cache-Control", "no-store")
            if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
                return response
            allowed = {one.strip() for one in response["Allow"].split(",")}
            allowed |= {"HEAD"} if "GET" in allowed else set()
            methods = ", ".join(sorted(allowed))
            detail = f"{asked} is not possible here; {methods} would be."
            refused = self.create_response(request, {"detail": detail}, status=405)
            refused["Allow"] = methods
            return refused

        answer.csrf_exempt = True  # type: ignore[attr-defined]  # sessions are checked by BrowserAuth
        return answer


def _known_parameters_only(view: View) -> View:
    """Refuse a query parameter that the operation does not take, rather than leave it out."""

    @wraps(view)
    def called(request: HttpRequest, *args: Any, **words: Any) -> Any:
        operation = view._ninja_operation  # type: ignore[attr-defined]
        known = sorted(
            name
            for model in operation.models
            if model.__ninja_param_source__ == "query"
            for name in model.__ninja_flatten_map__
        )
        if unknown := sorted(set(request.GET) - set(known)):
            takes = f"known are {', '.join(known)}" if known else "there are none here"
            raise ValidationError(
                [
                    {"loc": ("query", name[:60]), "msg": f"is no parameter: {takes}"}
                    for name in unknown[:5]
                ]
            )
        return view(request, *args, **words)

    return called


def _describe(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    in_path = any(one["in"] == "path" for one in operation.get("parameters", ()))
    possible = {404: in_path, 413: "requestBody" in operation}
    for status, description in _REFUSALS.items():
        if possible.get(status, True) and status not in responses:
            responses[status] = {
                "description": description,
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}
                },
            }
