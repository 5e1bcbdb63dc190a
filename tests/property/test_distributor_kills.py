"""Any order of publishing, turns, kills and full ports: no packet is left out, none overtakes another."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.distributor_counters import L3_BEHIND_BYTES
from native.jit import INTERPRETED
from native.ports import PortConfig, open_port
from tests.distributor_rig import DistributorRig, packets_of, venue
from tests.naive.derived_feed import DerivedFeed
from tests.naive.l3_flow import L3Flow
from wire.framing import packets

A, B = "239.192.26.1", "239.192.26.2"
ONE = ("10.0.0.1", 9)
SUBSCRIBERS = [
    {"name": "one", "ip": ONE[0], "udp_port": ONE[1], "channels": ["l3", "basic"]},
    {"name": "two", "ip": "10.0.0.2", "udp_port": 9, "channels": ["l1"]},
]
PUBLISH, TURN, KILL, IDLE = range(4)


def without_repeats(stream: list[bytes]) -> list[bytes]:
    """A stream in which a killed distributor's last packets may have come again, each as it was."""
    found: list[bytes] = []
    numbers: dict[int, bytes] = {}
    for packet in stream:
        number = packets.parse_header(packet).sequence
        if number in numbers:
            assert numbers[number] == packet
        else:
            assert not found or number > packets.parse_header(found[-1]).sequence
            numbers[number] = packet
            found.append(packet)
    return found


@settings(max_examples=10 if INTERPRETED else 60, deadline=None)
@example(seed=0, steps=[TURN, KILL, TURN], pending=3, packets_a_turn=4)  # killed with its first heartbeats waiting
@given(
    seed=st.integers(0, 1 << 32),
    steps=st.lists(st.sampled_from((PUBLISH, PUBLISH, TURN, TURN, TURN, KILL, IDLE)), max_size=40),
    pending=st.sampled_from((3, 17, 4096)),
    packets_a_turn=st.integers(1, 9),
)
def test_nothing_is_left_out(seed: int, steps: list[int], pending: int, packets_a_turn: int) -> None:
    how = PortConfig(kind="memory", tx_frames=4096, tx_pending_max=pending)
    with tempfile.TemporaryDirectory() as folder, open_port(how) as first, open_port(how) as second:
        config = venue(
            packets_a_turn=packets_a_turn,
            tiers=[{"name": "basic", "depth": 2}],
            subscribers=SUBSCRIBERS,
            shuffle_seed=9,
        )
        rig = DistributorRig(Path(folder), config, ports=(first, second))
        l3 = L3Flow(seed).packets(40, epoch=config.epoch)
        waiting = list(l3)
        for step in steps:
            if step == PUBLISH:
                rig.publish(waiting[:3])
                del waiting[:3]
            elif step == TURN:
                rig.turn(1, step_ns=1000)
            elif step == IDLE:
                rig.turn(1, step_ns=2_000_000_000)
            else:
                rig.restart()  # what waited in the ports' buffers is gone with the process
        rig.publish(waiting)
        quiet = 0
        while quiet < 20:  # one turn may do nothing but empty a port
            quiet = 0 if rig.turn(1, step_ns=1000) else quiet + 1
        assert int(rig.told[L3_BEHIND_BYTES]) == 0
        twin = DerivedFeed(epoch=config.epoch, depths=(2,))
        for packet in l3:
            twin.take(packet)
        lines = {(B, 26411): l3, (A, 26403): twin.l2.packets, (B, 26413): twin.l2.packets}
        lines |= {(A, 26404): twin.l1.packets, (B, 26414): twin.l1.packets, ("10.0.0.2", 9): twin.l1.packets}
        for place, stream in lines.items():
            assert without_repeats(rig.numbered(*place)) == stream
        for channel_id, stream in ((1, l3), (5, twin.tiers[0][1].packets)):
            own = [p for p in rig.numbered(*ONE) if packets.parse_header(p).channel_id == channel_id]
            assert without_repeats(own) == stream
        assert packets_of(Path(folder) / "feed.l2") == twin.l2.packets
