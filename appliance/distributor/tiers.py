"""Depth tiers: L2 of the best levels only. Who follows a tier has, at the end of each transaction, exactly these."""

from __future__ import annotations

import numpy as np

from appliance.distributor.packet import begin_message
from appliance.feed_book.read import best_level, next_best
from native.jit import kernel
from native.limits import QTY_LOTS_MAX
from wire.gen import market_data as md

NO_KEY = (1 << 63) - 1
"""Behind every level: no price of an order can be worse."""
assert QTY_LOTS_MAX < NO_KEY


@kernel
def publish_tier(derivation, tier_index, instrument, time_ns, date, sending_time_ns):
    """Tell what changed among the best levels of both sides: those that left, came or changed, best first. Returns 0
    or a code."""
    tier = derivation.tiers[tier_index]
    depth = tier["depth"]
    for side in range(2 * instrument, 2 * instrument + 2):
        now = read_best(derivation, side, depth)
        counted = tier["first_count"] + side
        told = tier["first_row"] + side * depth
        before = derivation.tier_counts[counted]
        i = np.int64(0)
        j = np.int64(0)
        while i < now or j < before:
            new_key = derivation.best[i]["key"] if i < now else np.int64(NO_KEY)
            old_key = derivation.tier_levels[told + j]["key"] if j < before else np.int64(NO_KEY)
            key = min(new_key, old_key)
            if j == before or (i < now and new_key <= old_key):
                qty_lots = derivation.best[i]["qty_lots"]
                orders = derivation.best[i]["orders"]
            else:
                qty_lots = np.int64(0)
                orders = np.int64(0)
            is_same = False
            if i < now and j < before and new_key == old_key:
                row = derivation.tier_levels[told + j]
                is_same = row["qty_lots"] == qty_lots and row["orders"] == orders
                i += 1
                j += 1
            elif j == before or (i < now and new_key < old_key):
                i += 1
            else:
                j += 1
            if is_same:
                continue
            block = begin_message(
                derivation,
                tier["channel"],
                instrument,
                1 - 2 * (side & 1),
                md.PriceLevelUpdate_TEMPLATE_ID,
                md.PriceLevelUpdate_BLOCK_LENGTH,
                time_ns,
                date,
                sending_time_ns,
            )
            if block < 0:
                return np.int64(block)
            md.put_PriceLevelUpdate_Price(derivation.packets, block, key if side & 1 else ~key)
            md.put_PriceLevelUpdate_AggregateQty(derivation.packets, block, qty_lots)
            md.put_PriceLevelUpdate_NumberOfOrders(derivation.packets, block, orders)
        for i in range(now):
            row = derivation.tier_levels[told + i]
            row["key"] = derivation.best[i]["key"]
            row["qty_lots"] = derivation.best[i]["qty_lots"]
            row["orders"] = derivation.best[i]["orders"]
        derivation.tier_counts[counted] = now
    return np.int64(0)


@kernel
def read_best(derivation, side, depth):
    """The best `depth` levels of a side into `derivation.best`. Returns how many there are."""
    books = derivation.books
    found = np.int64(0)
    level = np.int64(best_level(books, side))
    while level >= 0 and found < depth:
        row = derivation.best[found]
        row["key"] = np.int64(books.levels[level]["key"])
        row["qty_lots"] = np.int64(books.levels[level]["qty_lots"])
        row["orders"] = np.int64(books.levels[level]["orders"])
        found += 1
        level = np.int64(next_best(books, level))
    return found
