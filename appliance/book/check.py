"""Every invariant of a book, checked from the outside in plain Python: for simulation and tests, never in the loop.

`check_book` takes time in proportion to the open orders and the pools. It returns sentences, so that a test says at
once what broke.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from appliance.book.index import BUCKETS_PROBED_MAX, ENTRIES, PASSED_SHIFT, hash_of
from appliance.book.ladder import DIGIT_BITS, HEIGHTS_MAX, TOP_SHIFT, digit_of
from appliance.book.queue import SIDE_BUY, SIDE_SELL, SIDE_SELL_SHORT, SIDE_SELL_SHORT_EXEMPT
from appliance.book.rules import may_rest
from appliance.book.state import BUCKET_WORDS, CHILDREN, Book
from native.layout import LADDER_LEVEL_BIT, NO_INDEX, PENDING_NOTHING
from native.limits import ORDER_SLOT_BITS


class _Faults(list[str]):
    def expect(self, holds: object, sentence: str) -> None:
        if not holds:
            self.append(sentence)


def check_book(book: Book) -> list[str]:
    """One sentence for each invariant that does not hold; an empty list for a sound book."""
    faults = _Faults()
    state = book.state[0]
    seen_slots: set[int] = set()
    seen_levels: set[int] = set()
    seen_nodes: set[int] = set()
    in_flight = {int(state["pending_slot"])} if state["pending_stage"] != PENDING_NOTHING else set()
    for side in range(book.sides.size):
        levels = _check_ladder(book, side, seen_nodes, faults)
        _check_side(book, side, levels, seen_slots, faults)
        seen_levels.update(levels)
    if not in_flight:
        _check_not_crossed(book, faults)
    _check_pool(faults, "order", book.orders["next"], state["free_order"], seen_slots | in_flight, state["open_orders"])
    _check_pool(faults, "level", book.levels["head"], state["free_level"], seen_levels, state["open_levels"])
    _check_pool(faults, "node", book.nodes["parent"], state["free_node"], seen_nodes, state["open_nodes"])
    used = set(np.flatnonzero(book.orders["leaves_lots"]).tolist())
    faults.expect(used == seen_slots | in_flight, "Slots with an open quantity are not the slots of the queues.")
    _check_counters(book, seen_slots, seen_slots | in_flight, faults)
    _check_index(book, seen_slots, faults)
    return faults


def _check_ladder(book: Book, side: int, seen_nodes: set[int], faults: _Faults) -> list[int]:
    """Walk one side's ladder down; returns its levels in key order."""
    levels: list[int] = []

    def walk(reference: int, parent: int, height: int) -> None:
        if height > HEIGHTS_MAX:
            faults.append(f"Side {side}: a path of the ladder is longer than {HEIGHTS_MAX}.")
            return
        if (reference & ~LADDER_LEVEL_BIT) >= book.levels.size:
            faults.append(f"Side {side}: the ladder refers to {reference}, which there is not.")
            return
        if reference & LADDER_LEVEL_BIT:
            level = reference & ~LADDER_LEVEL_BIT
            faults.expect(book.levels[level]["parent"] == parent, f"Level {level} does not know its parent.")
            levels.append(level)
            return
        node = book.nodes[reference]
        shift, occupied = int(node["shift"]), int(node["occupied"])
        faults.expect(reference not in seen_nodes, f"Node {reference} hangs in two places.")
        seen_nodes.add(reference)
        faults.expect(node["parent"] == parent, f"Node {reference} does not know its parent.")
        faults.expect(occupied.bit_count() >= 2, f"Node {reference} has fewer than two children.")
        faults.expect(shift % DIGIT_BITS == 0 and shift <= TOP_SHIFT, f"Node {reference} has the shift {shift}.")
        if parent != NO_INDEX:
            faults.expect(shift < book.nodes[parent]["shift"], f"Node {reference} does not lie below its parent.")
        for digit in range(64):
            if occupied >> digit & 1:
                first = len(levels)
                walk(int(book.children[reference * CHILDREN + digit]), reference, height + 1)
                for level in levels[first:]:
                    key = int(book.levels[level]["key"])
                    alike = shift == TOP_SHIFT or key >> (shift + DIGIT_BITS) == int(node["key"]) >> (
                        shift + DIGIT_BITS
                    )
                    faults.expect(alike and digit_of(key, shift) == digit, f"Level {level} hangs in the wrong place.")

    root = int(book.sides[side]["root"])
    if root != NO_INDEX:
        walk(root, NO_INDEX, 0)
    return levels


def _check_side(book: Book, side: int, levels: list[int], seen_slots: set[int], faults: _Faults) -> None:
    record = book.sides[side]
    keys = [int(book.levels[level]["key"]) for level in levels]
    faults.expect(all(a < b for a, b in pairwise(keys)), f"Side {side}: keys do not rise.")
    faults.expect(record["levels"] == len(levels), f"Side {side} counts {record['levels']} of {len(levels)} levels.")
    if levels:
        best = record["best"] == levels[0] and record["best_key"] == keys[0]
        faults.expect(best, f"Side {side}: the best level is not the first one.")
    else:
        faults.expect(record["best"] == NO_INDEX, f"Side {side} is empty and has a best level.")
    orders = sum(_check_queue(book, side, level, seen_slots, faults) for level in levels)
    faults.expect(record["orders"] == orders, f"Side {side} counts {record['orders']} of {orders} orders.")


def _check_queue(book: Book, side: int, level: int, seen_slots: set[int], faults: _Faults) -> int:
    """One level: links both ways, sums, and what each of its orders must say. Returns the number of orders."""
    record = book.levels[level]
    slot, before, count, qty_lots, priority = int(record["head"]), NO_INDEX, 0, 0, 0
    while slot != NO_INDEX:
        if slot >= book.orders.size or slot in seen_slots:
            faults.append(f"Order {slot} stands in two places or is none.")
            break
        order = book.orders[slot]
        seen_slots.add(slot)
        is_sell = int(order["side"]) in (SIDE_SELL, SIDE_SELL_SHORT, SIDE_SELL_SHORT_EXEMPT)
        price = int(order["price_ticks"])
        faults.expect(is_sell or order["side"] == SIDE_BUY, f"Order {slot} has no known side.")
        faults.expect(2 * int(order["instrument"]) + is_sell == side, f"Order {slot} rests on another side.")
        faults.expect((price if is_sell else ~price) == record["key"], f"Order {slot} rests at another price.")
        faults.expect(order["level"] == level and order["prev"] == before, f"Order {slot} is linked wrongly.")
        faults.expect(order["leaves_lots"] > 0, f"Order {slot} rests with nothing open.")
        faults.expect(int(order["priority"]) > priority, f"Order {slot} stands before an older one.")
        faults.expect(may_rest(int(order["time_in_force"])), f"Order {slot} may not rest.")
        before, count = slot, count + 1
        qty_lots += int(order["leaves_lots"])
        priority, slot = int(order["priority"]), int(order["next"])
    faults.expect(count > 0, f"Level {level} is in the ladder without orders.")
    faults.expect(record["tail"] == before, f"Level {level} has another tail than its last order.")
    faults.expect(record["orders"] == count, f"Level {level} counts {record['orders']} of {count} orders.")
    faults.expect(record["qty_lots"] == qty_lots, f"Level {level} sums {record['qty_lots']} of {qty_lots} lots.")
    return count


def _check_not_crossed(book: Book, faults: _Faults) -> None:
    for instrument in range(book.sides.size // 2):
        buy, sell = book.sides[2 * instrument], book.sides[2 * instrument + 1]
        if buy["best"] != NO_INDEX and sell["best"] != NO_INDEX:
            apart = ~int(buy["best_key"]) < int(sell["best_key"])
            faults.expect(apart, f"The book of instrument {instrument} is crossed.")


def _check_pool(
    faults: _Faults, name: str, links: npt.NDArray[np.uint32], head: int, used: set[int], used_count: int
) -> None:
    """The free list and the entries in use are the pool, each entry once."""
    free: set[int] = set()
    entry = int(head)
    while entry < links.size and entry not in free:
        free.add(entry)
        entry = int(links[entry])
    faults.expect(entry == NO_INDEX, f"The free list of the {name} pool does not end.")
    faults.expect(not free & used, f"The {name} pool has entries that are both free and in use.")
    faults.expect(len(free) + len(used) == links.size, f"The {name} pool has lost entries.")
    faults.expect(used_count == len(used), f"The {name} pool counts {used_count} of {len(used)} entries in use.")


def _check_counters(book: Book, resting: set[int], used: set[int], faults: _Faults) -> None:
    state = book.state[0]
    priorities = [int(book.orders[slot]["priority"]) for slot in resting]
    faults.expect(len(set(priorities)) == len(priorities), "Two orders have the same priority.")
    faults.expect(max(priorities, default=0) <= state["priorities_given"], "A priority is from the future.")
    for slot in used:
        order_id = int(book.orders[slot]["order_id"])
        faults.expect(order_id & ((1 << ORDER_SLOT_BITS) - 1) == slot, f"OrderID {order_id} does not name its slot.")
        taken = 0 < order_id >> ORDER_SLOT_BITS <= int(state["orders_taken"])
        faults.expect(taken, f"OrderID {order_id} was never given.")


def _check_index(book: Book, resting: set[int], faults: _Faults) -> None:
    """Each resting order has one entry, in reach of its home and counted on its way; there are no others."""
    buckets = book.index.size // BUCKET_WORDS
    passed = np.zeros(buckets, dtype=np.int64)
    entered: list[int] = []
    words = book.index.reshape(buckets, BUCKET_WORDS)
    for bucket in np.flatnonzero(words[:, 0]).tolist():
        control = int(words[bucket, 0])
        for entry in range(ENTRIES):
            tag = control >> (8 * entry) & 0xFF
            if tag == 0:
                continue
            slot = int(words[bucket, 1 + entry // 2]) >> (32 * (entry % 2)) & 0xFFFFFFFF
            entered.append(slot)
            if slot not in resting:
                faults.append(f"The index names slot {slot}, where no order rests.")
                continue
            order = book.orders[slot]
            hashed = int(hash_of(int(order["session"]), order["cl_ord_id"]))
            home = (hashed >> 8) % buckets
            distance = (bucket - home) % buckets
            faults.expect(tag == hashed & 0xFF, f"The index has slot {slot} under the wrong tag.")
            faults.expect(distance < BUCKETS_PROBED_MAX, f"The index has slot {slot} out of reach.")
            passed[(home + np.arange(distance)) % buckets] += 1
    faults.expect(sorted(entered) == sorted(resting), "The index does not hold each resting order once.")
    counted = (words[:, 0] >> np.uint64(PASSED_SHIFT)).astype(np.int64)
    faults.expect(np.array_equal(counted, passed), "The index counts passers-by that there are not.")
    keys = {(int(book.orders[slot]["session"]), int(book.orders[slot]["cl_ord_id"])) for slot in resting}
    faults.expect(len(keys) == len(resting), "Two resting orders of a session have the same ClOrdID.")
