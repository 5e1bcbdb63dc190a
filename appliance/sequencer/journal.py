"""The journal as the loop writes it: fixed-size records in shared memory, one writer, many readers.

A record is whole before `committed_records` names it (release after the last byte), so a reader that loads that count
with acquire sees every record whole or not at all. Each record carries a CRC32C over everything after it, begun with
that of the record before (the first: with the epoch): a chain, so a record that was lost, doubled, changed or comes
from another epoch is found. The memory behind `records` comes and goes in segments (`appliance.journal.event_store`):
what may be written ends at `mapped_records`.
"""

from __future__ import annotations

import numpy as np

from appliance.state import LAST_SEQUENCED_NS, TRADING_SESSION_DATE, Tables
from native import counters
from native.account_layout import ADMIN
from native.arrays import Arrays
from native.jit import kernel
from native.layout import SEQUENCED, SESSION_PEER
from native.log_layout import JOURNAL_CONTROL
from native.lowlevel import load_acquire64, prefetch_to_write, store_release64
from native.rim import journal_commit
from native.session_layout import ESTABLISH, NEGOTIATE, SESSION_INPUT

RECORD_BYTES = SEQUENCED.itemsize
CACHE_LINE_BYTES = 64
NANOS_A_DAY = 86_400_000_000_000
AHEAD_BYTES = 4 * RECORD_BYTES
"""Nobody has read or written these records before: they come from memory while the ones before them are written."""

# indexes of `Journal.scalars`
COMMITTED = 0
"""Records written; the sequence of the last one."""
LAST_CRC32C = 1
"""The next record's CRC is begun with it; before the first record the epoch."""
BURST_OPEN = 2
"""1 once this burst has its first record."""
SCALARS_COUNT = 3

# indexes of `Journal.addresses`
_COMMITTED_RECORDS = 0
_MAPPED_RECORDS = 1


class Journal(Arrays):
    """Views of the log."""

    control: np.ndarray
    """JOURNAL_CONTROL[1]: what readers and the threads beside the loop see"""
    records: np.ndarray
    """SEQUENCED[capacity]: record n is records[n - 1]"""
    peers: np.ndarray
    """SESSION_PEER[capacity]: the same memory"""
    admins: np.ndarray
    """ADMIN[capacity]: the same memory"""
    negotiations: np.ndarray
    """NEGOTIATE[capacity]: the same memory"""
    establishments: np.ndarray
    """ESTABLISH[capacity]: the same memory"""
    session_inputs: np.ndarray
    """SESSION_INPUT[capacity]: the same memory"""
    addresses: np.ndarray
    """int64[2]: where committed_records and mapped_records lie"""
    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""


def open_journal(control: np.ndarray, records: np.ndarray, epoch: int) -> Journal:
    """A journal over `records` (SEQUENCED[capacity]), of which `control` (JOURNAL_CONTROL[1]) says how many there are
    memory for, at its first record."""
    fields = JOURNAL_CONTROL.fields
    assert fields is not None
    base = control.ctypes.data
    addresses = np.array([base + fields[name][1] for name in ("committed_records", "mapped_records")], np.int64)
    scalars = np.zeros(SCALARS_COUNT, np.int64)
    journal = Journal(control=control, addresses=addresses, scalars=scalars, **views_of(records))
    journal.scalars[LAST_CRC32C] = epoch
    return journal


def views_of(records: np.ndarray) -> dict[str, np.ndarray]:
    """`records` (SEQUENCED[n]) as the members of a Journal that lie over its memory."""
    octets = records.view(np.uint8)
    return {
        "records": octets.view(SEQUENCED),
        "peers": octets.view(SESSION_PEER),
        "admins": octets.view(ADMIN),
        "negotiations": octets.view(NEGOTIATE),
        "establishments": octets.view(ESTABLISH),
        "session_inputs": octets.view(SESSION_INPUT),
    }


def carry_on(journal: Journal, committed: int, last_crc32c: int) -> None:
    """The first `committed` records are there and have been decided; the next one is chained to `last_crc32c`."""
    journal.scalars[COMMITTED] = committed
    journal.scalars[LAST_CRC32C] = last_crc32c


@kernel
def has_room(journal, records):
    """Whether there is memory for `records` more."""
    return journal.scalars[COMMITTED] + records <= load_acquire64(journal.addresses[_MAPPED_RECORDS])


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
    now_ns = np.int64(time_ns)
    if now_ns < tables.clock[LAST_SEQUENCED_NS]:
        now_ns = tables.clock[LAST_SEQUENCED_NS]
        tables.counters[counters.CLOCK_WENT_BACK] += 1
    tables.clock[LAST_SEQUENCED_NS] = now_ns
    first_of_burst = 1 - journal.scalars[BURST_OPEN]
    journal.scalars[BURST_OPEN] = 1
    address = journal.records.ctypes.data + index * RECORD_BYTES
    crc = journal_commit(address, index + 1, now_ns, kind, first_of_burst, journal.scalars[LAST_CRC32C])
    journal.scalars[LAST_CRC32C] = crc
    prefetch_to_write(address + AHEAD_BYTES)
    prefetch_to_write(address + AHEAD_BYTES + CACHE_LINE_BYTES)
    journal.scalars[COMMITTED] = index + 1
    store_release64(journal.addresses[_COMMITTED_RECORDS], index + 1)
    tables.counters[counters.SEQUENCED_INPUTS] += 1
    return index


@kernel
def adopt_time(tables, record_time_ns):
    """Take over the time of a record that is replayed; the day of the first input becomes the trading session date."""
    tables.clock[LAST_SEQUENCED_NS] = record_time_ns
    if tables.clock[TRADING_SESSION_DATE] == 0:
        tables.clock[TRADING_SESSION_DATE] = record_time_ns // NANOS_A_DAY
    return 0
