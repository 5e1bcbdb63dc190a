"""Kernels of derived channels that nobody sends: followed to a message of L3, and taken up where they had come to."""

from __future__ import annotations

import numpy as np

from appliance.distributor.derive import DONE_BYTES, ROOM_IS_WANTED, derive_entries
from appliance.distributor.tiers import read_best
from appliance.feed_book.read import best_level, level_price, next_best
from appliance.feed_book.state import FeedBooks
from native.jit import kernel
from native.layout import FEED_ENTRY
from native.lowlevel import bytes_at, getter, load_acquire64
from wire.gen import market_data as md

_PACKETS_MAX = 1 << 40
_ENTRY_BYTES = FEED_ENTRY.itemsize
_get_first_sequence = getter("u64", FEED_ENTRY.fields["first_sequence"][1])  # type: ignore[index]
_get_message_count = getter("u32", FEED_ENTRY.fields["message_count"][1])  # type: ignore[index]
_get_payload_bytes = getter("u32", FEED_ENTRY.fields["payload_bytes"][1])  # type: ignore[index]


@kernel
def tell_what_is(derivation):
    """Between two transactions every channel has told what the books are: note that it has. Returns 0."""
    books: FeedBooks = derivation.books
    for instrument in range(np.int64(books.state[0]["instruments_used"])):
        top = derivation.tops[instrument]
        for side in range(2 * instrument, 2 * instrument + 2):
            level = np.int64(best_level(books, side))
            if side & 1 == 0:
                top["bid_nanos"] = level_price(books, level) if level >= 0 else np.int64(md.TopOfBook_BidPx_NULL)
                top["bid_lots"] = np.int64(books.levels[level]["qty_lots"]) if level >= 0 else np.int64(0)
                top["bid_orders"] = np.int64(books.levels[level]["orders"]) if level >= 0 else np.int64(0)
            else:
                top["offer_nanos"] = level_price(books, level) if level >= 0 else np.int64(md.TopOfBook_OfferPx_NULL)
                top["offer_lots"] = np.int64(books.levels[level]["qty_lots"]) if level >= 0 else np.int64(0)
                top["offer_orders"] = np.int64(books.levels[level]["orders"]) if level >= 0 else np.int64(0)
            while level >= 0:
                derivation.published[level]["qty_lots"] = np.int64(books.levels[level]["qty_lots"])
                derivation.published[level]["orders"] = np.int64(books.levels[level]["orders"])
                level = np.int64(next_best(books, level))
            for i in range(derivation.tiers.size):
                tier = derivation.tiers[i]
                found = read_best(derivation, side, tier["depth"])
                derivation.tier_counts[tier["first_count"] + side] = found
                for j in range(found):
                    row = derivation.tier_levels[tier["first_row"] + side * tier["depth"] + j]
                    row["key"] = derivation.best[j]["key"]
                    row["qty_lots"] = derivation.best[j]["qty_lots"]
                    row["orders"] = derivation.best[j]["orders"]
    return np.int64(0)


@kernel
def derive_before(derivation, l3_address, committed_address, number):
    """Follow the packets of the L3 store that hold messages before `number` only, as far as there is room for what
    comes of them, which is forgotten. Returns how many, or a code."""
    l3 = bytes_at(l3_address, np.int64(load_acquire64(committed_address)))
    end = derivation.scalars[DONE_BYTES]
    while end + _ENTRY_BYTES <= l3.size:
        if np.int64(_get_first_sequence(l3, end)) + np.int64(_get_message_count(l3, end)) > number:
            break
        end += _ENTRY_BYTES + ((np.int64(_get_payload_bytes(l3, end)) + 7) & ~7)
    for place in range(derivation.channels.size):
        derivation.channels[place]["whole_bytes"] = 0
    derivation.scalars[ROOM_IS_WANTED] = 0
    return derive_entries(derivation, l3, min(end, np.int64(l3.size)), np.int64(_PACKETS_MAX))
