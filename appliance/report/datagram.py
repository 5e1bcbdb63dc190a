"""A session's datagrams while they are being built: Context first, then reports, at most 1400 bytes.

The server's flow is recoverable: each report takes the session's next number, and the Context names the first.
"""

from __future__ import annotations

import numpy as np

from appliance.report.log import count_for_firm
from appliance.state import FREE, PAYLOAD_AT, QUIET, SLOT_BYTES, open_slot
from native import counters
from native.jit import inner_kernel, kernel
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from native.lowlevel import store_u64
from wire.gen import fixp
from wire.gen import order_entry as oe
from wire.net import udp4

SESSION_BITS_SHIFT = 48
"""ExecID = session << 48 | number of the report in the session."""

CONTEXT_BYTES = fixp.messageHeader_SIZE + fixp.Context_BLOCK_LENGTH
_CONTEXT_HEADER = (
    fixp.Context_BLOCK_LENGTH | (fixp.Context_TEMPLATE_ID << 16) | (fixp.SCHEMA_ID << 32) | (fixp.SCHEMA_VERSION << 48)
)


@kernel
def begin_message(tables, outbox, session, schema_id, template_id, block_bytes):
    """Make room for one more message to `session`; returns where its block starts in `outbox.octets`, zeroed.

    FREE when the outbox is quiet, or has no slot left (the pipeline drains it long before).
    """
    block = begin_unwritten(tables, outbox, session, schema_id, template_id, block_bytes)
    if block != FREE:
        outbox.octets[block : block + block_bytes] = 0
    return block


@inner_kernel
def begin_unwritten(tables, outbox, session, schema_id, template_id, block_bytes):
    """`begin_message` for a block of which the caller writes every byte."""
    if outbox.scalars[QUIET] != 0:
        _count(tables, session, schema_id, template_id)
        return np.int64(FREE)
    message_bytes = oe.messageHeader_SIZE + block_bytes
    slot = outbox.session_slot[session]
    payload_bytes = outbox.payload_bytes[slot] if slot != FREE else np.int64(DATAGRAM_PAYLOAD_BYTES_MAX)
    if payload_bytes + message_bytes > DATAGRAM_PAYLOAD_BYTES_MAX:
        slot = _open(tables, outbox, session)
        if slot == FREE:
            return np.int64(FREE)
        payload_bytes = np.int64(CONTEXT_BYTES)
    at = slot * SLOT_BYTES + PAYLOAD_AT + payload_bytes
    version = np.int64(oe.SCHEMA_VERSION if schema_id == oe.SCHEMA_ID else fixp.SCHEMA_VERSION)
    store_u64(outbox.octets, at, block_bytes | (template_id << 16) | (schema_id << 32) | (version << 48))
    outbox.payload_bytes[slot] = payload_bytes + message_bytes
    outbox.message_count[slot] += 1
    _count(tables, session, schema_id, template_id)
    return at + oe.messageHeader_SIZE


@inner_kernel
def _count(tables, session, schema_id, template_id):
    tables.sessions[session]["next_out_seq"] += 1
    tables.counters[counters.REPORTS_OUT] += 1
    return count_for_firm(tables, tables.firm_numbers, session, schema_id, template_id)


@kernel
def message_number(tables, session):
    """Number of the message that `begin_message` has just opened."""
    return tables.sessions[session]["next_out_seq"] - 1


@kernel
def exec_id(tables, session):
    """ExecID of the message that `begin_message` has just opened."""
    return (np.int64(session) << SESSION_BITS_SHIFT) | (tables.sessions[session]["next_out_seq"] - 1)


@kernel
def _open(tables, outbox, session):
    row = tables.sessions[session]
    slot = open_slot(outbox, session, row["next_out_seq"])
    if slot == FREE:
        return slot
    octets = outbox.octets
    at = slot * SLOT_BYTES + PAYLOAD_AT
    store_u64(octets, at, _CONTEXT_HEADER)
    block = at + fixp.messageHeader_SIZE
    store_u64(octets, block + fixp.Context_SessionId_OFFSET, row["uuid_low"])
    store_u64(octets, block + fixp.Context_SessionId_OFFSET + 8, row["uuid_high"])
    fixp.put_Context_NextSeqNo(octets, block, row["next_out_seq"])
    outbox.payload_bytes[slot] = CONTEXT_BYTES
    outbox.session_slot[session] = slot
    return slot


@kernel
def close_datagram(tables, outbox, slot, ttl):
    """Put headers in front of the finished datagram in `slot`. Returns 1, or 0 when the session has no address yet."""
    session = outbox.owner[slot]
    if outbox.session_slot[session] == slot:
        outbox.session_slot[session] = FREE
    row = tables.sessions[session]
    if row["bound_at_sequence"] == 0:
        return 0
    payload_at = slot * SLOT_BYTES + PAYLOAD_AT
    payload_bytes = outbox.payload_bytes[slot]
    frame_at = udp4.write_headers(
        outbox.octets,
        payload_at,
        payload_bytes,
        row["local_mac"],
        row["peer_mac"],
        np.int64(row["vlan_tci"]),
        np.int64(row["local_ip"]),
        np.int64(row["peer_ip"]),
        (np.int64(row["local_udp_port"]) << 16) | np.int64(row["peer_udp_port"]),
        ttl,
    )
    outbox.frame_at[slot] = frame_at
    outbox.frame_bytes[slot] = payload_at + payload_bytes - frame_at
    tables.counters[counters.REPORT_PACKETS_OUT] += 1
    return 1
