"""The book against its naive twin: every event of every request, and the whole book, over seeded and drawn requests."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.book.check import check_book
from appliance.book.state import allocate_book, copy_book, state_hash
from native.jit import INTERPRETED
from native.layout import EVENT
from tests.naive.flow import INT64_MAX, INT64_MIN, Flow
from tests.naive.twins import Twins, command_record, run_kernel

SHAPES = {
    "roomy": {"instruments": 3, "orders_max": 64, "levels_max": 256, "events_max": 64},
    "one event at a time": {"instruments": 2, "orders_max": 32, "levels_max": 32, "events_max": 1},
    "order pool fills": {"instruments": 1, "orders_max": 6, "levels_max": 64, "events_max": 3},
    "level pool fills": {"instruments": 2, "orders_max": 32, "levels_max": 5, "events_max": 8},
    "one of each": {"instruments": 1, "orders_max": 1, "levels_max": 1, "events_max": 2},
}

prices = st.one_of(
    st.integers(-4, 4),
    st.sampled_from([INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, -1, 0, 63, 64, 4095, 4096, -64, -65, 1 << 60]),
    st.integers(INT64_MIN, INT64_MAX),
)
requests = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([1, 1, 1, 2, 3]),
        "session": st.integers(0, 1),
        "account": st.integers(0, 3),
        "instrument": st.integers(0, 1),
        "side": st.sampled_from([1, 1, 1, 2, 5, 6, 0, 3]),
        "ord_type": st.sampled_from([50, 50, 50, 50, 50, 49]),
        "time_in_force": st.sampled_from([48, 48, 49, 51, 52, 54]),
        "exec_inst": st.sampled_from([0] * 9 + [1]),
        "flags": st.sampled_from([0] * 9 + [4, 8]),
        "qty_lots": st.one_of(st.integers(1, 9), st.integers(1, 9), st.integers(INT64_MIN, INT64_MAX)),
        "price_ticks": prices,
        "cl_ord_id": st.integers(0, 12),
        "orig_cl_ord_id": st.integers(0, 12),
        "order_id": st.sampled_from([0, 0, 0, (1 << 64) - 1, 1 << 24]),
    }
)


@settings(max_examples=60 if INTERPRETED else 200, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(requests, max_size=40), events_max=st.integers(1, 4), levels_max=st.sampled_from([1, 3, 40]))
def test_drawn_requests(drawn: list[dict[str, int]], events_max: int, levels_max: int) -> None:
    twins = Twins(2, 12, levels_max, events_max)
    for fields in drawn:
        twins.apply(command_record(**fields))
        twins.compare_books()
        assert check_book(twins.book) == []


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_every_step_of_a_seeded_run(name: str, seed: int) -> None:
    shape = SHAPES[name]
    twins = Twins(**shape)
    flow = Flow(seed, instruments=shape["instruments"], extreme=0.05)
    for _ in range(200):
        twins.apply(flow.batch(1))
        assert check_book(twins.book) == []
        twins.compare_books()


def long_run(operations: int, seed: int) -> None:
    """Compare every event; the whole book and its invariants at the end of each batch of 1,000."""
    batches = max(1, operations // 1000)
    for part in range(0, batches, 200):
        twins = Twins(instruments=3, orders_max=100, levels_max=48)
        flow = Flow(seed + part, ticks=24, remembered=80)
        for _ in range(min(200, batches - part)):
            twins.apply(flow.batch(1000))
            twins.compare_books()
            assert check_book(twins.book) == []


def test_long_run_quick() -> None:
    long_run(10_000 if INTERPRETED else 200_000, seed=1)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_long_run() -> None:
    long_run(int(os.environ.get("PITWIRE_BOOK_OPERATIONS", "100000000")), seed=1_000_000)


def test_conservation() -> None:
    """Lots in = lots traded (once a side) + lots cancelled + lots resting; replaces change the lots in."""
    twins = Twins(instruments=2, orders_max=80, levels_max=64)
    told = np.array(twins.apply(Flow(7, instruments=2, wrong=0.1).batch(5000)), dtype=EVENT)
    kind, qty = told["kind"], told["qty_lots"]
    leaves: dict[int, int] = {}
    taken_in = 0
    for event in told[np.isin(kind, (1, 5))]:
        order_id = int(event["order_id"])
        taken_in += int(event["leaves_lots"]) + int(event["cum_lots"]) - leaves.get(order_id, 0)
        leaves[order_id] = int(event["leaves_lots"]) + int(event["cum_lots"])
    resting = int(twins.book.orders["leaves_lots"].sum())
    assert taken_in == 2 * int(qty[kind == 2].sum()) + int(qty[kind == 4].sum()) + resting
    assert (kind == 2).sum() > 100 and (kind == 4).sum() > 100 and resting > 0


def test_a_copy_goes_on_as_the_original() -> None:
    twins = Twins(instruments=2, orders_max=40, levels_max=30)
    flow = Flow(3, instruments=2)
    twins.apply(flow.batch(500))
    copy = copy_book(twins.book)
    assert state_hash(copy) == state_hash(twins.book)
    commands, events = flow.batch(500), np.zeros(8, dtype=EVENT)
    for index in range(commands.size):
        assert run_kernel(copy, commands, index, events) == twins.apply(commands[index : index + 1])
    assert state_hash(copy) == state_hash(twins.book)


def test_the_state_hash_sees_what_is_open_and_not_how_it_came_about() -> None:
    """Two ways to the same open orders and counters, with different free lists, links and index entries."""
    books = [allocate_book(1, 8, 8), allocate_book(1, 8, 8)]
    events = np.zeros(8, dtype=EVENT)
    ways = (  # both take three orders and give four priorities; the order of the cancels differs
        [{"cl_ord_id": 1}, {"cl_ord_id": 2}, {"cl_ord_id": 3}, {"kind": 2, "orig_cl_ord_id": 1},
         {"kind": 2, "orig_cl_ord_id": 2}],
        [{"cl_ord_id": 1}, {"cl_ord_id": 2}, {"cl_ord_id": 3}, {"kind": 2, "orig_cl_ord_id": 2},
         {"kind": 2, "orig_cl_ord_id": 1}],
    )  # fmt: skip
    for book, way in zip(books, ways, strict=True):
        for fields in way:
            run_kernel(book, command_record(**fields), 0, events)
    assert books[0].orders.tobytes() != books[1].orders.tobytes()
    assert state_hash(books[0]) == state_hash(books[1])
    before = state_hash(books[0])
    run_kernel(books[0], command_record(kind=3, orig_cl_ord_id=3, cl_ord_id=4, qty_lots=1), 0, events)
    assert state_hash(books[0]) != before
