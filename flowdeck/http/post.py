"""One POST to somebody else's server."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any, NamedTuple

from flowdeck.errors import Reject
from flowdeck.http.deadline import Deadline

_READ = 2_000  # bytes of an answer that anybody wants to see


class Answer(NamedTuple):
    """What the server said: its status, and the beginning of its body."""

    status: int
    text: str


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    silence: float,
    seconds: float,
    hear_out: bool = False,
) -> Answer:
    """POST ``body`` to ``url``; the answer, whatever its status.

    What a server says with a status of 2xx is read only to ``hear_out`` what that is.
    Takes ``seconds`` at most, of which the server may be silent for ``silence``. Redirects are not
    followed: a server that sends elsewhere could send into the network behind. Raises Reject for
    what is no http(s) address or one that may not be reached, TimeoutError, or an OSError for a
    server that is not there.
    """
    if not url.startswith(("https://", "http://")):
        raise Reject(f"{url[:100]!r} is no address of a webhook: it begins with https://.")
    request = urllib.request.Request(url, data=body, method="POST", headers=dict(headers))  # noqa: S310 - see above
    with Deadline(seconds) as deadline:
        opener = urllib.request.build_opener(
            _NoRedirect, urllib.request.ProxyHandler({}), *deadline.handlers()
        )
        try:
            with opener.open(request, timeout=silence) as answer:
                return Answer(answer.status, _beginning(answer) if hear_out else "")
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _beginning(error))
        except (OSError, HTTPException) as error:
            if deadline.is_over:
                raise TimeoutError(f"It took more than {seconds:.0f} s to answer.") from error
            if isinstance(error, OSError):
                raise
            raise ConnectionError(f"It answered what is no HTTP ({error!r}).") from error


def _beginning(answer: HTTPResponse | urllib.error.HTTPError) -> str:
    try:
        return answer.read(_READ).decode(errors="replace")
    except (OSError, HTTPException):
        return ""  # its status is what counts


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Any:
        return None
