"""Work in small steps: stopped between any two of them it goes on without loss, and says the same."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.book.check import check_book
from appliance.book.check_large import check_large_book
from appliance.book.match import apply, is_pending, resume
from appliance.book.state import DAY_NS, InstrumentRules, allocate_book, copy_book, state_hash
from native.codes import ERROR_BUSY
from native.jit import INTERPRETED
from native.layout import (
    EVENT,
    EVENT_AUCTION,
    EVENT_FLAG_FIRST,
    EVENT_FLAG_LAST,
    EVENT_MASS_CANCELED,
    EVENT_PHASE,
    KIND_MASS_CANCEL,
    KIND_TIMER,
    NEVER_NS,
    NO_INDEX,
    PHASE_CLOSED,
    PHASE_CONTINUOUS,
    PHASE_OPENING_AUCTION,
)
from native.limits import STEP_EVENTS_MAX
from tests.naive.flow import Flow
from tests.naive.profiles import PROFILES
from tests.naive.twins import Twins, command_record, run_kernel

HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize("profile", ["mixed", "auctions", "stops", "reduce-only", "tiny pools"])
def test_one_step_a_call_through_four_events(profile: str) -> None:
    """The twin's events, with the book checked at every stop."""
    flow = Flow(77, profile=PROFILES[profile])
    twins = Twins.of_flow(flow, 77, events_max=STEP_EVENTS_MAX)
    book, events = twins.book, twins.events
    book.state[0]["visits_max"] = 1
    stops = 0
    for number in range(150 if INTERPRETED else 400):
        request = flow.request()
        command = command_record(**request)
        told = twins.exchange.apply(request)
        count = apply(book, command, 0, events, 0)
        rows = events[:count].tolist()
        while is_pending(book):
            stops += 1
            assert check_book(book) == []
            assert check_large_book(book) == []
            if stops % 7 == 0:
                before = state_hash(book)
                assert apply(book, command, 0, events, 0) == ERROR_BUSY
                assert state_hash(book) == before
            count = resume(book, events, 0)
            assert count >= 0
            rows += events[:count].tolist()
        assert rows == [tuple(one.values()) for one in told], number
        if rows:
            flags = np.array(rows, dtype=EVENT)["flags"]
            assert ((flags & EVENT_FLAG_FIRST) != 0).tolist() == [at == 0 for at in range(len(rows))]
            assert ((flags & EVENT_FLAG_LAST) != 0).tolist() == [at == len(rows) - 1 for at in range(len(rows))]
    twins.compare_books()
    assert stops > 50


def test_a_copy_in_the_midst_of_work_goes_on_as_the_original() -> None:
    book = allocate_book(2, 40, 40)
    room = np.zeros(64, dtype=EVENT)
    for number in range(30):
        run_kernel(book, command_record(cl_ord_id=number, price_ticks=number % 7, instrument=number % 2), 0, room)
    book.state[0]["visits_max"] = 3
    events = np.zeros(STEP_EVENTS_MAX, dtype=EVENT)
    everything = command_record(kind=KIND_MASS_CANCEL, instrument=NO_INDEX, account=NO_INDEX)
    count = apply(book, everything, 0, events, 0)
    told = [events[:count].tolist()]
    copy = copy_book(book)
    assert is_pending(copy) and state_hash(copy) == state_hash(book)
    others = np.zeros(STEP_EVENTS_MAX, dtype=EVENT)
    while is_pending(book):
        count = resume(book, events, 0)
        assert resume(copy, others, 0) == count
        assert events[:count].tolist() == others[:count].tolist()
        told.append(events[:count].tolist())
    assert state_hash(copy) == state_hash(book)
    rows = np.array([row for part in told for row in part], dtype=EVENT)
    assert rows.size == 31 and rows[-1]["kind"] == EVENT_MASS_CANCELED and rows[-1]["qty_lots"] == 30
    assert book.state[0]["open_orders"] == 0


def timer(book, now_ns: int) -> np.ndarray:  # type: ignore[no-untyped-def, type-arg]
    rows = run_kernel(book, command_record(kind=KIND_TIMER, time_ns=now_ns), 0, np.zeros(64, dtype=EVENT))
    return np.array(rows, dtype=EVENT)


def test_a_schedule_goes_over_midnight() -> None:
    schedule = ((1 * HOUR_NS, PHASE_CONTINUOUS), (22 * HOUR_NS, PHASE_CLOSED), (23 * HOUR_NS, PHASE_OPENING_AUCTION))
    book = allocate_book([InstrumentRules(schedule=schedule, freeze_ns=HOUR_NS // 2)], 4, 4)
    assert book.state[0]["next_due_ns"] == 0
    begin_ns = 20_000 * DAY_NS + 10 * HOUR_NS
    assert timer(book, begin_ns).size == 0  # the schedule begins: nothing of the past is carried out
    assert book.state[0]["next_due_ns"] == 20_000 * DAY_NS + 22 * HOUR_NS
    assert timer(book, begin_ns + HOUR_NS).size == 0
    told = timer(book, 20_000 * DAY_NS + 23 * HOUR_NS)
    assert told["kind"].tolist() == [EVENT_PHASE, EVENT_PHASE, EVENT_AUCTION]
    assert told["qty_lots"].tolist()[:2] == [PHASE_CLOSED, PHASE_OPENING_AUCTION]
    assert book.state[0]["next_due_ns"] == 20_001 * DAY_NS + HOUR_NS // 2
    told = timer(book, 20_001 * DAY_NS + HOUR_NS // 2)
    assert told["qty_lots"].tolist() == [5]  # frozen
    told = timer(book, 20_001 * DAY_NS + HOUR_NS)
    assert told["kind"].tolist() == [EVENT_AUCTION, EVENT_PHASE]
    assert book.state[0]["next_due_ns"] == 20_001 * DAY_NS + 22 * HOUR_NS
    told = timer(book, 20_004 * DAY_NS)  # every entry that was missed, one by one
    assert told["qty_lots"][told["kind"] == EVENT_PHASE].tolist() == [4, 7, 5, 1, 4, 7, 5, 1, 4, 7]
    assert check_book(book) == []


def test_times_at_the_end_of_int64() -> None:
    book = allocate_book([InstrumentRules(schedule=((0, PHASE_CLOSED),), halt_ns=NEVER_NS)], 4, 4)
    assert timer(book, NEVER_NS - 5).size == 0
    assert book.state[0]["next_due_ns"] == NEVER_NS
    assert timer(book, NEVER_NS).size == 0


def test_the_next_timer_is_that_of_the_first_expiry() -> None:
    book, events = allocate_book(1, 8, 8), np.zeros(8, dtype=EVENT)
    for cl_ord_id, expire_ns in enumerate((500, 300, 300, 900)):
        order = command_record(cl_ord_id=cl_ord_id, time_in_force=ord("6"), expire_time_ns=expire_ns, time_ns=100)
        run_kernel(book, order, 0, events)
    assert book.state[0]["next_due_ns"] == 300
    told = timer(book, 600)
    assert told["cl_ord_id"].tolist() == [1, 2, 0]
    assert book.state[0]["next_due_ns"] == 900
    assert timer(book, 899).size == 0
    run_kernel(book, command_record(kind=2, orig_cl_ord_id=3, time_ns=899), 0, events)
    assert book.state[0]["next_due_ns"] == NEVER_NS
    assert check_book(book) == [] and check_large_book(book) == []
