"""The rings between core and gateway process: every entry whole, once, in order; a broken ring harms nobody."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import gateway_rings as core
from appliance.gateway.ring import Address, Entry, Ring, RingError
from native.gateway_layout import (
    GATEWAY_IN_DATAGRAM,
    GATEWAY_IN_HANDSHAKE,
    GATEWAY_OUT_REPLY,
    GATEWAY_PAYLOAD_BYTES_MAX,
    GATEWAY_RING,
    TRANSPORT_TCP,
)

SMALLEST = core.RING_BYTES_MIN


class Pair:
    """Both ends of both rings, in files."""

    def __init__(self, folder: Path, size: int = SMALLEST) -> None:
        self.paths = [folder / "outward", folder / "inward"]
        self.memory = []
        for path in self.paths:
            path.write_bytes(bytes(core.RING_HEADER_BYTES + size))
            self.memory.append(np.memmap(path, np.uint8, "r+"))
        self.rings = core.make_rings(*(memory.view(np.ndarray) for memory in self.memory))
        self.outward, self.inward = (Ring(path) for path in self.paths)

    def send(self, payload: bytes, connection: int = 0) -> bool:
        """From the core."""
        octets = np.frombuffer(b"xx" + payload, np.uint8)
        return bool(
            core.send_payload(self.rings, GATEWAY_OUT_REPLY, TRANSPORT_TCP, connection, 3, 9, octets, 2, len(payload))
        )

    def receive(self) -> tuple[np.void, bytes] | None:
        """At the core; taken at once."""
        index = core.next_entry(self.rings)
        if index == core.NOTHING:
            return None
        at = core.payload_at(index)
        payload = self.rings.inward[at : at + int(self.rings.scalars[core.PAYLOAD_BYTES])].tobytes()
        entry = self.rings.inward_entries[index].copy()
        core.release_entry(self.rings)
        return entry, payload


def test_every_field_arrives_both_ways(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    sent = Entry(
        kind=GATEWAY_IN_HANDSHAKE,
        payload=b"payload",
        transport=1,
        verdict=2,
        session=3,
        reason=4,
        connection=(1 << 40) + 5,
        receive_time_ns=6,
        address=Address(7, 8, 9, 10, 11, 12, 13),
        proof=bytes(range(32)),
        depends_on=14,
    )
    assert pair.inward.put(sent)
    received = pair.receive()
    assert received is not None
    entry, payload = received
    assert payload == b"payload"
    names = ("kind", "transport", "verdict", "session", "reason", "connection", "receive_time_ns")
    assert [int(entry[name]) for name in names] == [GATEWAY_IN_HANDSHAKE, 1, 2, 3, 4, (1 << 40) + 5, 6]
    names = ("peer_mac", "local_mac", "peer_ip", "local_ip", "peer_udp_port", "local_udp_port", "vlan_tci")
    assert [int(entry[name]) for name in names] == [7, 8, 9, 10, 11, 12, 13]
    assert int(entry["depends_on"]) == 14
    assert entry["proof"].tobytes() == bytes(range(32))
    connection = (1 << 63) - 1
    assert pair.send(b"answer", connection=connection)
    assert pair.outward.take() == Entry(
        GATEWAY_OUT_REPLY, b"answer", 1, 0, 0, reason=3, connection=connection, depends_on=9
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.integers(0, GATEWAY_PAYLOAD_BYTES_MAX), st.integers(0, 255)),
        max_size=200,
    )
)
def test_a_ring_is_a_queue(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, bool, int, int]]) -> None:
    """Against the naive twin: two deques. A put that is refused is refused for want of room."""
    pair = Pair(tmp_path_factory.mktemp("rings"))
    twins: tuple[deque[bytes], deque[bytes]] = (deque(), deque())
    for is_outward, puts, size, filling in steps:
        twin = twins[is_outward]
        payload = bytes([filling]) * size
        if puts:
            done = pair.send(payload) if is_outward else pair.inward.put(Entry(GATEWAY_IN_DATAGRAM, payload))
            if done:
                twin.append(payload)
            else:
                held = sum(128 + -(-len(each) // 128) * 128 for each in twin)
                assert held + 2 * 1536 > SMALLEST, "refused with room for it and for a filler"
        else:
            if is_outward:
                entry = pair.outward.take()
                taken = entry.payload if entry else None
            else:
                received = pair.receive()
                taken = received[1] if received else None
            assert taken == (twin.popleft() if twin else None)
    assert not core.is_broken(pair.rings)


def test_sizes_have_bounds(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    assert core.open_entry(pair.rings, GATEWAY_PAYLOAD_BYTES_MAX + 1) == core.NOTHING
    assert core.open_entry(pair.rings, -1) == core.NOTHING
    with pytest.raises(ValueError, match="1409 bytes"):
        pair.inward.put(Entry(GATEWAY_IN_DATAGRAM, bytes(GATEWAY_PAYLOAD_BYTES_MAX + 1)))
    with pytest.raises(ValueError, match="no power of two"):
        core.make_rings(np.zeros(core.RING_HEADER_BYTES + 5000, np.uint8), pair.rings.inward)


def test_without_a_gateway_nothing_comes_and_nothing_goes() -> None:
    rings = core.no_rings()
    assert core.open_entry(rings, 10) == core.NOTHING
    assert core.next_entry(rings) == core.NOTHING
    assert not core.has_gateway(rings)


@pytest.mark.parametrize("seed", range(40))
def test_a_broken_ring_is_given_up(tmp_path: Path, seed: int) -> None:
    """Whatever the other process writes, each side stays in its memory and says so."""
    draw = random.Random(seed)
    pair = Pair(tmp_path)
    for _ in range(3):
        pair.inward.put(Entry(GATEWAY_IN_DATAGRAM, bytes(draw.randrange(300))))
        pair.send(bytes(draw.randrange(300)))
    for memory in pair.memory:
        if draw.random() < 0.5:  # a length
            at = core.RING_HEADER_BYTES + 4 * draw.randrange(2)
            memory[at : at + 4] = np.frombuffer(draw.randbytes(4), np.uint8)
        else:  # how far the one who puts has come
            at = GATEWAY_RING.fields["put_bytes"][1]  # type: ignore[index]
            memory[at : at + 8] = np.frombuffer(draw.randbytes(8), np.uint8)
    for _ in range(4):
        pair.receive()
    assert core.is_broken(pair.rings) and pair.receive() is None and not pair.send(b"")
    with pytest.raises(RingError, match="cannot be where"):
        _take_all(pair.outward)


def _take_all(ring: Ring) -> None:
    while ring.take() is not None:
        pass


def test_a_file_that_is_no_ring_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    for octets in (b"", bytes(100), bytes(8192)):
        path.write_bytes(octets)
        with pytest.raises(RingError):
            Ring(path)
    with pytest.raises(RingError, match="cannot be mapped"):
        Ring(tmp_path / "none")


ECHO = """
import sys
from pathlib import Path
from appliance.gateway.ring import Entry, Ring
outward, inward = Ring(Path(sys.argv[1])), Ring(Path(sys.argv[2]))
assert "numba" not in sys.modules
left = int(sys.argv[3])
while left:
    entry = outward.take()
    if entry is not None:
        while not inward.put(Entry(18, entry.payload, connection=entry.connection)):
            pass
        left -= 1
"""


def test_two_processes(tmp_path: Path) -> None:
    """20,000 entries there and back again through rings that are nearly always full or empty."""
    count = 20_000
    pair = Pair(tmp_path, 1 << 13)
    draw = random.Random(1)
    sizes = [draw.randrange(400) for _ in range(count)]
    echo = subprocess.Popen([sys.executable, "-c", ECHO, *map(str, pair.paths), str(count)])
    sent = received = 0
    until = time.monotonic() + 120
    while received < count and time.monotonic() < until:
        if sent < count and pair.send(sent.to_bytes(4, "little") * (sizes[sent] // 4), connection=sent):
            sent += 1
        back = pair.receive()
        if back is not None:
            assert int(back[0]["connection"]) == received
            assert back[1] == received.to_bytes(4, "little") * (sizes[received] // 4)
            received += 1
    assert echo.wait(10) == 0 and received == count
