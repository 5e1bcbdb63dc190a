"""Streams that no client sends, a thousand of them: the gateway ends each, and serves the next client."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from pathlib import Path

import pytest

from tests.handshakes import header
from tests.naive.fixp_over_tcp import TcpClient
from tests.naive.gateway_core import GatewayRig, running

UUID = bytes(range(16))


def framed(message: bytes) -> bytes:
    return struct.pack(">IH", 6 + len(message), 0xEB50) + message


def some_message(draw: random.Random, rig: GatewayRig) -> bytes:
    """Any FIXP message, whole or not; good handshakes among them."""
    kind = draw.randrange(5)
    if kind == 0:
        return rig.signer.negotiate(UUID, time.time_ns())
    if kind == 1:
        return rig.signer.establish(UUID, time.time_ns(), draw.choice((None, 0, 1, 1 << 63, (1 << 64) - 2)))
    if kind == 2:
        return header(draw.randrange(60), draw.randrange(25)) + draw.randbytes(draw.randrange(60))
    if kind == 3:
        body = UUID + draw.randbytes(draw.randrange(40))
        return header(len(body), draw.randrange(25)) + body
    return struct.pack("<HHHH", *(draw.randrange(1 << 16) for _ in range(4))) + draw.randbytes(draw.randrange(200))


def stream(draw: random.Random, rig: GatewayRig) -> bytes:
    octets = bytearray(b"".join(framed(some_message(draw, rig)) for _ in range(draw.randrange(1, 6))))
    for _ in range(draw.choice((0, 0, 1, 3))):
        octets[draw.randrange(len(octets))] = draw.randrange(256)
    return bytes(octets[: draw.randrange(1, len(octets) + 1)] if draw.random() < 0.3 else octets)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_streams_that_no_client_sends(tmp_path: Path, count: int) -> None:
    draw = random.Random(count)
    with running(tmp_path, bad_logons_max=1_000_000) as rig:
        for _ in range(count):
            with socket.create_connection(rig.address, 10) as stranger:
                with contextlib.suppress(OSError):
                    for _ in range(draw.choice((1, 1, 3))):
                        stranger.sendall(stream(draw, rig))
                if draw.random() < 0.2:
                    with contextlib.suppress(OSError):
                        stranger.shutdown(socket.SHUT_WR)
                        stranger.recv(4096)
        rig.until(lambda: not rig.gateway._connections)
        owner = TcpClient(rig.address, bytes([7] * 16), rig.signer)
        owner.log_on()
        assert set(rig.gateway.counters) & {"handshakes_good", "closed_violation", "closed_garbage"}
