"""Prices at the ends of int64, tick tables, trade ranges, the heap of triggers: each against the plain sentence."""

from __future__ import annotations

import heapq
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.book.prices import add_saturating, is_on_tick, next_valid_above, next_valid_below
from appliance.book.protection import (
    INSIDE,
    OUTSIDE_BANDS,
    OUTSIDE_BREAKER,
    note_trade,
    place_in_range,
    set_trade_range,
)
from appliance.book.state import INT64_MAX, INT64_MIN, Book, InstrumentRules, allocate_book
from appliance.book.triggers import merge_heaps, push_level, take_triggered
from native.layout import NO_INDEX

int64s = st.integers(INT64_MIN, INT64_MAX)
near_ends = st.one_of(
    st.integers(INT64_MIN, INT64_MIN + 300), st.integers(INT64_MAX - 300, INT64_MAX), st.integers(-300, 300)
)
steps = st.one_of(st.integers(1, 40), st.sampled_from([1 << 40, 1 << 62, INT64_MAX]))


@given(int64s, int64s)
def test_sums_stop_at_the_ends(number: int, distance: int) -> None:
    assert add_saturating(number, distance) == max(INT64_MIN, min(INT64_MAX, number + distance))


def step_at(table: list[tuple[int, int]], price: int) -> int:
    return next((step for start, step in reversed(table) if start <= price), table[0][1])


@settings(deadline=None)
@given(st.lists(st.tuples(near_ends, steps), min_size=1, max_size=6), near_ends)
def test_tick_tables(rows: list[tuple[int, int]], price: int) -> None:
    table = sorted(dict(rows).items())
    book = allocate_book([InstrumentRules(tick_table=tuple(table))], 1, 1)
    assert is_on_tick(book, 0, price) == (price % step_at(table, price) == 0)
    for found, direction in ((next_valid_above(book, 0, price), 1), (next_valid_below(book, 0, price), -1)):
        nearest = price + direction
        while INT64_MIN <= nearest <= INT64_MAX and abs(nearest - price) < 700 and nearest % step_at(table, nearest):
            nearest += direction
        if not INT64_MIN <= nearest <= INT64_MAX:
            assert found == price
        elif abs(nearest - price) < 700:
            assert found == nearest
        elif found != price:
            assert (found - price) * direction >= 700 and found % step_at(table, int(found)) == 0


def test_a_table_of_all_rows() -> None:
    table = tuple((100 * row, row + 1) for row in range(32))
    book = allocate_book([InstrumentRules(tick_table=table)], 1, 1)
    assert next_valid_above(book, 0, 3100 + 63) == 32 * 99
    assert next_valid_below(book, 0, 100) == 99
    assert next_valid_below(book, 0, -5) == -6


@pytest.mark.parametrize("last", [INT64_MIN, INT64_MIN + 3, 0, INT64_MAX - 3, INT64_MAX])
@pytest.mark.parametrize("band", [1, 5, 1 << 62, INT64_MAX])
def test_trade_ranges_at_the_ends(last: int, band: int) -> None:
    breaker = min(2 * band, INT64_MAX)
    rules = InstrumentRules(dynamic_band_ticks=band, breaker_ticks=breaker, breaker_window_ns=1600)
    book = allocate_book([rules], 1, 1)
    book.state[0]["now_ns"] = 5000
    set_trade_range(book, 0)
    assert place_in_range(book, INT64_MIN) == place_in_range(book, INT64_MAX) == INSIDE
    note_trade(book, 0, last)
    for now_ns, breaker_holds in ((5000, True), (6499, True), (6600, False)):
        book.state[0]["now_ns"] = now_ns
        set_trade_range(book, 0)
        for price in (INT64_MIN, last - band - 1, last - band, last, last + band, last + band + 1, INT64_MAX):
            if not INT64_MIN <= price <= INT64_MAX:
                continue
            expected = OUTSIDE_BANDS if abs(price - last) > band else INSIDE
            if breaker_holds and abs(price - last) > breaker:
                expected = OUTSIDE_BREAKER
            assert place_in_range(book, price) == expected, (price, now_ns)


def heap_of(book: Book, priorities: list[int]) -> None:
    for level, priority in enumerate(priorities):
        book.orders[level]["priority"] = priority
        book.levels[level]["head"] = level
        book.levels[level]["orders"] = 1


def test_the_heap_gives_the_lowest_priority_first() -> None:
    source = random.Random(3)
    for size in (1, 2, 3, 10, 300):
        book = allocate_book(1, size, size)
        book.state[0]["cascade_heap"] = NO_INDEX
        priorities = source.sample(range(10 * size), size)
        heap_of(book, priorities)
        known: list[tuple[int, int]] = []
        levels = list(range(size))
        while levels or known:
            if levels and (not known or source.random() < 0.6):
                level = levels.pop()
                push_level(book, level)
                heapq.heappush(known, (priorities[level], level))
            else:
                assert int(book.state[0]["cascade_heap"]) == known[0][1]
                assert take_triggered(book) == NO_INDEX
                heapq.heappop(known)
        assert int(book.state[0]["cascade_heap"]) == NO_INDEX


def test_merging_is_bounded_by_the_logarithm() -> None:
    """Rising priorities make a spine of left children; the right spine stays short."""
    size = 4096
    book = allocate_book(1, size, size)
    heap_of(book, list(range(size)))
    book.state[0]["cascade_heap"] = NO_INDEX
    for level in range(size):
        push_level(book, level)
        spine, at = 0, int(book.state[0]["cascade_heap"])
        while at != NO_INDEX:
            spine, at = spine + 1, int(book.level_hidden[at]["tail"])
        assert spine <= int(np.log2(level + 2))
    assert merge_heaps(book, NO_INDEX, NO_INDEX) == NO_INDEX
