"""Tell systemd how a service is (sd_notify(3)): one datagram to the socket that it names in the environment."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(*states: str) -> bool:
    """Send `READY=1`, `WATCHDOG=1`, `STATUS=...`; False where nobody asked, or nobody listens any more."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    if address.startswith("@"):  # an abstract name
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.connect(address)
        out.send("\n".join(states).encode())
        return True
    return False
