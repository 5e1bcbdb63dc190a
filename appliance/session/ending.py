"""What a client says of its session but orders (Terminate, RetransmitRequest, FinishedSending, FinishedReceiving), and
what becomes of the session when it ends, is lost, or is gone for long: docs/SESSIONS.md sections 5 to 8.
"""

from __future__ import annotations

import numpy as np

from appliance.session.receive import GAP_MAX, is_open, session_at
from appliance.state import FREE, SESSION_DUE_NS, TURN, find_name
from native import codes, counters
from native.jit import inner_kernel, kernel
from native.layout import (
    KIND_FINISHED,
    KIND_RETRANSMIT_REQUEST,
    KIND_TERMINATE,
    NEVER_NS,
    SEQUENCED,
)
from native.lowlevel import bytes_at, load_u64
from native.session_layout import (
    CANCEL_ON_TERMINATE,
    FINISHED_RECEIVING,
    FINISHED_SENDING,
    SESSION_FREE,
    SESSION_NEGOTIATED,
    SESSION_TRAIT_KEYED,
)
from wire.gen import fixp

_RECORD_BYTES = SEQUENCED.itemsize
_NANOS_A_MS = 1_000_000
_UUID_HIGH_AT = fixp.messageHeader_SIZE + 8
_UNSENT = fixp.FinishedSending_LastSeqNo_NULL


@inner_kernel
def is_control(template):
    """Whether a FIXP message of this template is about a session that is established."""
    return template in (
        fixp.Terminate_TEMPLATE_ID,
        fixp.RetransmitRequest_TEMPLATE_ID,
        fixp.FinishedSending_TEMPLATE_ID,
        fixp.FinishedReceiving_TEMPLATE_ID,
    )


@kernel
def _block_bytes(template):
    if template == fixp.Terminate_TEMPLATE_ID:
        return np.int64(fixp.Terminate_BLOCK_LENGTH)
    if template == fixp.RetransmitRequest_TEMPLATE_ID:
        return np.int64(fixp.RetransmitRequest_BLOCK_LENGTH)
    if template == fixp.FinishedSending_TEMPLATE_ID:
        return np.int64(fixp.FinishedSending_BLOCK_LENGTH)
    return np.int64(fixp.FinishedReceiving_BLOCK_LENGTH)


@kernel
def begin_input(journal, index, tables, session):
    """A SESSION_INPUT about the session, empty, at the record `index`."""
    bytes_at(journal.records.ctypes.data + index * _RECORD_BYTES, _RECORD_BYTES)[:] = 0
    record = journal.session_inputs[index]
    record["session"] = session
    record["generation"] = np.int64(tables.sessions[session]["generation"])
    return 0


@kernel
def read_control(tables, journal, index, frame, at, size, connection, receive_ns):
    """Read the message at `frame[at:at + size]`, whose template `is_control`, into the record `index`; it came over the
    TCP `connection` (0: by UDP).

    Returns its KIND, or minus the index of a DROP counter: cut short, unknown or unbound session, a number that cannot
    be, late (a repeat of a RetransmitRequest).
    """
    template = fixp.get_messageHeader_templateId(frame, at)
    block_bytes = fixp.get_messageHeader_blockLength(frame, at)
    block = at + fixp.messageHeader_SIZE
    if block_bytes < _block_bytes(template) or fixp.messageHeader_SIZE + block_bytes > size:
        return np.int64(-counters.DROP_SESSION_MESSAGE)
    session = session_at(tables, frame, block, np.int64(FREE))  # SessionId is the first field of them all
    if session == FREE:
        return np.int64(-counters.DROP_SESSION_UNKNOWN)
    if not is_open(tables, session, connection):
        return np.int64(-counters.DROP_SESSION_UNBOUND)
    row = tables.sessions[session]
    begin_input(journal, index, tables, session)
    record = journal.session_inputs[index]
    record["receive_time_ns"] = receive_ns
    if template == fixp.Terminate_TEMPLATE_ID:
        record["code"] = fixp.get_Terminate_Code(frame, block)
        return np.int64(KIND_TERMINATE)
    if template == fixp.RetransmitRequest_TEMPLATE_ID:
        timestamp_ns = np.int64(fixp.get_RetransmitRequest_Timestamp(frame, block))
        if timestamp_ns <= np.int64(row["retransmit_ns"]):
            return np.int64(-counters.DROP_SESSION_MESSAGE)
        record["timestamp_ns"] = timestamp_ns
        record["number"] = np.int64(fixp.get_RetransmitRequest_FromSeqNo(frame, block))
        record["count"] = np.int64(fixp.get_RetransmitRequest_Count(frame, block))
        return np.int64(KIND_RETRANSMIT_REQUEST)
    if template == fixp.FinishedSending_TEMPLATE_ID:
        last = np.int64(fixp.get_FinishedSending_LastSeqNo(frame, block))
        if last != _UNSENT and (last < 0 or last - row["expected_seq"] > GAP_MAX):
            return np.int64(-counters.DROP_SESSION_SEQ)
        record["number"] = last
        record["code"] = FINISHED_SENDING
        return np.int64(KIND_FINISHED)
    record["code"] = FINISHED_RECEIVING
    return np.int64(KIND_FINISHED)


@kernel
def asks_too_late(tables, frame, at, drop):
    """Whether what `read_control` dropped for `drop` is a RetransmitRequest of a session that is known and not bound,
    or that ended for good: it is told so."""
    return (
        fixp.get_messageHeader_templateId(frame, at) == fixp.RetransmitRequest_TEMPLATE_ID
        and drop in (counters.DROP_SESSION_UNKNOWN, counters.DROP_SESSION_UNBOUND)
        and find_name(tables, load_u64(frame, at + fixp.messageHeader_SIZE), load_u64(frame, at + _UUID_HIGH_AT))
        != FREE
    )


@kernel
def is_late(tables, session_inputs, index):
    """Whether the row has another session by now than the one that the record is about."""
    record = session_inputs[index]
    row = tables.sessions[np.int64(record["session"])]
    return np.int64(record["generation"]) != np.int64(row["generation"])


@kernel
def unbind(tables, session):
    """The session is bound to no transport any more. One whose client has finished ends for good; a provisioned one
    waits for its next message, wherever that comes from."""
    row = tables.sessions[session]
    tables.counters[counters.SESSIONS_TERMINATED] += 1
    row["bound_at_sequence"] = 0
    row["connection"] = 0
    if np.int64(row["traits"]) & SESSION_TRAIT_KEYED:
        row["state"] = SESSION_FREE if np.int64(row["client_finished"]) else SESSION_NEGOTIATED
    return 0


@kernel
def leave(tables, session, cause, now_ns):
    """The session is gone for `cause` (CANCEL_ON_LOSS or CANCEL_ON_TERMINATE): its orders go after their window, if
    they do. True: at once."""
    row = tables.sessions[session]
    if np.int64(row["cancel_type"]) & cause == 0:
        return False
    row["cancel_reason"] = (
        codes.RESTATEMENT_TERMINATED if cause == CANCEL_ON_TERMINATE else codes.RESTATEMENT_DISCONNECTED
    )
    window_ms = np.int64(row["cancel_window_ms"])
    if window_ms == 0:
        row["cancel_due_ns"] = NEVER_NS
        return True
    due_ns = now_ns + window_ms * _NANOS_A_MS
    row["cancel_due_ns"] = due_ns
    tables.session_scalars[SESSION_DUE_NS] = min(tables.session_scalars[SESSION_DUE_NS], due_ns)
    return False


@kernel
def take_due(tables, now_ns):
    """A session whose orders are due to go by `now_ns`, the first of them, which is noted as done; FREE: none is."""
    if tables.session_scalars[SESSION_DUE_NS] > now_ns:
        return np.int64(FREE)
    earliest_ns = np.int64(NEVER_NS)
    for session in range(tables.sessions.size):
        row = tables.sessions[session]
        due_ns = row["cancel_due_ns"]
        if due_ns <= now_ns:
            row["cancel_due_ns"] = NEVER_NS
            return np.int64(session)
        earliest_ns = min(earliest_ns, due_ns)
    tables.session_scalars[SESSION_DUE_NS] = earliest_ns
    return np.int64(FREE)


@kernel
def is_answered_in_this_turn(tables, session):
    """Whether a RetransmitRequest of the session came in this turn already, so that its answer has not left yet."""
    return tables.sessions[session]["retransmit_turn"] == tables.clock[TURN]
