"""A session's datagrams while they are being built: Context first, then reports, at most 1400 bytes.

The server's flow is recoverable: each report takes the session's next number, and the Context names the first.
"""

from __future__ import annotations

import numpy as np

from appliance.report.log import count_for_firm
from appliance.state import FREE, PAYLOAD_AT, QUIET, SLOT_BYTES, open_slot
from native import counters
from native.jit import kernel
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from native.lowlevel import store_u64
from wire.gen import fixp
from wire.gen import order_entry as oe
from wire.net import udp4

SESSION_BITS_SHIFT = 48
"""ExecID = session << 48 | number of the report in the session."""

CONTEXT_BYTES = fixp.messageHeader_SIZE + fixp.Context_BLOCK_LENGTH


@kernel
def begin_message(tables, outbox, session, schema_id, template_id, block_bytes):
    """Make room for one more message to `session`; returns where its block starts in `outbox.octets`, zeroed.

    FREE when the outbox is quiet, or has no slot left (the pipeline drains it long before).
    """
    if outbox.scalars[QUIET] != 0:
        _count(tables, session, schema_id, template_id)
        return np.int64(FREE)
    message_bytes = oe.messageHeader_SIZE + block_bytes
    slot = outbox.session_slot[session]
    if slot != FREE and outbox.payload_bytes[slot] + message_bytes > DATAGRAM_PAYLOAD_BYTES_MAX:
        slot = np.int64(FREE)
    if slot == FREE:
        slot = _open(tables, outbox, session)
        if slot == FREE:
            return np.int64(FREE)
    octets = outbox.octets
    at = slot * SLOT_BYTES + PAYLOAD_AT + outbox.payload_bytes[slot]
    oe.put_messageHeader_blockLength(octets, at, block_bytes)
    oe.put_messageHeader_templateId(octets, at, template_id)
    oe.put_messageHeader_schemaId(octets, at, schema_id)
    oe.put_messageHeader_version(octets, at, oe.SCHEMA_VERSION if schema_id == oe.SCHEMA_ID else fixp.SCHEMA_VERSION)
    block = at + oe.messageHeader_SIZE
    octets[block : block + block_bytes] = 0
    outbox.payload_bytes[slot] += message_bytes
    outbox.message_count[slot] += 1
    _count(tables, session, schema_id, template_id)
    return block


@kernel
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
    fixp.put_messageHeader_blockLength(octets, at, fixp.Context_BLOCK_LENGTH)
    fixp.put_messageHeader_templateId(octets, at, fixp.Context_TEMPLATE_ID)
    fixp.put_messageHeader_schemaId(octets, at, fixp.SCHEMA_ID)
    fixp.put_messageHeader_version(octets, at, fixp.SCHEMA_VERSION)
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
