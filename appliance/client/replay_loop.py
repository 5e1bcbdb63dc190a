"""The replay's loop: one nogil kernel that sends a workload through a port, takes the answers and measures them.

It owns the port while it runs, and shares `ReplayState.progress` with Python, which may look at any time and asks it
to stop by progress[STOP] = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.client.workload import (
    CONTEXT_BYTES,
    FREE,
    NO_REQUEST,
    Bytes,
    Int,
    Ints,
    Workload,
    context_session_at,
    find_request,
    find_session,
    message_end,
)
from appliance.latency import record
from native.arrays import Arrays
from native.jit import kernel
from native.layout import PKT, VLAN_NONE
from native.limits import FRAME_BYTES_MAX, RX_BURST_MAX, TX_BURST_MAX
from native.lowlevel import bytes_at, copy_bytes, load_acquire64, load_u64, store_release64
from native.rim import (
    clock_idle,
    clock_monotonic_ns,
    port_rx_burst,
    port_rx_release,
    port_service,
    port_tx_alloc,
    port_tx_burst,
    port_tx_flush,
)
from wire.gen import fixp
from wire.gen import order_entry as oe
from wire.net import udp4

# indexes of `ReplayState.progress`
DATAGRAMS_SENT = 0
REQUESTS_SENT = 1
REQUESTS_ANSWERED = 2
ACKS = 3
FILLS = 4
"""Trade reports: two a fill when both sides are ours."""
REJECTS = 5
CANCELS = 6
MODIFIES = 7
NOT_APPLIED = 8
"""NotApplied messages; BusinessMessageRejects are in BUSINESS_REJECTS."""
BUSINESS_REJECTS = 9
OTHER_REPORTS = 10
REPORTS_MISSING = 11
REPORTS_DUPLICATE = 12
BYTES_OUT = 13
BYTES_IN = 14
PACKETS_IN = 15
PACKETS_OTHER = 16
"""Frames received that are no answer to us."""
DATAGRAMS_NOT_SENT = 17
"""Given up because the port stayed full."""
WINDOW_TIMEOUTS = 18
"""Times that a full window was opened again because nothing was answered for long."""
START_NS = 19
END_NS = 20
LAST_ANSWER_NS = 21
STOP = 22
REFUSALS = 23
"""Rows used in `ReplayState.refusals`."""
PORT_ERROR = 24
OTHERS_LOST = 25
"""Frames that are no answer and found no room to be kept."""
PROGRESS_COUNT = 32

# indexes of `ReplayState.others_counts`
OTHERS_WRITTEN = 0
OTHERS_TAKEN = 1

# indexes of `ReplayState.settings`
SOURCE_MAC = 0
TARGET_MAC = 1
SOURCE_IP = 2
TARGET_IP = 3
SOURCE_PORT = 4
TARGET_PORT = 5
WINDOW = 6
"""Requests that may be unanswered at a time; 0: no limit."""
LINGER_NS = 7
"""How long to wait for answers after the last one came."""
SCHEDULED = 8
"""1: `due_ns` is a schedule; 0: each request is due when it can leave."""
SETTINGS_COUNT = 9

TTL = 64
TX_TRIES_MAX = 100_000
STALLS_MAX = 3
"""Full windows in a row of which nothing was answered: then the replay ends."""
SERVICE_INTERVAL_TURNS = 64
SERVICE_BUDGET = 256
REFUSALS_MAX = 1 << 16
PAYLOAD_OFFSET = udp4.HEADERS_BYTES
PKT_BYTES = PKT.itemsize


class ReplayState(Arrays):
    """Everything that changes while a workload is replayed."""

    progress: Ints
    settings: Ints
    due_ns: Ints
    """int64[datagrams]: when each is to leave, from the start on"""
    sent_ns: Ints
    """int64[requests]: when it left by CLOCK_MONOTONIC; 0: not yet"""
    answered_ns: Ints
    """int64[requests]: when its first report came; 0: not yet"""
    due_of_request_ns: Ints
    next_report: Ints
    """int64[SESSIONS_MAX]: number of the next report; 0: not known yet"""
    refusals: Ints
    """int64[3 * REFUSALS_MAX]: (session, first FIXP number, count) of what NotApplied and BusinessMessageReject name"""
    service_histogram: Ints
    """From when a request left to its first report"""
    response_histogram: Ints
    """From when it was due to its first report: what a client that keeps its schedule would see"""
    others: Any
    """uint8[slots * FRAME_BYTES_MAX]: frames that are no answer to us, a ring for another thread to take; or empty"""
    others_bytes: Ints
    """int64[slots]: their lengths"""
    others_counts: Ints
    """int64[2]: written by the loop, taken by the other thread"""
    fields: Ints
    tx: Any
    rx: Any


@kernel
def run(workload: Workload, state: ReplayState, port: Int) -> Int:
    """Send every datagram when it is due, take answers until all have come or none comes any more. Returns 0 or the
    code of the port that failed."""
    progress = state.progress
    settings = state.settings
    rx_address = state.rx.ctypes.data
    total = workload.start.size - 1
    requests = state.sent_ns.size
    start_ns = np.int64(clock_monotonic_ns())
    progress[START_NS] = start_ns
    progress[LAST_ANSWER_NS] = start_ns
    next_datagram = np.int64(0)
    window_base = np.int64(0)
    turns = np.int64(0)
    stalls = np.int64(0)
    answered_at_stall = np.int64(0)
    while progress[STOP] == 0:
        turns += 1
        now_ns = np.int64(clock_monotonic_ns())
        count = np.int64(0)
        in_flight = progress[REQUESTS_SENT] - progress[REQUESTS_ANSWERED] - window_base
        while next_datagram + count < total and count < TX_BURST_MAX:
            datagram = next_datagram + count
            if state.due_ns[datagram] > now_ns - start_ns:
                break
            messages = workload.first_message[datagram + 1] - workload.first_message[datagram]
            if settings[WINDOW] > 0 and in_flight > 0 and in_flight + messages > settings[WINDOW]:
                break  # a datagram with more messages than the window leaves when nothing is open
            in_flight += messages
            count += 1
        if count > 0:
            next_datagram += _send(workload, state, port, next_datagram, count, start_ns)
        got = np.int64(port_rx_burst(port, rx_address, RX_BURST_MAX))
        if got < 0:
            progress[PORT_ERROR] = got
            break
        if got > 0:
            now_ns = np.int64(clock_monotonic_ns())
            for i in range(got):
                _receive(workload, state, i, now_ns)
            port_rx_release(port, rx_address, got)
        elif count == 0:
            quiet_ns = now_ns - progress[LAST_ANSWER_NS]
            if next_datagram == total:
                if progress[REQUESTS_ANSWERED] >= requests or quiet_ns > settings[LINGER_NS]:
                    break
            elif settings[WINDOW] > 0 and in_flight > 0 and quiet_ns > settings[LINGER_NS]:
                # what is open will not be answered any more: open the window again
                window_base = progress[REQUESTS_SENT] - progress[REQUESTS_ANSWERED]
                progress[WINDOW_TIMEOUTS] += 1
                progress[LAST_ANSWER_NS] = now_ns
                stalls = stalls + 1 if progress[REQUESTS_ANSWERED] == answered_at_stall else np.int64(1)
                answered_at_stall = progress[REQUESTS_ANSWERED]
                if stalls == STALLS_MAX:
                    break  # nobody answers any more
            clock_idle(0)
        if turns % SERVICE_INTERVAL_TURNS == 0:
            port_service(port, SERVICE_BUDGET)
    progress[END_NS] = clock_monotonic_ns()
    return progress[PORT_ERROR]


@kernel
def _send(workload: Workload, state: ReplayState, port: Int, first: Int, count: Int, start_ns: Int) -> Int:
    """Send datagrams [first, first + count), as many as the port has buffers for; returns how many are done with."""
    progress = state.progress
    tx_address = state.tx.ctypes.data
    got = np.int64(port_tx_alloc(port, tx_address, count))
    if got <= 0:
        port_tx_flush(port)
        port_service(port, SERVICE_BUDGET)
        return np.int64(0)
    for i in range(got):
        _fill(workload, state, i, first + i)
    now_ns = np.int64(clock_monotonic_ns())
    for i in range(got):
        datagram = first + i
        for message in range(workload.first_message[datagram], workload.first_message[datagram + 1]):
            request = workload.request_of[message]
            if request != NO_REQUEST and state.sent_ns[request] == 0:
                state.sent_ns[request] = now_ns
                scheduled_ns = start_ns + state.due_ns[datagram]
                state.due_of_request_ns[request] = scheduled_ns if state.settings[SCHEDULED] != 0 else now_ns
                progress[REQUESTS_SENT] += 1
    taken = np.int64(0)
    tries = np.int64(0)
    while taken < got and tries < TX_TRIES_MAX:
        sent = np.int64(port_tx_burst(port, tx_address + taken * PKT_BYTES, got - taken))
        if sent < 0:
            progress[PORT_ERROR] = sent
            break
        taken += sent
        if taken < got:
            tries += 1
            port_tx_flush(port)
            port_service(port, SERVICE_BUDGET)
    if taken < got:
        for i in range(taken, got):
            state.tx[i]["len"] = 0  # length 0 gives a buffer back unsent
        port_tx_burst(port, tx_address + taken * PKT_BYTES, got - taken)
        progress[DATAGRAMS_NOT_SENT] += got - taken
    tries = np.int64(0)
    while port_tx_flush(port) > 0 and tries < TX_TRIES_MAX:
        tries += 1
    progress[DATAGRAMS_SENT] += taken
    return got


@kernel
def _fill(workload: Workload, state: ReplayState, i: Int, datagram: Int) -> Int:
    settings = state.settings
    start = workload.start[datagram]
    size = workload.start[datagram + 1] - start
    room = bytes_at(np.int64(state.tx[i]["data"]), np.int64(state.tx[i]["len"]))
    size = min(size, np.int64(room.size) - PAYLOAD_OFFSET)
    copy_bytes(room, PAYLOAD_OFFSET, workload.octets, start, size)
    udp4.write_headers(
        room,
        np.int64(PAYLOAD_OFFSET),
        size,
        settings[SOURCE_MAC],
        settings[TARGET_MAC],
        np.int64(VLAN_NONE),
        settings[SOURCE_IP],
        settings[TARGET_IP],
        (settings[SOURCE_PORT] << 16) | settings[TARGET_PORT],
        np.int64(TTL),
    )
    state.tx[i]["len"] = PAYLOAD_OFFSET + size
    state.progress[BYTES_OUT] += PAYLOAD_OFFSET + size
    return 0


@kernel
def _receive(workload: Workload, state: ReplayState, i: Int, now_ns: Int) -> Int:
    """Take one frame: every report in it, matched to the request that it is the first answer to."""
    progress = state.progress
    fields = state.fields
    frame = bytes_at(np.int64(state.rx[i]["data"]), np.int64(state.rx[i]["len"]))
    progress[PACKETS_IN] += 1
    progress[BYTES_IN] += np.int64(state.rx[i]["len"])
    session = np.int64(FREE)
    uuid_at = np.int64(FREE)
    at = np.int64(0)
    end = np.int64(0)
    if udp4.parse(frame, np.int64(state.rx[i]["flags"]), fields) == 0:
        at = fields[udp4.PAYLOAD_AT]
        end = at + fields[udp4.PAYLOAD_BYTES]
        uuid_at = context_session_at(frame, at, end - at)
        if uuid_at != FREE:
            session = find_session(workload, load_u64(frame, uuid_at), load_u64(frame, uuid_at + 8))
    if session == FREE:
        progress[PACKETS_OTHER] += 1
        return _keep(state, frame)
    number = fixp.get_Context_NextSeqNo(frame, uuid_at)
    at += CONTEXT_BYTES
    after = message_end(frame, at, end)
    while after != FREE:
        _follow(state, session, number)
        _report(workload, state, frame, at, session, now_ns)
        number += 1
        at = after
        after = message_end(frame, at, end)
    return 0


@kernel
def _keep(state: ReplayState, frame: Bytes) -> Int:
    """Keep a frame that is not ours for the thread that asked for such; 0 when there is no room or no such thread."""
    slots = state.others_bytes.size
    if slots == 0:
        return 0
    counts_address = state.others_counts.ctypes.data
    written = state.others_counts[OTHERS_WRITTEN]
    size = np.int64(frame.size)
    taken = np.int64(load_acquire64(counts_address + 8 * OTHERS_TAKEN))
    if written - taken >= slots or size > FRAME_BYTES_MAX:
        state.progress[OTHERS_LOST] += 1
        return 0
    slot = written % slots
    copy_bytes(state.others, slot * FRAME_BYTES_MAX, frame, np.int64(0), size)
    state.others_bytes[slot] = size
    store_release64(counts_address + 8 * OTHERS_WRITTEN, written + 1)
    return 1


@kernel
def mark_taken(state: ReplayState, taken: Int) -> Int:
    """Give the slots of the first `taken` frames back to the loop."""
    store_release64(state.others_counts.ctypes.data + 8 * OTHERS_TAKEN, taken)
    return 0


@kernel
def others_written(state: ReplayState) -> Int:
    """How many frames the loop has kept so far, their bytes included."""
    return np.int64(load_acquire64(state.others_counts.ctypes.data + 8 * OTHERS_WRITTEN))


@kernel
def _follow(state: ReplayState, session: Int, number: Int) -> Int:
    """Count gaps and duplicates in the server's flow."""
    expected = state.next_report[session]
    if expected == 0 or number == expected:
        state.next_report[session] = number + 1
    elif number > expected:
        state.progress[REPORTS_MISSING] += number - expected
        state.next_report[session] = number + 1
    else:
        state.progress[REPORTS_DUPLICATE] += 1
    return 0


@kernel
def _report(workload: Workload, state: ReplayState, frame: Bytes, at: Int, session: Int, now_ns: Int) -> Int:
    """Count the message at `at` and, where it is a request's first report, measure it."""
    progress = state.progress
    template = oe.get_messageHeader_templateId(frame, at)
    schema = oe.get_messageHeader_schemaId(frame, at)
    size = oe.get_messageHeader_blockLength(frame, at)
    block = at + oe.messageHeader_SIZE
    cl_ord_id = np.int64(0)
    if schema == fixp.SCHEMA_ID and template == fixp.NotApplied_TEMPLATE_ID and size >= fixp.NotApplied_BLOCK_LENGTH:
        progress[NOT_APPLIED] += 1
        return _refuse(
            state,
            session,
            fixp.get_NotApplied_FromSeqNo(frame, block),
            fixp.get_NotApplied_Count(frame, block),
            now_ns,
        )
    if schema != oe.SCHEMA_ID:
        progress[OTHER_REPORTS] += 1
        return 0
    if template == oe.ExecutionReportNew_TEMPLATE_ID and size >= oe.ExecutionReportNew_BLOCK_LENGTH:
        progress[ACKS] += 1
        cl_ord_id = oe.get_ExecutionReportNew_ClOrdID(frame, block)
    elif template == oe.ExecutionReportTrade_TEMPLATE_ID and size >= oe.ExecutionReportTrade_BLOCK_LENGTH:
        progress[FILLS] += 1
        cl_ord_id = oe.get_ExecutionReportTrade_ClOrdID(frame, block)
    elif template == oe.ExecutionReportCancel_TEMPLATE_ID and size >= oe.ExecutionReportCancel_BLOCK_LENGTH:
        progress[CANCELS] += 1
        cl_ord_id = oe.get_ExecutionReportCancel_ClOrdID(frame, block)
    elif template == oe.ExecutionReportModify_TEMPLATE_ID and size >= oe.ExecutionReportModify_BLOCK_LENGTH:
        progress[MODIFIES] += 1
        cl_ord_id = oe.get_ExecutionReportModify_ClOrdID(frame, block)
    elif template == oe.ExecutionReportReject_TEMPLATE_ID and size >= oe.ExecutionReportReject_BLOCK_LENGTH:
        progress[REJECTS] += 1
        cl_ord_id = oe.get_ExecutionReportReject_ClOrdID(frame, block)
    elif template == oe.BusinessMessageReject_TEMPLATE_ID and size >= oe.BusinessMessageReject_BLOCK_LENGTH:
        progress[BUSINESS_REJECTS] += 1
        return _refuse(state, session, oe.get_BusinessMessageReject_RefSeqNum(frame, block), np.int64(1), now_ns)
    else:
        progress[OTHER_REPORTS] += 1
        return 0
    request = find_request(workload, session, cl_ord_id)
    if request != NO_REQUEST and state.answered_ns[request] == 0 and state.sent_ns[request] != 0:
        state.answered_ns[request] = now_ns
        progress[REQUESTS_ANSWERED] += 1
        progress[LAST_ANSWER_NS] = now_ns
        record(state.service_histogram, now_ns - state.sent_ns[request])
        record(state.response_histogram, now_ns - state.due_of_request_ns[request])
    return 0


@kernel
def _refuse(state: ReplayState, session: Int, first: Int, count: Int, now_ns: Int) -> Int:
    """Keep a range of refused numbers: which requests it names is worked out after the run."""
    progress = state.progress
    row = progress[REFUSALS]
    if row < REFUSALS_MAX:
        state.refusals[3 * row] = session
        state.refusals[3 * row + 1] = first
        state.refusals[3 * row + 2] = count
        progress[REFUSALS] += 1
    progress[LAST_ANSWER_NS] = now_ns
    return 0
