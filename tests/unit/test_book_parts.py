"""The parts of the book by themselves: the ClOrdID index, the ladder of prices, the check, the views, the sizes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from appliance.book.check import check_book
from appliance.book.check_large import check_large_book
from appliance.book.index import ENTRIES, LINE_BYTES, LINES_PROBED_MAX, PASSED_OFFSET, hash_of
from appliance.book.ladder import digit_of, drop_level, find_level, find_or_add_level, next_level, side_key
from appliance.book.match import apply
from appliance.book.positions import add_to_position
from appliance.book.state import CACHE_LINE_BYTES, Book, InstrumentRules, allocate_book
from appliance.book.view import depth, orders, position
from appliance.feed_book import ladder as feed_ladder
from appliance.feed_book.check import check_feed_books
from appliance.feed_book.state import allocate_feed_books
from native.codes import REJECT_BOOK_FULL
from native.jit import kernel
from native.layout import EVENT, NO_INDEX
from native.limits import ORDERS_MAX, TICK_ROWS_MAX
from tests.naive.flow import INT64_MAX, INT64_MIN, Flow
from tests.naive.twins import Twins, command_record

EXTREMES = sorted((INT64_MIN, INT64_MIN + 1, -(1 << 60), -65, -1, 0, 63, 64, 4095, 4096, 1 << 60, INT64_MAX))


@kernel
def add(book: Book, side: int, key: int) -> int:
    return find_or_add_level(book, side, key)


@kernel
def drop(book: Book, side: int, level: int) -> int:
    return np.int64(drop_level(book, side, level))


@kernel
def find(book: Book, side: int, key: int) -> int:
    return find_level(book, side, key)


@kernel
def add_lots(book: Book, account: int, instrument: int, lots: int) -> int:
    add_to_position(book, account, instrument, lots)
    return 0


class Ladder(NamedTuple):
    """The core's, or that of the public books."""

    new: Callable[[], Any]
    add: Callable[..., int]
    drop: Callable[..., int]
    find: Callable[..., int]
    next: Callable[..., int]
    nodes_a_level: int
    check: Callable[[Any], list[str]]

    def keys(self, book: Any, side: int) -> list[int]:
        keys, level = [], int(book.sides[side]["best"])
        while level not in (-1, NO_INDEX):
            keys.append(int(book.levels[level]["key"]))
            level = int(self.next(book, level))
        return keys


LADDERS = {
    "blocks": Ladder(lambda: allocate_book(1, 1, 96), add, drop, find, next_level, 2, check_book),
    "levels": Ladder(
        lambda: allocate_feed_books(1, 1, 96), feed_ladder.find_or_add_level, feed_ladder.drop_level,
        feed_ladder.find_level, feed_ladder.next_level, 1, check_feed_books,
    ),
}  # fmt: skip


@pytest.mark.parametrize("ladder", LADDERS.values(), ids=LADDERS)
@pytest.mark.parametrize(
    "draw",
    [
        lambda draw: draw.choice(EXTREMES),
        lambda draw: draw.randrange(200),
        lambda draw: draw.getrandbits(64) - (1 << 63),
        lambda draw: draw.choice((1, -1)) << draw.randrange(63),
        lambda draw: 50 * draw.randrange(100_000),
    ],
    ids=["extremes", "dense", "anywhere", "powers", "every 50th tick"],
)
def test_ladder_against_a_sorted_list(draw: Callable[[random.Random], int], ladder: Ladder) -> None:
    book, source = ladder.new(), random.Random(5)
    there: dict[int, int] = {}
    for _ in range(1500):
        key = draw(source)
        assert ladder.find(book, 0, key) == there.get(key, -1)
        if key in there:
            assert ladder.drop(book, 0, there.pop(key)) == len(there)
        elif len(there) < 96:
            there[key] = int(ladder.add(book, 0, key))
            assert ladder.add(book, 0, key) == there[key], "a level that is there is found, not made again"
        assert ladder.keys(book, 0) == sorted(there)
        assert int(book.state[0]["open_nodes"]) <= max(0, ladder.nodes_a_level * len(there) - 1)
    for key in list(there):
        ladder.drop(book, 0, there.pop(key))
    assert ladder.check(book) == []


def test_digits_rise_with_keys() -> None:
    for shift in range(0, 66, 6):
        digits = [(key >> shift, digit_of(key, shift)) for key in EXTREMES]
        for (high, digit), (next_high, next_digit) in itertools.pairwise(digits):
            if high >> 6 == next_high >> 6 or shift == 60:
                assert digit <= next_digit


def test_side_keys_turn_back() -> None:
    for price in EXTREMES:
        assert side_key(side_key(price, 0), 0) == price and side_key(price, 1) == price
    assert [side_key(price, 0) for price in sorted(EXTREMES)] == sorted(
        (side_key(p, 0) for p in EXTREMES), reverse=True
    )


def colliding_ids(book: Book, count: int) -> list[int]:
    """ClOrdIDs of session 0, one a group, that share the home of ClOrdID 0."""
    lines = book.index.size // LINE_BYTES
    home = (int(hash_of(book, 0, np.uint64(0))) >> 8) % lines
    found: list[int] = []
    cl_ord_id = 0
    while len(found) < count:
        if (int(hash_of(book, 0, np.uint64(cl_ord_id))) >> 8) % lines == home:
            found.append(cl_ord_id)
        cl_ord_id += 4
    return found


def test_ids_that_collide_are_found_and_leave_no_trace() -> None:
    book = allocate_book(1, 64, 64)
    events = np.zeros(4, dtype=EVENT)
    ids = colliding_ids(book, 40)
    source = random.Random(1)
    for _ in range(3):
        source.shuffle(ids)
        for one in ids:
            assert apply(book, command_record(cl_ord_id=one), 0, events, 0) == 2
        assert check_book(book) == []
        source.shuffle(ids)
        for one in ids:
            assert apply(book, command_record(kind=2, orig_cl_ord_id=one), 0, events, 0) == 1
            assert check_book(book) == []
        assert not book.index.reshape(-1, LINE_BYTES)[
            :, : PASSED_OFFSET + 4
        ].any()  # tags and counts are back at nothing


def test_too_many_colliding_ids_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    room = LINES_PROBED_MAX * ENTRIES
    book = allocate_book(1, 1024, 8)
    events = np.zeros(4, dtype=EVENT)
    ids = colliding_ids(book, room + 2)
    for one in ids[:room]:
        assert apply(book, command_record(cl_ord_id=one), 0, events, 0) == 2
    for _ in range(2):
        assert apply(book, command_record(cl_ord_id=ids[room]), 0, events, 0) == 1
        assert events[0]["reason"] == REJECT_BOOK_FULL
    assert apply(book, command_record(kind=3, orig_cl_ord_id=ids[3], cl_ord_id=ids[room + 1]), 0, events, 0) == 1
    assert events[0]["reason"] == REJECT_BOOK_FULL
    assert apply(book, command_record(cl_ord_id=ids[room], time_in_force=51), 0, events, 0) == 1
    assert events[0]["reason"] == REJECT_BOOK_FULL
    assert apply(book, command_record(kind=2, orig_cl_ord_id=ids[9]), 0, events, 0) == 1
    assert apply(book, command_record(cl_ord_id=ids[room]), 0, events, 0) == 2
    assert check_book(book) == []


def test_honest_ids_of_a_full_book_find_room_near() -> None:
    orders_max = 1 << 15
    book = allocate_book(1, orders_max, 8)
    lines = book.index.size // LINE_BYTES
    homes = np.zeros(lines, dtype=np.int64)
    for cl_ord_id in range(orders_max):
        homes[(int(hash_of(book, cl_ord_id % 16, np.uint64(cl_ord_id // 16))) >> 8) % lines] += 1
    assert homes.max() <= 8 * ENTRIES
    assert len({int(hash_of(book, s, np.uint64(i))) for s in range(16) for i in range(4000)}) == 64_000


def test_an_index_key_moves_all_homes() -> None:
    one, other = (allocate_book(1, 1 << 12, 8, index_key=key) for key in (1, (1 << 64) - 3))
    ids = colliding_ids(one, 20)
    lines = other.index.size // LINE_BYTES
    assert len({(int(hash_of(other, 0, np.uint64(cl_ord_id))) >> 8) % lines for cl_ord_id in ids}) > 10


Break = tuple[str, Callable[[Book], None]]


def broken(name: str, at: int, field: str, change: Callable[[int], int] = lambda value: value ^ 1) -> Break:
    def breaks(book: Book) -> None:
        record = getattr(book, name)[at]
        record[field] = change(int(record[field]))

    return f"{name} {at} {field}", breaks


BREAKS: list[Break] = [
    *(broken("orders", slot, field) for slot in (0, 1) for field in
      ("order_id", "cl_ord_id", "price_ticks", "leaves_lots", "next", "prev", "level", "session", "instrument")),
    broken("orders", 0, "priority", lambda value: value + 10**6),
    broken("orders", 1, "side", lambda value: 3 - value),
    broken("orders", 1, "time_in_force", lambda _: 51),
    *(broken("levels", 0, field) for field in ("key", "qty_lots", "head", "tail", "orders", "parent")),
    *(broken("nodes", 0, field, lambda value: value ^ 2) for field in ("occupied", "parent", "shift")),
    *(broken("sides", 0, field) for field in ("best", "root", "levels", "orders", "best_key")),
    *(broken("state", 0, field) for field in
      ("open_orders", "open_levels", "open_nodes", "free_order", "free_level", "positions_used")),
    broken("state", 0, "priorities_given", lambda _: 0),
    broken("state", 0, "orders_taken", lambda _: 0),
    ("index: an entry", lambda book: book.index.__setitem__(int(np.flatnonzero(book.index)[0]), 0)),
    ("index: passers-by", lambda book: book.index.__setitem__(PASSED_OFFSET, int(book.index[PASSED_OFFSET]) ^ 4)),
    ("children", lambda book: book.children.__setitem__(int(np.flatnonzero(book.children)[0]), 7)),
    ("known blocks: another node", lambda book: book.known_blocks.__iadd__(np.uint64(1))),
    ("known blocks: elsewhere", lambda book: book.known_blocks.__setitem__(7, book.known_blocks.max())),
    *(broken("instruments", 0, field) for field in
      ("waiting_orders", "reduce_only_orders", "auction_only_orders", "is_touched", "frozen")),
    *(broken("terms", 5, field) for field in ("displayed_lots", "expire_time_ns", "expiry_prev")),
    broken("terms", 5, "expiry_level", lambda _: NO_INDEX),
    *(broken("terms", 6, field) for field in ("stop_price_ticks", "place")),
    broken("level_hidden", 0, "hidden_lots"),
    broken("level_hidden", 0, "head", lambda _: NO_INDEX),
    broken("level_hidden", 7, "head", lambda _: 0),
    ("positions", lambda book: book.positions["net_lots"].__iadd__(1)),
    broken("state", 0, "next_due_ns", lambda _: 10**18),
]  # fmt: skip
NOT_SEEN_AT_LARGE = {
    "nodes 0 occupied", "nodes 0 parent", "nodes 0 shift", "sides 0 root", "index: passers-by", "children",
    "terms 5 expiry_prev", "known blocks: another node", "known blocks: elsewhere",
}  # fmt: skip
"""What only `check_book` looks for."""


def book_with_one_of_each() -> Book:
    """Plain buys in slots 0 to 4 and 7, an iceberg until a date in 5, a stop in 6, a hidden one in 8; one traded."""
    book = allocate_book(1, 12, 12)
    events = np.zeros(8, dtype=EVENT)
    for cl_ord_id, price in enumerate((10, 10, 9, 8, 200)):
        apply(book, command_record(cl_ord_id=cl_ord_id, price_ticks=price, qty_lots=5), 0, events, 0)
    more: list[dict[str, int]] = [
        {"time_in_force": ord("6"), "expire_time_ns": 99, "price_ticks": 7, "qty_lots": 5, "display_qty_lots": 2},
        {"ord_type": ord("3"), "stop_price_ticks": 500, "qty_lots": 5},
        {"price_ticks": 200, "qty_lots": 1},
        {"price_ticks": 10, "exec_inst": 16, "qty_lots": 3},
        {"side": 2, "price_ticks": 200, "account": 1, "qty_lots": 1},
    ]
    for cl_ord_id, fields in enumerate(more, 5):
        apply(book, command_record(cl_ord_id=cl_ord_id, **fields), 0, events, 0)
    return book


@pytest.mark.parametrize(("name", "breaks"), BREAKS, ids=[name for name, _ in BREAKS])
def test_the_check_sees_what_is_broken(name: str, breaks: Callable[[Book], None]) -> None:
    book = book_with_one_of_each()
    assert check_book(book) == []
    assert check_large_book(book) == []
    breaks(book)
    assert check_book(book) != []
    assert name in NOT_SEEN_AT_LARGE or check_large_book(book) != []


def test_the_check_sees_a_crossed_book() -> None:
    book = allocate_book(2, 8, 8)
    events = np.zeros(4, dtype=EVENT)
    apply(book, command_record(cl_ord_id=1, price_ticks=10), 0, events, 0)
    apply(book, command_record(cl_ord_id=2, price_ticks=9, side=2, instrument=1), 0, events, 0)
    book.sides[1] = book.sides[3]
    book.sides[3] = book.sides[2]
    book.orders["instrument"] = 0
    assert "The book of instrument 0 is crossed." in check_book(book)
    assert "A book is crossed." in check_large_book(book)


def test_positions_of_any_accounts_are_kept_apart() -> None:
    book = allocate_book(300, 1, 1, positions_max=500)
    source = random.Random(5)
    expected: dict[tuple[int, int], int] = {}
    while len(expected) < 500:
        account = source.choice((source.randrange(40), source.getrandbits(32), (1 << 32) - 1 - source.randrange(40)))
        instrument, lots = source.randrange(300), source.randrange(-9, 10)
        add_lots(book, account, instrument, lots)
        expected[account, instrument] = expected.get((account, instrument), 0) + lots
    assert int(book.state[0]["positions_used"]) == len(expected)
    assert {key: position(book, *key) for key in expected} == expected


def test_views() -> None:
    twins = Twins(instruments=2, orders_max=50, levels_max=50)
    twins.apply(Flow(11, instruments=2, extreme=0.1).batch(400))
    for instrument in range(2):
        seen = depth(twins.book, instrument)
        for is_sell, levels in ((False, seen.buys), (True, seen.sells)):
            queue = orders(twins.book, instrument, is_sell)
            assert [one.price_ticks for one in levels] == list(dict.fromkeys(one.price_ticks for one in queue))
            assert [one.qty_lots for one in levels] == [
                sum(one.display_lots for one in queue if one.price_ticks == level.price_ticks) for level in levels
            ]
            assert depth(twins.book, instrument, 2)[is_sell] == levels[:2]
    with pytest.raises(IndexError, match="no instrument 2"):
        depth(twins.book, 2)


def test_arrays_start_at_cache_lines_and_sizes_have_limits() -> None:
    for array in allocate_book(3, 5, 7):
        assert array.ctypes.data % CACHE_LINE_BYTES == 0
    for shape in ((0, 1, 1), (1, 0, 1), (1, 1, 0), (1 << 20, 1, 1), (1, ORDERS_MAX + 1, 1), (1, 1, 1 << 30)):
        with pytest.raises(ValueError, match="give 1 to"):
            allocate_book(*shape)
    with pytest.raises(ValueError, match="positions_max is 0"):
        allocate_book(1, 1, 1, positions_max=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_ticks_min": 5, "price_ticks_max": 4},
        {"price_ticks_max": 1 << 63},
        {"qty_lots_min": 0},
        {"qty_lots_min": 3, "qty_lots_max": 2},
        {"qty_step_lots": 0},
        {"phase": 5},
        {"phase": 6},
        {"static_band_ticks": -1},
        {"halt_ns": 1 << 63},
        {"extensions_max": -1},
        {"static_reference_ticks": 1 << 63},
        {"tick_table": ((0, 1), (0, 2))},
        {"tick_table": ((0, 0),)},
        {"tick_table": tuple((row, 1) for row in range(33))},
        {"schedule": ((5, 1), (4, 4))},
        {"schedule": ((86_400_000_000_000, 1),)},
        {"schedule": ((0, 5),)},
    ],
)
def test_rules_that_no_book_can_keep(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        InstrumentRules(**wrong)


def test_equal_tick_tables_are_shared() -> None:
    fine, coarse = ((0, 1), (100, 5)), ((0, 10),)
    rules = [InstrumentRules(tick_table=table) for table in (fine, (), coarse, fine)]
    book = allocate_book(rules, 4, 4)
    assert book.instruments["tick_table"].tolist() == [0, NO_INDEX, 1, 0]
    assert book.tick_rows.size == 2 * TICK_ROWS_MAX
