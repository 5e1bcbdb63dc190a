"""Inputs that the venue makes by itself: phases, timers, what an operator asks for, the first input of a new day."""

from __future__ import annotations

import numpy as np

from appliance.pipeline import begin_turn, decide, drain
from appliance.room import has_room
from appliance.sequencer import asked, inputs, journal
from appliance.state import DAY_IS_OVER, SESSION_DUE_NS
from native import counters
from native.codes import ERROR_LOG_FULL
from native.jit import inner_kernel, outer_kernel
from native.layout import KIND_NEW_DAY, KIND_PHASE, KIND_TIMER, NEVER_NS


@outer_kernel
def begin_new_day(exchange, port, now_ns):
    """Sequence and carry out KIND_NEW_DAY, after a day that was carried over: a turn of its own. Returns 0, or the DROP
    counter."""
    begin_turn(exchange, now_ns)
    if not has_room(exchange, 0):
        exchange.tables.counters[counters.DROP_JOURNAL_FULL] += 1
        return counters.DROP_JOURNAL_FULL
    inputs.fill_new_day(exchange.journal, now_ns)
    decide(exchange, port, journal.commit(exchange.tables, exchange.journal, KIND_NEW_DAY, now_ns))
    drain(exchange, port)
    return 0


@inner_kernel
def set_phase(exchange, port, instrument, phase, now_ns):
    """Sequence and carry out a change of an instrument's phase (PHASE_*). Returns 0, or the DROP counter."""
    if not has_room(exchange, 1):
        exchange.tables.counters[counters.DROP_JOURNAL_FULL] += 1
        return counters.DROP_JOURNAL_FULL
    inputs.fill_phase(exchange.journal, instrument, phase, now_ns)
    decide(exchange, port, journal.commit(exchange.tables, exchange.journal, KIND_PHASE, now_ns))
    return 0


@inner_kernel
def take_asked(exchange, port, asked_records, at, now_ns):
    """Sequence and carry out an operator's `asked_records[at]`: a turn of its own. Returns what `decide` does, or the
    ERROR_* for which it was not sequenced."""
    refused = asked.refusal(exchange.tables, asked_records[at], exchange.tables.clock[DAY_IS_OVER] != 0)
    if refused != 0:
        return refused
    begin_turn(exchange, now_ns)
    if not has_room(exchange, 1):
        exchange.tables.counters[counters.DROP_JOURNAL_FULL] += 1
        return np.int64(ERROR_LOG_FULL)
    inputs.fill_asked(exchange.journal, asked_records, at, now_ns)
    kind = np.int64(asked_records[at]["kind"])
    outcome = np.int64(decide(exchange, port, journal.commit(exchange.tables, exchange.journal, kind, now_ns)))
    drain(exchange, port)
    return outcome


@outer_kernel
def next_due_ns(exchange):
    """When the book or a session wants the next timer input; NEVER_NS: not at all."""
    if exchange.tables.clock[DAY_IS_OVER] != 0:
        return np.int64(NEVER_NS)
    return min(np.int64(exchange.book.state[0]["next_due_ns"]), exchange.tables.session_scalars[SESSION_DUE_NS])


@inner_kernel
def tick(exchange, port, now_ns):
    """Sequence a timer input and carry out what is due: a turn of its own. Returns 0, or the DROP counter."""
    begin_turn(exchange, now_ns)
    if not has_room(exchange, exchange.tables.instruments.size):
        exchange.tables.counters[counters.DROP_JOURNAL_FULL] += 1
        return counters.DROP_JOURNAL_FULL
    inputs.fill_timer(exchange.journal, now_ns)
    decide(exchange, port, journal.commit(exchange.tables, exchange.journal, KIND_TIMER, now_ns))
    drain(exchange, port)
    return 0
