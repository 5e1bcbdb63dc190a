"""Headers that were written once, for an empty datagram, and put before one of any size: those of the plain twin."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from native.jit import INTERPRETED, kernel
from native.layout import VLAN_NONE
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from wire.net import udp4
from wire.net.frames import Endpoint, build_udp_frame

PAYLOAD_AT = 64
MACS = st.binary(min_size=6, max_size=6)
IPS = st.binary(min_size=4, max_size=4) | st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff"])
NOWHERE = Endpoint(b"\0" * 6, b"\0" * 4, 0)
ENDPOINTS = st.builds(Endpoint, MACS, IPS, st.integers(0, 65535))


@kernel
def _put(buf: Any, payload_bytes: int, headers: Any, end: int) -> int:
    return udp4.put_headers(buf, np.int64(PAYLOAD_AT), payload_bytes, headers, end)


def _int(octets: bytes) -> np.int64:
    return np.int64(int.from_bytes(octets, "big"))


@settings(max_examples=300 if INTERPRETED else 5000, deadline=None)
@given(
    source=ENDPOINTS,
    destination=ENDPOINTS,
    tag=st.none() | st.integers(0, 65535),
    ttl=st.integers(0, 255),
    size=st.integers(0, DATAGRAM_PAYLOAD_BYTES_MAX),
)
@example(source=NOWHERE, destination=NOWHERE, tag=None, ttl=0, size=0)
def test_put_headers(source: Endpoint, destination: Endpoint, tag: int | None, ttl: int, size: int) -> None:
    headers = np.zeros(2 * udp4.HEADERS_ROOM, np.uint8)
    udp4.write_headers(
        headers,
        np.int64(2 * udp4.HEADERS_ROOM),
        np.int64(0),
        _int(source.mac),
        _int(destination.mac),
        np.int64(VLAN_NONE if tag is None else tag),
        _int(source.ip),
        _int(destination.ip),
        np.int64((source.udp_port << 16) | destination.udp_port),
        np.int64(ttl),
    )
    payload = (bytes(range(256)) * 6)[:size]
    buf = np.full(PAYLOAD_AT + size, 0xA5, np.uint8)
    buf[PAYLOAD_AT:] = np.frombuffer(payload, np.uint8)
    _put(buf, size, headers, 2 * udp4.HEADERS_ROOM)
    expected = build_udp_frame(payload, source, destination, vlan_tci=tag, ttl=ttl, with_udp_checksum=False)
    frame_at = PAYLOAD_AT + size - len(expected)
    assert buf[frame_at:].tobytes() == expected
    assert not headers[: udp4.HEADERS_ROOM].any()
