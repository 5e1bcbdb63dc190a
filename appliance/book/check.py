"""Every invariant of a book, checked from the outside in plain Python: for simulation and tests, never in the loop.

`check_book` takes time in proportion to the open orders and the pools. It returns sentences, so that a test says at
once what broke. `appliance/book/check_large.py` checks the same of a large book, with arrays.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from appliance.book.index import ENTRIES, LINE_BYTES, LINES_PROBED_MAX, PASSED_OFFSET, SLOTS_OFFSET, hash_of
from appliance.book.ladder import DIGIT_BITS, HEIGHTS_MAX, TOP_SHIFT, digit_of, place_of_block
from appliance.book.queue import is_auction
from appliance.book.state import CHILDREN, Book
from appliance.book.words import (
    AT_CLOSE,
    DAY,
    FOK,
    GOOD_FOR_AUCTION,
    GTC,
    GTD,
    HIDDEN,
    IOC,
    LIMIT,
    MARKET,
    REDUCE_ONLY,
    has_trigger,
    is_for_auctions_only,
    is_known_side,
    is_sell,
    triggers_on_rise,
)
from native.layout import (
    NEVER_NS,
    NO_INDEX,
    PENDING_CASCADE,
    PENDING_COUNT,
    PENDING_END,
    PENDING_PHASE,
    PENDING_SWEEP,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PLACE_BOOK,
    PLACE_PARKED,
    PLACE_WAITING,
    TRAIT_TERMS,
)
from native.limits import ORDER_SLOT_BITS

PENDING_FLIGHT = PENDING_COUNT | PENDING_SWEEP | PENDING_END


class _Faults(list[str]):
    def expect(self, holds: object, sentence: str) -> None:
        if not holds:
            self.append(sentence)


def check_book(book: Book) -> list[str]:
    """One sentence for each invariant that does not hold; an empty list for a sound book."""
    faults = _Faults()
    state = book.state[0]
    count = book.instruments.size
    seen_slots: set[int] = set()
    seen_levels: set[int] = set()
    side_of_node: dict[int, int] = {}
    expiring: set[int] = set()
    work = int(state["pending_work"])
    in_flight = {int(state["flight_slot"])} if work & PENDING_FLIGHT else set()
    for side in range(book.sides.size):
        if book.sides[side]["root"] == NO_INDEX and book.sides[side]["best"] == NO_INDEX:
            faults.expect(book.sides[side]["levels"] == 0, f"Side {side} is empty and counts levels.")
            faults.expect(book.sides[side]["orders"] == 0, f"Side {side} is empty and counts orders.")
            continue
        levels = _check_ladder(book, side, side_of_node, faults)
        if side == 5 * count:
            _check_side(book, side, levels, expiring, faults)
        else:
            _check_side(book, side, levels, seen_slots, faults)
        seen_levels.update(levels)
    _check_pool(faults, "order", book.orders["next"], state["free_order"], seen_slots | in_flight, state["open_orders"])
    _check_pool(faults, "level", book.levels["head"], state["free_level"], seen_levels, state["open_levels"])
    _check_pool(faults, "node", book.nodes["parent"], state["free_node"], set(side_of_node), state["open_nodes"])
    _check_known_blocks(book, side_of_node, faults)
    _check_free_levels(book, seen_levels, faults)
    used = set(np.flatnonzero(book.orders["leaves_lots"]).tolist())
    emptied = {slot for slot in in_flight if book.orders[slot]["leaves_lots"] == 0}
    faults.expect(
        used == (seen_slots | in_flight) - emptied, "Slots with an open quantity are not those of the queues."
    )
    _check_expiring(book, expiring, seen_slots, faults)
    _check_instruments(book, seen_slots, faults)
    _check_positions(book, faults)
    _check_due(book, faults)
    _check_counters(book, seen_slots, seen_slots | in_flight, faults)
    _check_index(book, seen_slots, faults)
    return faults


def _check_ladder(book: Book, side: int, side_of_node: dict[int, int], faults: _Faults) -> list[int]:
    """Walk one side's ladder down; returns its levels in key order."""
    levels: list[int] = []

    def hang(level: int, block: int) -> None:
        if level >= book.levels.size:
            faults.append(f"Side {side}: the ladder names level {level}, which there is not.")
            return
        faults.expect(book.levels[level]["parent"] == block, f"Level {level} does not know its block.")
        levels.append(level)

    def walk(place: int, parent: int, height: int) -> None:
        if height >= HEIGHTS_MAX:
            faults.append(f"Side {side}: a path of the ladder is longer than {HEIGHTS_MAX}.")
            return
        if place >= book.nodes.size:
            faults.append(f"Side {side}: the ladder names node {place}, which there is not.")
            return
        node = book.nodes[place]
        shift, occupied = int(node["shift"]), int(node["occupied"])
        faults.expect(place not in side_of_node, f"Node {place} hangs in two places.")
        side_of_node[place] = side
        faults.expect(node["parent"] == parent, f"Node {place} does not know its parent.")
        faults.expect(occupied.bit_count() >= (2 if shift else 1), f"Node {place} has too few children.")
        faults.expect(shift % DIGIT_BITS == 0 and shift <= TOP_SHIFT, f"Node {place} has the shift {shift}.")
        if parent != NO_INDEX:
            faults.expect(shift < book.nodes[parent]["shift"], f"Node {place} does not lie below its parent.")
        for digit in range(64):
            if occupied >> digit & 1:
                first = len(levels)
                below = int(book.children[place * CHILDREN + digit])
                if shift:
                    walk(below, place, height + 1)
                else:
                    hang(below, place)
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


def _check_known_blocks(book: Book, side_of_node: dict[int, int], faults: _Faults) -> None:
    for place in np.flatnonzero(book.known_blocks).tolist():
        known = int(book.known_blocks[place])
        side, node = (known >> 32) - 1, known & NO_INDEX
        is_block = side_of_node.get(node) == side and book.nodes[node]["shift"] == 0
        faults.expect(
            is_block and place_of_block(side, int(book.nodes[node]["key"])) == place,
            f"Place {place} of the known blocks names node {node}, no block of side {side} for it.",
        )


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
    if side == 5 * book.instruments.size:
        orders = sum(_check_expiry_queue(book, level, seen_slots, faults) for level in levels)
    else:
        orders = sum(_check_level(book, side, level, seen_slots, faults) for level in levels)
    faults.expect(record["orders"] == orders, f"Side {side} counts {record['orders']} of {orders} orders.")


def place_and_key(book: Book, slot: int) -> tuple[int, int, int]:
    """Where an order belongs by its own terms: PLACE_*, place in `book.sides`, key of its level."""
    order, terms, count = book.orders[slot], book.terms[slot], book.instruments.size
    place = int(terms["place"]) if order["traits"] & TRAIT_TERMS else PLACE_BOOK
    instrument, sells = int(order["instrument"]), int(is_sell(int(order["side"])))
    if place == PLACE_WAITING:
        rises = bool(triggers_on_rise(int(order["ord_type"]), int(order["side"])))
        stop = int(terms["stop_price_ticks"])
        return place, 2 * count + 2 * instrument + rises, stop if rises else ~stop
    if place == PLACE_PARKED:
        return place, 4 * count + instrument, int(order["time_in_force"] == AT_CLOSE)
    price = int(order["price_ticks"])
    return place, 2 * instrument + sells, price if sells else ~price


def _check_level(book: Book, side: int, level: int, seen_slots: set[int], faults: _Faults) -> int:
    """One level of orders: both queues, sums, and what each of its orders must say. Returns the number of orders."""
    record, hidden = book.levels[level], book.level_hidden[level]
    count, shown_lots, hidden_lots = _check_queue(book, side, level, False, seen_slots, faults)
    if side < 2 * book.instruments.size:
        more, also_shown, more_hidden = _check_queue(book, side, level, True, seen_slots, faults)
        count, hidden_lots = count + more, hidden_lots + more_hidden
        faults.expect(also_shown == 0, f"Level {level} displays orders that are hidden.")
        summed = int(hidden["hidden_lots"])
        faults.expect(summed == hidden_lots, f"Level {level} sums {summed} of {hidden_lots} hidden lots.")
    faults.expect(count > 0, f"Level {level} is in the ladder without orders.")
    faults.expect(record["orders"] == count, f"Level {level} counts {record['orders']} of {count} orders.")
    faults.expect(record["qty_lots"] == shown_lots, f"Level {level} sums {record['qty_lots']} of {shown_lots} lots.")
    return count


def _check_queue(
    book: Book, side: int, level: int, is_hidden: bool, seen_slots: set[int], faults: _Faults
) -> tuple[int, int, int]:
    """One queue: links both ways and its orders. Returns their number, what they display and what they do not."""
    record = book.level_hidden[level] if is_hidden else book.levels[level]
    key = int(book.levels[level]["key"])
    slot, before, count, shown_lots, hidden_lots, priority = int(record["head"]), NO_INDEX, 0, 0, 0, 0
    while slot != NO_INDEX:
        if slot >= book.orders.size or slot in seen_slots:
            faults.append(f"Order {slot} stands in two places or is none.")
            break
        order = book.orders[slot]
        if order["instrument"] >= book.instruments.size:
            faults.append(f"Order {slot} is in an instrument that there is not.")
            break
        seen_slots.add(slot)
        place, own_side, own_key = place_and_key(book, slot)
        leaves_lots = int(order["leaves_lots"])
        shown = _shown_lots(book, slot, place, faults)
        faults.expect(is_known_side(int(order["side"])), f"Order {slot} has no known side.")
        faults.expect(own_side == side, f"Order {slot} stands on another side.")
        faults.expect(own_key == key, f"Order {slot} stands at another price.")
        faults.expect(order["level"] == level and order["prev"] == before, f"Order {slot} is linked wrongly.")
        faults.expect(leaves_lots > 0, f"Order {slot} stands with nothing open.")
        faults.expect(int(order["priority"]) > priority, f"Order {slot} stands before an older one.")
        hides = place == PLACE_BOOK and bool(order["traits"] & HIDDEN)
        faults.expect(hides == is_hidden, f"Order {slot} stands in the wrong queue of its level.")
        _check_terms(book, slot, place, faults)
        before, count = slot, count + 1
        shown_lots += shown
        hidden_lots += leaves_lots - shown
        priority, slot = int(order["priority"]), int(order["next"])
    faults.expect(record["tail"] == before, f"Level {level} has another tail than its last order.")
    return count, shown_lots, hidden_lots


def _shown_lots(book: Book, slot: int, place: int, faults: _Faults) -> int:
    order, terms = book.orders[slot], book.terms[slot]
    traits, leaves_lots = int(order["traits"]), int(order["leaves_lots"])
    if place != PLACE_BOOK or traits & HIDDEN:
        return 0
    if traits & TRAIT_TERMS and terms["display_qty_lots"]:
        shown = int(terms["displayed_lots"])
        faults.expect(0 < shown <= leaves_lots, f"Order {slot} displays {shown} of {leaves_lots} lots.")
        faults.expect(shown <= terms["display_qty_lots"], f"Order {slot} displays more than its DisplayQty.")
        return shown
    return leaves_lots


def _check_terms(book: Book, slot: int, place: int, faults: _Faults) -> None:
    """Whether an order may stand where it stands."""
    order, terms = book.orders[slot], book.terms[slot]
    ord_type, time_in_force, traits = int(order["ord_type"]), int(order["time_in_force"]), int(order["traits"])
    phase = int(book.instruments[int(order["instrument"])]["phase"])
    faults.expect(time_in_force not in (IOC, FOK), f"Order {slot} may not rest.")
    if not traits & TRAIT_TERMS:
        plain = traits == 0 and ord_type == LIMIT and time_in_force in (DAY, GTC)
        faults.expect(plain, f"Order {slot} is not plain and has no terms.")
        return
    if place == PLACE_WAITING:
        faults.expect(has_trigger(ord_type), f"Order {slot} waits without a trigger.")
    elif place == PLACE_PARKED:
        parks = time_in_force in (GOOD_FOR_AUCTION, AT_CLOSE)
        faults.expect(parks, f"Order {slot} is parked although it is for no auction.")
    else:
        faults.expect(place == PLACE_BOOK and not has_trigger(ord_type), f"Order {slot} rests with a trigger.")
        if ord_type == MARKET:
            extreme = -(1 << 63) if is_sell(int(order["side"])) else (1 << 63) - 1
            faults.expect(order["price_ticks"] == extreme, f"Market order {slot} rests at another price.")
        if phase == PHASE_CONTINUOUS and not book.state[0]["pending_work"]:
            lasting = not is_for_auctions_only(ord_type, time_in_force)
            faults.expect(lasting, f"Order {slot} is for auctions and rests in continuous trading.")
    if time_in_force == GTD:
        faults.expect(terms["expiry_level"] != NO_INDEX, f"Order {slot} never expires.")


def _check_expiry_queue(book: Book, level: int, expiring: set[int], faults: _Faults) -> int:
    """The queue of one ExpireTime. Returns the number of its orders."""
    record = book.levels[level]
    slot, before, count, order_id = int(record["head"]), NO_INDEX, 0, 0
    while slot != NO_INDEX:
        if slot >= book.orders.size or slot in expiring:
            faults.append(f"Order {slot} expires twice or is none.")
            break
        expiring.add(slot)
        order, terms = book.orders[slot], book.terms[slot]
        faults.expect(terms["expire_time_ns"] == record["key"], f"Order {slot} expires at another time.")
        linked = terms["expiry_level"] == level and terms["expiry_prev"] == before
        faults.expect(linked, f"Order {slot} is linked wrongly among the expiries.")
        faults.expect(order["time_in_force"] == GTD, f"Order {slot} expires and is no GTD order.")
        faults.expect(int(order["order_id"]) > order_id, f"Order {slot} expires behind a newer one.")
        order_id, before, count = int(order["order_id"]), slot, count + 1
        slot = int(terms["expiry_next"])
    faults.expect(count > 0 and record["orders"] == count, f"Expiry level {level} counts its orders wrongly.")
    faults.expect(record["tail"] == before, f"Expiry level {level} has another tail than its last order.")
    faults.expect(record["qty_lots"] == 0, f"Expiry level {level} sums lots.")
    return count


def _check_expiring(book: Book, expiring: set[int], standing: set[int], faults: _Faults) -> None:
    """Every GTD order that stands somewhere is among the expiries; nothing else but an order in flight is."""
    lasting = {slot for slot in standing if book.orders[slot]["time_in_force"] == GTD}
    faults.expect(lasting <= expiring, "A GTD order is missing among the expiries.")
    in_flight = {int(book.state[0]["flight_slot"])} if book.state[0]["pending_work"] & PENDING_FLIGHT else set()
    faults.expect(expiring <= lasting | in_flight, "The expiries know an order that is not open.")


def _check_free_levels(book: Book, used: set[int], faults: _Faults) -> None:
    for level in range(book.levels.size):
        if level not in used:
            hidden = book.level_hidden[level]
            clean = hidden["hidden_lots"] == 0 and hidden["head"] == NO_INDEX and hidden["tail"] == NO_INDEX
            faults.expect(clean, f"The free level {level} has hidden orders.")


def _check_instruments(book: Book, standing: set[int], faults: _Faults) -> None:
    """Counts, crossed books and touched prices of each instrument."""
    size = book.instruments.size
    waiting, reduce_only, auction_only = (np.zeros(size, np.int64) for _ in range(3))
    for slot in standing:
        order = book.orders[slot]
        if order["instrument"] >= size:
            continue
        instrument = int(order["instrument"])
        place = place_and_key(book, slot)[0]
        waiting[instrument] += place == PLACE_WAITING
        if place == PLACE_BOOK:
            reduce_only[instrument] += bool(order["traits"] & REDUCE_ONLY)
            auction_only[instrument] += bool(is_for_auctions_only(int(order["ord_type"]), int(order["time_in_force"])))
    for name, counted in (
        ("waiting_orders", waiting), ("reduce_only_orders", reduce_only), ("auction_only_orders", auction_only),
    ):  # fmt: skip
        faults.expect(np.array_equal(book.instruments[name], counted), f"An instrument counts its {name} wrongly.")
    work = int(book.state[0]["pending_work"])
    for instrument in range(size):
        market = book.instruments[instrument]
        busy = work & (PENDING_FLIGHT | PENDING_PHASE | PENDING_CASCADE) != 0
        if market["phase"] == PHASE_CONTINUOUS and not busy:
            buy, sell = book.sides[2 * instrument], book.sides[2 * instrument + 1]
            if buy["best"] != NO_INDEX and sell["best"] != NO_INDEX:
                apart = ~int(buy["best_key"]) < int(sell["best_key"])
                faults.expect(apart, f"The book of instrument {instrument} is crossed.")
            faults.expect(not market["is_touched"], f"Instrument {instrument} is touched and nothing triggers.")
            faults.expect(not market["frozen"], f"Instrument {instrument} trades although it is frozen.")
        faults.expect(
            not market["frozen"] or is_auction(int(market["phase"])), "An instrument is frozen in no auction."
        )
        faults.expect(market["phase"] <= PHASE_CLOSING_AUCTION, f"Instrument {instrument} is in no known phase.")


def _check_positions(book: Book, faults: _Faults) -> None:
    """Every entry is found from its home; what is bought of an instrument is sold."""
    entries = np.flatnonzero(book.positions["instrument"] != NO_INDEX)
    faults.expect(book.state[0]["positions_used"] == entries.size, "The positions in use are counted wrongly.")
    faults.expect(entries.size <= book.state[0]["positions_max"], "There are more positions than there may be.")
    used = book.positions[entries]
    pairs = set(zip(used["account"].tolist(), used["instrument"].tolist(), strict=True))
    faults.expect(len(pairs) == entries.size, "A position stands twice.")
    nets = np.zeros(book.instruments.size, np.int64)
    np.add.at(nets, used["instrument"], used["net_lots"])
    faults.expect(not nets.any(), "The positions of an instrument do not sum up to nothing.")


def _check_due(book: Book, faults: _Faults) -> None:
    """No timer is due before `next_due_ns`."""
    state = book.state[0]
    if state["pending_work"]:
        return
    side = book.sides[5 * book.instruments.size]
    dues = [int(side["best_key"])] if side["best"] != NO_INDEX else []
    for market in book.instruments:
        dues += [int(market[name]) for name in ("phase_due_ns", "freeze_due_ns", "schedule_due_ns")]
    earliest = min(dues, default=NEVER_NS)
    faults.expect(state["next_due_ns"] <= earliest, "A timer is due before the next one of all.")


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


def _check_index(book: Book, open_slots: set[int], faults: _Faults) -> None:
    """Each open order that is not in flight has one entry, in reach of its home and counted on its way."""
    lines = book.index.reshape(-1, LINE_BYTES)
    slots = lines[:, SLOTS_OFFSET:].copy().view(np.uint32)
    passed = np.zeros(len(lines), dtype=np.int64)
    entered = []
    for line, entry in zip(*np.nonzero(lines[:, :ENTRIES]), strict=True):
        slot = int(slots[line, entry])
        entered.append(slot)
        if slot not in open_slots:
            faults.append(f"The index names slot {slot}, where no order stands.")
            continue
        order = book.orders[slot]
        hashed = int(hash_of(book, int(order["session"]), order["cl_ord_id"]))
        faults.expect(int(lines[line, entry]) == hashed & 0xFF, f"The index has slot {slot} under the wrong tag.")
        at = (hashed >> 8) % len(lines)
        for _ in range(LINES_PROBED_MAX):
            if at == line:
                break
            passed[at] += 1
            at = (at + 1) % len(lines)
        faults.expect(at == line, f"The index has slot {slot} out of reach.")
    faults.expect(sorted(entered) == sorted(open_slots), "The index does not hold each open order once.")
    counted = lines[:, PASSED_OFFSET:SLOTS_OFFSET].copy().view(np.uint32)[:, 0]
    faults.expect(np.array_equal(counted, passed), "The index counts passers-by that there are not.")
