"""``POST /webhooks/<name>``: what other services tell us."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Path, Status
from ninja.errors import HttpError

from flowdeck.api.cloudevents import router
from flowdeck.connect.signatures import NotSigned
from flowdeck.connect.webhooks import receive, webhooks

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"description": "whatever the service sends"}}},
    }
}


@router.post(
    "/webhooks/{name}",
    response={204: None},
    summary="Take what another service tells",
    auth=None,
    openapi_extra=_BODY,
)
def take_webhook(
    request: HttpRequest,
    name: str = Path(..., max_length=64, pattern=r"^[\w.-]+$"),  # type: ignore[type-arg]
) -> Status[None]:
    """Take a call of another service into the log, once: whoever heard no answer calls again.

    The signature says who calls. What can't be read is kept as a dead letter and answered as taken.
    """
    found = webhooks.get(name)
    if found is None:
        raise HttpError(404, f"There is no webhook {name!r}.")
    headers = {one.lower(): value for one, value in request.headers.items()}
    try:
        receive(found, headers, request.body)
    except NotSigned as error:
        raise HttpError(401, str(error)) from error
    return Status(204, None)


__all__ = ["router"]
