"""The distributor's turn over memory ports: lines, subscribers, heartbeats, restarts, what is full, what is damaged."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from appliance.distributor.derive import ROOM_IS_WANTED
from appliance.distributor.records import L2
from appliance.distributor.send import draw_order, next_draw
from appliance.distributor_counters import HEARTBEATS_OUT, STARTS, TX_RETRIES
from native import codes
from native.ports import PortConfig, open_port
from tests.distributor_rig import DistributorRig, packets_of, venue
from tests.naive.derived_feed import DerivedFeed
from tests.naive.l3_flow import L3Flow
from wire.blocks import schema
from wire.framing import packets

A, B = "239.192.26.1", "239.192.26.2"
FIXP = schema("fixp")
MS = 1_000_000
LINES = {"l2": ((A, 26403), (B, 26413)), "l1": ((A, 26404), (B, 26414))}


def l3_of(rig: DistributorRig, seed: int = 1, transactions: int = 60) -> list[bytes]:
    return L3Flow(seed).packets(transactions, epoch=rig.config.epoch)


def twin_of(rig: DistributorRig, l3: list[bytes]) -> DerivedFeed:
    twin = DerivedFeed(epoch=rig.config.epoch, depths=tuple(tier.depth for tier in rig.config.distributor.tiers))
    for packet in l3:
        twin.take(packet)
    return twin


def test_lines_a_and_b_have_the_same_packets(tmp_path: Path) -> None:
    rig = DistributorRig(tmp_path, venue())
    l3 = l3_of(rig)
    rig.publish(l3[:7])
    rig.settle()
    rig.publish(l3[7:])
    rig.settle()
    twin = twin_of(rig, l3)
    assert rig.numbered(B, 26411) == l3  # line A is the core's
    assert (A, 26401) not in rig.sent
    for name, channel in (("l2", twin.l2), ("l1", twin.l1)):
        first, second = LINES[name]
        assert rig.numbered(*first) == rig.numbered(*second) == channel.packets
        assert packets_of(tmp_path / f"feed.{name}") == channel.packets


def test_after_a_burst_the_next_number_is_told_within_a_millisecond(tmp_path: Path) -> None:
    rig = DistributorRig(tmp_path, venue())
    rig.publish(l3_of(rig))
    rig.settle()
    last = packets.parse_header(rig.numbered(*LINES["l2"][0])[-1])
    rig.sent.clear()
    rig.turn(1, step_ns=MS // 4)
    assert not rig.sent.get(LINES["l2"][0])
    rig.turn(1, step_ns=MS // 2)
    for line in LINES["l2"]:
        beat, topic = (payload for payload in rig.sent[line])
        header = packets.parse_header(beat)
        assert (header.sequence, header.message_count, header.flags) == (last.sequence + last.message_count, 0, 1)
        [(start, end)] = packets.frames(topic, 1)
        assert FIXP.decode(topic, start, end).values.SessionId == rig.stores[L2].header["topic_session_id"].tobytes()
    beats = int(rig.told[HEARTBEATS_OUT])
    rig.turn(5, step_ns=100 * MS)
    assert int(rig.told[HEARTBEATS_OUT]) == beats
    rig.turn(1, step_ns=600 * MS)
    assert int(rig.told[HEARTBEATS_OUT]) > beats


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_killed_distributor_is_carried_on_without_a_gap(tmp_path: Path, turns: int) -> None:
    rig = DistributorRig(tmp_path, venue(packets_a_turn=5))
    l3 = l3_of(rig)
    rig.publish(l3[: len(l3) // 2])
    rig.turn(turns)
    rig.publish(l3[len(l3) // 2 :])
    rig.restart()
    rig.settle()
    twin = twin_of(rig, l3)
    assert rig.numbered(B, 26411) == l3
    for name, channel in (("l2", twin.l2), ("l1", twin.l1)):
        assert rig.numbered(*LINES[name][0]) == rig.numbered(*LINES[name][1]) == channel.packets
        assert packets_of(tmp_path / f"feed.{name}") == channel.packets
    assert int(rig.told[STARTS]) == 0  # the process counts them, not the turn


def test_what_an_earlier_appliance_has_published_is_not_sent_again(tmp_path: Path) -> None:
    rig = DistributorRig(tmp_path, venue())
    l3 = l3_of(rig)
    rig.publish(l3[:8])
    rig = DistributorRig(tmp_path / "again", venue(), quiet_bytes=int(rig.writer.header[0]["committed_bytes"]))
    rig.publish(l3[:8])
    rig.settle()
    assert not rig.numbered(B, 26411) and not rig.numbered(*LINES["l2"][0])
    rig.publish(l3[8:])
    rig.settle()
    twin = twin_of(rig, l3)
    assert rig.numbered(B, 26411) == l3[8:]
    sent = rig.numbered(*LINES["l2"][0])
    assert sent == twin.l2.packets[-len(sent) :] and 0 < len(sent) < len(twin.l2.packets)
    assert packets_of(tmp_path / "again" / "feed.l2") == twin.l2.packets


def test_a_store_that_differs_is_not_gone_on_with(tmp_path: Path) -> None:
    rig = DistributorRig(tmp_path, venue())
    rig.publish(l3_of(rig))
    rig.settle()
    with (tmp_path / "feed.l2").open("r+b") as file:
        file.seek(4096 + 16 + 60)
        file.write(b"\x7f")
    rig.restart()
    assert rig.turn(100) == codes.ERROR_DISTRIBUTOR_DIFFERS


def test_l3_that_contradicts_itself_ends_it(tmp_path: Path) -> None:
    rig = DistributorRig(tmp_path, venue())
    l3 = l3_of(rig)
    damaged = bytearray(l3[0])
    damaged[packets.HEADER_BYTES] = 200
    rig.publish([bytes(damaged)])
    assert rig.turn(2) == codes.ERROR_FEED_FRAME
    rig = DistributorRig(tmp_path / "gap", venue())
    rig.publish(l3[1:])
    assert rig.turn(2) == codes.ERROR_FEED_GAP


def test_without_room_it_waits_and_then_goes_on(tmp_path: Path) -> None:
    rig = DistributorRig(tmp_path, venue())
    room = int(rig.state.derivation.channels[L2]["room_bytes"])
    rig.state.derivation.channels[L2]["room_bytes"] = 100
    l3 = l3_of(rig)
    rig.publish(l3)
    rig.settle()
    assert rig.numbered(B, 26411) == l3  # line B needs no room
    assert rig.state.derivation.scalars[ROOM_IS_WANTED] and not rig.numbered(*LINES["l2"][0])
    rig.state.derivation.channels[L2]["room_bytes"] = room
    rig.settle()
    assert rig.numbered(*LINES["l2"][0]) == twin_of(rig, l3).l2.packets


def test_a_full_port_holds_up_and_loses_nothing(tmp_path: Path) -> None:
    ports = [open_port(PortConfig(kind="memory", tx_frames=40, tx_pending_max=7)) for _ in range(2)]
    subscribers = [{"name": "one", "ip": "10.0.0.1", "udp_port": 9, "channels": ["l3", "l2"]}]
    rig = DistributorRig(tmp_path, venue(subscribers=subscribers), ports=ports)
    l3 = l3_of(rig)
    rig.publish(l3)
    for _ in range(1000):
        rig.turn()
    assert int(rig.told[TX_RETRIES]) > 0
    twin = twin_of(rig, l3)
    assert rig.numbered(B, 26411) == l3
    assert rig.numbered(*LINES["l2"][0]) == rig.numbered(*LINES["l2"][1]) == twin.l2.packets
    to_one = [packets.parse_header(payload) for payload in rig.numbered("10.0.0.1", 9)]
    assert sum(header.message_count for header in to_one if header.channel_id == 1) == sum(
        packets.parse_header(packet).message_count for packet in l3
    )


SUBSCRIBERS = [
    {"name": "all", "ip": "10.0.0.1", "udp_port": 9, "channels": ["l3", "l2", "l1", "snapshot", "basic"]},
    {"name": "basic", "ip": "10.0.0.2", "udp_port": 9, "channels": ["basic", "l1"]},
    {"name": "deep", "ip": "10.0.0.3", "udp_port": 9, "channels": ["l2", "l1"]},
    {"name": "other", "ip": "10.0.0.4", "udp_port": 9, "channels": ["l1"]},
]


def test_subscribers_get_what_they_are_entitled_to_and_nothing_else(tmp_path: Path) -> None:
    tiers = [{"name": "basic", "depth": 2}]
    rig = DistributorRig(tmp_path, venue(tiers=tiers, subscribers=SUBSCRIBERS, shuffle_seed=77))
    l3 = l3_of(rig)
    rig.publish(l3)
    rig.settle()
    rig.turn(20, step_ns=200 * MS)
    twin = twin_of(rig, l3)
    streams = {1: l3, 2: twin.l2.packets, 3: twin.l1.packets, 5: twin.tiers[0][1].packets}
    entitled = {"10.0.0.1": {1, 2, 3, 5}, "10.0.0.2": {3, 5}, "10.0.0.3": {2, 3}, "10.0.0.4": {3}}
    for ip, channels in entitled.items():
        for channel_id, stream in streams.items():
            found = [p for p in rig.numbered(ip, 9) if packets.parse_header(p).channel_id == channel_id]
            assert found == (stream if channel_id in channels else [])
    snapshots = {
        ip: {packets.parse_header(p).channel_id for p in rig.numbered(ip, 9, snapshots=True)} for ip in entitled
    }
    assert snapshots == {"10.0.0.1": {4, 2, 3, 5}, "10.0.0.2": {5}, "10.0.0.3": set(), "10.0.0.4": set()}
    multicast = {to for to in rig.sent if to[0] in (A, B)}
    assert len(multicast) == 7  # no tier is multicast


def test_nobody_is_always_first_and_the_seed_tells_who_was(tmp_path: Path) -> None:
    rig = DistributorRig(tmp_path, venue(subscribers=SUBSCRIBERS[2:], shuffle_seed=77, tiers=[]))
    rig.publish(l3_of(rig, transactions=600))
    rig.settle()
    orders: dict[int, list[str]] = {}
    for (ip, _), payload in rig.in_order:
        header = packets.parse_header(payload)
        if ip != B and header.channel_id == 3 and header.flags == 1 and header.message_count:  # B has its own port
            orders.setdefault(header.sequence, []).append(ip)
    for sequence, order in orders.items():
        assert order[0] == A
        assert order[1:] == [f"10.0.0.{3 + place - 2}" for place in naive_order(2, 4, 77, 3, sequence)[2:]]
    firsts = Counter(order[1] for order in orders.values())
    assert len(orders) > 100 and min(firsts.values()) > 0.35 * len(orders)


def naive_draw(state: int) -> int:
    mixed = (state + 0x9E3779B97F4A7C15) % 2**64
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
    return (mixed ^ mixed >> 31) >> 1


def naive_order(lines: int, count: int, seed: int, channel_id: int, number: int) -> list[int]:
    order = list(range(count))
    state = naive_draw(naive_draw(seed) ^ number) ^ channel_id
    for i in range(count - 1, lines, -1):
        state = naive_draw(state)
        j = lines + state % (i - lines + 1)
        order[i], order[j] = order[j], order[i]
    return order


def test_the_order_is_drawn_as_it_is_written_down() -> None:
    import numpy as np

    order = np.zeros(9, np.int64)
    seen: Counter[int] = Counter()
    for number in range(1, 3000):
        draw_order(order, 2, 9, 12345, 7, number)
        assert order.tolist() == naive_order(2, 9, 12345, 7, number)
        seen[int(order[2])] += 1
    expected = 2999 / 7
    assert all(abs(count - expected) < 6 * math.sqrt(expected) for count in seen.values())
    assert int(next_draw(np.int64(1 << 62))) == naive_draw(1 << 62)
