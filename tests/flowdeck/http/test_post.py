"""HTTP that goes out: within its time, and only to where it may."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from flowdeck.http import reach
from flowdeck.http.post import post


@pytest.fixture
def dripping(settings: Any) -> Iterator[str]:
    """A receiver that never is silent for long, and never done."""
    settings.FLOWDECK = {**settings.FLOWDECK, "WEBHOOK_NETWORKS": ("127.0.0.0/8",)}
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            line, _ = server.accept()
            with line, contextlib.suppress(OSError):
                line.recv(65_536)
                for byte in b"HTTP/1.1 204 " + b"x" * 600:
                    line.send(bytes([byte]))
                    threading.Event().wait(0.1)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/hook"
        thread.join(60)
        assert not thread.is_alive()


def test_a_receiver_that_drips_has_a_deadline(dripping: str) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="took more than"):
        post(dripping, b"{}", {}, silence=5.0, seconds=0.5)
    assert time.monotonic() - began < 30  # it would drip for a minute


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.1.2.3", True),
        ("10.2.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.2.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_webhooks_go_to_public_addresses_and_networks_that_are_named(
    address: str, allowed: bool, settings: Any
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "WEBHOOK_NETWORKS": ("10.1.0.0/16",)}
    assert reach.is_allowed(address) is allowed
