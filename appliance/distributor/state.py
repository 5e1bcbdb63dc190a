"""The memory of the derived channels, all of it had at start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from appliance.distributor.derive import SCALARS_COUNT, Derivation
from appliance.distributor.packet import PACKET_BYTES
from appliance.distributor.records import (
    CHANNEL,
    FIRST_TIER,
    FREE,
    L1,
    L2,
    PUBLISHED_LEVEL,
    TIER,
    TIER_LEVEL,
    TOP,
)
from appliance.distributor_config import TIER_DEPTH_MAX, Tier
from appliance.feed_book.seed import STATUS_BYTES_MAX
from appliance.feed_book.state import MESSAGES_A_PACKET_MAX, allocate_feed_books, levels_while_open
from appliance.publisher.store import BYTES_A_MESSAGE_MAX
from wire.gen import market_data as md

STORE_TIMES = 4
"""A derived channel never needs more than so many times the bytes of L3: the worst are an OrderDelete of 40 bytes that
changes the top (72), and an OrderPut of 64 that moves an order from one level of a tier to another (four times 56)."""


def allocate_derivation(
    *, instruments: int, orders: int, levels: int, tiers: Sequence[Tier] = (), l3_channel_id: int = 1, epoch: int = 0
) -> Derivation:
    """Derived channels before the first message, without stores: `place_store` gives each its own.

    `levels` are those of the matching core.
    """
    levels = levels_while_open(levels)
    count = FIRST_TIER + len(tiers)
    channels = np.zeros(count, CHANNEL)
    channels["channel_id"] = l3_channel_id + np.arange(count)
    channels["epoch"] = epoch
    channels["next_number"] = 1
    channels["sent_number"] = 1
    channels["last_block"] = FREE
    deferred = 2 * instruments + MESSAGES_A_PACKET_MAX
    messages_max = np.zeros(count, np.int64)
    # what one packet of L3 can lead to: the changes of a whole transaction, and what it holds itself
    messages_max[L2] = levels + deferred
    messages_max[L1] = instruments + deferred + MESSAGES_A_PACKET_MAX
    rows = np.zeros(len(tiers), TIER)
    first_row = first_count = 0
    for index, tier in enumerate(tiers):
        rows[index] = (FIRST_TIER + index, tier.depth, first_row, first_count)
        first_row += tier.depth * 2 * instruments
        first_count += 2 * instruments
        messages_max[FIRST_TIER + index] = 4 * tier.depth * instruments + deferred
    channels["reserve_bytes"] = np.where(messages_max > 0, (messages_max + 64) * BYTES_A_MESSAGE_MAX, 0)
    books = allocate_feed_books(instruments, orders, levels)
    books.state[0]["epoch"] = epoch
    books.state[0]["channel_id"] = l3_channel_id
    tops = np.zeros(instruments, TOP)
    tops["bid_nanos"] = md.TopOfBook_BidPx_NULL
    tops["offer_nanos"] = md.TopOfBook_OfferPx_NULL
    return Derivation(
        channels=channels,
        packets=np.zeros(count * PACKET_BYTES, np.uint8),
        instr_seq=np.zeros(count * instruments, np.int64),
        books=books,
        published=np.zeros(levels, PUBLISHED_LEVEL),
        tops=tops,
        touched=np.zeros(instruments, np.int64),
        deferred=np.zeros(deferred, np.int64),
        status_bytes=np.zeros(2 * instruments, np.int64),
        status_frames=np.zeros(2 * instruments * STATUS_BYTES_MAX, np.uint8),
        tiers=rows,
        tier_levels=np.zeros(first_row, TIER_LEVEL),
        tier_counts=np.zeros(first_count, np.int64),
        best=np.zeros(TIER_DEPTH_MAX, TIER_LEVEL),
        scalars=np.zeros(SCALARS_COUNT, np.int64),
    )


def derived_places(channels_count: int) -> list[int]:
    """Places of the channels that have a store of their own: L2, L1 and the tiers."""
    return [L2, L1, *range(FIRST_TIER, channels_count)]


def place_store(derivation: Derivation, place: int, store: np.ndarray) -> None:
    """Give a channel a store in memory of this process: uint8[n], which the caller keeps alive."""
    channel = derivation.channels[place]
    channel["store_address"] = store.ctypes.data
    channel["room_bytes"] = store.size
