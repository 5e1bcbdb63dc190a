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

from appliance.state import FREE, PAYLOAD_AT, SLOT_BYTES
from native import counters
from native.arrays import Arrays
from native.jit import kernel
from native.layout import NO_INDEX
from native.lowlevel import copy_bytes, copy_words, load_u64, prefetch_to_write, setter, store_release64
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
AHEAD_BYTES = 4 * LINES_AN_ENTRY * ENTRY_BYTES
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


@kernel
def is_execution(schema_id, template):
    """Whether a message tells what became of orders: those are in the drop copy."""
    return schema_id == oe.SCHEMA_ID and (
        (oe.ExecutionReportNew_TEMPLATE_ID <= template and template <= oe.ExecutionReportRestated_TEMPLATE_ID)
        or template == oe.OrderMassActionReport_TEMPLATE_ID
    )


@kernel
def count_for_firm(tables, numbers, session, schema_id, template):
    """The number that a message to the session gets in its firm's drop copy, counted in `numbers` (those of `tables`
    when it is decided, those of the log when it is kept); 0: it is not in it."""
    firm = np.int64(tables.sessions[session]["firm"])
    if firm == NO_INDEX or not is_execution(schema_id, template):
        return np.int64(0)
    number = numbers[firm]
    numbers[firm] = number + 1
    return number


@kernel
def take_firm_numbers(tables, log):
    """The log goes on where the state is: nothing is being built."""
    for firm in range(log.firm_numbers.size):
        log.firm_numbers[firm] = tables.firm_numbers[firm]
    return 0


@kernel
def append_datagram(tables, log, outbox, slot, session, head_bytes, sequence):
    """Keep the messages of the datagram in `slot`, which begin `head_bytes` behind its start and tell of nothing newer
    than the record `sequence`. Returns how many were kept: none more once one has found no room."""
    row = tables.sessions[session]
    whose = session | (np.int64(row["generation"]) << 32)
    firm = np.int64(row["firm"])
    octets = outbox.octets
    at = slot * SLOT_BYTES + PAYLOAD_AT + head_bytes
    end = slot * SLOT_BYTES + PAYLOAD_AT + outbox.payload_bytes[slot]
    number = outbox.first_number[slot]
    newest = log.newest[session]
    place = log.scalars[USED_PLACES]
    ahead = np.int64(log.octets.ctypes.data) + AHEAD_BYTES
    kept = np.int64(0)
    while at < end:
        header = load_u64(octets, at)  # blockLength, templateId, schemaId, version
        message_bytes = oe.messageHeader_SIZE + (header & 0xFFFF)
        firm_number = count_for_firm(
            tables, log.firm_numbers, session, (header >> 32) & 0xFFFF, (header >> 16) & 0xFFFF
        )
        places = 1 + ((message_bytes + ENTRY_BYTES - 1) >> ENTRY_BITS)
        entry = place << ENTRY_BITS
        for line in range(LINES_AN_ENTRY):
            prefetch_to_write(ahead + entry + line * ENTRY_BYTES)
        if log.scalars[IS_FULL] != 0 or entry + (places << ENTRY_BITS) > log.octets.size:
            log.scalars[IS_FULL] = 1
            tables.counters[counters.REPORTS_UNSTORED] += 1
        else:
            index_before = jump = np.int64(FREE)
            if number & (REPORT_INDEX_STRIDE - 1) == 1:
                index_before = log.newest_indexed[session]
                if index_before != FREE:
                    jump = _jump_from(log, index_before)
                log.newest_indexed[session] = place
            kept_in = log.octets
            _put_sequence(kept_in, entry, sequence)
            _put_number(kept_in, entry, number)
            _put_firm_number(kept_in, entry, firm_number)
            _put_previous(kept_in, entry, newest)
            _put_jump(kept_in, entry, jump)
            _put_index_before(kept_in, entry, index_before)
            _put_session_and_generation(kept_in, entry, whose)
            _put_firm_and_message_bytes(kept_in, entry, firm | (message_bytes << 32))
            if (at | message_bytes) & 7 == 0:
                copy_words(kept_in, entry + ENTRY_BYTES, octets, at, message_bytes >> 3)
            else:
                copy_bytes(kept_in, entry + ENTRY_BYTES, octets, at, message_bytes)
            newest = place
            place += places
            kept += 1
        number += 1
        at += message_bytes
    log.newest[session] = newest
    log.scalars[USED_PLACES] = place
    store_release64(log.addresses[0], place << ENTRY_BITS)
    return kept


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
