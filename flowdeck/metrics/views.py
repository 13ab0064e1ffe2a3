"""``/metrics``: for Prometheus, by a token or from a network that the settings name."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from flowdeck.conf import conf
from flowdeck.metrics.collected import Flowdeck
from flowdeck.models import ApiToken
from flowdeck.people import tokens
from flowdeck.people.access import can

_SCOPES = (ApiToken.Scope.READ, ApiToken.Scope.FULL)
_NOT_KEPT = {"Cache-Control": "no-store"}


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures, and those of this process.

    401 without ``Authorization: Bearer <token>`` of somebody who may see the processors, unless
    the caller's address is in ``FLOWDECK["METRICS_NETWORKS"]``.
    """
    if not (_from_a_network(request) or _by_token(request)):
        return HttpResponse(
            "Send a bearer token of somebody who may see the processors.\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": "Bearer", **_NOT_KEPT},
        )
    registry = CollectorRegistry()
    registry.register(Flowdeck())
    ProcessCollector(registry=registry)
    encode, kind = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=kind, headers=_NOT_KEPT)


def _from_a_network(request: HttpRequest) -> bool:
    try:
        caller = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    if isinstance(caller, IPv6Address):  # as a server that listens on both writes those of IPv4
        caller = caller.ipv4_mapped or caller
    return any(caller in ip_network(one) for one in conf().METRICS_NETWORKS)


def _by_token(request: HttpRequest) -> bool:
    found = tokens.of_bearer(request.headers.get("Authorization", ""), _SCOPES)
    return found is not None and bool(can(found.user, "view_processors"))
