"""The invariants of a book of any size, with arrays: for long runs, where `check_book` would take too long.

A kernel walks the ladders, the free lists and the index; numpy does the rest. What it finds it says with less detail
than `check_book`. A million open orders take some seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from appliance.book.check import PENDING_FLIGHT
from appliance.book.index import ENTRIES, LINE_BYTES, find_entry, hash_of
from appliance.book.ladder import HEIGHTS_MAX, next_level
from appliance.book.state import Book
from appliance.book.words import (
    AT_CLOSE,
    AT_OPEN,
    FOK,
    GOOD_FOR_AUCTION,
    GTD,
    HIDDEN,
    IOC,
    LIMIT_IF_TOUCHED,
    MARKET,
    MARKET_IF_TOUCHED,
    MARKET_TO_LIMIT,
    REDUCE_ONLY,
    SIDE_BUY,
    STOP,
    STOP_LIMIT,
)
from native.jit import kernel
from native.layout import (
    NO_INDEX,
    PENDING_CASCADE,
    PENDING_PHASE,
    PHASE_CONTINUOUS,
    PLACE_BOOK,
    PLACE_PARKED,
    PLACE_WAITING,
    TRAIT_TERMS,
)
from native.limits import ORDER_SLOT_BITS

Slots = npt.NDArray[np.int64]


@kernel
def walk_ladders(book: Book, sides: Any) -> int:
    """Write the place in `book.sides` of every level in use to sides[level] (-1: none). Returns how many levels there
    are, or -1 when keys do not rise, a best level is wrong or a level stands twice."""
    total = np.int64(0)
    for side in range(book.sides.size):
        level = np.int64(book.sides[side]["best"])
        if level == NO_INDEX:
            if np.int64(book.sides[side]["root"]) != NO_INDEX or np.int64(book.sides[side]["levels"]) != 0:
                return -1
            continue
        if np.int64(book.sides[side]["best_key"]) != np.int64(book.levels[level]["key"]):
            return -1
        count = np.int64(0)
        for _ in range(book.levels.size + 1):
            if level < 0 or level >= book.levels.size or sides[level] != -1:
                return -1
            sides[level] = side
            count += 1
            behind = next_level(book, level)
            if behind < 0:
                break
            if np.int64(book.levels[behind]["key"]) <= np.int64(book.levels[level]["key"]):
                return -1
            level = behind
        if count != np.int64(book.sides[side]["levels"]) or not is_leftmost(book, side):
            return -1
        total += count
    return total


@kernel
def is_leftmost(book: Book, side: int) -> bool:
    """Whether nothing hangs before the best level of a side."""
    node = np.int64(book.levels[np.int64(book.sides[side]["best"])]["parent"])
    key = np.int64(book.sides[side]["best_key"])
    for _ in range(HEIGHTS_MAX):
        if node == NO_INDEX:
            return True
        shift = np.int64(book.nodes[node]["shift"])
        digit = ((key ^ -(1 << 63)) >> shift) & 63
        if book.nodes[node]["occupied"] & ((np.uint64(1) << np.uint64(digit)) - np.uint64(1)) != 0:
            return False
        node = np.int64(book.nodes[node]["parent"])
    return node == NO_INDEX


@kernel
def count_free(book: Book, counts: Any) -> int:
    """Lengths of the free lists of orders, levels and nodes; one longer than its pool for a list that does not end."""
    for pool in range(3):
        counts[pool] = 0
    slot = np.int64(book.state[0]["free_order"])
    while slot < book.orders.size and counts[0] <= book.orders.size:
        slot = np.int64(book.orders[slot]["next"])
        counts[0] += 1
    slot = np.int64(book.state[0]["free_level"])
    while slot < book.levels.size and counts[1] <= book.levels.size:
        slot = np.int64(book.levels[slot]["head"])
        counts[1] += 1
    slot = np.int64(book.state[0]["free_node"])
    while slot < book.nodes.size and counts[2] <= book.nodes.size:
        slot = np.int64(book.nodes[slot]["parent"])
        counts[2] += 1
    return 0


@kernel
def count_found(book: Book, slots: Any) -> int:
    """How many of the orders the index finds under their session and ClOrdID."""
    found = np.int64(0)
    for at in range(slots.size):
        slot = slots[at]
        session = np.int64(book.orders[slot]["session"])
        cl_ord_id = book.orders[slot]["cl_ord_id"]
        if find_entry(book, hash_of(book, session, cl_ord_id), session, cl_ord_id) == slot:
            found += 1
    return found


def check_large_book(book: Book) -> list[str]:
    """One sentence for each kind of invariant that does not hold somewhere; an empty list for a sound book."""
    faults: list[str] = []

    def expect(holds: Any, sentence: str) -> None:
        if not bool(np.all(holds)):
            faults.append(sentence)

    state = book.state[0]
    sides = np.full(book.levels.size, -1, np.int64)
    levels_used = int(walk_ladders(book, sides))
    expect(levels_used == state["open_levels"], "A ladder is out of order, or levels are counted wrongly.")
    if faults:
        return faults
    slots = np.flatnonzero((book.orders["leaves_lots"] > 0) & (book.orders["level"] != NO_INDEX)).astype(np.int64)
    flying = int(bool(state["pending_work"] & PENDING_FLIGHT))
    expect(state["open_orders"] == slots.size + flying, "Open orders are counted wrongly.")
    free = np.zeros(3, np.int64)
    count_free(book, free)
    in_use = np.array([state["open_orders"], state["open_levels"], state["open_nodes"]], np.int64)
    expect(free + in_use == (book.orders.size, book.levels.size, book.nodes.size), "A pool has lost entries.")
    _check_ranges(book, slots, expect)
    if faults:
        return faults
    _check_orders(book, slots, sides, expect)
    _check_markets(book, slots, expect)
    expect(count_found(book, slots) == slots.size, "The index does not find an order.")
    tags = book.index.reshape(-1, LINE_BYTES)[:, :ENTRIES]
    expect(np.count_nonzero(tags) == slots.size, "The index has entries of orders that are gone.")
    return faults


def _check_ranges(book: Book, slots: Slots, expect: Any) -> None:
    """Indexes lie in their tables, ids name their slots: what the other checks rely on."""
    orders, lasting = book.orders[slots], book.orders["time_in_force"][slots] == GTD
    expect(orders["level"] < book.levels.size, "An order stands at a level that there is not.")
    expect(orders["instrument"] < book.instruments.size, "An order is in an instrument that there is not.")
    for link in ("prev", "next"):
        inside = (orders[link] < book.orders.size) | (orders[link] == NO_INDEX)
        expect(inside, "A queue is linked to an order that there is not.")
    expect(book.terms["expiry_level"][slots[lasting]] < book.levels.size, "A GTD order never expires.")
    names_slot = (orders["order_id"] & np.uint64((1 << ORDER_SLOT_BITS) - 1)) == slots.astype(np.uint64)
    expect(names_slot, "An OrderID does not name its slot.")
    given = orders["order_id"] >> np.uint64(ORDER_SLOT_BITS)
    expect((given > 0) & (given <= book.state[0]["orders_taken"]), "An OrderID was never given.")
    expect(~np.isin(orders["time_in_force"], (IOC, FOK)), "An order may not rest.")


def _check_orders(book: Book, slots: Slots, sides: Slots, expect: Any) -> None:
    """Orders against the levels that they stand at: place, links, sums."""
    orders, terms = book.orders[slots], book.terms[slots]
    level = orders["level"].astype(np.int64)
    price, place = orders["price_ticks"], _places(orders, terms)
    instrument, sells = orders["instrument"].astype(np.int64), orders["side"] != SIDE_BUY
    size = book.instruments.size
    rises = np.isin(orders["ord_type"], (STOP, STOP_LIMIT)) == ~sells
    stop = terms["stop_price_ticks"]
    waits, parks, rests = place == PLACE_WAITING, place == PLACE_PARKED, place == PLACE_BOOK
    side = np.where(
        rests, 2 * instrument + sells, np.where(waits, 2 * size + 2 * instrument + rises, 4 * size + instrument)
    )
    key = np.where(rests, np.where(sells, price, ~price), np.where(rises, stop, ~stop))
    key = np.where(parks, (orders["time_in_force"] == AT_CLOSE).astype(np.int64), key)
    expect((sides[level] == side) & (book.levels["key"][level] == key), "An order stands at a wrong level.")

    leaves = orders["leaves_lots"].astype(np.int64)
    hides = (orders["traits"] & HIDDEN) != 0
    is_iceberg = ((orders["traits"] & TRAIT_TERMS) != 0) & (terms["display_qty_lots"] > 0)
    shown = np.where(rests & ~hides, np.where(is_iceberg, terms["displayed_lots"], leaves), 0)
    expect((shown > 0) | hides | ~rests, "An order displays nothing and is not hidden.")
    expect(shown <= leaves, "An order displays more than is open.")
    used = sides >= 0
    of_orders = used & (sides != 5 * size)
    count = np.bincount(level, minlength=book.levels.size)
    expect(book.levels["orders"][of_orders] == count[of_orders], "A level counts its orders wrongly.")
    qty = np.zeros(book.levels.size, np.int64)
    np.add.at(qty, level, shown)
    expect(book.levels["qty_lots"][used] == qty[used], "A level sums what it displays wrongly.")
    hidden = np.zeros(book.levels.size, np.int64)
    np.add.at(hidden, level[rests], (leaves - shown)[rests])
    in_book = (sides >= 0) & (sides < 2 * size)
    expect(book.level_hidden["hidden_lots"][in_book] == hidden[in_book], "A level sums what it hides wrongly.")
    expect(book.level_hidden["head"][~used] == NO_INDEX, "A free level has hidden orders.")
    by_side = np.bincount(side, minlength=book.sides.size)[: 5 * size]
    expect(book.sides["orders"][: 5 * size] == by_side, "A side counts its orders wrongly.")

    first = orders["prev"] == NO_INDEX
    in_hidden = hides & rests
    head = np.where(in_hidden, book.level_hidden["head"][level], book.levels["head"][level])
    tail = np.where(in_hidden, book.level_hidden["tail"][level], book.levels["tail"][level])
    last = orders["next"] == NO_INDEX
    expect((head == slots) == first, "A queue's head is not its first order.")
    expect((tail == slots) == last, "A queue's tail is not its last order.")
    before = np.where(first, 0, orders["prev"])
    linked = (book.orders["next"][before] == slots) & (book.orders["level"][before] == level)
    linked &= book.orders["priority"][before] < orders["priority"]
    expect(linked | first, "A queue is linked wrongly, or an older order stands behind a newer one.")
    expect(np.unique(orders["priority"]).size == slots.size, "Two orders have the same priority.")
    expect(orders["priority"] <= book.state[0]["priorities_given"], "A priority is from the future.")
    lasting = orders["time_in_force"] == GTD
    expires = terms["expiry_level"][lasting].astype(np.int64)
    timely = (sides[expires] == 5 * size) & (book.levels["key"][expires] == terms["expire_time_ns"][lasting])
    expect(timely, "A GTD order expires at another time.")
    flying = bool(book.state[0]["pending_work"] & PENDING_FLIGHT)
    counted = int(book.sides[5 * size]["orders"])
    expect(expires.size <= counted <= expires.size + flying, "The expiries are counted wrongly.")


def _places(orders: npt.NDArray[np.void], terms: npt.NDArray[np.void]) -> npt.NDArray[np.uint8]:
    return np.where((orders["traits"] & TRAIT_TERMS) != 0, terms["place"], PLACE_BOOK)


def _check_markets(book: Book, slots: Slots, expect: Any) -> None:
    """Counts of each instrument, crossed books, positions, timers."""
    orders, terms, size = book.orders[slots], book.terms[slots], book.instruments.size
    instrument, place = orders["instrument"].astype(np.int64), _places(orders, terms)
    rests = place == PLACE_BOOK
    for_auctions = np.isin(orders["ord_type"], (MARKET, MARKET_TO_LIMIT)) | np.isin(
        orders["time_in_force"], (AT_OPEN, AT_CLOSE, GOOD_FOR_AUCTION)
    )
    has_trigger = np.isin(orders["ord_type"], (STOP, STOP_LIMIT, MARKET_IF_TOUCHED, LIMIT_IF_TOUCHED))
    expect(has_trigger == (place == PLACE_WAITING), "An order waits without a trigger, or rests with one.")
    for name, counted in (
        ("waiting_orders", place == PLACE_WAITING),
        ("reduce_only_orders", rests & ((orders["traits"] & REDUCE_ONLY) != 0)),
        ("auction_only_orders", rests & for_auctions),
    ):
        expect(
            book.instruments[name] == np.bincount(instrument[counted], minlength=size), f"{name} is counted wrongly."
        )
    if not book.state[0]["pending_work"] & (PENDING_FLIGHT | PENDING_PHASE | PENDING_CASCADE):
        buys, sells = book.sides[0 : 2 * size : 2], book.sides[1 : 2 * size : 2]
        both = (buys["best"] != NO_INDEX) & (sells["best"] != NO_INDEX)
        both &= book.instruments["phase"] == PHASE_CONTINUOUS
        expect((~buys["best_key"] < sells["best_key"]) | ~both, "A book is crossed.")
        trading = book.instruments["phase"] == PHASE_CONTINUOUS
        expect(book.instruments["is_touched"][trading] == 0, "An instrument is touched and nothing triggers.")
        expect(book.instruments["frozen"][trading] == 0, "An instrument trades although it is frozen.")
    used = book.positions[book.positions["instrument"] != NO_INDEX]
    expect(used.size == book.state[0]["positions_used"], "The positions in use are counted wrongly.")
    nets = np.zeros(size, np.int64)
    np.add.at(nets, used["instrument"], used["net_lots"])
    expect(nets == 0, "The positions of an instrument do not sum up to nothing.")
    if not book.state[0]["pending_work"]:
        for name in ("phase_due_ns", "freeze_due_ns", "schedule_due_ns"):
            expect(book.instruments[name] >= book.state[0]["next_due_ns"], "A timer is due before the next one of all.")
        expiries = book.sides[5 * size]
        timely = expiries["best"] == NO_INDEX or expiries["best_key"] >= book.state[0]["next_due_ns"]
        expect(timely, "An order expires before the next timer of all.")
