"""Where webhooks may go: to public addresses, and to networks that the settings allow.

Workers reach what the outside doesn't: databases, metadata services, each other. An address is
checked when the connection is made, and it is that address which is connected to, so a name that
resolves to something else a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from flowdeck.conf import conf
from flowdeck.errors import Reject

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def connected(address: tuple[str, int], *more: Any) -> socket.socket:
    """A connection to the first address of a host that may be reached, as
    :func:`socket.create_connection` makes one. Raises Reject if none may be."""
    host, port = address
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for one in found:
        if is_allowed(one):
            return socket.create_connection((one, port), *more)
    raise Reject(
        f"{host} is {', '.join(found)}: inside of the network, where webhooks may not go. "
        "FLOWDECK['WEBHOOK_NETWORKS'] names the networks that they may."
    )


def is_allowed(address: str) -> bool:
    """Whether a webhook may go there: the address is public, or in a network of the settings."""
    found = _meant(ipaddress.ip_address(address.partition("%")[0]))
    allowed = (ipaddress.ip_network(one) for one in conf().WEBHOOK_NETWORKS)
    return (found.is_global and not found.is_multicast) or any(found in one for one in allowed)


def _meant(found: _Address) -> _Address:
    """The IPv4 address that one of IPv6 only wraps, or the address itself."""
    if isinstance(found, ipaddress.IPv4Address):
        return found
    if found in _NAT64:
        return ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    return found.ipv4_mapped or found.sixtofour or found
