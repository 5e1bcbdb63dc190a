"""The tables that several stages share: sessions, instruments, the clock of the turn, and the outbox.

All arrays are allocated here, at start, and never grow. The book, the journal and the feed store have tables of their
own in the folders of their stages; `appliance/exchange.py` puts all of them together.
"""

from __future__ import annotations

import numpy as np

from appliance.config import Config
from native.arrays import Arrays
from native.jit import kernel
from native.layout import INSTRUMENT, SESSION
from native.limits import FRAME_BYTES_MAX, OUTBOX_SLOTS_MAX

FREE = -1

PAYLOAD_AT = 64
"""Where the payload starts in an outbox slot: headers grow backwards from here, with or without a VLAN tag."""
SLOT_BYTES = FRAME_BYTES_MAX

# indexes of `Tables.clock`
NOW_NS = 0
"""Time of this turn, UTC."""
TURN = 1
"""Number of this turn."""
LAST_SEQUENCED_NS = 2
TRADING_SESSION_DATE = 3
"""Days since 1970-01-01; 0 until the first input."""
CLOCK_COUNT = 4


class Tables(Arrays):
    """What the session, risk, report and publisher stages look things up in."""

    clock: np.ndarray
    """int64[CLOCK_COUNT]"""
    counters: np.ndarray
    """int64[native.counters.COUNTERS_COUNT], in shared memory"""
    sessions: np.ndarray
    """SESSION[n]"""
    session_slots: np.ndarray
    """int64[power of two]: index into sessions by hashed UUID, FREE where empty"""
    instruments: np.ndarray
    """INSTRUMENT[n]"""
    security_slots: np.ndarray
    """int64[power of two]: index into instruments by hashed SecurityID, FREE where empty"""


class Outbox(Arrays):
    """Datagrams being built in this turn, in the order in which they were opened."""

    octets: np.ndarray
    """uint8[OUTBOX_SLOTS_MAX * SLOT_BYTES]"""
    payload_bytes: np.ndarray
    """int64[OUTBOX_SLOTS_MAX]"""
    message_count: np.ndarray
    """int64[OUTBOX_SLOTS_MAX]"""
    owner: np.ndarray
    """int64[OUTBOX_SLOTS_MAX]: session index, or OWNER_FEED"""
    first_number: np.ndarray
    """int64[OUTBOX_SLOTS_MAX]: number of the first message in the owner's stream"""
    frame_at: np.ndarray
    """int64[OUTBOX_SLOTS_MAX]: where the finished frame starts in octets"""
    frame_bytes: np.ndarray
    """int64[OUTBOX_SLOTS_MAX]: its size; 0 while the datagram is open"""
    session_slot: np.ndarray
    """int64[sessions]: the open slot of each session, FREE where none"""
    scalars: np.ndarray
    """int64[OUTBOX_SCALARS_COUNT]"""


OUTBOX_USED = 0
FEED_SLOT = 1
"""The open slot of the feed, FREE where none."""
OUTBOX_SCALARS_COUNT = 2

OWNER_FEED = -2

PRICE_TICKS_HIGHEST = (1 << 63) - 1
PRICE_TICKS_LOWEST = -(1 << 63)


def allocate_tables(config: Config, counters: np.ndarray) -> Tables:
    """Tables for `config`; `counters` is the int64 array that the world may read."""
    sessions = np.zeros(len(config.sessions), SESSION)
    session_slots = np.full(_slots_for(len(config.sessions)), FREE, np.int64)
    for index, entry in enumerate(config.sessions):
        low, high = (int(word) for word in np.frombuffer(entry.uuid_bytes, "<i8"))
        sessions[index]["uuid_low"] = low
        sessions[index]["uuid_high"] = high
        sessions[index]["expected_seq"] = 1
        sessions[index]["next_out_seq"] = 1
        sessions[index]["account"] = entry.account
        _insert(session_slots, int(hash_uuid(np.int64(low), np.int64(high))), index)
    instruments = np.zeros(len(config.instruments), INSTRUMENT)
    security_slots = np.full(_slots_for(len(config.instruments)), FREE, np.int64)
    for index, item in enumerate(config.instruments):
        row = instruments[index]
        row["tick_nanos"] = item.tick_nanos
        row["security_id"] = item.security_id
        _insert(security_slots, int(hash_security(np.int64(item.security_id))), index)
    clock = np.zeros(CLOCK_COUNT, np.int64)
    clock[TRADING_SESSION_DATE] = config.trading_session_date
    return Tables(clock, counters, sessions, session_slots, instruments, security_slots)


def allocate_outbox(sessions_count: int) -> Outbox:
    """An empty outbox."""
    scalars = np.zeros(OUTBOX_SCALARS_COUNT, np.int64)
    scalars[FEED_SLOT] = FREE

    def column() -> np.ndarray:
        return np.zeros(OUTBOX_SLOTS_MAX, np.int64)

    return Outbox(
        octets=np.zeros(OUTBOX_SLOTS_MAX * SLOT_BYTES, np.uint8),
        payload_bytes=column(),
        message_count=column(),
        owner=column(),
        first_number=column(),
        frame_at=column(),
        frame_bytes=column(),
        session_slot=np.full(sessions_count, FREE, np.int64),
        scalars=scalars,
    )


def _slots_for(count: int) -> int:
    """Size of an open-addressing table that stays at most half full."""
    return 1 << (2 * count - 1).bit_length() if count > 1 else 2


def _insert(slots: np.ndarray, hashed: int, index: int) -> None:
    mask = slots.size - 1
    at = hashed & mask
    while slots[at] != FREE:
        at = (at + 1) & mask
    slots[at] = index


@kernel
def hash_uuid(low, high):
    """Spread of a UUID for `session_slots`: its bits are random already."""
    mixed = low ^ high
    return (mixed ^ (mixed >> 29)) & 0x7FFFFFFF


@kernel
def hash_security(security_id):
    """Spread of a SecurityID for `security_slots` (Knuth's multiplicative hash)."""
    return ((security_id * 2654435761) >> 7) & 0x7FFFFFFF


@kernel
def find_session(tables, low, high):
    """Index of the session with this UUID, or FREE."""
    slots = tables.session_slots
    mask = slots.size - 1
    at = hash_uuid(low, high) & mask
    for _ in range(slots.size):  # at most half full: an empty slot ends the search
        index = slots[at]
        if index == FREE:
            return FREE
        if tables.sessions[index]["uuid_low"] == low and tables.sessions[index]["uuid_high"] == high:
            return index
        at = (at + 1) & mask
    return FREE


@kernel
def find_instrument(tables, security_id):
    """Index of the instrument with this SecurityID, or FREE."""
    slots = tables.security_slots
    mask = slots.size - 1
    at = hash_security(security_id) & mask
    for _ in range(slots.size):
        index = slots[at]
        if index == FREE:
            return FREE
        if np.int64(tables.instruments[index]["security_id"]) == security_id:
            return index
        at = (at + 1) & mask
    return FREE


@kernel
def price_nanos(tables, instrument, price_ticks):
    """A price as it stands on the wire. Market orders in an auction rest at the ends of the range of ticks: at the ends
    of the wire's, too (below: its least value but one; the least is the null)."""
    if price_ticks == PRICE_TICKS_HIGHEST:
        return np.int64(PRICE_TICKS_HIGHEST)
    if price_ticks == PRICE_TICKS_LOWEST:
        return np.int64(-PRICE_TICKS_HIGHEST)
    return np.int64(price_ticks) * np.int64(tables.instruments[instrument]["tick_nanos"])


@kernel
def open_slot(outbox, owner, first_number):
    """A fresh slot for a datagram of `owner`, or FREE when the outbox is full (the caller keeps it from being so)."""
    slot = outbox.scalars[OUTBOX_USED]
    if slot >= outbox.owner.size:
        return np.int64(FREE)
    outbox.scalars[OUTBOX_USED] = slot + 1
    outbox.payload_bytes[slot] = 0
    outbox.message_count[slot] = 0
    outbox.owner[slot] = owner
    outbox.first_number[slot] = first_number
    outbox.frame_bytes[slot] = 0
    return slot
