"""Admission in the XDP program, on a veth pair: who is dropped before the loop sees it; a flood that it never feels."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.config import Config, demo_session_uuid, parse
from appliance.control import Appliance
from native import codes
from native.counters import COUNTERS
from native.ports import Port, PortConfig, PortError, open_port
from tests import netns
from tests.handshakes import Signer, header
from tests.naive.fixp_client import NaiveFixpClient, cut
from tests.port_rigs import RIGS, UDP_PORT, Hand, VethRig, frame_of, put, why_no_rig
from tests.venue_rig import new

FRIEND, STRANGER = (netns.FAR_IP, 40000), ("10.27.0.9", 40000)
LISTED = (f"{netns.FAR_IP}/32",)
UUID = bytes(range(16))
CONTEXT = header(24, 9) + UUID + struct.pack("<Q", 1)
NEGOTIATE = Signer("key", b"s" * 32).negotiate(UUID, 1)
ESTABLISH = Signer("key", b"s" * 32).establish(UUID, 1)
GOOD = {
    "context": CONTEXT,
    "context and order": CONTEXT + new(1),
    "negotiate": NEGOTIATE,
    "establish": ESTABLISH,
    "retransmit request": header(36, 11) + bytes(36),
    "terminate": header(17, 14) + bytes(19),
    "finished sending": header(24, 15) + bytes(24),
    "finished receiving": header(16, 16) + bytes(16),
}
BAD = {
    "nothing": b"",
    "seven bytes": CONTEXT[:7],
    "a context cut short": CONTEXT[:31],
    "a context with a short block": header(23, 9) + bytes(24),
    "another schema": struct.pack("<HHHH", 24, 9, 2749, 0) + bytes(24),
    "an order without a context": new(1),
    "a response": header(25, 2) + bytes(27),
    "a sequence": header(8, 8) + bytes(8),
    "template 0": header(24, 0) + bytes(24),
    "template 65535": header(24, 65535) + bytes(24),
    "rubbish": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.fixture(params=["xdp-native", "xdp-generic"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VethRig]:
    reason = why_no_rig(request.param)
    if reason:
        pytest.skip(reason)
    rig = RIGS[request.param](tmp_path)
    assert isinstance(rig, VethRig)
    yield rig
    rig.close()


def refused(port: Port) -> dict[str, int]:
    """What the XDP program dropped, by reason."""
    return {name[11:]: count for name, count in port.stats().items() if name.startswith("rx_refused_") and count}


def passed(rig: VethRig, port: Port, frames: list[bytes]) -> list[bytes]:
    rig.arrive(port, frames)
    return Hand(port).receive_frames(len(frames) + 1, seconds=0.3)


def test_off_by_default(rig: VethRig) -> None:
    frames = [frame_of(payload, source=STRANGER) for payload in (*GOOD.values(), *BAD.values())]
    with rig.open() as port:
        assert passed(rig, port, frames) == frames and refused(port) == {}


def test_only_listed_networks_may_send(rig: VethRig) -> None:
    """By the longest prefix; what is not for our UDP port is nobody's business here."""
    sources = ["10.26.0.2", "10.27.0.0", "10.27.0.255", "10.27.1.0", "192.0.2.1", "192.0.2.2", "0.0.0.1"]
    frames = [frame_of(CONTEXT, source=(ip, 1)) for ip in sources]
    elsewhere = frame_of(CONTEXT, source=STRANGER, destination=(netns.NEAR_IP, 5000))
    with rig.open(sources=("10.26.0.2", "10.27.0.0/24", "192.0.2.1/32")) as port:
        assert passed(rig, port, [*frames, elsewhere]) == [frames[at] for at in (0, 1, 2, 4)]
        assert refused(port) == {"source": 3}


def test_a_vlan_tag_hides_nobody(rig: VethRig) -> None:
    frames = [frame_of(CONTEXT, source=source, vlan_tci=5) for source in (FRIEND, STRANGER)]
    with rig.open(sources=LISTED) as port:
        assert passed(rig, port, frames) == frames[:1] and refused(port) == {"source": 1}


def test_what_does_not_begin_as_order_entry_does_is_dropped(rig: VethRig) -> None:
    good, bad = ([frame_of(payload) for payload in kinds.values()] for kinds in (GOOD, BAD))
    with rig.open(sources=LISTED) as port:
        assert passed(rig, port, [*bad, *good]) == good and refused(port) == {"message": len(bad)}


def test_a_source_that_sends_too_fast(rig: VethRig) -> None:
    """A burst passes, then so many a second; another source is not touched by it."""
    other = ("10.26.0.3", 1)
    with rig.open(sources=("10.26.0.0/24",), datagrams_a_second=10, datagrams_burst=20) as port:
        got = passed(rig, port, [frame_of(CONTEXT)] * 100)
        assert 20 <= len(got) <= 30 and refused(port) == {"rate": 100 - len(got)}
        assert len(passed(rig, port, [frame_of(CONTEXT, source=other)] * 10)) == 10
        time.sleep(1.0)
        assert 5 <= len(passed(rig, port, [frame_of(CONTEXT)] * 20)) <= 20


def test_log_ons_have_a_small_share(rig: VethRig) -> None:
    """Of all sources together; order entry goes on beside a flood of them."""
    sources = [(f"10.26.0.{n}", 1) for n in range(2, 102)]
    shakes = [frame_of(payload, source=ip) for ip in sources for payload in (NEGOTIATE, ESTABLISH)]
    with rig.open(sources=("10.26.0.0/24",), handshakes_a_second=5, handshakes_burst=10) as port:
        got = passed(rig, port, shakes)
        assert 10 <= len(got) <= 20 and refused(port) == {"handshakes": 200 - len(got)}
        assert len(passed(rig, port, [frame_of(CONTEXT)] * 50)) == 50


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sources": ("10.0.0.1/8",)}, "is not an IPv4 network"),
        ({"sources": ("here",)}, "is not an IPv4 network"),
        ({"sources": ("10.0.0.0/8",) * 1025}, "at most 1024 networks"),
        ({"sources": LISTED, "datagrams_a_second": -1}, "datagrams_a_second"),
    ],
)
def test_rules_that_cannot_be(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(PortError, match=sentence) as caught:
        open_port(PortConfig(kind="memory", **options))  # type: ignore[arg-type]
    assert caught.value.code == codes.ERROR_INVALID_ARGUMENT


# --- the flood ----------------------------------------------------------------------------------------------------


def venue_config(mode: str) -> Config:
    return parse(
        {
            "name": f"flood-{os.getpid()}",
            "port": {"kind": "xdp", "interface": netns.NEAR, "xdp_mode": mode},
            "order_entry": {"ip": netns.NEAR_IP},
            "admission": {"sources": list(LISTED)},
            "feed": {"interface_ip": netns.NEAR_IP, "store_mib": 16},
            "reports": {"store_mib": 16},
            "recovery": {"enabled": False},
            "journal": {"records": 1 << 15, "segment_records": 1024},
            "limits": {"orders": 1 << 14, "levels": 1 << 12},
            "loop": {"idle": "yield"},
        }
    )


class Strangers:
    """Datagrams of strangers as fast as the far end's interface takes them: 32 a system call, out of buffers that were
    filled beforehand with all that strangers may think of."""

    SIZE = 122

    def __init__(self, port: Port, seed: int) -> None:
        draw = random.Random(seed)
        self.hand = Hand(port)
        self.sent = 0
        payload_bytes = self.SIZE - 42
        kept = []
        while len(descs := self.hand.alloc(32)):
            for desc in descs:
                payload = draw.choice((*GOOD.values(), *BAD.values(), draw.randbytes(payload_bytes)))
                source = (f"10.{draw.randrange(27, 255)}.{draw.randrange(256)}.{draw.randrange(256)}", 40000)
                put(desc, frame_of(payload[:payload_bytes].ljust(payload_bytes, b"\0"), source=source))
                kept.append(desc.copy())
        filled = np.array(kept)
        filled["len"] = 0  # all given back: what lies in them stays
        self.hand.burst(filled)

    def send(self, count: int) -> None:
        """So many more."""
        until = self.sent + count
        while self.sent < until:
            descs = self.hand.alloc(min(32, until - self.sent))
            if len(descs) == 0:
                self.hand.flush()
                continue
            descs["len"] = self.SIZE
            done = 0
            while done < len(descs):
                done += self.hand.burst(descs[done:].copy())
            self.sent += len(descs)
        while self.hand.flush() > 0:
            pass


@pytest.mark.parametrize("mode", ["native", "generic"])
@pytest.mark.parametrize("count", [50_000, pytest.param(500_000, marks=pytest.mark.long)])
def test_a_flood_of_strangers(mode: str, count: int) -> None:
    """Every order of the client that is logged on arrives and is answered; every stranger ends in the XDP program."""
    reason = why_no_rig(f"xdp-{mode}")
    if reason:
        pytest.skip(reason)
    veth = netns.Veth()
    try:
        with netns.inside(veth.near):
            appliance = Appliance(venue_config(mode))
            appliance.start()
        try:
            drill(appliance, veth, count)
        finally:
            appliance.stop()
            appliance.shared.remove()
    finally:
        veth.close()


def drill(appliance: Appliance, veth: netns.Veth, count: int, orders: int = 200) -> None:
    client = NaiveFixpClient(demo_session_uuid(1).bytes, Signer("", b""), multiplexed=True)
    with netns.inside(veth.far):
        wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        far = open_port(PortConfig(kind="packet", interface=netns.FAR, udp_ports=(1,), tx_frames=1024))
    with wire, far:
        wire.bind((netns.FAR_IP, 40000))
        wire.connect((netns.NEAR_IP, UDP_PORT))
        wire.setblocking(False)
        strangers = Strangers(far, seed=1)
        started = time.monotonic()
        for number in range(1, orders + 1):
            wire.send(b"".join(client.send(new(number))))
            strangers.send(count // orders)
            with contextlib.suppress(BlockingIOError):
                while True:
                    client.receive(cut(wire.recv(2048)))
        seconds = time.monotonic() - started
        wire.settimeout(10)
        while len(client.got) < orders:
            client.receive(cut(wire.recv(2048)))
        stats, counters = appliance.port.stats(), appliance.exchange.tables.counters
        dropped_by_veth = _far_drops(veth)
        refused_there = sum(count for name, count in stats.items() if name.startswith("rx_refused_"))
        print(
            f"{strangers.sent} datagrams of strangers in {seconds:.2f} s ({strangers.sent / seconds / 1e6:.3f} M/s): "
            f"{refused_there} refused in XDP, {dropped_by_veth} lost on the way there"
        )
    named = {row.name: int(value) for row, value in zip(COUNTERS, counters, strict=True)}
    assert sorted(client.got) == list(range(1, orders + 1))
    assert named["orders_accepted"] == orders and named["packets_in"] == orders
    assert stats["rx_refused_source"] == refused_there
    assert refused_there + dropped_by_veth >= strangers.sent
    assert refused_there <= strangers.sent and refused_there > strangers.sent // 2


def _far_drops(veth: netns.Veth) -> int:
    """Frames that the pair itself lost because the near end was not fast enough."""
    lost = 0
    for namespace, name, way in ((veth.far, netns.FAR, "tx"), (veth.near, netns.NEAR, "rx")):
        with netns.inside(namespace):
            words = netns.ip("-s", "-j", "link", "show", name)
        lost += json.loads(words)[0]["stats64"][way]["dropped"]
    return lost
