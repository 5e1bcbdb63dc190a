"""Negotiate and Establish, of which the credentials are good already: what the session's state says to them.

Written by docs/SESSIONS.md sections 2 and 3, whose order of checks is this one. `judge_*` change nothing.
"""

from __future__ import annotations

import numpy as np

from appliance.session.peer import set_address
from appliance.session.receive import GAP_MAX
from appliance.state import FREE, add_name, find_name
from native import counters
from native.account_layout import KILL_ALL
from native.jit import kernel
from native.layout import KIND_ESTABLISH, KIND_NEGOTIATE, NEVER_NS, SEQUENCED
from native.lowlevel import bytes_at, copy_bytes, load_u8, load_u16, load_u32, load_u64
from native.session_layout import (
    CANCEL_TYPE_MAX,
    NEGOTIATE,
    SESSION_ESTABLISHED,
    SESSION_FREE,
    SESSION_NEGOTIATED,
    SESSION_TRAIT_KEYED,
)
from wire.gen import fixp
from wire.net import udp4

ACCEPTED = 0
REPEATED = -1
"""It was accepted already: it is answered as it was then, and changes nothing."""
# above 0: rejected, 1 + the code of NegotiationReject or EstablishmentReject

KEEPALIVE_MS_MIN = 10
KEEPALIVE_MS_MAX = 60_000
CANCEL_WINDOW_MS_MAX = 60_000

_RECORD_BYTES = SEQUENCED.itemsize
_PROOF_AT = NEGOTIATE.fields["proof"][1]  # type: ignore[index]
_PROOF_BYTES = 32
_UUID_WORD = 8
# Credentials (PROTOCOLS 3.1): version, flags, codType, a byte that says nothing, codWindowMs, ...
_COD_TYPE_AT = 2
_COD_WINDOW_AT = 4
_COD_END = 8


@kernel
def fill(journal, index, octets, at, size, session, connection, fields):
    """The body of a record from the Negotiate or Establish that `octets[at:at + size]` should be, made with the key of
    the row `session`, from the address `fields` (wire.net.udp4) or over the TCP `connection` (0: none).

    Returns its KIND, or minus a DROP counter.
    """
    if size < fixp.messageHeader_SIZE or fixp.get_messageHeader_schemaId(octets, at) != fixp.SCHEMA_ID:
        return np.int64(-counters.DROP_SESSION_MESSAGE)
    template = fixp.get_messageHeader_templateId(octets, at)
    block_bytes = fixp.get_messageHeader_blockLength(octets, at)
    block = at + fixp.messageHeader_SIZE
    data = block + block_bytes
    room = at + size - data
    needed = fixp.Negotiate_BLOCK_LENGTH if template == fixp.Negotiate_TEMPLATE_ID else fixp.Establish_BLOCK_LENGTH
    if (
        template not in (fixp.Negotiate_TEMPLATE_ID, fixp.Establish_TEMPLATE_ID)
        or block_bytes < needed
        or room < fixp.DATA_SIZE
        or fixp.DATA_SIZE + load_u16(octets, data) > room
    ):
        return np.int64(-counters.DROP_SESSION_MESSAGE)
    bytes_at(journal.records.ctypes.data + index * _RECORD_BYTES, _RECORD_BYTES)[:] = 0
    record = journal.negotiations[index]
    record["uuid_low"] = load_u64(octets, block)
    record["uuid_high"] = load_u64(octets, block + _UUID_WORD)
    record["timestamp_ns"] = np.int64(fixp.get_Negotiate_Timestamp(octets, block))  # at the same place in both
    record["session"] = session
    record["connection"] = connection
    if connection == 0:
        record["peer_mac"] = fields[udp4.SOURCE_MAC]
        record["local_mac"] = fields[udp4.DESTINATION_MAC]
        record["peer_ip"] = fields[udp4.SOURCE_IP]
        record["local_ip"] = fields[udp4.DESTINATION_IP]
        record["peer_udp_port"] = fields[udp4.SOURCE_PORT]
        record["local_udp_port"] = fields[udp4.DESTINATION_PORT]
        record["vlan_tci"] = fields[udp4.VLAN_TCI]
    if template == fixp.Negotiate_TEMPLATE_ID:
        record["client_flow"] = fixp.get_Negotiate_ClientFlow(octets, block)
        return np.int64(KIND_NEGOTIATE)
    establishment = journal.establishments[index]
    establishment["keepalive_ms"] = fixp.get_Establish_KeepaliveInterval(octets, block)
    next_seq = fixp.get_Establish_NextSeqNo(octets, block)
    if next_seq != fixp.Establish_NextSeqNo_NULL:
        establishment["next_seq"] = np.int64(next_seq)
        establishment["has_next_seq"] = 1
    if load_u16(octets, data) >= _COD_END:
        credentials = data + fixp.DATA_SIZE
        establishment["cancel_type"] = load_u8(octets, credentials + _COD_TYPE_AT)
        establishment["cancel_window_ms"] = load_u32(octets, credentials + _COD_WINDOW_AT)
    return np.int64(KIND_ESTABLISH)


@kernel
def put_proof(journal, index, octets, at):
    """The HMAC with which a Negotiate is answered, should it be accepted: `octets[at:at + 32]`."""
    record = bytes_at(journal.records.ctypes.data + index * _RECORD_BYTES, _RECORD_BYTES)
    copy_bytes(record, _PROOF_AT, octets, at, _PROOF_BYTES)
    return 0


@kernel
def judge_negotiate(tables, negotiations, index):
    """What the Negotiate `negotiations[index]` is answered: ACCEPTED, REPEATED, or 1 + the code of the reject."""
    record = negotiations[index]
    session = np.int64(record["session"])
    row = tables.sessions[session]
    low = record["uuid_low"]
    high = record["uuid_high"]
    is_its_own = row["uuid_low"] == low and row["uuid_high"] == high
    timestamp_ns = np.int64(record["timestamp_ns"])
    if np.int64(row["traits"]) & SESSION_TRAIT_KEYED == 0:
        return np.int64(1 + fixp.NegotiationRejectCode_Credentials)
    if timestamp_ns <= np.int64(row["handshake_ns"]):
        is_repeat = timestamp_ns == np.int64(row["handshake_ns"]) and np.int64(row["handshake_kind"]) == KIND_NEGOTIATE
        if is_repeat and is_its_own:
            return np.int64(REPEATED)
        return np.int64(1 + fixp.NegotiationRejectCode_Credentials)
    if np.int64(record["client_flow"]) != fixp.FlowType_Idempotent:
        return np.int64(1 + fixp.NegotiationRejectCode_FlowTypeNotSupported)
    if low == 0 and high == 0:
        return np.int64(1 + fixp.NegotiationRejectCode_Unspecified)
    if find_name(tables, low, high) != FREE:
        if is_its_own and np.int64(row["was_established"]) == 0:
            return np.int64(REPEATED)
        return np.int64(1 + fixp.NegotiationRejectCode_DuplicateId)
    return np.int64(ACCEPTED)


@kernel
def take_over(tables, negotiations, index):
    """The row gets the new session of an accepted Negotiate: numbers start at 1, both ways; ClOrdIDs go on."""
    record = negotiations[index]
    session = np.int64(record["session"])
    row = tables.sessions[session]
    row["generation"] = np.int64(row["generation"]) + 1
    row["uuid_low"] = record["uuid_low"]
    row["uuid_high"] = record["uuid_high"]
    add_name(tables, record["uuid_low"], record["uuid_high"], session)
    row["expected_seq"] = 1
    row["next_out_seq"] = 1
    row["state"] = SESSION_NEGOTIATED
    row["connection"] = 0
    row["bound_at_sequence"] = 0
    row["was_established"] = 0
    row["client_finished"] = 0
    row["server_finished"] = 0
    row["retransmit_ns"] = 0
    row["retransmit_turn"] = 0
    row["handshake_ns"] = np.int64(record["timestamp_ns"])
    row["handshake_kind"] = KIND_NEGOTIATE
    return 0


@kernel
def note_repeat(tables, records, index):
    """A handshake was answered again: its Timestamp is the newest one of the row."""
    row = tables.sessions[np.int64(records[index]["session"])]
    row["handshake_ns"] = np.int64(records[index]["timestamp_ns"])
    return 0


@kernel
def is_from_the_bound(tables, establishments, index):
    """Whether an Establish came from where its session is bound to."""
    record = establishments[index]
    row = tables.sessions[np.int64(record["session"])]
    if np.int64(record["connection"]) != 0 or np.int64(row["connection"]) != 0:
        return np.int64(record["connection"]) == np.int64(row["connection"])
    return (
        np.int64(record["peer_ip"]) == np.int64(row["peer_ip"])
        and np.int64(record["peer_udp_port"]) == np.int64(row["peer_udp_port"])
        and np.int64(record["local_ip"]) == np.int64(row["local_ip"])
        and np.int64(record["local_udp_port"]) == np.int64(row["local_udp_port"])
    )


@kernel
def judge_establish(tables, establishments, index):
    """What the Establish `establishments[index]` is answered: ACCEPTED, REPEATED, or 1 + the code of the reject."""
    record = establishments[index]
    row = tables.sessions[np.int64(record["session"])]
    timestamp_ns = np.int64(record["timestamp_ns"])
    state = np.int64(row["state"])
    is_its_own = row["uuid_low"] == record["uuid_low"] and row["uuid_high"] == record["uuid_high"]
    if np.int64(row["traits"]) & SESSION_TRAIT_KEYED == 0:
        return np.int64(1 + fixp.EstablishmentRejectCode_Credentials)
    if not is_its_own or state == SESSION_FREE:
        return np.int64(1 + fixp.EstablishmentRejectCode_Unnegotiated)
    if timestamp_ns <= np.int64(row["handshake_ns"]):
        is_repeat = timestamp_ns == np.int64(row["handshake_ns"]) and np.int64(row["handshake_kind"]) == KIND_ESTABLISH
        if is_repeat and state == SESSION_ESTABLISHED:
            return np.int64(REPEATED)
        return np.int64(1 + fixp.EstablishmentRejectCode_Credentials)
    if np.int64(row["kill"]) == KILL_ALL:
        return np.int64(1 + fixp.EstablishmentRejectCode_SessionBlocked)
    if state == SESSION_ESTABLISHED and not is_from_the_bound(tables, establishments, index):
        return np.int64(1 + fixp.EstablishmentRejectCode_AlreadyEstablished)
    keepalive_ms = np.int64(record["keepalive_ms"])
    if keepalive_ms < KEEPALIVE_MS_MIN or keepalive_ms > KEEPALIVE_MS_MAX:
        return np.int64(1 + fixp.EstablishmentRejectCode_KeepaliveInterval)
    if np.int64(record["cancel_type"]) > CANCEL_TYPE_MAX or np.int64(record["cancel_window_ms"]) > CANCEL_WINDOW_MS_MAX:
        return np.int64(1 + fixp.EstablishmentRejectCode_Unspecified)
    if np.int64(record["has_next_seq"]):
        next_seq = np.int64(record["next_seq"])
        if next_seq < row["expected_seq"] or next_seq - row["expected_seq"] > GAP_MAX:
            return np.int64(1 + fixp.EstablishmentRejectCode_Unspecified)
    return np.int64(ACCEPTED)


@kernel
def bind(tables, establishments, index):
    """The session of an accepted Establish is bound to where it came from. Returns how many numbers of the client's
    flow it leaves out."""
    record = establishments[index]
    row = tables.sessions[np.int64(record["session"])]
    row["state"] = SESSION_ESTABLISHED
    row["was_established"] = 1
    row["connection"] = np.int64(record["connection"])
    set_address(tables, np.int64(record["session"]), record)
    row["keepalive_ms"] = np.int64(record["keepalive_ms"])
    row["cancel_type"] = np.int64(record["cancel_type"])
    row["cancel_window_ms"] = np.int64(record["cancel_window_ms"])
    row["cancel_due_ns"] = NEVER_NS
    row["handshake_ns"] = np.int64(record["timestamp_ns"])
    row["handshake_kind"] = KIND_ESTABLISH
    if np.int64(record["has_next_seq"]):
        return np.int64(record["next_seq"]) - row["expected_seq"]
    return np.int64(0)
