"""The book against its naive twin: every event of every request, and the whole book, over seeded and drawn requests."""

from __future__ import annotations

import gc
import os
import random
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.book.check import check_book
from appliance.book.state import allocate_book, copy_book, state_hash
from native.jit import INTERPRETED
from native.layout import EVENT, KIND_TIMER, NO_INDEX
from tests.naive.flow import INT64_MAX, INT64_MIN, PROFILES, Flow
from tests.naive.monitor import Monitor
from tests.naive.profiles import BEGIN_NS, rules_for
from tests.naive.twins import Twins, command_record, run_kernel

EVENTS_MAX = (4, 5, 7, 64)
"""Sizes of the kernel's event buffer: the smallest has room for one step."""
SLICE = 25_000
"""Requests after which a long run goes on with new books, other rules and another profile."""
TOLD = 1_000_000
"""Requests after which a long run prints how far it is."""
LONG_RUN_PARTS = 8

prices = st.one_of(
    st.integers(-4, 4),
    st.integers(-4, 4),
    st.sampled_from([INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, -1, 0, 63, 64, 4095, 4096, -64, -65, 1 << 60]),
    st.integers(INT64_MIN, INT64_MAX),
)
quantities = st.one_of(st.integers(1, 9), st.integers(1, 9), st.integers(-(1 << 31), (1 << 31) - 1))
parts = st.sampled_from([0, 0, 0, 0, 1, 2, 3, 9, -1])
requests = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([1, 1, 1, 1, 2, 3, 3, 4, 5, 6]),
        "time_ns": st.integers(0, 4),
        "session": st.integers(0, 1),
        "account": st.integers(0, 2),
        "instrument": st.integers(0, 1),
        "side": st.sampled_from([1, 1, 1, 2, 5, 6, 2, 0, 3]),
        "ord_type": st.sampled_from([ord(one) for one in "222221134JTK"]),
        "time_in_force": st.sampled_from([ord(one) for one in "00112346677A"]),
        "exec_inst": st.sampled_from([0] * 9 + [1, 2, 3, 4, 4, 8, 16, 16, 32]),
        "flags": st.sampled_from([0] * 9 + [4, 8, 16, 32, 64, 48, 128]),
        "qty_lots": quantities,
        "display_qty_lots": parts,
        "min_qty_lots": parts,
        "price_ticks": prices,
        "stop_price_ticks": prices,
        "expire_time_ns": st.integers(0, 60),
        "cl_ord_id": st.integers(0, 12),
        "orig_cl_ord_id": st.integers(0, 12),
        "order_id": st.sampled_from([0, 0, 0, (1 << 64) - 1, 1 << 24]),
        "self_match_prevention_id": st.integers(0, 2),
        "stp_instruction": st.integers(0, 6),
        "cancel_group": st.integers(0, 1),
    }
)
REQUEST_KIND = (EVENT.names or ()).index("request_kind")
PHASES = (1, 1, 1, 7, 8, 3, 0, 5, 2, 4)


def as_command(fields: dict[str, int], now_ns: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """A drawn request made sound where no kernel checks: phases that are some, times that do not go back."""
    more = {"time_ns": now_ns, "expire_time_ns": BEGIN_NS + fields["expire_time_ns"]}
    if fields["kind"] == 5:
        more["qty_lots"] = PHASES[fields["qty_lots"] % len(PHASES)]
    if fields["kind"] == 4 and fields["account"] == 2:
        more |= {"account": NO_INDEX, "instrument": NO_INDEX}
    return command_record(**(fields | more))


@settings(max_examples=40 if INTERPRETED else 120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    drawn=st.lists(requests, max_size=40),
    events_max=st.sampled_from(EVENTS_MAX),
    levels_max=st.sampled_from([1, 3, 40]),
    rules_seed=st.integers(0, 1000),
)
def test_drawn_requests(drawn: list[dict[str, int]], events_max: int, levels_max: int, rules_seed: int) -> None:
    draw = random.Random(rules_seed)
    twins = Twins([rules_for(draw, tight=rules_seed > 300) for _ in range(2)], 12, levels_max, events_max)
    now_ns = BEGIN_NS
    for fields in drawn:
        now_ns += fields["time_ns"]
        twins.apply(as_command(fields, now_ns))
        twins.compare_books()
        assert check_book(twins.book) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", PROFILES)
def test_every_step_of_a_seeded_run(name: str, seed: int) -> None:
    """Books and invariants after each request. A timer that does something was due, and is not due again after it."""
    flow = Flow(seed, profile=PROFILES[name])
    twins = Twins.of_flow(flow, seed, events_max=EVENTS_MAX[seed % len(EVENTS_MAX)])
    state = twins.book.state[0]
    for _ in range(60 if INTERPRETED else 150):
        due_ns = int(state["next_due_ns"])
        told = twins.run(flow, 1)
        assert not told or told[0][REQUEST_KIND] != KIND_TIMER or due_ns <= flow.now_ns
        assert check_book(twins.book) == []
        twins.compare_books()
    twins.apply(command_record(kind=KIND_TIMER, time_ns=flow.now_ns))
    assert state["next_due_ns"] > flow.now_ns


def long_run(operations: int, seed: int) -> None:
    """Profiles in turn; every event compared, the whole book and its invariants after each 1,000 requests."""
    names, began = list(PROFILES), time.process_time()
    gc.freeze()  # what is loaded by now is not gone through again and again: 2 to 3 % of the run
    for part, done in enumerate(range(0, operations, SLICE)):
        if done and done % TOLD == 0:
            rate = done / (time.process_time() - began)
            print(f"{done:,} of {operations:,} requests are equal, {rate:,.0f} a second of the CPU", flush=True)
        flow = Flow(seed + part, profile=PROFILES[names[part % len(names)]])
        twins = Twins.of_flow(flow, seed + part)
        for at in range(done, min(done + SLICE, operations), 1000):
            twins.run(flow, min(1000, operations - at))
            twins.compare_books()
            assert check_book(twins.book) == []
    gc.unfreeze()


def test_long_run_quick() -> None:
    long_run(9_000 if INTERPRETED else 200_000, seed=1)


def part_of_the_long_run(part: int) -> None:
    """PITWIRE_BOOK_OPERATIONS: of all parts together."""
    operations = int(os.environ.get("PITWIRE_BOOK_OPERATIONS", "100000000"))
    long_run(operations // LONG_RUN_PARTS, seed=1_000_000 * (part + 1))


@pytest.mark.long
@pytest.mark.timeout(0)
def test_long_run() -> None:
    """On every CPU that there is: 100,000,000 requests are more than an hour for one."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn")) as pool:
        list(pool.map(part_of_the_long_run, range(LONG_RUN_PARTS)))


@pytest.mark.parametrize("name", PROFILES)
def test_a_third_view(name: str) -> None:
    """Price-time priority, no crossed book, and lots and positions that are kept, from the kernel's events alone."""
    flow = Flow(77, profile=PROFILES[name])
    twins = Twins.of_flow(flow, 77)
    monitor = Monitor([one.phase for one in PROFILES[name].rules(77)])
    for _ in range(2 if INTERPRETED else 6):
        monitor.watch(twins.run(flow, 500))
        monitor.demand_conservation()
    open_lots = int(twins.book.orders["leaves_lots"].sum())
    assert monitor.lots_in == monitor.lots_traded + monitor.lots_cancelled + open_lots
    assert monitor.lots_in > 1000 and monitor.trades > 10


def test_the_third_view_sees_a_fault() -> None:
    """A monitor that is given trades in another order, at another price or of other lots says so."""
    twins = Twins(1, 8, 8)
    before = twins.apply(
        np.concatenate([command_record(cl_ord_id=n, side=2, qty_lots=5, price_ticks=9) for n in (1, 2)])
    )
    told = twins.apply(command_record(cl_ord_id=3, qty_lots=5, price_ticks=9))
    trade = dict(zip(EVENT.names, told[1], strict=True))
    wrong = (
        {"maker_order_id": (2 << 24) + 1}, {"price_ticks": 8}, {"qty_lots": 4}, {"trade_id": 2}, {"cum_lots": 6},
    )  # fmt: skip
    for fields in ({}, *wrong):
        monitor = Monitor([1])
        monitor.watch(before)
        rows = [told[0], tuple((trade | fields).values())]
        if fields:
            with pytest.raises(AssertionError):
                monitor.watch(rows)
        else:
            monitor.watch(rows)


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
