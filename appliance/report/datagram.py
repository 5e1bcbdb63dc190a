"""A session's datagrams while they are being built: Context first, then reports, at most 1400 bytes.

The server's flow is recoverable: each report takes the session's next number, and the Context names the first.
"""

from __future__ import annotations

import numpy as np

from appliance.report.log import count_for_firm, is_execution
from appliance.state import FREE, QUIET, begin_datagram, payload_start, set_frame
from native import counters
from native.jit import inner_kernel, kernel, outer_kernel
from native.layout import VLAN_NONE
from native.lowlevel import rarely, store_u64
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
    message_bytes = oe.messageHeader_SIZE + block_bytes
    building = outbox.building[session + 1]
    at = building["next_at"]
    if rarely(at + message_bytes > building["end_at"]):
        at = _open(tables, outbox, session, schema_id, template_id)
        if at == FREE:
            return np.int64(FREE)
    building["next_at"] = at + message_bytes
    version = np.int64(oe.SCHEMA_VERSION if schema_id == oe.SCHEMA_ID else fixp.SCHEMA_VERSION)
    store_u64(outbox.octets, at, block_bytes | (template_id << 16) | (schema_id << 32) | (version << 48))
    tables.sessions[session]["next_out_seq"] += 1
    if is_execution(schema_id, template_id):
        count_for_firm(tables, session)
    return at + oe.messageHeader_SIZE


@kernel
def message_number(tables, session):
    """Number of the message that `begin_message` has just opened."""
    return tables.sessions[session]["next_out_seq"] - 1


@kernel
def exec_id(session, number):
    """ExecID of the session's message `number`."""
    return (np.int64(session) << SESSION_BITS_SHIFT) | number


@outer_kernel
def _open(tables, outbox, session, schema_id, template_id):
    """The session's next datagram, because a message does not fit into the one before, or there is none. Returns where
    the message starts in octets; FREE: the outbox is full, or quiet, and the message is only numbered and counted."""
    row = tables.sessions[session]
    if outbox.scalars[QUIET] != 0:
        row["next_out_seq"] += 1
        tables.counters[counters.REPORTS_OUT] += 1
        if is_execution(schema_id, template_id):
            count_for_firm(tables, session)
        return np.int64(FREE)
    at = begin_datagram(outbox, session, row["next_out_seq"], np.int64(CONTEXT_BYTES))
    if at == FREE:
        return np.int64(FREE)
    octets = outbox.octets
    store_u64(octets, at, _CONTEXT_HEADER)
    block = at + fixp.messageHeader_SIZE
    store_u64(octets, block + fixp.Context_SessionId_OFFSET, row["uuid_low"])
    store_u64(octets, block + fixp.Context_SessionId_OFFSET + 8, row["uuid_high"])
    fixp.put_Context_NextSeqNo(octets, block, row["next_out_seq"])
    return at + CONTEXT_BYTES


@inner_kernel
def put_headers(tables, outbox, slot, session):
    """Put headers in front of the datagram in `slot`, which is whole. Returns 1, or 0 when the session has no address
    yet."""
    row = tables.sessions[session]
    if row["bound_at_sequence"] == 0:
        return 0
    payload_at = payload_start(slot)
    payload_bytes = outbox.slots[slot]["payload_bytes"]
    udp4.put_headers(outbox.octets, payload_at, payload_bytes, tables.headers, (session + 1) * udp4.HEADERS_ROOM)
    is_tagged = np.int64(row["vlan_tci"]) != VLAN_NONE
    headers_bytes = np.int64(udp4.HEADERS_BYTES_MAX if is_tagged else udp4.HEADERS_BYTES)
    set_frame(outbox, slot, payload_at - headers_bytes, payload_at + payload_bytes)
    tables.counters[counters.REPORT_PACKETS_OUT] += 1
    return 1
