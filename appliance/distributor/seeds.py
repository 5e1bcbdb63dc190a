"""Derived channels and seeds: begun with one, followed without being sent, and made into one again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from appliance.config import Config
from appliance.distributor.assembly import derivation_of
from appliance.distributor.derive import FAULT_NUMBER, IN_TRANSACTION, Derivation
from appliance.distributor.follow import derive_before, tell_what_is
from appliance.distributor.records import FIRST_TIER
from appliance.distributor.state import derived_places, place_store
from appliance.distributor.stores import InputStore, StoreError
from appliance.feed_book.load import load_seed
from appliance.feed_book.read import copy_orders, count_orders
from appliance.feed_book.records import FEED_ROW
from appliance.feed_book.seed import SEED_CHANNEL, STATUS_BYTES_MAX, Seed, SeedError, read_seed
from native.codes import sentence_of_error

_AHEAD_BYTES = 4 << 20
"""Of packets that nobody reads, made between two looks at the room for them."""


def follows_channels(config: Config) -> bool:
    """Whether somebody makes of L3 what a seed has."""
    return config.distributor.enabled or (config.recovery.enabled and config.recovery.snapshots)


def channels_of(config: Config) -> np.ndarray:
    """SEED_CHANNEL[channels] of a venue before the day's first message."""
    depths = [0] * FIRST_TIER + [tier.depth for tier in config.distributor.tiers]
    found = np.ones(len(depths), SEED_CHANNEL)
    found["channel_id"] = config.feed.channel_id + np.arange(len(depths))
    found["depth"] = depths
    return found


def begin_with_seed(derivation: Derivation, config: Config, seed: Seed) -> None:
    """Bring `derivation`, as it was allocated, to where `seed` was made. Raises SeedError: it is of no use then."""
    own = channels_of(config)
    for name in ("channel_id", "depth"):
        if seed.channels[name].tolist() != own[name].tolist():
            raise SeedError("The channels and tiers are not those of this configuration.")
    count, room = seed.instruments.size, derivation.tops.size
    if count > room:
        raise SeedError(f"It has {count} instruments, the configuration {room}.")
    # kernels take arrays that can be written, whatever the file gave
    instruments, rows, counts = seed.instruments.copy(), seed.orders.copy(), seed.order_counts.copy()
    code = int(load_seed(derivation.books, instruments, rows, counts, seed.l3_next_number))
    if code < 0:
        raise SeedError(f"Its books cannot be had: {sentence_of_error(code)}")
    derivation.channels["next_number"][1:] = seed.channels["next_number"][1:]
    derivation.instr_seq.reshape(-1, room)[:, :count] = seed.instr_seq.reshape(own.size, count)
    derivation.status_bytes[: 2 * count] = seed.status_bytes
    derivation.status_frames[: 2 * count * STATUS_BYTES_MAX] = seed.status_frames
    tell_what_is(derivation)


def make_seed(derivation: Derivation, config: Config) -> Seed:
    """What the channels have come to now, between two transactions and with every packet closed."""
    books = derivation.books
    assert derivation.scalars[IN_TRANSACTION] == 0 and not derivation.channels["packet_bytes"].any()
    count, room = int(books.state[0]["instruments_used"]), derivation.tops.size
    counts = np.array([int(count_orders(books, instrument)) for instrument in range(count)], np.int64)
    orders = np.zeros(int(counts.sum()), FEED_ROW)
    for instrument, at in enumerate(np.cumsum(counts) - counts):
        copy_orders(books, instrument, orders, int(at))
    channels = channels_of(config)
    channels["next_number"] = derivation.channels["next_number"]
    channels[0]["next_number"] = int(books.state[0]["next_sequence"])
    return Seed(
        channels=channels,
        instr_seq=derivation.instr_seq.reshape(-1, room)[:, :count].ravel().copy(),
        instruments=books.instruments[:count].copy(),
        order_counts=counts,
        orders=orders,
        status_bytes=derivation.status_bytes[: 2 * count].copy(),
        status_frames=derivation.status_frames[: 2 * count * STATUS_BYTES_MAX].copy(),
    )


class ChannelFollower:
    """What the channels of a running venue have come to at any message of L3, for whoever has to keep that."""

    def __init__(self, config: Config, folder: Path) -> None:
        """Begin where the run in shared memory `folder` has begun. Raises StoreError, SeedError."""
        self._config = config
        self._l3 = InputStore(folder / "feed")
        self._derivation = derivation_of(config)
        self._stores: list[np.ndarray] = []
        for place in derived_places(self._derivation.channels.size):
            room = np.zeros(int(self._derivation.channels[place]["reserve_bytes"]) + _AHEAD_BYTES, np.uint8)
            self._stores.append(room)
            place_store(self._derivation, place, room)
        seed = read_seed(folder)
        if seed is not None:
            begin_with_seed(self._derivation, config, seed)

    def follow(self, number: int) -> bool:
        """Follow every message before `number`, at which a packet begins. False: not all of them are published yet.
        Raises StoreError where the store cannot be followed, now or ever."""
        done = 1
        while done > 0:
            done = int(derive_before(self._derivation, self._l3.entries_address, self._l3.committed_address, number))
            if done < 0:
                at = int(self._derivation.scalars[FAULT_NUMBER])
                raise StoreError(f"L3 message {at} cannot be followed: {sentence_of_error(done)}")
        return int(self._derivation.books.state[0]["next_sequence"]) == number

    def seed(self) -> Seed:
        """What the channels have come to."""
        return make_seed(self._derivation, self._config)
