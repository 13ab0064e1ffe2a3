"""Webhooks of other services as inlets: they call us, and prove who they are by a signature."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError

from flowdeck.conf import conf
from flowdeck.connect import signatures, unread
from flowdeck.connect.cloudevent import is_structured
from flowdeck.connect.mapping import Inlet
from flowdeck.connect.mapping import Mapping as Mapped
from flowdeck.connect.messages import JSON, STRUCTURED, Incoming
from flowdeck.connect.taking import accepted, append_new, made_of
from flowdeck.database import transaction
from flowdeck.declare.event import Draft
from flowdeck.declare.subscribing import checked_name
from flowdeck.errors import PublishError, RegistrationError

Scheme = Literal["standard", "stripe", "github"]


class _Scheme(NamedTuple):
    """How a sender signs, and where it says which message this is and of what kind.

    Names of headers are in small letters; empty: the body says it.
    """

    check: signatures.Check
    id_header: str = ""
    type_header: str = ""


_SCHEMES: dict[str, _Scheme] = {
    "standard": _Scheme(signatures.check_standard, id_header="webhook-id"),
    "stripe": _Scheme(signatures.check_stripe),
    "github": _Scheme(signatures.check_github, "x-github-delivery", "x-github-event"),
}


class Webhook(NamedTuple):
    """An inlet that is called, and how its calls are signed."""

    inlet: Inlet
    scheme: Scheme


webhooks: dict[str, Webhook] = {}
"""By name, in the order of their declaration."""


def webhook(name: str, *, scheme: Scheme = "standard") -> Callable[[Mapped], Mapped]:
    """Take what another service posts to ``/api/v1/webhooks/<name>`` into the log::

        @webhook("stripe", scheme="stripe")
        def paid(message: CloudEvent) -> Draft | None:
            if message.type != "charge.succeeded":
                return None
            charge = message.data["data"]["object"]
            return Draft(ChargeSucceeded(id=charge["id"]), stream=f"charge-{charge['id']}")

    Calls are signed as ``scheme`` says with one of ``FLOWDECK["WEBHOOK_SECRETS"][name]``. The
    function gets the body as a CloudEvent: ``data`` is all of it, ``id`` and ``type`` are the
    sender's. All else is as for :func:`flowdeck.inlet`: each message is in the log exactly once,
    and one that can't be read is a dead letter with its bytes. Raises RegistrationError.
    """
    where = f"webhook {name!r}"
    if scheme not in _SCHEMES:
        known = ", ".join(sorted(_SCHEMES))
        raise RegistrationError(f"{where}: scheme is one of {known}, not {scheme!r}.")

    def register(mapping: Mapped) -> Mapped:
        source = f"/webhooks/{name}"
        made = Inlet(checked_name(where, name), "", source, "", 1, mapping)
        webhooks[name] = Webhook(made, scheme)
        unread.register(made)
        return mapping

    return register


def fault_of(found: Webhook) -> str:
    """What is wrong with the secrets of a webhook, or ""."""
    secrets = conf().WEBHOOK_SECRETS.get(found.inlet.name, ())
    if not secrets:
        return f"FLOWDECK['WEBHOOK_SECRETS'] has no secret for {found.inlet.name!r}."
    try:
        for secret in secrets if found.scheme == "standard" else ():
            signatures.key(secret)
    except ImproperlyConfigured as error:
        return str(error)
    return ""


def receive(found: Webhook, headers: Mapping[str, str], body: bytes) -> None:
    """Take a call in, once. ``headers`` are in small letters.

    Raises NotSigned; then nothing was looked at but the signature.
    """
    scheme = _SCHEMES[found.scheme]
    secrets = conf().WEBHOOK_SECRETS.get(found.inlet.name, ())
    scheme.check(secrets, headers, body)
    message = _message(found.inlet, scheme, headers, body)
    made = made_of(found.inlet, message)
    try:
        _commit(made)
    except PublishError:
        _commit(accepted(found.inlet, message, made))
    except IntegrityError:
        _commit(made)  # it was sent twice at the same moment: by now it is known


def _commit(made: Sequence[Draft]) -> None:
    with transaction.atomic():
        append_new(made)


def _message(inlet: Inlet, scheme: _Scheme, headers: Mapping[str, str], body: bytes) -> Incoming:
    """The call as a broker would have had it; what is a CloudEvent by itself stays one."""
    if is_structured(headers):
        return Incoming({"content-type": STRUCTURED}, body)
    value = _read(body)
    given = {
        "specversion": "1.0",
        "id": headers.get(scheme.id_header) or _text(value, "id") or _digest(body),
        "type": headers.get(scheme.type_header) or _text(value, "type") or "unknown",
        "source": inlet.source,
        "content-type": JSON,
    }
    if traceparent := headers.get("traceparent"):
        given["traceparent"] = traceparent
    return Incoming(given, body)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None  # it becomes a letter that says so


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
