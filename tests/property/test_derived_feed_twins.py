"""L2, L1 and tiers by kernels against the plain twin: the same bytes, packet by packet."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.distributor.derive import DONE_BYTES, IN_TRANSACTION, Derivation, derive_entries
from appliance.distributor.packet import has_room
from appliance.distributor.records import FIRST_TIER, L1, L2
from appliance.distributor.state import allocate_derivation, derived_places, place_store
from appliance.distributor_config import Tier
from native.jit import INTERPRETED
from native.layout import FEED_ENTRY
from tests.naive.derived_feed import DerivedFeed
from tests.naive.l3_flow import L3Flow
from wire.framing import packets


def as_store(l3: list[bytes]) -> np.ndarray:
    """Packets as the bytes of a feed store."""
    found = []
    for octets in l3:
        header = packets.parse_header(octets)
        entry = np.zeros(1, FEED_ENTRY)
        entry[0] = (header.sequence, header.message_count, len(octets))
        found.append(entry.tobytes() + octets.ljust(len(octets) + 7 & ~7, b"\0"))
    return np.frombuffer(b"".join(found), np.uint8).copy()


def packets_in(store: np.ndarray, size: int) -> list[bytes]:
    """The packets of the first `size` bytes of a feed store."""
    found, at = [], 0
    while at < size:
        entry = store[at : at + FEED_ENTRY.itemsize].view(FEED_ENTRY)[0]
        at += FEED_ENTRY.itemsize
        payload = store[at : at + int(entry["payload_bytes"])].tobytes()
        header = packets.parse_header(payload)
        assert (int(entry["first_sequence"]), int(entry["message_count"])) == (header.sequence, header.message_count)
        found.append(payload)
        at += len(payload) + 7 & ~7
    return found


def derivation_for(store: np.ndarray, depths: tuple[int, ...]) -> tuple[Derivation, dict[int, np.ndarray]]:
    tiers = [Tier(name=f"t{depth}", depth=depth) for depth in depths]
    derivation = allocate_derivation(instruments=8, orders=256, levels=64, tiers=tiers)
    stores = {}
    for place in derived_places(derivation.channels.size):
        reserve = int(derivation.channels[place]["reserve_bytes"])
        stores[place] = np.zeros(reserve + 4 * store.size, np.uint8)
        place_store(derivation, place, stores[place])
    return derivation, stores


def derive(l3: list[bytes], depths: tuple[int, ...], step: int) -> dict[int, list[bytes]]:
    store = as_store(l3)
    derivation, stores = derivation_for(store, depths)
    while int(derivation.scalars[DONE_BYTES]) < store.size:
        assert has_room(derivation)
        assert derive_entries(derivation, store, store.size, step) > 0
    assert derive_entries(derivation, store, store.size, step) == 0
    assert not derivation.scalars[IN_TRANSACTION]
    return {
        place: packets_in(memory, int(derivation.channels[place]["whole_bytes"])) for place, memory in stores.items()
    }


@settings(max_examples=60 if INTERPRETED else 300, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    transactions=st.integers(1, 40),
    burst=st.sampled_from((1, 5, 60)),
    sizes=st.integers(1, 20),
    step=st.integers(1, 5),
)
def test_kernels_and_twin_give_the_same_bytes(seed: int, transactions: int, burst: int, sizes: int, step: int) -> None:
    l3 = L3Flow(seed, burst=burst).packets(transactions, sizes=sizes)
    depths = (1, 3)
    twin = DerivedFeed(depths=depths)
    for octets in l3:
        twin.take(octets)
    found = derive(l3, depths, step)
    assert found[L2] == twin.l2.packets
    assert found[L1] == twin.l1.packets
    for index, (_, channel) in enumerate(twin.tiers):
        assert found[FIRST_TIER + index] == channel.packets
