"""The memory of all books: one set of arrays, allocated once, never grown.

Thousands of instruments share the pools (orders, levels, ladder nodes, the ClOrdID index), so a busy instrument uses
what a quiet one does not, and what is hot lies together. Links are 32-bit indexes: the arrays can be copied, mapped
or compared byte by byte. Every scalar lies in `state[0]`, so a snapshot is a copy of the arrays and nothing else.

What a message touches, in cache lines of 64 bytes: the index line of its ClOrdID (1), the order (1), its level (1),
the line of the instrument's two sides (1), the first line of its instrument (1), and the neighbour in the queue if
there is one. A ladder node (2) is touched when a level comes or goes, or is not the best one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from native.arrays import Arrays
from native.layout import (
    BOOK_INSTRUMENT,
    BOOK_SIDE,
    BOOK_STATE,
    BREAKER_PART,
    COMMAND,
    EVENT,
    LADDER_NODE,
    LEVEL,
    LEVEL_HIDDEN,
    NEVER_NS,
    NO_INDEX,
    ORDER,
    PHASE_CLOSED,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PHASE_HALT,
    PHASE_OPENING_AUCTION,
    PHASE_PRE_OPEN,
    PHASE_VOLATILITY_AUCTION,
    POSITION,
    SCHEDULE_ENTRY,
    TERMS,
    TICK_ROW,
    TRAIT_TERMS,
)
from native.limits import (
    BREAKER_PARTS,
    INSTRUMENTS_MAX,
    LEVELS_MAX,
    ORDERS_MAX,
    QTY_LOTS_MAX,
    SESSIONS_MAX,
    TICK_ROWS_MAX,
)

CHILDREN = 64
CACHE_LINE_BYTES = 64
INDEX_LINES_MIN = 4
NODES_A_LEVEL = 2
"""A level needs a block, and a block one node above it."""
KNOWN_BLOCKS = 1 << 14
AHEAD_GROUP = 8
AHEAD_RING = 4 * AHEAD_GROUP
"""Requests that `apply_batch` looks at before it does the first of them, a group at a time."""
DAY_NS = 86_400_000_000_000
POSITIONS_BEYOND_ORDERS = 1024
POSITIONS_MAX = 1 << 24
VISITS_MAX = 4096
"""Steps of pending work (orders, levels, instruments looked at) that one call takes at most."""
INT64_MIN = -(1 << 63)
INT64_MAX = (1 << 63) - 1
PHASES = (
    PHASE_PRE_OPEN,
    PHASE_CONTINUOUS,
    PHASE_HALT,
    PHASE_VOLATILITY_AUCTION,
    PHASE_CLOSED,
    PHASE_OPENING_AUCTION,
    PHASE_CLOSING_AUCTION,
)
"""Phases that an instrument can be in. PHASE_FREEZE can only be asked for."""

assert max(SESSIONS_MAX, INSTRUMENTS_MAX) <= 1 << 16, "ORDER keeps session and instrument in 16 bits"
assert max(ORDERS_MAX, LEVELS_MAX) < 1 << 31, "indexes are 32 bits, and ladder references need one of them"


@dataclass(frozen=True, slots=True)
class InstrumentRules:
    """What an instrument starts with: docs/MATCHING.md. 0 switches a band, a breaker or a duration off."""

    price_ticks_min: int = INT64_MIN
    price_ticks_max: int = INT64_MAX
    qty_lots_min: int = 1
    qty_lots_max: int = QTY_LOTS_MAX
    qty_step_lots: int = 1
    tick_table: tuple[tuple[int, int], ...] = ()
    """(from_ticks, step_ticks) rows, rising: from this price up (the first: below it, too) multiples of the step."""
    phase: int = PHASE_CONTINUOUS
    static_reference_ticks: int | None = None
    static_band_ticks: int = 0
    dynamic_band_ticks: int = 0
    breaker_ticks: int = 0
    breaker_window_ns: int = 0
    market_protection_ticks: int = 0
    auction_band_ticks: int = 0
    volatility_auction_ns: int = 0
    extension_ns: int = 0
    extensions_max: int = 0
    halt_ns: int = 0
    freeze_ns: int = 0
    schedule: tuple[tuple[int, int], ...] = ()
    """(time_of_day_ns, PHASE_*) rows in the order of the day (UTC)."""

    def __post_init__(self) -> None:
        """Raises ValueError, with one sentence, for rules that no book can keep."""
        if not INT64_MIN <= self.price_ticks_min <= self.price_ticks_max <= INT64_MAX:
            raise ValueError("price_ticks_min and price_ticks_max are no range of int64 prices.")
        if not 1 <= self.qty_lots_min <= self.qty_lots_max <= QTY_LOTS_MAX:
            raise ValueError(f"qty_lots_min and qty_lots_max are no range within 1 to {QTY_LOTS_MAX}.")
        if not 1 <= self.qty_step_lots <= QTY_LOTS_MAX:
            raise ValueError(f"qty_step_lots is {self.qty_step_lots}: give 1 to {QTY_LOTS_MAX}.")
        if self.phase not in PHASES:
            raise ValueError(f"phase is {self.phase}: give one of {PHASES}.")
        for name in AMOUNTS:
            if not 0 <= getattr(self, name) <= INT64_MAX:
                raise ValueError(f"{name} is {getattr(self, name)}: give 0 (off) to 2**63 - 1.")
        if not 0 <= self.extensions_max < 1 << 32:
            raise ValueError(f"extensions_max is {self.extensions_max}: give 0 to 2**32 - 1.")
        if self.static_reference_ticks is not None and not INT64_MIN <= self.static_reference_ticks <= INT64_MAX:
            raise ValueError("static_reference_ticks is no int64 price.")
        if len(self.tick_table) > TICK_ROWS_MAX:
            raise ValueError(f"tick_table has {len(self.tick_table)} rows: give {TICK_ROWS_MAX} at most.")
        starts = [row[0] for row in self.tick_table]
        if starts != sorted(set(starts)) or any(not INT64_MIN <= start <= INT64_MAX for start in starts):
            raise ValueError("The rows of tick_table do not rise, or start at no int64 price.")
        if any(not 1 <= step <= INT64_MAX for _, step in self.tick_table):
            raise ValueError("A step of tick_table is below 1.")
        times = [row[0] for row in self.schedule]
        if times != sorted(times) or any(not 0 <= time < DAY_NS for time in times):
            raise ValueError("The times of schedule are not in the order of one day.")
        if any(phase not in PHASES for _, phase in self.schedule):
            raise ValueError("A row of schedule names no phase that an instrument can be in.")


AMOUNTS = (
    "static_band_ticks", "dynamic_band_ticks", "breaker_ticks", "breaker_window_ns", "market_protection_ticks",
    "auction_band_ticks", "volatility_auction_ns", "extension_ns", "halt_ns", "freeze_ns",
)  # fmt: skip
PLAIN_FIELDS = (
    "price_ticks_min", "price_ticks_max", "qty_lots_min", "qty_lots_max", "qty_step_lots", "phase", "extensions_max",
    *AMOUNTS,
)  # fmt: skip


class Book(Arrays):
    """All books of a core. Kernels take it whole; people read it through appliance/book/view.py."""

    state: npt.NDArray[np.void]
    """(1,) BOOK_STATE: counters, heads of the free lists, what is pending."""
    sides: npt.NDArray[np.void]
    """(5 * instruments + 1,) BOOK_SIDE; of instrument i of N: buys 2 i, sells 2 i + 1, falling triggers 2 N + 2 i,
    rising ones 2 N + 2 i + 1, parked orders 4 N + i; at 5 N the expiries of all."""
    orders: npt.NDArray[np.void]
    """(orders_max,) ORDER."""
    terms: npt.NDArray[np.void]
    """(orders_max,) TERMS of the same slots."""
    levels: npt.NDArray[np.void]
    """(levels_max,) LEVEL: of prices, triggers, parked orders, expiries."""
    level_hidden: npt.NDArray[np.void]
    """(levels_max,) LEVEL_HIDDEN of the same levels."""
    nodes: npt.NDArray[np.void]
    """(NODES_A_LEVEL * levels_max,) LADDER_NODE. A block has a level or more, any other node two children or more, so
    levels run out first."""
    children: npt.NDArray[np.uint32]
    """(64 * nodes,) indexes of a node's children from 64 * node on: of nodes, in a block of levels. They mean something
    where the node's bit is set."""
    known_blocks: npt.NDArray[np.uint64]
    """(KNOWN_BLOCKS,) place in `sides` + 1 << 32 | index of a block's LADDER_NODE, where (side, block) is looked for
    first; 0: none."""
    index: npt.NDArray[np.uint8]
    """(64 * lines,) bytes of the index from (session, ClOrdID) to the order's slot: appliance/book/index.py."""
    look_ahead: npt.NDArray[np.int64]
    """(2 * AHEAD_RING,) what `apply_batch` has found out about the next requests."""
    instruments: npt.NDArray[np.void]
    """(instruments,) BOOK_INSTRUMENT."""
    tick_rows: npt.NDArray[np.void]
    """(TICK_ROWS_MAX * tick tables,) TICK_ROW."""
    schedule: npt.NDArray[np.void]
    """(rows of all schedules, or 1,) SCHEDULE_ENTRY."""
    positions: npt.NDArray[np.void]
    """(a power of two, twice positions_max or more,) POSITION, a table with open addressing."""
    breaker: npt.NDArray[np.void]
    """(BREAKER_PARTS * instruments,) BREAKER_PART."""
    request: npt.NDArray[np.void]
    """(1,) COMMAND: the mass cancel in hand."""
    no_event: npt.NDArray[np.void]
    """(1,) EVENT: zeros, to begin a rare event with."""
    session_firms: npt.NDArray[np.uint32]
    """(SESSIONS_MAX,) whose SelfMatchPreventionIDs each session's are."""
    held: npt.NDArray[np.void]
    """(1,) EVENT: the last event so far of a request that is not done; it may get EVENT_FLAG_LAST."""


def aligned_zeros(count: int, dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
    """`count` zeroed items of `dtype`, the first at the start of a cache line, every page already there."""
    item_bytes = np.dtype(dtype).itemsize
    memory = np.empty(count * item_bytes + CACHE_LINE_BYTES, dtype=np.uint8)
    start = -memory.ctypes.data % CACHE_LINE_BYTES
    memory[:] = 0
    items: npt.NDArray[np.generic] = memory[start : start + count * item_bytes].view(dtype)
    return items


def allocate_book(
    instruments: int | Sequence[InstrumentRules],
    orders_max: int,
    levels_max: int,
    *,
    positions_max: int | None = None,
    index_key: int = 0,
    session_firms: Sequence[int] = (),
) -> Book:
    """Empty books of these instruments (a number: of so many without limits, in continuous trading) that share room for
    `orders_max` orders on `levels_max` price, trigger and expiry levels.

    positions_max: (account, instrument) pairs whose position is kept; orders_max + 1024 unless given. index_key: 64
    bits that nobody else knows, so that nobody can choose ClOrdIDs that collide. session_firms: a number for each
    session, from 0 on (all of one firm unless given): self-trade prevention ids of two firms are never the same.
    Raises ValueError when a number is below 1 or above its limit in native/limits.py. Takes about 800 bytes an
    instrument (384 of them for its breaker), 210 an order (128, its share of index and positions), 630 a level
    and 128 KiB more.
    """
    rules = [InstrumentRules()] * instruments if isinstance(instruments, int) else list(instruments)
    if positions_max is None:
        positions_max = orders_max + POSITIONS_BEYOND_ORDERS
    for name, value, largest in (
        ("instruments", len(rules), INSTRUMENTS_MAX),
        ("orders_max", orders_max, ORDERS_MAX),
        ("levels_max", levels_max, LEVELS_MAX),
        ("positions_max", positions_max, POSITIONS_MAX),
    ):
        if not 1 <= value <= largest:
            raise ValueError(f"{name} is {value}: give 1 to {largest}.")
    index_lines = max(INDEX_LINES_MIN, 1 << (orders_max - 1).bit_length() >> 2)
    tick_tables = list(dict.fromkeys(one.tick_table for one in rules if one.tick_table))
    book = Book(
        state=aligned_zeros(1, BOOK_STATE),
        sides=aligned_zeros(5 * len(rules) + 1, BOOK_SIDE),
        orders=aligned_zeros(orders_max, ORDER),
        terms=aligned_zeros(orders_max, TERMS),
        levels=aligned_zeros(levels_max, LEVEL),
        level_hidden=aligned_zeros(levels_max, LEVEL_HIDDEN),
        nodes=aligned_zeros(NODES_A_LEVEL * levels_max, LADDER_NODE),
        children=aligned_zeros(NODES_A_LEVEL * levels_max * CHILDREN, np.uint32),
        known_blocks=aligned_zeros(KNOWN_BLOCKS, np.uint64),
        index=aligned_zeros(index_lines * CACHE_LINE_BYTES, np.uint8),
        look_ahead=aligned_zeros(2 * AHEAD_RING, np.int64),
        instruments=aligned_zeros(len(rules), BOOK_INSTRUMENT),
        tick_rows=aligned_zeros(max(1, len(tick_tables)) * TICK_ROWS_MAX, TICK_ROW),
        schedule=aligned_zeros(max(1, sum(len(one.schedule) for one in rules)), SCHEDULE_ENTRY),
        positions=aligned_zeros(2 << (positions_max - 1).bit_length(), POSITION),
        breaker=aligned_zeros(len(rules) * BREAKER_PARTS, BREAKER_PART),
        request=aligned_zeros(1, COMMAND),
        no_event=aligned_zeros(1, EVENT),
        session_firms=aligned_zeros(SESSIONS_MAX, np.uint32),
        held=aligned_zeros(1, EVENT),
    )
    book.session_firms[: len(session_firms)] = session_firms
    book.sides["best"] = NO_INDEX
    book.sides["root"] = NO_INDEX
    for pool, link in ((book.orders, "next"), (book.levels, "head"), (book.nodes, "parent")):
        pool[link][:-1] = np.arange(1, pool.size)
        pool[link][-1] = NO_INDEX
    book.orders["prev"] = NO_INDEX
    book.orders["level"] = NO_INDEX
    book.terms["expiry_level"] = NO_INDEX
    book.level_hidden["head"] = NO_INDEX
    book.level_hidden["tail"] = NO_INDEX
    book.positions["account"] = NO_INDEX
    book.positions["instrument"] = NO_INDEX
    book.breaker["number"] = -1
    book.instruments["phase_due_ns"] = NEVER_NS
    book.instruments["freeze_due_ns"] = NEVER_NS
    book.instruments["schedule_due_ns"] = NEVER_NS
    state = book.state[0]
    state["index_factor"] = _index_factor(index_key)
    state["positions_max"] = positions_max
    state["visits_max"] = VISITS_MAX
    for place, table in enumerate(tick_tables):
        for row, (from_ticks, step_ticks) in enumerate(table):
            book.tick_rows[place * TICK_ROWS_MAX + row] = (from_ticks, step_ticks)
    schedule_rows = 0
    for record, one in zip(book.instruments, rules, strict=True):
        _fill_instrument(record, one)
        record["tick_table"] = tick_tables.index(one.tick_table) if one.tick_table else NO_INDEX
        record["schedule_first"] = schedule_rows
        for time_of_day_ns, phase in one.schedule:
            book.schedule[schedule_rows] = (time_of_day_ns, phase, 0)
            schedule_rows += 1
    due_ns = 0 if schedule_rows else NEVER_NS  # a schedule begins with the first KIND_TIMER
    state["next_due_ns"] = due_ns
    state["instruments_due_ns"] = due_ns
    return book


def _index_factor(index_key: int) -> int:
    """An odd number of 64 bits in which every bit of the key has a part."""
    mask = (1 << 64) - 1
    factor = (index_key + 0x9E3779B97F4A7C15) & mask
    factor = ((factor ^ factor >> 30) * 0xBF58476D1CE4E5B9) & mask
    factor = ((factor ^ factor >> 27) * 0x94D049BB133111EB) & mask
    return (factor ^ factor >> 31) | 1


def _fill_instrument(record: np.void, rules: InstrumentRules) -> None:
    for name in PLAIN_FIELDS:
        record[name] = getattr(rules, name)
    record["schedule_count"] = len(rules.schedule)
    if rules.static_reference_ticks is not None:
        record["has_static_reference"] = 1
        record["static_reference_ticks"] = rules.static_reference_ticks
    record["has_trade_range"] = bool(
        rules.static_band_ticks or rules.dynamic_band_ticks or (rules.breaker_ticks and rules.breaker_window_ns)
    )


def copy_book(book: Book) -> Book:
    """A snapshot: equal arrays that share nothing with `book`. It goes on exactly as the original would."""
    copies = []
    for array in book:
        copy = aligned_zeros(array.size, array.dtype)
        copy[:] = array
        copies.append(copy)
    return Book(*copies)


def open_orders(book: Book) -> npt.NDArray[np.void]:
    """Copies of all ORDER records in use, in order of priority (an order in flight, without one, comes first)."""
    return book.orders[_open_slots(book)]


def _open_slots(book: Book) -> npt.NDArray[np.intp]:
    used = np.flatnonzero(book.orders["leaves_lots"])
    return used[np.argsort(book.orders["priority"][used], kind="stable")]


HASHED_ORDER_FIELDS = (
    "order_id", "cl_ord_id", "priority", "price_ticks", "leaves_lots", "cum_lots", "account", "session", "instrument",
    "side", "ord_type", "time_in_force", "traits",
)  # fmt: skip
HASHED_TERMS_FIELDS = (
    "stop_price_ticks", "expire_time_ns", "display_qty_lots", "displayed_lots", "min_qty_lots",
    "self_match_prevention_id", "cancel_group", "risk_group", "stp_instruction", "place",
)  # fmt: skip
HASHED_STATE_FIELDS = (
    "orders_taken", "priorities_given", "trades", "pending_work", "positions_used", "next_due_ns", "instruments_due_ns",
)  # fmt: skip


def state_hash(book: Book) -> str:
    """64 hex digits (SHA-256) of what the books hold: open orders, markets, positions, sequence counters.

    It depends on logical state alone. Priorities rise over all instruments in the order in which orders take their
    places and a queue is joined at its end only, so the list of open orders by priority gives every queue of every
    price, trigger and park; expiries stand in the order of OrderIDs; levels, sums, best prices, ladders and the index
    follow from it (`check_book` proves that they do). Links, free lists and the places of index entries are left out:
    they tell how the state was reached, not what it is. (The low bits of an OrderID name a slot, so which one the next
    order gets does depend on the free list: a copy of the arrays, or the same inputs from the start, go on with the
    same ids.) While work is pending, where it stands is hashed as it lies.
    """
    digest = hashlib.sha256()
    state = book.state[0]
    for field in HASHED_STATE_FIELDS:
        digest.update(int(state[field]).to_bytes(8, "little", signed=field.endswith("_ns")))
    slots = _open_slots(book)
    orders, terms = book.orders[slots], book.terms[slots]
    digest.update(orders.size.to_bytes(8, "little"))
    for field in HASHED_ORDER_FIELDS:
        digest.update(np.ascontiguousarray(orders[field]).tobytes())
    more = terms[(orders["traits"] & TRAIT_TERMS) != 0]
    for field in HASHED_TERMS_FIELDS:
        digest.update(np.ascontiguousarray(more[field]).tobytes())
    digest.update(book.instruments.tobytes())
    positions = book.positions[book.positions["instrument"] != NO_INDEX]
    digest.update(np.sort(positions, order=("instrument", "account")).tobytes())
    digest.update(book.breaker.tobytes())
    if state["pending_work"]:
        digest.update(state.tobytes())
        digest.update(book.request.tobytes())
        digest.update(book.held.tobytes() if state["is_held"] else b"")
    return digest.hexdigest()
