"""Signatures of webhooks: who sent a message, and that it is as it was sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from django.core.exceptions import ImproperlyConfigured

_PREFIX = "whsec_"
_FEWEST = 16  # bytes of a key


def key(secret: str) -> bytes:
    """The key of a secret of Standard Webhooks: ``whsec_`` and base64 of 16 bytes or more.

    Raises ImproperlyConfigured.
    """
    try:
        found = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not secret.startswith(_PREFIX) or len(found) < _FEWEST:
        raise ImproperlyConfigured(
            f"FLOWDECK['WEBHOOK_SECRETS'] has a secret that is not {_PREFIX} and the base64 of "
            f'{_FEWEST} bytes or more. One is made by `python -c "import base64, secrets; '
            f"print('{_PREFIX}' + base64.b64encode(secrets.token_bytes(32)).decode())\"`."
        )
    return found


def standard(key: bytes, id_: str, moment: str, body: bytes) -> str:
    """The signature of Standard Webhooks: of the id, the time in seconds and the body."""
    signed = hmac.new(key, f"{id_}.{moment}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"
