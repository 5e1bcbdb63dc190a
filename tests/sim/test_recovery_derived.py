"""Every channel that the distributor makes is given again over TCP: its packets, and snapshots that L3 implies."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.recovery.limits import ServerLimits
from appliance.recovery.snapshots import BookSizes, SnapshotDesk
from appliance.recovery.store import FeedStore
from appliance.recovery.warm_up import warm_up
from tests.distributor_rig import DistributorRig, packets_of, venue
from tests.naive.l3_flow import L3Flow
from tests.naive.recovery_server import serving
from tests.naive.recovery_talk import FIXP, Talk, messages_of, range_request
from wire.framing import packets, sofh

CHANNELS = {"feed": 1, "feed.l2": 2, "feed.l1": 3, "feed.basic": 5}
DEPTH = 2
MANY = 1 << 20


def levels_of(flow: L3Flow, instrument: int, depth: int) -> list[tuple[int, int, int, int]]:
    """(side, price, lots, orders): bids best first, then offers."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for side, price, lots in flow.orders[instrument].values():
        before = found.get((side, price), (0, 0))
        found[side, price] = (before[0] + lots, before[1] + 1)
    rows = []
    for side in (1, -1):
        prices = sorted((price for s, price in found if s == side), reverse=side == 1)[:depth]
        rows += [(side, price, *found[side, price]) for price in prices]
    return rows


@pytest.mark.parametrize("seed", [1, 2])
def test_all_channels_are_given_again(tmp_path: Path, seed: int) -> None:
    warm_up()
    flow = L3Flow(seed)
    rig = DistributorRig(tmp_path / "venue", venue(tiers=[{"name": "basic", "depth": DEPTH}]))
    rig.publish(flow.packets(300, epoch=5))
    rig.settle()
    limits = ServerLimits(batch_bytes=8192)
    with (
        serving(
            FeedStore(rig.folder),
            limits,
            folder=rig.folder,
            snapshots=SnapshotDesk(BookSizes((1, 2, 3), 256, 64), limits),
        ) as running,
        Talk(running.ip, running.port) as talk,
    ):
        running.server.channels.look()
        for name, channel_id in CHANNELS.items():
            published = [one for one in packets_of(rig.folder / name) if packets.parse_header(one).message_count]
            last = sum(packets.parse_header(one).message_count for one in published)
            store = running.server.channels.by_id(channel_id)
            assert store is not None
            talk.say(range_request(1, last, store.topic_session_id))
            got: list[bytes] = []
            while len(got) < len(published):
                for encoding, octets in talk.frames():
                    if encoding == sofh.ENCODING_MARKET_DATA_PACKET:
                        got.append(octets)
                    else:
                        assert FIXP.decode(octets).block.name == "Retransmission"
                    if len(got) == len(published):
                        break
            flags_at = 18
            assert [one[:flags_at] + bytes([one[flags_at] & ~4]) + one[flags_at + 1 :] for one in got] == published
            assert {packets.parse_header(one).flags for one in got} == {5}

            snapshot = talk.snapshot(channel_id, minimum=last)
            depth = {2: MANY, 3: 1, 5: DEPTH}.get(channel_id, MANY)
            entries: dict[int, list[tuple[int, int, int, int]]] = {}
            for one in snapshot:
                header = packets.parse_header(one)
                assert (header.channel_id, header.sequence, header.flags) == (channel_id, last, packets.FLAG_SNAPSHOT)
                for kind, values in messages_of(one):
                    if kind == "PriceLevelSnapshot":
                        row = (values.InstrSide, values.Price, values.AggregateQty, values.NumberOfOrders)
                        entries.setdefault(header.epoch, []).append(row)
            if channel_id != 1:
                assert entries == {n: rows for n in flow.instruments if (rows := levels_of(flow, n, depth))}
