"""The report log: every numbered message that was sent to any session, so that it can be sent again.

Append-only, in shared memory as the feed store is. An entry (REPORT_ENTRY, then the message with its SBE header, padded
to a multiple of 64 bytes) is whole before `committed_bytes` covers it. Places are counted in 64 bytes from the end of
the header.

Each entry names the session's entry before it. One in REPORT_INDEX_STRIDE is in the session's index, too: a list in
which entries name, beside the one before, an earlier one by Myers' rule (skew-binary jumps: An Applicative
Random-Access Stack, 1983), so that any number is found in a few dozen steps, however long the flow is.

A process that reads it shows nobody an entry of which `sequence` is above `durable_records`, where the log is on disk.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from appliance.state import FREE, payload_start
from native import counters
from native.arrays import Arrays
from native.copying import copy_message
from native.jit import inner_kernel, kernel, outer_kernel
from native.layout import NO_INDEX
from native.lowlevel import load_u64, prefetch_to_write, rarely, setter, store_release64
from native.session_layout import (
    REPORT_ENTRY,
    REPORT_FORMAT_VERSION,
    REPORT_HEADER,
    REPORT_INDEX_STRIDE,
    REPORT_MAGIC,
)
from wire.gen import order_entry as oe

REPORT_HEADER_BYTES = REPORT_HEADER.itemsize
ENTRY_BYTES = REPORT_ENTRY.itemsize
ENTRY_BITS = ENTRY_BYTES.bit_length() - 1
assert 1 << ENTRY_BITS == ENTRY_BYTES
LINES_AN_ENTRY = 3
"""Of most reports."""
AHEAD_BYTES = 12 * LINES_AN_ENTRY * ENTRY_BYTES
"""Nobody has read or written the log there before: it comes from memory while the messages before are copied."""
RETRANSMIT_MESSAGES_MAX = 4096
RETRANSMIT_BYTES_MAX = 1 << 16
"""Of messages, in answer to one request (PROTOCOLS 3.1)."""

_FIELDS = cast(Any, REPORT_ENTRY.fields)
_put_sequence = setter("u64", _FIELDS["sequence"][1])
_put_number = setter("u64", _FIELDS["number"][1])
_put_firm_number = setter("u64", _FIELDS["firm_number"][1])
_put_previous = setter("i64", _FIELDS["previous"][1])
_put_jump = setter("i64", _FIELDS["jump"][1])
_put_index_before = setter("i64", _FIELDS["index_before"][1])
_put_session_and_generation = setter("u64", _FIELDS["session"][1])
_put_firm_and_message_bytes = setter("u64", _FIELDS["firm"][1])
assert _FIELDS["generation"][1] == _FIELDS["session"][1] + 4 and _FIELDS["message_bytes"][1] == _FIELDS["firm"][1] + 4

_FIRST_EXECUTION = oe.ExecutionReportNew_TEMPLATE_ID
_EXECUTION_PLACES = oe.OrderMassActionReport_TEMPLATE_ID - _FIRST_EXECUTION + 1
_EXECUTIONS = (1 << oe.ExecutionReportRestated_TEMPLATE_ID - _FIRST_EXECUTION + 1) - 1 | 1 << _EXECUTION_PLACES - 1
"""Bits of the templates from ExecutionReportNew on: up to ExecutionReportRestated, and OrderMassActionReport."""

# indexes of `ReportLog.scalars`
USED_PLACES = 0
IS_FULL = 1
SCALARS_COUNT = 2


class ReportLog(Arrays):
    """The log as the loop writes it."""

    header: np.ndarray
    """REPORT_HEADER[1]"""
    octets: np.ndarray
    """uint8[n * ENTRY_BYTES]"""
    entries: np.ndarray
    """REPORT_ENTRY[n]: the same memory; only where entries begin it is one"""
    firm_numbers: np.ndarray
    """int64[firms]: of each firm the number that its next entry gets; `tables.firm_numbers` once all datagrams are
    finished"""
    newest: np.ndarray
    """int64[sessions]: place of each session's newest entry, or FREE"""
    newest_indexed: np.ndarray
    """int64[sessions]: of those in the index"""
    found: np.ndarray
    """int64[RETRANSMIT_MESSAGES_MAX]: places of the messages that are asked for"""
    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""
    addresses: np.ndarray
    """int64[1]: of committed_bytes"""


def map_report_log(memory: np.ndarray, sessions: int, firms: int) -> ReportLog:
    """An empty log in zeroed `memory` (uint8[REPORT_HEADER_BYTES + a multiple of ENTRY_BYTES])."""
    header = memory[:REPORT_HEADER_BYTES].view(REPORT_HEADER)
    octets = memory[REPORT_HEADER_BYTES:]
    header[0]["format_version"] = REPORT_FORMAT_VERSION
    header[0]["entry_header_bytes"] = ENTRY_BYTES
    header[0]["capacity_bytes"] = octets.size
    header[0]["magic"] = REPORT_MAGIC
    fields = REPORT_HEADER.fields
    assert fields is not None
    addresses = np.array([header.ctypes.data + fields["committed_bytes"][1]], np.int64)
    return ReportLog(
        header,
        octets,
        octets.view(REPORT_ENTRY),
        np.ones(firms, np.int64),
        np.full(sessions, FREE, np.int64),
        np.full(sessions, FREE, np.int64),
        np.zeros(RETRANSMIT_MESSAGES_MAX, np.int64),
        np.zeros(SCALARS_COUNT, np.int64),
        addresses,
    )


@kernel
def forget(log, session):
    """The session is another one now: what was told to the one before cannot be had again."""
    log.newest[session] = FREE
    log.newest_indexed[session] = FREE
    return 0


@inner_kernel
def is_execution(schema_id, template):
    """1 for a message that tells what became of orders: those are in the drop copy. Else 0."""
    return _bit_of(_EXECUTIONS, template | (schema_id << 16))


@inner_kernel
def _bit_of(executions, template_and_schema):
    """The bit of this message in `executions`: _EXECUTIONS, or a part of them."""
    place = template_and_schema - (_FIRST_EXECUTION | (oe.SCHEMA_ID << 16))
    return (executions >> place) & 1 if 0 <= place and place < _EXECUTION_PLACES else np.int64(0)


@kernel
def count_for_firm(tables, session):
    """One more execution is decided that is in the drop copy of the session's firm, if it is of one; its number there
    it gets when it is kept."""
    firm = np.int64(tables.sessions[session]["firm"])
    if firm != NO_INDEX:
        tables.firm_numbers[firm] += 1
    return 0


@kernel
def take_firm_numbers(tables, log):
    """The log goes on where the state is: nothing is being built."""
    for firm in range(log.firm_numbers.size):
        log.firm_numbers[firm] = tables.firm_numbers[firm]
    return 0


@inner_kernel
def append_datagram(tables, log, outbox, slot, session, head_bytes, sequence):
    """Number for the drop copy, count and keep the messages of the datagram in `slot`, which begin `head_bytes` behind
    its start and tell of nothing newer than the record `sequence`. None more is kept once one has found no room."""
    row = tables.sessions[session]
    whose = session | (np.int64(row["generation"]) << 32)
    firm = np.int64(row["firm"])
    has_firm = firm != NO_INDEX
    firm_number = log.firm_numbers[firm] if has_firm else np.int64(0)
    executions = np.int64(_EXECUTIONS if has_firm else 0)
    octets = outbox.octets
    first = outbox.slots[slot]["first_number"]
    number = first
    at = payload_start(slot) + head_bytes
    end = payload_start(slot) + outbox.slots[slot]["payload_bytes"]
    newest = log.newest[session]
    place = log.scalars[USED_PLACES]
    places_max = log.octets.size >> ENTRY_BITS if log.scalars[IS_FULL] == 0 else np.int64(0)
    kept_in = log.octets
    ahead = np.int64(kept_in.ctypes.data) + AHEAD_BYTES
    while at < end:
        header = load_u64(octets, at)  # blockLength, templateId, schemaId, version
        message_bytes = oe.messageHeader_SIZE + (header & 0xFFFF)
        is_counted = _bit_of(executions, (header >> 16) & 0xFFFFFFFF)
        entry = place << ENTRY_BITS
        place_after = place + 1 + ((message_bytes + ENTRY_BYTES - 1) >> ENTRY_BITS)
        for line in range(LINES_AN_ENTRY):
            prefetch_to_write(ahead + entry + line * ENTRY_BYTES)
        if rarely(place_after > places_max):
            places_max = np.int64(0)
            log.scalars[IS_FULL] = 1
            tables.counters[counters.REPORTS_UNSTORED] += 1
        else:
            _put_sequence(kept_in, entry, sequence)
            _put_number(kept_in, entry, number)
            _put_firm_number(kept_in, entry, firm_number & -is_counted)
            _put_previous(kept_in, entry, newest)
            _put_jump(kept_in, entry, np.int64(FREE))
            _put_index_before(kept_in, entry, np.int64(FREE))
            _put_session_and_generation(kept_in, entry, whose)
            _put_firm_and_message_bytes(kept_in, entry, firm | (message_bytes << 32))
            if rarely(number & (REPORT_INDEX_STRIDE - 1) == 1):
                _enter_in_index(log, session, place)
            copy_message(kept_in, entry + ENTRY_BYTES, octets, at, message_bytes)
            newest = place
            place = place_after
        firm_number += is_counted
        number += 1
        at += message_bytes
    if has_firm:
        log.firm_numbers[firm] = firm_number
    tables.counters[counters.REPORTS_OUT] += number - first
    log.newest[session] = newest
    log.scalars[USED_PLACES] = place
    store_release64(log.addresses[0], place << ENTRY_BITS)
    return 0


@outer_kernel
def _enter_in_index(log, session, place):
    """The entry at `place`, which is written, goes into the session's index."""
    before = log.newest_indexed[session]
    log.entries[place]["index_before"] = before
    if before != FREE:
        log.entries[place]["jump"] = _jump_from(log, before)
    log.newest_indexed[session] = place
    return 0


@kernel
def _jump_from(log, before):
    """Where the index entry behind `before` jumps to: as far as the two jumps before it together, if those are equally
    long, else to `before`. The first entry jumps nowhere."""
    first = np.int64(log.entries[before]["jump"])
    if first == FREE:
        return before
    second = np.int64(log.entries[first]["jump"])
    if second == FREE:
        return before
    here = np.int64(log.entries[before]["number"])
    there = np.int64(log.entries[first]["number"])
    return second if here - there == there - np.int64(log.entries[second]["number"]) else before


@kernel
def find(log, session, number):
    """Place of the message `number` of the session's flow, or FREE: it was not kept."""
    place = log.newest[session]
    if place == FREE or number < 1 or number > np.int64(log.entries[place]["number"]):
        return np.int64(FREE)
    index = log.newest_indexed[session]
    while index != FREE and np.int64(log.entries[index]["number"]) >= number:
        place = index
        jump = np.int64(log.entries[index]["jump"])
        if jump != FREE and np.int64(log.entries[jump]["number"]) >= number:
            index = jump
        else:
            index = np.int64(log.entries[index]["index_before"])
    while place != FREE and np.int64(log.entries[place]["number"]) > number:
        place = np.int64(log.entries[place]["previous"])
    return place


@kernel
def collect(log, session, first, count):
    """Write the places of the messages `first` to `first + count - 1` into `log.found`; `count` is at most
    RETRANSMIT_MESSAGES_MAX. Returns their bytes, or FREE where one was not kept."""
    place = find(log, session, first + count - 1)
    total = np.int64(0)
    for i in range(count):
        if place == FREE:
            return np.int64(FREE)
        log.found[count - 1 - i] = place
        total += np.int64(log.entries[place]["message_bytes"])
        place = np.int64(log.entries[place]["previous"])
    return total
