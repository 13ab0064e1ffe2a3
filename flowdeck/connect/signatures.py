"""Signatures of webhooks: who sent a message, and that it is as it was sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence

from django.core.exceptions import ImproperlyConfigured

from flowdeck.errors import FlowdeckError

_PREFIX = "whsec_"
_FEWEST = 16  # bytes of a key
_TOLERANCE = 300  # seconds between the sender's clock and ours
_MOST = 20  # signatures looked at


class NotSigned(FlowdeckError):
    """A message is not signed by whoever it claims to be from, or too long ago."""


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


Check = Callable[[Sequence[str], Mapping[str, str], bytes], None]
"""Secrets, headers (in small letters), body. Raises NotSigned, which says why."""


def check_standard(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    """As https://www.standardwebhooks.com says. See Check."""
    id_, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    _in_time(moment)
    given = headers.get("webhook-signature", "").split(" ")
    _any_of([standard(key(one), id_, moment, body) for one in secrets], given)


def check_stripe(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    """As Stripe does it: ``Stripe-Signature: t=<seconds>,v1=<hex>``. See Check.

    https://docs.stripe.com/webhooks#verify-manually
    """
    parts = [one.partition("=") for one in headers.get("stripe-signature", "").split(",")]
    moment = next((value for name, _, value in parts if name == "t"), "")
    _in_time(moment)
    signed = moment.encode() + b"." + body
    given = [value for name, _, value in parts if name == "v1"]
    _any_of([hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in secrets], given)


def check_github(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    """As GitHub does it: ``X-Hub-Signature-256: sha256=<hex>``, without a time. See Check.

    https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    """
    given = [headers.get("x-hub-signature-256", "").removeprefix("sha256=")]
    _any_of([hmac.new(one.encode(), body, hashlib.sha256).hexdigest() for one in secrets], given)


def _in_time(moment: str) -> None:
    if not (moment.isascii() and moment.isdigit() and len(moment) < 16):
        raise NotSigned("It has no time of its signature.")
    if abs(time.time() - int(moment)) > _TOLERANCE:
        raise NotSigned(f"It was signed more than {_TOLERANCE} s ago, or by a clock that is wrong.")


def _any_of(wanted: Sequence[str], given: Sequence[str]) -> None:
    pairs = [(a.encode(), b.encode()) for a in wanted for b in given[:_MOST]]
    # All of them are compared, so the time tells nothing of which was nearly right.
    if not sum(hmac.compare_digest(a, b) for a, b in pairs):
        raise NotSigned("Its signature is not that of any of our secrets.")
