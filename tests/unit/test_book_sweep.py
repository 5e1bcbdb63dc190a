"""Sweeps that are larger than the room for their events: stopped, drained, gone on with; nothing lost, no copy made."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.book.check import check_book
from appliance.book.match import apply, apply_batch, is_pending, resume
from appliance.book.state import Book, allocate_book, state_hash
from appliance.book.view import depth
from native.codes import ERROR_BUSY, ERROR_INVALID_ARGUMENT, RESTATEMENT_FOK_KILLED, RESTATEMENT_IOC_REMAINDER
from native.jit import INTERPRETED
from native.layout import (
    COMMAND,
    EVENT,
    EVENT_ACCEPTED,
    EVENT_CANCELED,
    EVENT_FLAG_LAST,
    EVENT_RESTED,
    EVENT_TRADE,
    KIND_MASS_CANCEL,
    KIND_PHASE,
    KIND_SESSION_PEER,
    KIND_TIMER,
    NO_INDEX,
)
from tests.naive.flow import Flow
from tests.naive.twins import command_record, run_kernel

LEVELS = 500
MAKERS_QUICK = 2_000 if INTERPRETED else 40_000


def book_of_sells(makers: int, levels: int) -> Book:
    """`makers` sells of one lot each, on `levels` prices from 1 up."""
    book = allocate_book(1, makers + 1, levels + 1)
    sells = np.zeros(makers, dtype=COMMAND)
    for name, value in {"kind": 1, "side": 2, "ord_type": 50, "time_in_force": 48, "qty_lots": 1}.items():
        sells[name] = value
    sells["cl_ord_id"] = np.arange(1, makers + 1)
    sells["price_ticks"] = 1 + np.arange(makers) % levels
    events = np.zeros(1000, dtype=EVENT)
    progress = np.zeros(1, dtype=np.int64)
    while progress[0] < makers:
        assert apply_batch(book, sells, int(progress[0]), makers, events, progress) > 0
    return book


@pytest.mark.parametrize("time_in_force", [48, 51])
@pytest.mark.parametrize("makers", [MAKERS_QUICK, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_a_sweep_of_many_makers_through_eight_events(makers: int, time_in_force: int) -> None:
    book = book_of_sells(makers, LEVELS)
    events = np.zeros(8, dtype=EVENT)
    aggressor = command_record(qty_lots=makers + 5, price_ticks=LEVELS, cl_ord_id=1, session=1)
    aggressor["time_in_force"] = time_in_force
    batches = [events[: apply(book, aggressor, 0, events, 0)].copy()]
    while is_pending(book):
        batches.append(events[: resume(book, events, 0)].copy())
        assert batches[-1].size > 0
    assert all(batch.size >= 5 for batch in batches[:-1])
    told = np.concatenate(batches)
    assert told.size == makers + 2
    assert told[0]["kind"] == EVENT_ACCEPTED
    trades = told[1:-1]
    assert (trades["kind"] == EVENT_TRADE).all()
    assert (np.diff(trades["price_ticks"]) >= 0).all()
    assert (trades["trade_id"] == np.arange(1, makers + 1)).all()
    assert (trades["leaves_lots"] == makers + 5 - np.arange(1, makers + 1)).all()
    for price in (1, LEVELS):
        assert (np.diff(trades["maker_priority"][trades["price_ticks"] == price].astype(np.int64)) > 0).all()
    last = told[-1]
    if time_in_force == 48:
        assert (last["kind"], last["leaves_lots"], last["cum_lots"]) == (EVENT_RESTED, 5, makers)
    else:
        assert (last["kind"], last["qty_lots"], last["reason"]) == (EVENT_CANCELED, 5, RESTATEMENT_IOC_REMAINDER)
    assert len(depth(book, 0).sells) == 0
    assert check_book(book) == []


def test_while_events_are_pending_nothing_else_is_done() -> None:
    book = book_of_sells(9, 3)
    events = np.zeros(5, dtype=EVENT)
    told = apply(book, command_record(qty_lots=12, price_ticks=3, cl_ord_id=9, session=1), 0, events, 0)
    assert told < 11 and is_pending(book)
    before = state_hash(book)
    assert apply(book, command_record(cl_ord_id=77), 0, events, 0) == ERROR_BUSY
    assert state_hash(book) == before
    assert check_book(book) == []
    assert resume(book, events, 2) == ERROR_INVALID_ARGUMENT  # no room for STEP_EVENTS_MAX
    assert state_hash(book) == before
    assert resume(book, events, 1) > 0  # from a place in the middle of the buffer
    while is_pending(book):
        count = resume(book, events, 0)
    assert events[count - 1]["kind"] == EVENT_RESTED
    assert events[count - 1]["flags"] & EVENT_FLAG_LAST
    assert resume(book, events, 0) == 0


def test_a_fill_or_kill_is_told_whole() -> None:
    book = book_of_sells(2, 2)
    events = np.zeros(4, dtype=EVENT)
    fok = command_record(qty_lots=3, price_ticks=9, cl_ord_id=9, session=1, time_in_force=52)
    count = apply(book, fok, 0, events, 0)
    assert events[:count]["kind"].tolist() == [EVENT_ACCEPTED, EVENT_CANCELED]
    assert events[1]["reason"] == RESTATEMENT_FOK_KILLED
    fok["qty_lots"] = 2
    told = events[: apply(book, fok, 0, events, 0)]["kind"].tolist()
    while is_pending(book):
        told += events[: resume(book, events, 0)]["kind"].tolist()
    assert told == [EVENT_ACCEPTED, EVENT_TRADE, EVENT_TRADE]
    assert check_book(book) == []


def test_arguments_out_of_range_change_nothing() -> None:
    book = allocate_book(2, 4, 4)
    events = np.zeros(6, dtype=EVENT)
    good = command_record(cl_ord_id=1)
    before = state_hash(book)
    for index, first in ((-1, 0), (1, 0), (0, -1), (0, 3)):
        assert apply(book, good, index, events, first) == ERROR_INVALID_ARGUMENT
    for wrong in (
        {"instrument": 2},
        {"session": 1 << 16},
        {"kind": KIND_SESSION_PEER},
        {"kind": 0},
        {"instrument": 0xFFFFFFFF},
        {"kind": KIND_PHASE, "instrument": NO_INDEX, "qty_lots": 2},
        {"kind": KIND_PHASE, "qty_lots": 6},
        {"kind": KIND_PHASE, "qty_lots": 9},
        {"kind": KIND_PHASE, "qty_lots": -1},
        {"kind": KIND_MASS_CANCEL, "instrument": 2},
        {"kind": KIND_MASS_CANCEL, "instrument": NO_INDEX, "session": 1 << 16},
        {"kind": KIND_TIMER, "session": 1 << 16},
    ):
        assert apply(book, command_record(**wrong), 0, events, 0) == ERROR_INVALID_ARGUMENT, wrong
    assert resume(book, events, 3) == ERROR_INVALID_ARGUMENT
    assert state_hash(book) == before
    assert apply(book, good, 0, events, 2) == 2


def test_a_batch_gives_the_events_of_its_commands_one_by_one() -> None:
    commands = Flow(4, instruments=2).batch(3000)
    by_one, by_batch, room = allocate_book(2, 50, 50), allocate_book(2, 50, 50), np.zeros(64, dtype=EVENT)
    expected = [row for index in range(commands.size) for row in run_kernel(by_one, commands, index, room)]
    events, progress, told = np.zeros(9, dtype=EVENT), np.zeros(1, dtype=np.int64), []
    while progress[0] < commands.size or is_pending(by_batch):
        count = apply_batch(by_batch, commands, int(progress[0]), commands.size, events, progress)
        assert count >= 0
        told += events[:count].tolist()
    assert told == expected
    assert state_hash(by_batch) == state_hash(by_one)


def test_a_batch_stops_before_what_is_no_request() -> None:
    book, progress = allocate_book(1, 4, 4), np.zeros(1, dtype=np.int64)
    commands = np.concatenate([command_record(cl_ord_id=1), command_record(kind=99), command_record(cl_ord_id=2)])
    events = np.zeros(8, dtype=EVENT)
    assert apply_batch(book, commands, 0, 3, events, progress) == 2
    assert progress[0] == 1
    assert apply_batch(book, commands, 1, 3, events, progress) == ERROR_INVALID_ARGUMENT
    assert progress[0] == 1
