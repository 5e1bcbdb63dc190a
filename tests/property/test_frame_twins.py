"""The frame parser in plain Python and the kernel give the same fields, or the same reason to drop, for any bytes."""

from __future__ import annotations

import random

import numpy as np

from native.layout import PKT_UDP_CHECKSUM_COMPLETE, VLAN_NONE
from pcap.noise import noise_frames
from wire.net import udp4
from wire.net.frames import Endpoint, FrameError, build_udp_frame, parse_udp_frame

CLIENT = Endpoint.of("02:00:00:00:00:01", "192.0.2.1", 40001)
VENUE = Endpoint.of("02:00:00:00:00:02", "192.0.2.2", 26400)


def by_kernel(frame: bytes, verify: bool) -> tuple[int, list[int]]:
    fields = np.zeros(udp4.FIELDS_COUNT, np.int64)
    buffer = np.frombuffer(frame, np.uint8).copy()
    drop = udp4.parse(buffer, PKT_UDP_CHECKSUM_COMPLETE if verify else 0, fields)
    return int(drop), [] if drop else fields.tolist()


def by_python(frame: bytes, verify: bool) -> tuple[int, list[int]]:
    try:
        found = parse_udp_frame(frame, verify_udp_checksum=verify)
    except FrameError as error:
        return error.drop, []
    fields = [0] * udp4.FIELDS_COUNT
    fields[udp4.SOURCE_MAC] = int.from_bytes(found.source.mac, "big")
    fields[udp4.DESTINATION_MAC] = int.from_bytes(found.destination.mac, "big")
    fields[udp4.VLAN_TCI] = VLAN_NONE if found.vlan_tci is None else found.vlan_tci
    fields[udp4.SOURCE_IP] = int.from_bytes(found.source.ip, "big")
    fields[udp4.DESTINATION_IP] = int.from_bytes(found.destination.ip, "big")
    fields[udp4.SOURCE_PORT] = found.source.udp_port
    fields[udp4.DESTINATION_PORT] = found.destination.udp_port
    fields[udp4.PAYLOAD_AT] = 42 if found.vlan_tci is None else 46
    fields[udp4.PAYLOAD_BYTES] = len(found.payload)
    return 0, fields


def test_twins_agree() -> None:
    draw = random.Random(4)
    seeds = [frame for _, frame in noise_frames()]
    for size in (0, 1, 7, 80, 1400):
        for tci in (None, 0, 100):
            for has_sum in (True, False):
                payload = draw.randbytes(size)
                seeds.append(build_udp_frame(payload, CLIENT, VENUE, vlan_tci=tci, with_udp_checksum=has_sum))
    frames = list(seeds)
    for _ in range(4000):
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 2)):
            data[draw.randrange(min(len(data), 50))] = draw.choice((0, 1, 0x45, 0x46, 0x81, 0xFF, draw.randrange(256)))
        frames.append(bytes(data[: draw.randint(1, len(data))] if draw.random() < 0.2 else data))
    reasons = set()
    for frame in frames:
        for verify in (True, False):
            expected = by_python(frame, verify)
            assert by_kernel(frame, verify) == expected, frame.hex()
            reasons.add(expected[0])
    assert len(reasons) > 10
