"""Downloads of any length: sent while they are read, in bounded memory, under WSGI and ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, StreamingHttpResponse

BLOCK = 64 * 1024
"""Characters that are sent at once, about."""


def download(
    request: HttpRequest, lines: Iterable[str], *, kind: str, name: str
) -> StreamingHttpResponse:
    """The answer that sends ``lines`` as a file ``name`` of the media type ``kind``.

    Under ASGI they are read by the request's thread as the reader takes them; left to itself Django
    would gather them all first. Between two blocks no database connection is held.
    """
    blocks = _blocks(lines)
    content = _by_thread(blocks) if isinstance(request, ASGIRequest) else blocks
    answer = StreamingHttpResponse(content, content_type=f"{kind}; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _blocks(lines: Iterable[str]) -> Generator[str]:
    gathered: list[str] = []
    length = 0
    for line in lines:
        gathered.append(line)
        length += len(line)
        if length >= BLOCK:
            yield "".join(gathered)
            gathered, length = [], 0
    if gathered:
        yield "".join(gathered)


async def _by_thread(blocks: Generator[str]) -> AsyncIterator[str]:
    while (block := await sync_to_async(_next)(blocks)) is not None:
        yield block


def _next(blocks: Generator[str]) -> str | None:
    try:
        return next(blocks, None)
    finally:
        close_old_connections()
