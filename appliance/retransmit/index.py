"""Where which message of a feed store lies: one mark each 32 KiB of entries, found by bisection, then a short walk.

`state` is int64[STATE_COUNT]; `marks` is int64[n, 2]: number of an entry's first message and the entry's offset.
Entries without messages (heartbeats) are passed over. Every length is checked before anything behind it is read.
"""

from __future__ import annotations

import numpy as np

from native.jit import kernel
from native.layout import FEED_ENTRY
from native.lowlevel import getter
from wire.gen import market_data as md

MARK_BYTES = 32 * 1024
ENTRY_BYTES = FEED_ENTRY.itemsize

# indexes of `state`
INDEXED_BYTES = 0
"""Bytes of entries that were walked."""
FIRST_SEQUENCE = 1
"""Number of the first message in the store; 0: there is none."""
NEXT_SEQUENCE = 2
"""Number of the message after the last one; 0: there is none."""
MARK_COUNT = 3
FAULT_AT = 4
"""Where the entry begins that a negative result is about."""
FAULT_SEQUENCE = 5
STATE_COUNT = 6

CUT_SHORT = -1
BAD_LENGTH = -2
OUT_OF_STEP = -3

get_first_sequence = getter("u64", FEED_ENTRY.fields["first_sequence"][1])  # type: ignore[index]
get_message_count = getter("u32", FEED_ENTRY.fields["message_count"][1])  # type: ignore[index]
get_payload_bytes = getter("u32", FEED_ENTRY.fields["payload_bytes"][1])  # type: ignore[index]


def marks_max(capacity_bytes: int) -> int:
    """Marks that the entries of a store of `capacity_bytes` can need."""
    return capacity_bytes // MARK_BYTES + 2


@kernel
def index_entries(entries, committed_bytes, bytes_max, state, marks):
    """Walk the entries `entries[state[INDEXED_BYTES]:committed_bytes]` (uint8), at most about `bytes_max` of them.

    Returns the entries with messages that were found, or CUT_SHORT, BAD_LENGTH, OUT_OF_STEP with state[FAULT_AT] and
    [FAULT_SEQUENCE] set; what was found before the fault stays.
    """
    at = state[INDEXED_BYTES]
    stop = min(committed_bytes, at + bytes_max)
    found = np.int64(0)
    while at < stop:
        state[FAULT_AT] = at
        room = committed_bytes - at - ENTRY_BYTES
        if room < 0:
            return np.int64(CUT_SHORT)
        first = get_first_sequence(entries, at)
        messages = get_message_count(entries, at)
        payload_bytes = get_payload_bytes(entries, at)
        padded_bytes = (payload_bytes + 7) & ~7
        if payload_bytes < md.packetHeader_SIZE or padded_bytes > room:
            return np.int64(BAD_LENGTH)
        if messages > 0:
            if state[NEXT_SEQUENCE] == 0:
                state[FIRST_SEQUENCE] = first
            elif first != state[NEXT_SEQUENCE]:
                state[FAULT_SEQUENCE] = first
                return np.int64(OUT_OF_STEP)
            marked = state[MARK_COUNT]
            if marked == 0 or at - marks[marked - 1, 1] >= MARK_BYTES:
                marks[marked, 0] = first
                marks[marked, 1] = at
                state[MARK_COUNT] = marked + 1
            state[NEXT_SEQUENCE] = first + messages
            found += 1
        at += ENTRY_BYTES + padded_bytes
        state[INDEXED_BYTES] = at
    return found


@kernel
def entry_of(entries, state, marks, sequence):
    """Offset of the entry that holds message `sequence`, which must be one of those that were indexed."""
    low = np.int64(0)
    high = state[MARK_COUNT]
    while high - low > 1:
        middle = (low + high) // 2
        if marks[middle, 0] <= sequence:
            low = middle
        else:
            high = middle
    at = marks[low, 1]
    while sequence >= get_first_sequence(entries, at) + get_message_count(entries, at):
        at += ENTRY_BYTES + ((get_payload_bytes(entries, at) + 7) & ~7)
    return at
