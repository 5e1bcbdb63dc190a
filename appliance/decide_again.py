"""The records of a journal that exists already, decided again."""

from __future__ import annotations

import numpy as np

from appliance.book.match import prefetch_request
from appliance.pipeline import decide, drain
from appliance.sequencer import journal
from appliance.state import NOW_NS, TURN
from native import counters
from native.jit import outer_kernel
from native.layout import COMMAND_FIRST_OF_BURST, KIND_PHASE

PREFETCH_RECORDS = 6


@outer_kernel
def replay_record(exchange, port, index):
    """Decide the record `index` of a journal that exists already, with the datagrams grouped as they were then."""
    record = exchange.journal.records[index]
    time_ns = np.int64(record["time_ns"])
    if np.int64(record["flags"]) & COMMAND_FIRST_OF_BURST:
        drain(exchange, port)
        exchange.tables.clock[TURN] += 1
    exchange.tables.clock[NOW_NS] = time_ns
    exchange.journal.scalars[journal.COMMITTED] = index + 1
    exchange.tables.counters[counters.SEQUENCED_INPUTS] += 1
    return decide(exchange, port, index)


@outer_kernel
def replay_records(exchange, port, start, stop):
    """Decide the records [start, stop) of a journal again; what the book looks up for each is fetched a few ahead.
    Returns how many."""
    records = exchange.journal.records
    for index in range(start, stop):
        ahead = index + PREFETCH_RECORDS
        if ahead < stop and np.int64(records[ahead]["kind"]) < KIND_PHASE:
            prefetch_request(exchange.book, records, ahead)
        replay_record(exchange, port, index)
    return stop - start
