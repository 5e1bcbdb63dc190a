"""The tables that several stages share: sessions, instruments, the clock of the turn, and the outbox.

All arrays are allocated here, at start, and never grow. The book, the journal and the feed store have tables of their
own in the folders of their stages; `appliance/exchange.py` puts all of them together.
"""

from __future__ import annotations

import numpy as np

from appliance.config import Config
from appliance.config_accounts import session_firms
from native.arrays import Arrays
from native.jit import inner_kernel, kernel
from native.layout import INSTRUMENT, NEVER_NS, record
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX, FRAME_BYTES_MAX, OUTBOX_SLOTS_MAX
from native.lowlevel import rarely, usually
from native.session_layout import (
    SESSION,
    SESSION_ESTABLISHED,
    SESSION_FREE,
    SESSION_NAME,
    SESSION_TRAIT_INCREASING,
    SESSION_TRAIT_KEYED,
)
from wire.net.udp4 import HEADERS_ROOM

FREE = -1

PAYLOAD_AT = 64
"""Where the payload starts in an outbox slot: headers grow backwards from here, with or without a VLAN tag."""
SLOT_BYTES = FRAME_BYTES_MAX
REPORT_TTL = 64
"""Of datagrams to sessions."""

# indexes of `Tables.clock`
NOW_NS = 0
"""Time of this turn, UTC."""
TURN = 1
"""Number of this turn."""
LAST_SEQUENCED_NS = 2
TRADING_SESSION_DATE = 3
"""Days since 1970-01-01; 0 until the first input."""
DAY_IS_OVER = 4
"""1 after KIND_DAY_END."""
CLOCK_COUNT = 5

# indexes of `Tables.session_scalars`
NAMES_USED = 0
SESSION_DUE_NS = 1
"""The earliest of the sessions' times at which something is due, or NEVER_NS."""
SESSION_SCALARS_COUNT = 2

KEY_ID_BYTES = 20

# indexes of `Tables.throttle_rules`
THROTTLE_PART_NS = 0
"""A part of the window; 0: nothing is throttled."""
THROTTLE_MESSAGES_REJECT = 1
THROTTLE_MESSAGES_LOGOUT = 2
THROTTLE_CANCELS_REJECT = 3
THROTTLE_CANCELS_LOGOUT = 4
THROTTLE_RULES_COUNT = 5

THROTTLE_PARTS = 8
"""A window moves by parts."""
# indexes of a session's words in `Tables.throttles`
THROTTLE_NEWEST = 0
"""Number of the newest part: time // THROTTLE_PART_NS."""
THROTTLE_MESSAGES = 1
THROTTLE_CANCELS = THROTTLE_MESSAGES + THROTTLE_PARTS
THROTTLE_WORDS = 24


class Tables(Arrays):
    """What the session, risk, report and publisher stages look things up in."""

    clock: np.ndarray
    """int64[CLOCK_COUNT]"""
    counters: np.ndarray
    """int64[native.counters.COUNTERS_COUNT], in shared memory"""
    sessions: np.ndarray
    """SESSION[n]"""
    names: np.ndarray
    """SESSION_NAME[n]: the UUIDs that rows have, and those that died and are remembered"""
    session_slots: np.ndarray
    """int64[power of two]: index into names by hashed UUID, FREE where empty"""
    session_scalars: np.ndarray
    """int64[SESSION_SCALARS_COUNT]"""
    key_ids: np.ndarray
    """uint8[n * KEY_ID_BYTES]: the key of each session, filled up with zeros; as it stands in FIXP Credentials"""
    firm_numbers: np.ndarray
    """int64[firms_of(config)]: the next number of each firm's drop copy, by the index of the firm"""
    throttle_rules: np.ndarray
    """int64[THROTTLE_RULES_COUNT]: requests in a window; 0: no limit"""
    throttles: np.ndarray
    """int64[sessions * THROTTLE_WORDS]: requests of each session in the parts of the window"""
    headers: np.ndarray
    """uint8[sessions * HEADERS_ROOM]: of each session the network headers of an empty datagram, at its end"""
    instruments: np.ndarray
    """INSTRUMENT[n]"""
    security_slots: np.ndarray
    """int64[power of two]: index into instruments by hashed SecurityID, FREE where empty"""


OUTBOX_SLOT = record(
    [
        ("owner", "i8"),  # session index, or OWNER_*
        ("first_number", "i8"),  # number of the first message in the owner's stream
        ("payload_bytes", "i8"),  # once no message is added any more
        ("message_count", "i8"),  # of the feed's, once no message is added any more
        ("frame_at", "i8"),  # where the finished frame starts in octets
        ("frame_bytes", "i8"),  # its size; 0 until it is finished
        ("reserved", "i8", 2),
    ],
    size=64,
)
"""A datagram of the outbox."""

BUILDING = record(
    [
        ("next_at", "i8"),  # where the next message starts in octets
        ("end_at", "i8"),  # what no message goes beyond; 0: none is built
        ("slot", "i8"),  # FREE: none is built
        ("reserved", "i8"),
    ],
    size=32,
)
"""The datagram that takes an owner's messages."""


class Outbox(Arrays):
    """Datagrams being built in this turn, in the order in which they were opened."""

    octets: np.ndarray
    """uint8[OUTBOX_SLOTS_MAX * SLOT_BYTES]"""
    slots: np.ndarray
    """OUTBOX_SLOT[OUTBOX_SLOTS_MAX]"""
    building: np.ndarray
    """BUILDING[1 + sessions]: by owner + 1, the feed's first"""
    scalars: np.ndarray
    """int64[OUTBOX_SCALARS_COUNT]"""


OUTBOX_USED = 0
QUIET = 1
"""1: messages are numbered and counted, and nothing is encoded. For replays of which only the state is wanted. Nothing
is ever built then, so that only who finds nothing built has to look."""
OUTBOX_FRAMES = 2
"""Frames that are finished."""
OUTBOX_SCALARS_COUNT = 3

OWNER_FEED = -1
OWNER_NONE = -3
"""The datagram is finished, or has left another way: nothing closes it again."""
OWNER_CONNECTION = -4
"""An answer that goes over a TCP connection: `first_number` is its number."""
LAST_OF_CONNECTION = -1
"""As the `message_count` of such an answer: the connection is closed behind it."""

PRICE_TICKS_HIGHEST = (1 << 63) - 1
PRICE_TICKS_LOWEST = -(1 << 63)


def allocate_tables(config: Config, counters: np.ndarray) -> Tables:
    """Tables for `config`; `counters` is the int64 array that the world may read."""
    sessions, names, key_ids = _session_tables(config)
    session_slots = np.full(_slots_for(names.size), FREE, np.int64)
    provisioned = [index for index, entry in enumerate(config.sessions) if not entry.key_id]
    for name, index in enumerate(provisioned):
        names[name]["uuid_low"] = sessions[index]["uuid_low"]
        names[name]["uuid_high"] = sessions[index]["uuid_high"]
        names[name]["session"] = index
        _insert(session_slots, int(hash_uuid(sessions[index]["uuid_low"], sessions[index]["uuid_high"])), name)
    session_scalars = np.array([len(provisioned), NEVER_NS], np.int64)
    instruments = np.zeros(len(config.instruments), INSTRUMENT)
    security_slots = np.full(_slots_for(len(config.instruments)), FREE, np.int64)
    for index, item in enumerate(config.instruments):
        row = instruments[index]
        row["tick_nanos"] = item.tick_nanos
        odd = item.tick_nanos // (item.tick_nanos & -item.tick_nanos)
        row["tick_inverse"] = np.uint64(pow(odd, -1, 1 << 64)).view(np.int64)
        row["price_ticks_max"] = PRICE_TICKS_HIGHEST // item.tick_nanos
        row["security_id"] = item.security_id
        _insert(security_slots, int(hash_security(np.int64(item.security_id))), index)
    throttle = config.throttle
    throttle_rules = np.zeros(THROTTLE_RULES_COUNT, np.int64)
    if throttle.is_on:
        throttle_rules[THROTTLE_PART_NS] = throttle.window_ms * 1_000_000 // THROTTLE_PARTS
    throttle_rules[THROTTLE_MESSAGES_REJECT] = throttle.messages_reject
    throttle_rules[THROTTLE_MESSAGES_LOGOUT] = throttle.messages_logout
    throttle_rules[THROTTLE_CANCELS_REJECT] = throttle.cancels_reject
    throttle_rules[THROTTLE_CANCELS_LOGOUT] = throttle.cancels_logout
    clock = np.zeros(CLOCK_COUNT, np.int64)
    clock[TRADING_SESSION_DATE] = config.trading_session_date
    return Tables(
        clock,
        counters,
        sessions,
        names,
        session_slots,
        session_scalars,
        key_ids,
        np.ones(firms_of(config), np.int64),
        throttle_rules,
        np.zeros(sessions.size * THROTTLE_WORDS, np.int64),
        np.zeros(sessions.size * HEADERS_ROOM, np.uint8),
        instruments,
        security_slots,
    )


def firms_of(config: Config) -> int:
    """Room for all firms that sessions are of, by index."""
    return max(len(config.sessions), 1 + max(session_firms(config)))


def _session_tables(config: Config) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of sessions at the start of the day, room for their names, and their keys."""
    sessions = np.zeros(len(config.sessions), SESSION)
    key_ids = np.zeros(len(config.sessions) * KEY_ID_BYTES, np.uint8)
    sessions["expected_seq"] = sessions["next_out_seq"] = 1
    sessions["cancel_due_ns"] = NEVER_NS
    firms = session_firms(config)
    sessions["state"] = SESSION_FREE
    for index, entry in enumerate(config.sessions):
        row = sessions[index]
        row["account"] = entry.account
        row["firm"] = firms[index]
        row["traits"] = SESSION_TRAIT_INCREASING if entry.ids_increase else 0
        if entry.key_id:
            row["traits"] |= SESSION_TRAIT_KEYED
            key_id = np.frombuffer(entry.key_id.encode("ascii"), np.uint8)
            key_ids[index * KEY_ID_BYTES : index * KEY_ID_BYTES + key_id.size] = key_id
        else:
            row["state"] = SESSION_ESTABLISHED
            row["uuid_low"], row["uuid_high"] = (int(word) for word in np.frombuffer(entry.uuid_bytes, "<i8"))
    is_keyed = any(entry.key_id for entry in config.sessions)
    names_max = len(config.sessions) + (config.order_entry.session_ids_remembered if is_keyed else 0)
    return sessions, np.zeros(names_max, SESSION_NAME), key_ids


def allocate_outbox(sessions_count: int) -> Outbox:
    """An empty outbox."""
    building = np.zeros(1 + sessions_count, BUILDING)
    building["slot"] = FREE
    return Outbox(
        octets=np.zeros(OUTBOX_SLOTS_MAX * SLOT_BYTES, np.uint8),
        slots=np.zeros(OUTBOX_SLOTS_MAX, OUTBOX_SLOT),
        building=building,
        scalars=np.zeros(OUTBOX_SCALARS_COUNT, np.int64),
    )


def _slots_for(count: int) -> int:
    """Size of an open-addressing table that stays at most a quarter full."""
    return 1 << (4 * count - 1).bit_length()


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
    return mixed ^ (mixed >> 29)


@kernel
def hash_security(security_id):
    """Spread of a SecurityID for `security_slots` (Knuth's multiplicative hash)."""
    return (security_id * 0x61C88647) >> 7


@inner_kernel
def find_name(tables, low, high):
    """Index of this UUID in `names`, or FREE: it is not known."""
    slots = tables.session_slots
    mask = slots.size - 1
    at = hash_uuid(low, high) & mask
    index = slots[at]
    while index != FREE:  # at most a quarter full: an empty slot ends the search
        if usually((tables.names[index]["uuid_low"] == low) & (tables.names[index]["uuid_high"] == high)):
            break
        at = (at + 1) & mask
        index = slots[at]
    return index


@inner_kernel
def find_session(tables, low, high):
    """Index of the session that has this UUID now, or FREE."""
    name = find_name(tables, low, high)
    if rarely(name == FREE):
        return np.int64(FREE)
    index = np.int64(tables.names[name]["session"])
    if rarely(np.int64(tables.names[name]["generation"]) != np.int64(tables.sessions[index]["generation"])):
        return np.int64(FREE)
    return index


@kernel
def add_name(tables, low, high, session):
    """Note that the row `session` has this UUID from now on, which is not known. Where there is no room the dead ones
    are forgotten; then there is, for no row has two that live."""
    if tables.session_scalars[NAMES_USED] >= tables.names.size:
        forget_dead_names(tables)
    return _put_name(tables, low, high, session)


@kernel
def forget_dead_names(tables):
    """Of all UUIDs those alone are known from now on that rows have. Returns how many."""
    used = tables.session_scalars[NAMES_USED]
    tables.session_scalars[NAMES_USED] = 0
    tables.session_slots[:] = FREE
    for name in range(used):
        row = tables.names[name]
        low, high, session = row["uuid_low"], row["uuid_high"], np.int64(row["session"])
        lives = np.int64(row["generation"]) == np.int64(tables.sessions[session]["generation"])
        row["uuid_low"] = row["uuid_high"] = 0
        row["session"] = row["generation"] = 0
        if lives:
            _put_name(tables, low, high, session)
    return tables.session_scalars[NAMES_USED]


@kernel
def _put_name(tables, low, high, session):
    name = tables.session_scalars[NAMES_USED]
    assert name < tables.names.size
    tables.session_scalars[NAMES_USED] = name + 1
    row = tables.names[name]
    row["uuid_low"] = low
    row["uuid_high"] = high
    row["session"] = session
    row["generation"] = np.int64(tables.sessions[session]["generation"])
    slots = tables.session_slots
    mask = slots.size - 1
    at = hash_uuid(low, high) & mask
    while slots[at] != FREE:
        at = (at + 1) & mask
    slots[at] = name
    return 0


@inner_kernel
def find_instrument(tables, security_id):
    """Index of the instrument with this SecurityID, or FREE."""
    slots = tables.security_slots
    mask = slots.size - 1
    at = hash_security(security_id) & mask
    index = slots[at]
    while index != FREE:  # at most a quarter full: an empty slot ends the search
        if usually(np.int64(tables.instruments[index]["security_id"]) == security_id):
            break
        at = (at + 1) & mask
        index = slots[at]
    return index


@kernel
def price_nanos(tables, instrument, price_ticks):
    """A price as it stands on the wire. Market orders in an auction rest at the ends of the range of ticks: at the ends
    of the wire's, too (below: its least value but one; the least is the null)."""
    if rarely((price_ticks == PRICE_TICKS_HIGHEST) | (price_ticks == PRICE_TICKS_LOWEST)):
        return np.int64(PRICE_TICKS_HIGHEST if price_ticks > 0 else -PRICE_TICKS_HIGHEST)
    return np.int64(price_ticks) * np.int64(tables.instruments[instrument]["tick_nanos"])


@kernel
def open_slot(outbox, owner, first_number):
    """A fresh slot for a datagram of `owner`, or FREE when the outbox is full (the caller keeps it from being so)."""
    index = outbox.scalars[OUTBOX_USED]
    if index >= outbox.slots.size:
        return np.int64(FREE)
    outbox.scalars[OUTBOX_USED] = index + 1
    slot = outbox.slots[index]
    slot["owner"] = owner
    slot["first_number"] = first_number
    slot["payload_bytes"] = 0
    slot["message_count"] = 0
    slot["frame_bytes"] = 0
    return index


@kernel
def begin_datagram(outbox, owner, first_number, head_bytes):
    """A fresh datagram that takes the messages of `owner` from now on, behind `head_bytes` that the caller writes; the
    one before is whole. Returns where it starts in octets, or FREE when the outbox is full."""
    end_datagram(outbox, owner)
    slot = open_slot(outbox, owner, first_number)
    if slot == FREE:
        return np.int64(FREE)
    start = payload_start(slot)
    building = outbox.building[owner + 1]
    building["next_at"] = start + head_bytes
    building["end_at"] = start + DATAGRAM_PAYLOAD_BYTES_MAX
    building["slot"] = slot
    return start


@kernel
def end_datagram(outbox, owner):
    """What is built for `owner` takes no further message."""
    building = outbox.building[owner + 1]
    slot = building["slot"]
    if slot != FREE:
        outbox.slots[slot]["payload_bytes"] = building["next_at"] - payload_start(slot)
        building["slot"] = FREE
        building["end_at"] = 0
    return 0


@kernel
def payload_start(slot):
    """Where the payload of the datagram in `slot` starts in octets."""
    return slot * SLOT_BYTES + PAYLOAD_AT


@kernel
def set_frame(outbox, slot, frame_at, frame_end):
    """The frame in `slot` is finished."""
    outbox.slots[slot]["frame_at"] = frame_at
    outbox.slots[slot]["frame_bytes"] = frame_end - frame_at
    outbox.scalars[OUTBOX_FRAMES] += 1
    return 0


@kernel
def empty_outbox(outbox):
    """Everything has left."""
    outbox.scalars[OUTBOX_USED] = 0
    outbox.scalars[OUTBOX_FRAMES] = 0
    return 0
