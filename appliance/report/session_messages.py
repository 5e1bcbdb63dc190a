"""The venue's side of the FIXP session layer: answers to handshakes, Terminate, FinishedSending, FinishedReceiving,
RetransmitReject, heartbeats. Each is a datagram of its own and has no number.

An answer goes to where its handshake came from, everything else to where the session is bound.
"""

from __future__ import annotations

import numpy as np

from appliance.report.log import ENTRY_BYTES
from appliance.state import (
    FREE,
    KEY_ID_BYTES,
    LAST_OF_CONNECTION,
    OWNER_CONNECTION,
    OWNER_NONE,
    QUIET,
    open_slot,
    payload_start,
    set_frame,
)
from native import counters
from native.jit import kernel
from native.layout import SEQUENCED
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from native.lowlevel import bytes_at, copy_bytes, store_u8, store_u64
from native.session_layout import NEGOTIATE
from wire.gen import fixp
from wire.net import udp4

CREDENTIALS_BYTES = 60
"""PROTOCOLS 3.1: version, flags, codType, a zero, codWindowMs, key id, HMAC."""
_CREDENTIALS_VERSION = 1
_KEY_ID_AT = 8
_HMAC_AT = 28
_HMAC_BYTES = 32
_RECORD_BYTES = SEQUENCED.itemsize
_PROOF_AT = NEGOTIATE.fields["proof"][1]  # type: ignore[index]


@kernel
def _begin(outbox, template, block_bytes, data_bytes):
    """A slot with the message's header, and zeros for its block and what lies behind. Returns the slot, or FREE:
    the outbox is quiet, or full."""
    if outbox.scalars[QUIET] != 0:
        return np.int64(FREE)
    slot = open_slot(outbox, np.int64(OWNER_NONE), np.int64(0))
    if slot == FREE:
        return slot
    octets = outbox.octets
    at = payload_start(slot)
    end = at + fixp.messageHeader_SIZE + block_bytes + data_bytes
    octets[at:end] = 0
    fixp.put_messageHeader_blockLength(octets, at, block_bytes)
    fixp.put_messageHeader_templateId(octets, at, template)
    fixp.put_messageHeader_schemaId(octets, at, fixp.SCHEMA_ID)
    fixp.put_messageHeader_version(octets, at, fixp.SCHEMA_VERSION)
    outbox.slots[slot]["payload_bytes"] = end - at
    return slot


@kernel
def _block(slot):
    return payload_start(slot) + fixp.messageHeader_SIZE


@kernel
def _put_uuid(octets, at, low, high):
    store_u64(octets, at, low)
    store_u64(octets, at + 8, high)
    return 0


@kernel
def _address(tables, outbox, slot, local_mac, peer_mac, vlan_tci, local_ip, peer_ip, ports, ttl):
    """Put headers in front of the message: it is a finished frame. Returns 1."""
    payload_at = payload_start(slot)
    payload_bytes = outbox.slots[slot]["payload_bytes"]
    frame_at = udp4.write_headers(
        outbox.octets,
        payload_at,
        payload_bytes,
        local_mac,
        peer_mac,
        vlan_tci,
        local_ip,
        peer_ip,
        ports,
        ttl,
    )
    set_frame(outbox, slot, frame_at, payload_at + payload_bytes)
    tables.counters[counters.REPORT_PACKETS_OUT] += 1
    return 1


@kernel
def _to_connection(outbox, slot, connection):
    outbox.slots[slot]["owner"] = OWNER_CONNECTION
    outbox.slots[slot]["first_number"] = connection
    return 1


@kernel
def _to_session(tables, outbox, slot, session, ttl):
    """To where the session is bound; nowhere when it is not."""
    row = tables.sessions[session]
    if row["bound_at_sequence"] == 0:
        return 0
    if np.int64(row["connection"]) != 0:
        return _to_connection(outbox, slot, np.int64(row["connection"]))
    return _address(
        tables,
        outbox,
        slot,
        row["local_mac"],
        row["peer_mac"],
        np.int64(row["vlan_tci"]),
        np.int64(row["local_ip"]),
        np.int64(row["peer_ip"]),
        (np.int64(row["local_udp_port"]) << 16) | np.int64(row["peer_udp_port"]),
        ttl,
    )


@kernel
def _to_sender(tables, outbox, slot, record, ttl):
    """To where the handshake `record` came from."""
    if np.int64(record["connection"]) != 0:
        return _to_connection(outbox, slot, np.int64(record["connection"]))
    return _address(
        tables,
        outbox,
        slot,
        np.int64(record["local_mac"]),
        np.int64(record["peer_mac"]),
        np.int64(record["vlan_tci"]),
        np.int64(record["local_ip"]),
        np.int64(record["peer_ip"]),
        (np.int64(record["local_udp_port"]) << 16) | np.int64(record["peer_udp_port"]),
        ttl,
    )


@kernel
def answer(tables, outbox, sender, octets, at, size, ttl):
    """A message that is there already, to whom the gateway has no session for: the addresses of `sender`, an entry of
    its ring. Returns 1, or 0 where the outbox is full."""
    slot = open_slot(outbox, np.int64(OWNER_NONE), np.int64(0))
    if slot == FREE:
        return 0
    copy_bytes(outbox.octets, payload_start(slot), octets, at, size)
    outbox.slots[slot]["payload_bytes"] = size
    return _to_sender(tables, outbox, slot, sender, ttl)


@kernel
def negotiation_response(tables, outbox, journal, index, ttl):
    """The Negotiate is accepted; the credentials prove that the venue has the key, too."""
    data_bytes = fixp.DATA_SIZE + CREDENTIALS_BYTES
    slot = _begin(outbox, fixp.NegotiationResponse_TEMPLATE_ID, fixp.NegotiationResponse_BLOCK_LENGTH, data_bytes)
    if slot == FREE:
        return 0
    record = journal.negotiations[index]
    octets = outbox.octets
    block = _block(slot)
    _put_uuid(octets, block + fixp.NegotiationResponse_SessionId_OFFSET, record["uuid_low"], record["uuid_high"])
    fixp.put_NegotiationResponse_RequestTimestamp(octets, block, np.int64(record["timestamp_ns"]))
    fixp.put_NegotiationResponse_ServerFlow(octets, block, fixp.FlowType_Recoverable)
    data = block + fixp.NegotiationResponse_BLOCK_LENGTH
    fixp.put_DATA_length(octets, data, CREDENTIALS_BYTES)
    credentials = data + fixp.DATA_SIZE
    store_u8(octets, credentials, _CREDENTIALS_VERSION)
    key_at = np.int64(record["session"]) * KEY_ID_BYTES
    copy_bytes(octets, credentials + _KEY_ID_AT, tables.key_ids, key_at, KEY_ID_BYTES)
    record_bytes = bytes_at(journal.records.ctypes.data + index * _RECORD_BYTES, _RECORD_BYTES)
    copy_bytes(octets, credentials + _HMAC_AT, record_bytes, _PROOF_AT, _HMAC_BYTES)
    return _to_sender(tables, outbox, slot, record, ttl)


@kernel
def negotiation_reject(tables, outbox, negotiations, index, code, ttl):
    """The Negotiate is refused: NegotiationRejectCode."""
    slot = _begin(
        outbox, fixp.NegotiationReject_TEMPLATE_ID, fixp.NegotiationReject_BLOCK_LENGTH, np.int64(fixp.TEXT_SIZE)
    )
    if slot == FREE:
        return 0
    record = negotiations[index]
    block = _block(slot)
    at = block + fixp.NegotiationReject_SessionId_OFFSET
    _put_uuid(outbox.octets, at, record["uuid_low"], record["uuid_high"])
    fixp.put_NegotiationReject_RequestTimestamp(outbox.octets, block, np.int64(record["timestamp_ns"]))
    fixp.put_NegotiationReject_Code(outbox.octets, block, code)
    return _to_sender(tables, outbox, slot, record, ttl)


@kernel
def establishment_ack(tables, outbox, establishments, index, ttl):
    """The session is bound: the client may send, and what it hears next has NextSeqNo."""
    slot = _begin(outbox, fixp.EstablishmentAck_TEMPLATE_ID, fixp.EstablishmentAck_BLOCK_LENGTH, np.int64(0))
    if slot == FREE:
        return 0
    record = establishments[index]
    row = tables.sessions[np.int64(record["session"])]
    block = _block(slot)
    at = block + fixp.EstablishmentAck_SessionId_OFFSET
    _put_uuid(outbox.octets, at, record["uuid_low"], record["uuid_high"])
    fixp.put_EstablishmentAck_RequestTimestamp(outbox.octets, block, np.int64(record["timestamp_ns"]))
    fixp.put_EstablishmentAck_KeepaliveInterval(outbox.octets, block, np.int64(row["keepalive_ms"]))
    fixp.put_EstablishmentAck_NextSeqNo(outbox.octets, block, row["next_out_seq"])
    return _to_sender(tables, outbox, slot, record, ttl)


@kernel
def establishment_reject(tables, outbox, establishments, index, code, ttl):
    """The Establish is refused: EstablishmentRejectCode."""
    slot = _begin(
        outbox, fixp.EstablishmentReject_TEMPLATE_ID, fixp.EstablishmentReject_BLOCK_LENGTH, np.int64(fixp.TEXT_SIZE)
    )
    if slot == FREE:
        return 0
    record = establishments[index]
    block = _block(slot)
    at = block + fixp.EstablishmentReject_SessionId_OFFSET
    _put_uuid(outbox.octets, at, record["uuid_low"], record["uuid_high"])
    fixp.put_EstablishmentReject_RequestTimestamp(outbox.octets, block, np.int64(record["timestamp_ns"]))
    fixp.put_EstablishmentReject_Code(outbox.octets, block, code)
    return _to_sender(tables, outbox, slot, record, ttl)


@kernel
def terminate(tables, outbox, session, code, ttl):
    """The session is unbound: TerminationCode."""
    slot = _begin(outbox, fixp.Terminate_TEMPLATE_ID, fixp.Terminate_BLOCK_LENGTH, np.int64(fixp.TEXT_SIZE))
    if slot == FREE:
        return 0
    block = _block(slot)
    row = tables.sessions[session]
    _put_uuid(outbox.octets, block + fixp.Terminate_SessionId_OFFSET, row["uuid_low"], row["uuid_high"])
    outbox.slots[slot]["message_count"] = LAST_OF_CONNECTION
    fixp.put_Terminate_Code(outbox.octets, block, code)
    return _to_session(tables, outbox, slot, session, ttl)


@kernel
def finished_receiving(tables, outbox, session, ttl):
    """Everything that the client has sent has come, or is lost for good."""
    template = fixp.FinishedReceiving_TEMPLATE_ID
    slot = _begin(outbox, template, fixp.FinishedReceiving_BLOCK_LENGTH, np.int64(0))
    if slot == FREE:
        return 0
    row = tables.sessions[session]
    at = _block(slot) + fixp.FinishedReceiving_SessionId_OFFSET
    _put_uuid(outbox.octets, at, row["uuid_low"], row["uuid_high"])
    return _to_session(tables, outbox, slot, session, ttl)


@kernel
def finished_sending(tables, outbox, session, ttl):
    """The venue's flow is at its end."""
    slot = _begin(outbox, fixp.FinishedSending_TEMPLATE_ID, fixp.FinishedSending_BLOCK_LENGTH, np.int64(0))
    if slot == FREE:
        return 0
    row = tables.sessions[session]
    block = _block(slot)
    _put_uuid(outbox.octets, block + fixp.FinishedSending_SessionId_OFFSET, row["uuid_low"], row["uuid_high"])
    fixp.put_FinishedSending_LastSeqNo(outbox.octets, block, row["next_out_seq"] - 1)
    return _to_session(tables, outbox, slot, session, ttl)


@kernel
def heartbeat(tables, outbox, session, ttl):
    """A Context alone: the session's next number."""
    slot = _begin(outbox, fixp.Context_TEMPLATE_ID, fixp.Context_BLOCK_LENGTH, np.int64(0))
    if slot == FREE:
        return 0
    row = tables.sessions[session]
    block = _block(slot)
    _put_uuid(outbox.octets, block + fixp.Context_SessionId_OFFSET, row["uuid_low"], row["uuid_high"])
    fixp.put_Context_NextSeqNo(outbox.octets, block, row["next_out_seq"])
    return _to_session(tables, outbox, slot, session, ttl)


@kernel
def _retransmit_reject(outbox, low, high, timestamp_ns, code):
    slot = _begin(
        outbox, fixp.RetransmitReject_TEMPLATE_ID, fixp.RetransmitReject_BLOCK_LENGTH, np.int64(fixp.TEXT_SIZE)
    )
    if slot == FREE:
        return slot
    block = _block(slot)
    _put_uuid(outbox.octets, block + fixp.RetransmitReject_SessionId_OFFSET, low, high)
    fixp.put_RetransmitReject_RequestTimestamp(outbox.octets, block, timestamp_ns)
    fixp.put_RetransmitReject_Code(outbox.octets, block, code)
    return slot


@kernel
def retransmit_reject(tables, outbox, session, timestamp_ns, code, ttl):
    """The session's RetransmitRequest is refused: RetransmitRejectCode."""
    row = tables.sessions[session]
    slot = _retransmit_reject(outbox, row["uuid_low"], row["uuid_high"], timestamp_ns, code)
    return 0 if slot == FREE else _to_session(tables, outbox, slot, session, ttl)


@kernel
def retransmit_reject_back(tables, outbox, frame, at, fields, ttl):
    """The RetransmitRequest at `frame[at:]` is of a session that is not bound: InvalidSession, to where it came from
    (`fields`, wire.net.udp4)."""
    block = at + fixp.messageHeader_SIZE
    timestamp_ns = np.int64(fixp.get_RetransmitRequest_Timestamp(frame, block))
    code = np.int64(fixp.RetransmitRejectCode_InvalidSession)
    slot = _retransmit_reject(outbox, np.int64(0), np.int64(0), timestamp_ns, code)
    if slot == FREE:
        return 0
    copy_bytes(outbox.octets, _block(slot) + fixp.RetransmitReject_SessionId_OFFSET, frame, block, 16)
    return _address(
        tables,
        outbox,
        slot,
        fields[udp4.DESTINATION_MAC],
        fields[udp4.SOURCE_MAC],
        fields[udp4.VLAN_TCI],
        fields[udp4.DESTINATION_IP],
        fields[udp4.SOURCE_IP],
        (fields[udp4.DESTINATION_PORT] << 16) | fields[udp4.SOURCE_PORT],
        ttl,
    )


@kernel
def retransmission(tables, outbox, log, session, timestamp_ns, first, count, ttl):
    """Send the messages of `log.found[:count]` again, which are `first` and so on of the session's flow: in as many
    datagrams as that takes, a Retransmission first in each. Returns the messages sent."""
    row = tables.sessions[session]
    octets = outbox.octets
    sent = np.int64(0)
    while sent < count:
        slot = _begin(outbox, fixp.Retransmission_TEMPLATE_ID, fixp.Retransmission_BLOCK_LENGTH, np.int64(0))
        if slot == FREE:
            return sent
        block = _block(slot)
        begun = sent
        while sent < count:
            place = log.found[sent]
            message_bytes = np.int64(log.entries[place]["message_bytes"])
            payload_bytes = outbox.slots[slot]["payload_bytes"]
            if payload_bytes + message_bytes > DATAGRAM_PAYLOAD_BYTES_MAX:
                break
            at = payload_start(slot) + payload_bytes
            copy_bytes(octets, at, log.octets, (place + 1) * ENTRY_BYTES, message_bytes)
            outbox.slots[slot]["payload_bytes"] = payload_bytes + message_bytes
            sent += 1
        assert sent > begun
        at = block + fixp.Retransmission_SessionId_OFFSET
        _put_uuid(octets, at, row["uuid_low"], row["uuid_high"])
        fixp.put_Retransmission_RequestTimestamp(octets, block, timestamp_ns)
        fixp.put_Retransmission_NextSeqNo(octets, block, first + begun)
        fixp.put_Retransmission_Count(octets, block, sent - begun)
        _to_session(tables, outbox, slot, session, ttl)
    tables.counters[counters.REPORTS_AGAIN] += sent
    return sent
