"""A distributor and a recovery server that go on from a seed, in the midst of a day: what they say from there on is
what those say that have seen the whole day."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest

from appliance.distributor.assembly import derivation_of
from appliance.distributor.seeds import ChannelFollower, begin_with_seed, make_seed
from appliance.distributor.stores import StoreError
from appliance.distributor_counters import SNAPSHOT_CYCLES
from appliance.feed_book.seed import FORMS, SEED_FILE, Seed, SeedError, read_seed, seed_of, write_seed
from appliance.recovery.snapshots import BookSizes, Follower
from appliance.recovery.store import FeedStore
from native.jit import INTERPRETED
from tests.distributor_rig import DistributorRig, packets_of, venue
from tests.naive.derived_feed import DerivedFeed
from tests.naive.l3_flow import L3Flow
from wire.blocks import schema
from wire.framing import packets, sofh

DEPTHS = (1, 3)
TIERS = [{"name": f"best{depth}", "depth": depth} for depth in DEPTHS]
STORES = ["feed.l2", "feed.l1", *(f"feed.best{depth}" for depth in DEPTHS)]
MARKET_DATA = schema("market_data")
MS = 1_000_000
END_OF_TRANSACTION = 2
SIZES = BookSizes((1, 2, 3), 256, 64)


def day(seed: int) -> list[bytes]:
    return L3Flow(seed, prices=12).packets(60 if INTERPRETED else 150, epoch=venue().epoch, sizes=8)


def borders(l3: list[bytes]) -> list[int]:
    """Packets after which no transaction is open."""
    found = []
    for place, packet in enumerate(l3, 1):
        *_, (start, end) = packets.frames(packet, packets.parse_header(packet).message_count)
        if MARKET_DATA.decode(packet, start, end).values.InstrFlags & END_OF_TRANSACTION:
            found.append(place)
    return found


def first_of(packet: bytes) -> int:
    return packets.parse_header(packet).sequence


def rig_of(folder: Path, l3: list[bytes], seed: Seed | None = None) -> DistributorRig:
    rig = DistributorRig(folder, venue(tiers=TIERS), seed=seed)
    rig.publish(l3)
    rig.settle()
    return rig


def same(one: Seed, other: Seed) -> None:
    for name, mine in one.arrays().items():
        assert mine.tobytes() == other.arrays()[name].tobytes(), name


def cycle_of(rig: DistributorRig) -> list[bytes]:
    """One cycle of the snapshot loop, without times of sending."""
    rig.turn(3000, step_ns=MS)  # the cycle that was under way
    while int(rig.told[SNAPSHOT_CYCLES]) < 1:
        rig.turn(1, step_ns=MS)
    rig.sent.clear()
    cycles = int(rig.told[SNAPSHOT_CYCLES])
    while int(rig.told[SNAPSHOT_CYCLES]) == cycles:
        rig.turn(1, step_ns=MS)
    return [packet[8:] for packet in rig.numbered("239.192.26.1", 26405, snapshots=True)]


@pytest.mark.parametrize("seed", range(4))
def test_channels_go_on_as_if_nothing_had_been(seed: int, tmp_path: Path) -> None:
    l3 = day(seed)
    draw = random.Random(seed)
    cut = draw.choice(borders(l3)[1:-1])
    before = rig_of(tmp_path / "before", l3[:cut])
    went = [packets_of(before.folder / name) for name in STORES]
    kept = make_seed(before.state.derivation, before.config)

    after = DistributorRig(tmp_path / "after", before.config, seed=kept)
    rest = l3[cut:]
    at = draw.randrange(len(rest) + 1)
    after.publish(rest[:at])
    after.turn(draw.randrange(3))
    after.restart()  # killed: the next one begins with the seed again
    after.publish(rest[at:])
    after.settle()

    twin = DerivedFeed(epoch=before.config.epoch, depths=DEPTHS)
    for packet in l3:
        twin.take(packet)
    for name, told, channel in zip(STORES, went, twin.channels, strict=True):
        again = packets_of(after.folder / name)
        assert told + again == channel.packets, name
        store = FeedStore(after.folder / name)
        first = first_of(again[0]) if again else channel.next_number
        assert (store.first_sequence, store.next_sequence) == (first, channel.next_number)
        assert not store.holds(first - 1, 1)
    for line, channel in ((("239.192.26.1", 26403), twin.l2), (("239.192.26.2", 26414), twin.l1)):
        sent = after.numbered(*line)
        assert sent == channel.packets[len(channel.packets) - len(sent) :]
    whole = rig_of(tmp_path / "whole", l3)
    same(make_seed(after.state.derivation, after.config), make_seed(whole.state.derivation, whole.config))
    assert cycle_of(after) == cycle_of(whole)


@pytest.mark.parametrize("seed", range(2))
def test_who_follows_has_the_seed_of_any_message(seed: int, tmp_path: Path) -> None:
    """Step by step, and begun from a seed, what a follower keeps is what a distributor of these packets has."""
    l3 = day(10 + seed)
    places = borders(l3)
    chosen = random.Random(seed).sample(places, 4)
    rig = DistributorRig(tmp_path / "rig", venue(tiers=TIERS))
    follower = ChannelFollower(rig.config, rig.folder)
    later: ChannelFollower | None = None
    for place, packet in enumerate(l3, 1):
        rig.publish([packet])
        if place not in chosen:
            continue
        rig.settle()
        number = rig.writer.next_sequence
        expected = make_seed(rig.state.derivation, rig.config)
        assert not follower.follow(number + 1)
        assert follower.follow(number)
        same(follower.seed(), expected)
        if later is not None:
            assert later.follow(number)
            same(later.seed(), expected)
        else:
            after = DistributorRig(tmp_path / "after", rig.config, seed=expected)
            after.publish(l3[place:])
            later = ChannelFollower(after.config, after.folder)


@pytest.mark.parametrize("seed", range(2))
def test_snapshots_on_demand_go_on(seed: int, tmp_path: Path) -> None:
    """Of every channel, with the rest of the day and without a message behind the seed."""
    l3 = day(20 + seed)
    place = borders(l3)[len(borders(l3)) // 2]
    before = rig_of(tmp_path / "before", l3[:place])
    kept = make_seed(before.state.derivation, before.config)
    for name, rest in (("rest", l3[place:]), ("nothing", [])):
        whole = rig_of(tmp_path / f"whole-{name}", l3[:place] + rest)
        after = rig_of(tmp_path / name, rest, kept)
        for store in ("feed", *STORES):
            assert snapshot_of(after.folder / store, kept) == snapshot_of(whole.folder / store, None), (name, store)


def snapshot_of(path: Path, seed: Seed | None) -> list[tuple[str, object]]:
    """What a snapshot of all instruments says; of derived channels without the time of an instrument's last message."""
    follower = Follower(FeedStore(path), SIZES, seed)
    assert not follower.follow() and follower.is_ready
    found: list[tuple[str, object]] = []
    reader = sofh.FrameReader(2048)
    for batch in follower.snapshot(0, 1 << 16).batches:
        for _, packet in reader.feed(batch):
            header = packets.parse_header(packet)
            found.append(("packet", header[1:]))
            for start, end in packets.frames(packet, header.message_count):
                message = MARKET_DATA.decode(packet, start, end)
                values = message.values._asdict()
                if follower.store.channel_id != 1:
                    values.pop("TransactTime", None)
                found.append((message.block.name, values))
    return found


def test_a_seed_that_is_not_right_is_refused(tmp_path: Path) -> None:
    l3 = day(1)
    places = borders(l3)
    rig = rig_of(tmp_path / "rig", l3[: places[5]])
    kept = make_seed(rig.state.derivation, rig.config)
    assert read_seed(tmp_path) is None
    write_seed(tmp_path, kept)
    found = read_seed(tmp_path)
    assert found is not None
    same(found, kept)
    for octets in (b"", b"x" * 100, (tmp_path / SEED_FILE).read_bytes()[:-30]):
        (tmp_path / SEED_FILE).write_bytes(octets)
        with pytest.raises(SeedError, match="seed: "):
            read_seed(tmp_path)
    with pytest.raises(SeedError, match="do not fit together"):
        seed_of(kept.arrays() | {"seed.order_counts": kept.order_counts + 1})
    with pytest.raises(SeedError, match="longer than they can be"):
        seed_of(kept.arrays() | {"seed.status_bytes": kept.status_bytes + 4096})
    with pytest.raises(SeedError, match="do not fit together"):
        seed_of(FORMS)
    other = venue(tiers=[{"name": "best", "depth": 2}])
    with pytest.raises(SeedError, match="not those of this configuration"):
        begin_with_seed(derivation_of(other), other, kept)
    orders = kept.orders.copy()
    orders["qty_lots"][0] = 0
    with pytest.raises(SeedError, match="cannot be had"):
        begin_with_seed(derivation_of(rig.config), rig.config, dataclasses.replace(kept, orders=orders))
    # a store that does not go on where the seed was made
    late = DistributorRig(tmp_path / "late", rig.config, seed=kept)
    late.writer.begin_at(kept.l3_next_number + 1)
    late.publish(l3[places[6] :])
    assert late.turn(2) < 0
    with pytest.raises(StoreError, match="cannot be followed"):
        ChannelFollower(late.config, late.folder).follow(late.writer.next_sequence)
    follower = Follower(FeedStore(late.folder / "feed"), SIZES, kept)
    follower.follow()
    assert follower.fault
    assert Follower(FeedStore(late.folder / "feed"), BookSizes((1,), 256, 64), kept).fault
    assert np.array_equal(kept.channels["depth"], [0, 0, 0, 0, *DEPTHS])
