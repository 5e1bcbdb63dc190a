"""The book's memory: all of it there at the start, and no more than a venue can spare."""

from __future__ import annotations

import resource
import statistics

import numpy as np
import pytest

from appliance.book.match import apply_batch, is_pending
from appliance.book.state import allocate_book
from native.jit import INTERPRETED
from native.layout import EVENT
from tests.naive.flow import Flow


def test_a_million_orders_over_a_thousand_instruments_fit_into_a_gibibyte() -> None:
    book = allocate_book(1000, 1 << 20, 1 << 18)
    assert sum(int(array.nbytes) for array in book) <= 1 << 30


@pytest.mark.skipif(INTERPRETED, reason="Python itself takes memory; the kernels' own shows when they are compiled")
def test_no_page_is_missing_once_the_book_is_there() -> None:
    """A thread's page faults from the first request on, over more orders than the cache holds; the median of some
    runs, since the interpreter may take a page between two calls."""
    events, progress = np.zeros(256, EVENT), np.zeros(1, np.int64)
    commands = Flow(5, instruments=4).batch(3000)
    faults, books = [], []
    for _ in range(7):  # the first run compiles or loads; the second may get memory that this left behind
        book = allocate_book(4, 1 << 16, 1 << 14)
        books.append(book)  # kept, so that the next one gets memory that nobody has used
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        progress[0] = 0
        while progress[0] < commands.size or is_pending(book):
            assert apply_batch(book, commands, int(progress[0]), commands.size, events, progress) >= 0
        faults.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)
    assert statistics.median(faults[2:]) == 0
