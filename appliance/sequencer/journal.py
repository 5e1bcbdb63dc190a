"""The journal: a header and fixed-size records in a mapped file of shared memory, one writer, many readers.

A record is whole before `committed_records` names it (release after the last byte), so a reader that loads that count
with acquire sees every record whole or not at all. Each record carries a CRC32C over everything after it, begun with
that of the record before (the first: with the epoch): a chain, so a record that was lost, doubled, changed or comes
from another epoch is found.
"""

from __future__ import annotations

import numpy as np

from appliance.state import LAST_SEQUENCED_NS, TRADING_SESSION_DATE, Tables
from native import counters
from native.arrays import Arrays
from native.jit import kernel
from native.layout import COMMAND_FIRST_OF_BURST, JOURNAL_HEADER, SEQUENCED, SESSION_PEER
from native.limits import JOURNAL_HEADER_BYTES
from native.lowlevel import store_release64
from native.rim import crc32c

RECORD_BYTES = SEQUENCED.itemsize
NANOS_A_DAY = 86_400_000_000_000

# indexes of `Journal.scalars`
COMMITTED = 0
"""Records written; the sequence of the last one."""
LAST_CRC32C = 1
"""The next record's CRC is begun with it; before the first record the epoch."""
BURST_OPEN = 2
"""1 once this burst has its first record."""
SCALARS_COUNT = 3


class Journal(Arrays):
    """Views of the mapped file."""

    header: np.ndarray
    """JOURNAL_HEADER[1]"""
    records: np.ndarray
    """SEQUENCED[capacity]"""
    peers: np.ndarray
    """SESSION_PEER[capacity]: the same memory"""
    committed_address: np.ndarray
    """int64[1]: where readers find the number of whole records"""
    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""


def map_journal(memory: np.ndarray) -> Journal:
    """Views over `memory` (uint8[JOURNAL_HEADER_BYTES + n * RECORD_BYTES]); the header is left as it is."""
    header = memory[:JOURNAL_HEADER_BYTES].view(JOURNAL_HEADER)
    body = memory[JOURNAL_HEADER_BYTES:]
    body = body[: body.size // RECORD_BYTES * RECORD_BYTES]
    offset = JOURNAL_HEADER.fields["committed_records"][1]  # type: ignore[index]
    address = np.array([header.ctypes.data + offset], np.int64)
    return Journal(header, body.view(SEQUENCED), body.view(SESSION_PEER), address, np.zeros(SCALARS_COUNT, np.int64))


def begin_chain(journal: Journal, epoch: int) -> None:
    """The first record's CRC is begun with `epoch`."""
    journal.scalars[LAST_CRC32C] = epoch


@kernel
def has_room(journal, records):
    """Whether `records` more fit."""
    return journal.scalars[COMMITTED] + records <= journal.records.size


@kernel
def next_index(journal):
    """Index of the record to fill; the caller has checked `has_room`."""
    return journal.scalars[COMMITTED]


@kernel
def begin_burst(journal):
    """The next record is the first of its receive burst."""
    journal.scalars[BURST_OPEN] = 0
    return 0


@kernel
def commit(tables: Tables, journal: Journal, kind, time_ns):
    """Number, stamp, seal and publish the record at `next_index`, whose body is filled. Returns its index.

    Time never goes back: a clock that does gives the time of the record before again.
    """
    index = journal.scalars[COMMITTED]
    record = journal.records[index]
    now_ns = max(np.int64(time_ns), tables.clock[LAST_SEQUENCED_NS])
    tables.clock[LAST_SEQUENCED_NS] = now_ns
    first_of_burst = journal.scalars[BURST_OPEN] == 0
    journal.scalars[BURST_OPEN] = 1
    # the flags lie at the same place in every kind of record
    flags = np.int64(record["flags"])
    record["flags"] = flags | COMMAND_FIRST_OF_BURST if first_of_burst else flags & ~COMMAND_FIRST_OF_BURST
    record["sequence"] = index + 1
    record["length"] = RECORD_BYTES
    record["kind"] = kind
    record["time_ns"] = now_ns
    address = journal.records.ctypes.data + index * RECORD_BYTES
    crc = crc32c(address + 4, RECORD_BYTES - 4, journal.scalars[LAST_CRC32C])
    record["crc32c"] = crc
    journal.scalars[LAST_CRC32C] = crc
    journal.scalars[COMMITTED] = index + 1
    store_release64(journal.committed_address[0], index + 1)
    tables.counters[counters.SEQUENCED_INPUTS] += 1
    return index


@kernel
def adopt_time(tables, record_time_ns):
    """Take over the time of a record that is replayed; the day of the first input becomes the trading session date."""
    tables.clock[LAST_SEQUENCED_NS] = record_time_ns
    if tables.clock[TRADING_SESSION_DATE] == 0:
        tables.clock[TRADING_SESSION_DATE] = record_time_ns // NANOS_A_DAY
    return 0


@kernel
def count_whole(records, start, stop, previous_crc32c):
    """How many records of `records[start:stop]` are whole, in order and chained; `previous_crc32c` is of the record
    before `start` (before the first: the journal's epoch)."""
    base = records.ctypes.data
    for index in range(start, stop):
        record = records[index]
        address = base + index * RECORD_BYTES
        crc = np.int64(record["crc32c"])
        if (
            np.int64(record["sequence"]) != index + 1
            or np.int64(record["length"]) != RECORD_BYTES
            or crc32c(address + 4, RECORD_BYTES - 4, previous_crc32c) != crc
        ):
            return index - start
        previous_crc32c = crc
    return stop - start
