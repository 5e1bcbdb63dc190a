"""From a UDP payload to a session and a number: the FIXP Context that stands first in every datagram.

FIXP 1.1: on UDP the Context names the session and the number of the first message; the messages after it are numbered
from there. Nothing here changes state: that is left to `apply`, after the sequencer.
"""

from __future__ import annotations

import numpy as np

from appliance.state import FREE, find_session
from native import counters
from native.jit import inner_kernel
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from native.lowlevel import load_u64, rarely, usually
from native.session_layout import SESSION_ESTABLISHED
from wire.gen import fixp

GAP_MAX = 1 << 31
"""A number further than this beyond the expected one is no gap but nonsense."""

CONTEXT_BYTES = fixp.messageHeader_SIZE + fixp.Context_BLOCK_LENGTH

_LOW_16 = 0xFFFF
_LOW_32 = 0xFFFFFFFF
_CONTEXT = fixp.Context_TEMPLATE_ID | fixp.SCHEMA_ID << 16
"""templateId and schemaId as one number: so they stand in a header, behind blockLength."""


@inner_kernel
def begins_with_context(frame, at, size):
    """Whether the payload `frame[at:at + size]` is as large as one may be and has a whole Context first."""
    if rarely((size < CONTEXT_BYTES) | (size > DATAGRAM_PAYLOAD_BYTES_MAX)):
        return False
    header = load_u64(frame, at)
    block_bytes = header & _LOW_16
    return (
        ((header >> 16) & _LOW_32 == _CONTEXT)
        & (block_bytes >= fixp.Context_BLOCK_LENGTH)
        & (fixp.messageHeader_SIZE + block_bytes <= size)
    )


@inner_kernel
def drop_without_context(size):
    """The DROP counter of a payload of so many bytes that has no Context first, and is nothing else either."""
    return np.int64(counters.DROP_DATAGRAM_SIZE if size > DATAGRAM_PAYLOAD_BYTES_MAX else counters.DROP_CONTEXT_MISSING)


@inner_kernel
def read_context(tables, frame, at, connection, guess):
    """Read the Context at `at` of `frame`, proved by `begins_with_context`, which came over the TCP `connection` (0: by
    UDP), of the session `guess` if `session_at` finds that right.

    Returns 0, or the index of the DROP counter; the session; the number of its first message; where that begins. A
    Context of a newer schema version may have a longer block: the messages start behind it.
    """
    none = np.int64(0)
    block_at = at + fixp.messageHeader_SIZE
    session = np.int64(session_at(tables, frame, block_at + fixp.Context_SessionId_OFFSET, guess))
    if rarely(session == FREE):
        return np.int64(counters.DROP_SESSION_UNKNOWN), none, none, none
    if rarely(not is_open(tables, session, connection)):
        return np.int64(counters.DROP_SESSION_UNBOUND), none, none, none
    number = np.int64(fixp.get_Context_NextSeqNo(frame, block_at))
    # numbers from 2**63 are negative here
    if rarely(number < 1 or number - tables.sessions[session]["expected_seq"] > GAP_MAX):
        return np.int64(counters.DROP_SESSION_SEQ), none, none, none
    return none, session, number, np.int64(block_at + fixp.get_messageHeader_blockLength(frame, at))


@inner_kernel
def session_at(tables, octets, at, guess):
    """The session whose UUID lies at `octets[at:at + 16]`, or FREE. `guess` is one that had it a moment ago, or FREE:
    while it has, nothing is searched."""
    low, high = load_u64(octets, at), load_u64(octets, at + 8)
    if usually(guess != FREE):
        row = tables.sessions[guess]
        if usually((row["uuid_low"] == low) & (row["uuid_high"] == high)):
            return np.int64(guess)
    return np.int64(find_session(tables, low, high))


@inner_kernel
def is_open(tables, session, connection):
    """Whether the session is established over this TCP connection (0: over UDP) and its client may still send."""
    row = tables.sessions[session]
    return np.int64(row["state"]) == SESSION_ESTABLISHED and np.int64(row["connection"]) == connection


@inner_kernel
def template_of(frame, payload_at, payload_bytes):
    """Template of the FIXP message that a datagram starts with; 0: it is none."""
    if payload_bytes < fixp.messageHeader_SIZE or fixp.get_messageHeader_schemaId(frame, payload_at) != fixp.SCHEMA_ID:
        return np.int64(0)
    return np.int64(fixp.get_messageHeader_templateId(frame, payload_at))


@inner_kernel
def is_handshake(template):
    """Whether a FIXP message of this template asks for a session."""
    return template in (fixp.Negotiate_TEMPLATE_ID, fixp.Establish_TEMPLATE_ID)
