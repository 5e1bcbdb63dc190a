"""The parts of the book by themselves: the ClOrdID index, the ladder of prices, the check, the views, the sizes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest

from appliance.book import index as book_index
from appliance.book.check import check_book
from appliance.book.index import BUCKETS_PROBED_MAX, ENTRIES, hash_of
from appliance.book.ladder import add_level, digit_of, drop_level, find_level, next_level, side_key
from appliance.book.match import apply
from appliance.book.state import CACHE_LINE_BYTES, Book, allocate_book
from appliance.book.view import depth, orders
from native.codes import REJECT_BOOK_FULL
from native.jit import kernel
from native.layout import EVENT, NO_INDEX
from native.limits import ORDERS_MAX
from tests.naive.flow import INT64_MAX, INT64_MIN, Flow
from tests.naive.twins import Twins, command_record

EXTREMES = sorted((INT64_MIN, INT64_MIN + 1, -(1 << 60), -65, -1, 0, 63, 64, 4095, 4096, 1 << 60, INT64_MAX))


@kernel
def add(book: Book, side: int, key: int) -> int:
    return add_level(book, side, key)


@kernel
def drop(book: Book, side: int, level: int) -> int:
    return drop_level(book, side, level)


@kernel
def find(book: Book, side: int, key: int) -> int:
    return find_level(book, side, key)


def ladder_keys(book: Book, side: int) -> list[int]:
    keys, level = [], int(book.sides[side]["best"])
    while level not in (-1, NO_INDEX):
        keys.append(int(book.levels[level]["key"]))
        level = int(next_level(book, level))
    return keys


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
def test_ladder_against_a_sorted_list(draw: Callable[[random.Random], int]) -> None:
    book, source = allocate_book(1, 1, 96), random.Random(5)
    there: dict[int, int] = {}
    for _ in range(1500):
        key = draw(source)
        assert find(book, 0, key) == there.get(key, -1)
        if key in there:
            assert drop(book, 0, there.pop(key)) == len(there)
        elif len(there) < 96:
            there[key] = int(add(book, 0, key))
        assert ladder_keys(book, 0) == sorted(there)
        assert int(book.state[0]["open_nodes"]) <= max(0, len(there) - 1)
    for key in list(there):
        drop(book, 0, there.pop(key))
    assert check_book(book) == []


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


def colliding_ids(count: int, buckets: int) -> list[int]:
    """ClOrdIDs of session 0, one a group, that share the home of ClOrdID 0."""
    home = (int(hash_of(0, np.uint64(0))) >> 8) % buckets
    found: list[int] = []
    cl_ord_id = 0
    while len(found) < count:
        if (int(hash_of(0, np.uint64(cl_ord_id))) >> 8) % buckets == home:
            found.append(cl_ord_id)
        cl_ord_id += 4
    return found


def test_ids_that_collide_are_found_and_leave_no_trace() -> None:
    book = allocate_book(1, 64, 64)
    events = np.zeros(4, dtype=EVENT)
    ids = colliding_ids(40, book.index.size // 4)
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
        assert not (book.index[::4]).any()  # tags and counts are all back at nothing


def test_too_many_colliding_ids_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    room = BUCKETS_PROBED_MAX * ENTRIES
    book = allocate_book(1, 1024, 8)
    events = np.zeros(4, dtype=EVENT)
    ids = colliding_ids(room + 2, book.index.size // 4)
    for one in ids[:room]:
        assert apply(book, command_record(cl_ord_id=one), 0, events, 0) == 2
    for _ in range(2):
        assert apply(book, command_record(cl_ord_id=ids[room]), 0, events, 0) == 1
        assert events[0]["reason"] == REJECT_BOOK_FULL
    assert apply(book, command_record(kind=3, orig_cl_ord_id=ids[3], cl_ord_id=ids[room + 1]), 0, events, 0) == 1
    assert events[0]["reason"] == REJECT_BOOK_FULL
    assert apply(book, command_record(cl_ord_id=ids[room], time_in_force=51), 0, events, 0) == 2  # needs no entry
    assert apply(book, command_record(kind=2, orig_cl_ord_id=ids[9]), 0, events, 0) == 1
    assert apply(book, command_record(cl_ord_id=ids[room]), 0, events, 0) == 2
    assert check_book(book) == []


def test_honest_ids_of_a_full_book_find_room_near() -> None:
    orders_max = 1 << 15
    homes = np.zeros(orders_max, dtype=np.int64)
    for cl_ord_id in range(orders_max):
        homes[(int(hash_of(cl_ord_id % 16, np.uint64(cl_ord_id // 16))) >> 8) % orders_max] += 1
    assert homes.max() <= 8 * ENTRIES
    assert len({int(hash_of(s, np.uint64(i))) for s in range(16) for i in range(4000)}) == 64_000
    assert book_index.TAG_BYTES == 0x0101_0101_0101


def broken(name: str, at: int, field: str, change: Callable[[int], int]) -> Callable[[Book], None]:
    def breaks(book: Book) -> None:
        record = getattr(book, name)[at]
        record[field] = change(int(record[field]))

    return breaks


@pytest.mark.parametrize(
    "breaks",
    [
        *(broken("orders", slot, field, lambda v: v ^ 1) for slot in (0, 1) for field in
          ("order_id", "cl_ord_id", "price_ticks", "leaves_lots", "next", "prev", "level", "session", "instrument")),
        broken("orders", 0, "priority", lambda v: v + 10**6),
        broken("orders", 1, "side", lambda v: 3 - v),
        broken("orders", 1, "time_in_force", lambda v: 51),
        *(broken("levels", 0, field, lambda v: v ^ 1) for field in
          ("key", "qty_lots", "head", "tail", "orders", "parent")),
        *(broken("nodes", 0, field, lambda v: v ^ 2) for field in ("occupied", "parent", "shift")),
        *(broken("sides", 0, field, lambda v: v ^ 1) for field in ("best", "root", "levels", "orders", "best_key")),
        *(broken("state", 0, field, lambda v: v ^ 1) for field in
          ("open_orders", "open_levels", "open_nodes", "free_order", "free_level")),
        broken("state", 0, "priorities_given", lambda v: 0),
        broken("state", 0, "orders_taken", lambda v: 0),
        lambda book: book.index.__setitem__(int(np.flatnonzero(book.index)[0]), 0),
        lambda book: book.index.__setitem__(0, int(book.index[0]) ^ (1 << 50)),
        lambda book: book.children.__setitem__(int(np.flatnonzero(book.children)[0]), 7),
    ],
)  # fmt: skip
def test_the_check_sees_what_is_broken(breaks: Callable[[Book], None]) -> None:
    book = allocate_book(1, 8, 8)
    events = np.zeros(4, dtype=EVENT)
    for cl_ord_id, price in enumerate((10, 10, 9, 8, 200)):
        apply(book, command_record(cl_ord_id=cl_ord_id, price_ticks=price, qty_lots=5), 0, events, 0)
    assert check_book(book) == []
    breaks(book)
    assert check_book(book) != []


def test_the_check_sees_a_crossed_book() -> None:
    book = allocate_book(2, 8, 8)
    events = np.zeros(4, dtype=EVENT)
    apply(book, command_record(cl_ord_id=1, price_ticks=10), 0, events, 0)
    apply(book, command_record(cl_ord_id=2, price_ticks=9, side=2, instrument=1), 0, events, 0)
    book.sides[1] = book.sides[3]
    book.sides[3] = book.sides[2]
    book.orders["instrument"] = 0
    assert "The book of instrument 0 is crossed." in check_book(book)


def test_views() -> None:
    twins = Twins(instruments=2, orders_max=50, levels_max=50)
    twins.apply(Flow(11, instruments=2, extreme=0.1).batch(400))
    for instrument in range(2):
        seen = depth(twins.book, instrument)
        for is_sell, levels in ((False, seen.buys), (True, seen.sells)):
            queue = orders(twins.book, instrument, is_sell)
            assert [one.price_ticks for one in levels] == list(dict.fromkeys(one.price_ticks for one in queue))
            assert [one.qty_lots for one in levels] == [
                sum(one.leaves_lots for one in queue if one.price_ticks == level.price_ticks) for level in levels
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
