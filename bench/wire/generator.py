"""The load generator and receiver: one nogil kernel on one core, sending by a fixed schedule whatever the answers do.

Request k of a slice is due at start + k / rate, exactly; it leaves then or as soon after as the core gets to it. Two
times are kept of each answer: the service time, from when the request left, and the response time, from when it was
due. Only the second tells what a stall cost those who had to wait (no coordinated omission).

The flow is made while it is sent, in rounds of STEPS messages on one instrument: four orders, of which one is the best
offer, then two replaces and three cancels of the orders that were sent `LAG_ROUNDS` rounds ago, and one order that
takes the offer of then. So the books keep their size, every request is valid, and each gets at least one report.

numba notices edits of the file that a kernel is in, not of files from which it calls (native/jit.py hashes those of the
packages, not of `bench`): so everything compiled is in this one file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.client.workload import context_session_at, message_end
from appliance.histogram import new_histogram
from appliance.latency import record
from native.arrays import Arrays
from native.jit import kernel
from native.layout import PKT, PKT_CLOCK_MASK, PKT_CLOCK_MONOTONIC, PKT_CLOCK_REALTIME
from native.limits import RX_BURST_MAX, TX_BURST_MAX
from native.lowlevel import bytes_at, copy_bytes, load_u64, pause
from native.rim import (
    clock_monotonic_ns,
    clock_realtime_ns,
    port_rx_burst,
    port_rx_release,
    port_service,
    port_tx_alloc,
    port_tx_burst,
    port_tx_flush,
)
from wire.gen import fixp
from wire.gen import market_data as md
from wire.gen import order_entry as oe
from wire.net import udp4

NS_PER_SECOND = 1_000_000_000

# indexes of `Traffic.progress`, which starts at 0 with every slice
SENT = 0
ANSWERED = 1
"""Requests with at least one report (from an echo: that came back)."""
REPORTS = 2
REJECTS = 3
"""Rejects of every kind, NotApplied included: the flow has no request that deserves one."""
FILLS = 4
"""Trade reports, one a side."""
REPORTS_MISSING = 5
REPORTS_DUPLICATE = 6
FEED_EXPECTED = 7
"""Orders that were reported as resting: each is to appear on the feed."""
FEED_SEEN = 8
FEED_MISSING = 9
"""Numbers that never came on the feed."""
FRAMES_IN = 10
FRAMES_OTHER = 11
NOT_SENT = 12
"""Given up because the port stayed full."""
STAMPED_MONOTONIC = 13
STAMPED_REALTIME = 14
STAMPED_BY_CLOCK = 15
"""Frames without a stamp of their port: timed by the clock when they were read."""
BURSTS = 16
START_NS = 17
LAST_NS = 18
"""When the last answer was received."""
PORT_ERROR = 19
STOP = 20
PROGRESS_COUNT = 24

# indexes of `Traffic.settings`
INSTRUMENTS = 0
SESSIONS = 1
LAG_ROUNDS = 2
IS_ECHO = 3
FEED_UDP_PORT = 4
USE_STAMPS = 5
LINGER_NS = 6
NEXT_REQUEST = 7
"""Moves on from slice to slice: ClOrdIDs of a session rise strictly."""
NEXT_FEED_NUMBER = 8
REALTIME_OFFSET_NS = 9
"""CLOCK_REALTIME minus CLOCK_MONOTONIC."""
MEASURED_FROM = 10
"""The first request that is measured: those before it warm up."""
SETTINGS_COUNT = 12

# a round
STEPS = 10
STEP_BUY = 0
STEP_SELL = 1
STEP_SELL_FAR = 2
STEP_OFFER = 3
STEPS_THAT_REST = 4
STEP_REPLACE_BUY = 4
STEP_REPLACE_SELL = 5
STEP_CANCEL_BUY = 6
STEP_CANCEL_SELL = 7
STEP_CANCEL_SELL_FAR = 8
STEP_TAKE = 9

TICK_NANOS = 1_000_000
MIDDLE_TICKS = 100_000
SHAPES_DEPTH = 8
"""Distances from the middle at which orders rest."""
QTY_LOTS = 10

# templates: a frame a session and kind, complete but for what `_fill` writes
TEMPLATE_BYTES = 256
TEMPLATE_NEW = 0
TEMPLATE_CANCEL = 1
TEMPLATE_REPLACE = 2
TEMPLATES_A_SESSION = 3
CONTEXT_AT = udp4.HEADERS_BYTES
BLOCK_AT = CONTEXT_AT + fixp.messageHeader_SIZE + fixp.Context_BLOCK_LENGTH + oe.messageHeader_SIZE

WINDOW = 1 << 20
"""Requests, and orders on their way to the feed, that can be told apart at a time."""
WINDOW_MASK = WINDOW - 1
TX_TRIES_MAX = 100_000
SERVICE_INTERVAL_TURNS = 64
SERVICE_BUDGET = 256
OFFSET_INTERVAL_TURNS = 1 << 16
LEAD_NS = 1_000_000
"""From the call of `run` to the first due time."""
PKT_BYTES = PKT.itemsize
NOT_FOUND = -1


class Traffic(Arrays):
    """One stream of requests to one server, and everything known about it."""

    progress: np.ndarray
    settings: np.ndarray
    templates: np.ndarray
    """uint8[sessions * TEMPLATES_A_SESSION * TEMPLATE_BYTES]"""
    template_bytes: np.ndarray
    """int64[TEMPLATES_A_SESSION]"""
    uuid_low: np.ndarray
    uuid_high: np.ndarray
    """int64[sessions]: halves of each session's UUID"""
    next_number: np.ndarray
    """int64[sessions]: FIXP number of the next request"""
    next_report: np.ndarray
    """int64[sessions]: of the next report; 0: not known yet"""
    due_ns: np.ndarray
    sent_ns: np.ndarray
    """int64[WINDOW], by request: 0 where nothing is waited for"""
    feed_order: np.ndarray
    feed_request: np.ndarray
    feed_sent_ns: np.ndarray
    """int64[WINDOW], by order: reported, and not on the feed yet; order 0: none"""
    feed_early: np.ndarray
    feed_early_ns: np.ndarray
    """int64[WINDOW], by order: on the feed, and not reported yet (two ports are read one after the other)"""
    service: np.ndarray
    response: np.ndarray
    read: np.ndarray
    feed_service: np.ndarray
    feed_response: np.ndarray
    lateness: np.ndarray
    """Histograms (appliance/histogram.py), ns. `read`: the response time when the answer is timed as the program reads
    it, whatever stamps there are; `lateness`: from due to sent, the generator's own"""
    fields: np.ndarray
    tx: np.ndarray
    rx: np.ndarray


@kernel
def due_after_ns(k, rate):
    """When request `k` of a slice is due, ns from its start, at `rate` requests a second. Exact: nothing adds up."""
    return k * NS_PER_SECOND // rate


@kernel
def due_count(elapsed_ns, rate):
    """How many requests are due `elapsed_ns` after the start: the k with due_after_ns(k) <= elapsed_ns."""
    return ((elapsed_ns + 1) * rate - 1) // NS_PER_SECOND + 1 if elapsed_ns >= 0 else np.int64(0)


@kernel
def run(traffic, port, feed_port, rate, count):
    """Send `count` requests at `rate` a second and take what comes back. Returns 0 or the code of the port that failed.

    `feed_port`: where the feed comes, when not to `port`; else 0. Ends when everything has come or nothing comes for
    the time of LINGER_NS.
    """
    progress = traffic.progress
    settings = traffic.settings
    settings[REALTIME_OFFSET_NS] = clock_realtime_ns() - clock_monotonic_ns()
    start_ns = np.int64(clock_monotonic_ns()) + LEAD_NS
    progress[START_NS] = start_ns
    progress[LAST_NS] = start_ns
    turns = np.int64(0)
    queued = np.int64(0)
    busy_ns = start_ns
    while progress[STOP] == 0 and progress[PORT_ERROR] == 0:
        turns += 1
        now_ns = np.int64(clock_monotonic_ns())
        wanted = min(min(due_count(now_ns - start_ns, rate), count) - queued, np.int64(TX_BURST_MAX))
        if wanted > 0:
            queued += _send(traffic, port, start_ns, queued, wanted, rate)
            busy_ns = now_ns
        got = _take(traffic, port)
        if feed_port != 0:
            got += _take(traffic, feed_port)
        if got > 0:
            busy_ns = max(busy_ns, progress[LAST_NS])
        elif wanted <= 0:
            if queued == count:
                complete = progress[ANSWERED] >= progress[SENT] and progress[FEED_SEEN] >= progress[FEED_EXPECTED]
                if complete or now_ns - busy_ns > settings[LINGER_NS]:
                    break
            pause()
        if turns % SERVICE_INTERVAL_TURNS == 0:
            port_service(port, SERVICE_BUDGET)
            if feed_port != 0:
                port_service(feed_port, SERVICE_BUDGET)
            if turns % OFFSET_INTERVAL_TURNS == 0:
                settings[REALTIME_OFFSET_NS] = clock_realtime_ns() - clock_monotonic_ns()
    return progress[PORT_ERROR]


@kernel
def _send(traffic, port, start_ns, first, wanted, rate):
    """Send the requests [first, first + wanted) of the slice, as many as the port has buffers for. Returns how many."""
    progress = traffic.progress
    tx_address = traffic.tx.ctypes.data
    got = np.int64(port_tx_alloc(port, tx_address, wanted))
    if got <= 0:
        port_tx_flush(port)
        port_service(port, SERVICE_BUDGET)
        return np.int64(0)
    first_request = traffic.settings[NEXT_REQUEST]
    request = first_request
    for i in range(got):
        request = _next_valid(traffic, request)
        traffic.due_ns[request & WINDOW_MASK] = start_ns + due_after_ns(first + i, rate)
        _fill(traffic, i, request)
        request += 1
    traffic.settings[NEXT_REQUEST] = request
    now_ns = np.int64(clock_monotonic_ns())
    request = first_request
    for _ in range(got):
        request = _next_valid(traffic, request)
        slot = request & WINDOW_MASK
        traffic.sent_ns[slot] = now_ns
        if request >= traffic.settings[MEASURED_FROM]:
            record(traffic.lateness, now_ns - traffic.due_ns[slot])
        request += 1
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
            traffic.tx[i]["len"] = 0  # length 0 gives a buffer back unsent
        port_tx_burst(port, tx_address + taken * PKT_BYTES, got - taken)
        progress[NOT_SENT] += got - taken
    tries = np.int64(0)
    while port_tx_flush(port) > 0 and tries < TX_TRIES_MAX:
        tries += 1
    progress[SENT] += got
    progress[BURSTS] += 1
    return got


@kernel
def _next_valid(traffic, request):
    """`request`, or the next one whose older orders exist: the first rounds only fill the books."""
    if request // STEPS < traffic.settings[LAG_ROUNDS] and request % STEPS >= STEPS_THAT_REST:
        return (request // STEPS + 1) * STEPS
    return request


@kernel
def _fill(traffic, i, request):
    """Write request `request` of the flow into the frame `traffic.tx[i]`."""
    settings = traffic.settings
    sessions = settings[SESSIONS]
    turn = request // STEPS
    step = request % STEPS
    older = turn - settings[LAG_ROUNDS]
    instrument = turn % settings[INSTRUMENTS]
    session = turn % sessions
    if step == STEP_OFFER:
        session = (session + 1) % sessions  # who takes it later is somebody else
    distance = 2 + turn // settings[INSTRUMENTS] % SHAPES_DEPTH
    is_sell = step in (STEP_SELL, STEP_SELL_FAR, STEP_OFFER, STEP_REPLACE_SELL, STEP_CANCEL_SELL, STEP_CANCEL_SELL_FAR)
    kind = np.int64(TEMPLATE_NEW)
    if step in (STEP_REPLACE_BUY, STEP_REPLACE_SELL):
        kind = np.int64(TEMPLATE_REPLACE)
    elif step in (STEP_CANCEL_BUY, STEP_CANCEL_SELL, STEP_CANCEL_SELL_FAR):
        kind = np.int64(TEMPLATE_CANCEL)
    room = bytes_at(np.int64(traffic.tx[i]["data"]), np.int64(traffic.tx[i]["len"]))
    size = traffic.template_bytes[kind]
    assert size <= room.size
    copy_bytes(room, 0, traffic.templates, (session * TEMPLATES_A_SESSION + kind) * TEMPLATE_BYTES, size)
    traffic.tx[i]["len"] = size

    fixp.put_Context_NextSeqNo(room, CONTEXT_AT + fixp.messageHeader_SIZE, traffic.next_number[session])
    traffic.next_number[session] += 1
    cl_ord_id = request + 1
    side = oe.Side_Sell if is_sell else oe.Side_Buy
    if kind == TEMPLATE_NEW:
        price_ticks = MIDDLE_TICKS
        if step == STEP_BUY:
            price_ticks -= distance
        elif step == STEP_SELL:
            price_ticks += distance
        elif step == STEP_SELL_FAR:
            price_ticks += distance + SHAPES_DEPTH
        else:
            price_ticks += 1  # the best offer, and who takes it
        oe.put_NewOrderShort_ClOrdID(room, BLOCK_AT, cl_ord_id)
        oe.put_NewOrderShort_SecurityID(room, BLOCK_AT, 1 + instrument)
        oe.put_NewOrderShort_Price(room, BLOCK_AT, price_ticks * TICK_NANOS)
        oe.put_NewOrderShort_OrderQty(room, BLOCK_AT, QTY_LOTS)
        oe.put_NewOrderShort_Side(room, BLOCK_AT, side)
        return oe.put_NewOrderShort_TimeInForce(
            room, BLOCK_AT, oe.TimeInForce_IOC if step == STEP_TAKE else oe.TimeInForce_Day
        )
    base = older * STEPS + 1  # ClOrdID of that round's first order
    if kind == TEMPLATE_CANCEL:
        if step == STEP_CANCEL_BUY:
            original = turn * STEPS + STEP_REPLACE_BUY + 1
        elif step == STEP_CANCEL_SELL:
            original = turn * STEPS + STEP_REPLACE_SELL + 1
        else:
            original = base + STEP_SELL_FAR
        oe.put_OrderCancelRequest_ClOrdID(room, BLOCK_AT, cl_ord_id)
        oe.put_OrderCancelRequest_OrigClOrdID(room, BLOCK_AT, original)
        oe.put_OrderCancelRequest_SecurityID(room, BLOCK_AT, 1 + instrument)
        return oe.put_OrderCancelRequest_Side(room, BLOCK_AT, side)
    original = base + (STEP_BUY if step == STEP_REPLACE_BUY else STEP_SELL)
    price_ticks = MIDDLE_TICKS - distance - 1 if step == STEP_REPLACE_BUY else MIDDLE_TICKS + distance + 1
    oe.put_OrderCancelReplaceRequest_ClOrdID(room, BLOCK_AT, cl_ord_id)
    oe.put_OrderCancelReplaceRequest_OrigClOrdID(room, BLOCK_AT, original)
    oe.put_OrderCancelReplaceRequest_SecurityID(room, BLOCK_AT, 1 + instrument)
    oe.put_OrderCancelReplaceRequest_Price(room, BLOCK_AT, price_ticks * TICK_NANOS)
    oe.put_OrderCancelReplaceRequest_OrderQty(room, BLOCK_AT, QTY_LOTS)
    return oe.put_OrderCancelReplaceRequest_Side(room, BLOCK_AT, side)


@kernel
def _take(traffic, port):
    """Take what has arrived at `port`. Returns the frames, 0 when the port failed (told in progress)."""
    rx_address = traffic.rx.ctypes.data
    got = np.int64(port_rx_burst(port, rx_address, RX_BURST_MAX))
    if got <= 0:
        if got < 0:
            traffic.progress[PORT_ERROR] = got
        return np.int64(0)
    now_ns = np.int64(clock_monotonic_ns())
    for i in range(got):
        _receive(traffic, i, now_ns)
    port_rx_release(port, rx_address, got)
    return got


@kernel
def _receive(traffic, i, now_ns):
    """Take one frame: a datagram of reports, an echo, or a packet of the feed."""
    progress = traffic.progress
    progress[FRAMES_IN] += 1
    clock = np.int64(traffic.rx[i]["flags"]) & PKT_CLOCK_MASK
    received_ns = now_ns
    if traffic.settings[USE_STAMPS] != 0 and clock == PKT_CLOCK_MONOTONIC:
        received_ns = np.int64(traffic.rx[i]["ts_ns"])
        progress[STAMPED_MONOTONIC] += 1
    elif traffic.settings[USE_STAMPS] != 0 and clock == PKT_CLOCK_REALTIME:
        received_ns = np.int64(traffic.rx[i]["ts_ns"]) - traffic.settings[REALTIME_OFFSET_NS]
        progress[STAMPED_REALTIME] += 1
    else:
        progress[STAMPED_BY_CLOCK] += 1
    progress[LAST_NS] = max(progress[LAST_NS], received_ns)

    frame = bytes_at(np.int64(traffic.rx[i]["data"]), np.int64(traffic.rx[i]["len"]))
    fields = traffic.fields
    if udp4.parse(frame, np.int64(traffic.rx[i]["flags"]), fields) != 0:
        progress[FRAMES_OTHER] += 1
        return 0
    at = fields[udp4.PAYLOAD_AT]
    end = at + fields[udp4.PAYLOAD_BYTES]
    if fields[udp4.DESTINATION_PORT] == traffic.settings[FEED_UDP_PORT]:
        return _feed_packet(traffic, frame, at, end, received_ns)
    uuid_at = context_session_at(frame, at, end - at)
    session = np.int64(NOT_FOUND)
    if uuid_at != NOT_FOUND:
        low = load_u64(frame, uuid_at)
        high = load_u64(frame, uuid_at + 8)
        for row in range(traffic.settings[SESSIONS]):
            if traffic.uuid_low[row] == low and traffic.uuid_high[row] == high:
                session = np.int64(row)
                break
    if session == NOT_FOUND:
        progress[FRAMES_OTHER] += 1
        return 0
    number = fixp.get_Context_NextSeqNo(frame, uuid_at)
    at += fixp.messageHeader_SIZE + fixp.Context_BLOCK_LENGTH
    after = message_end(frame, at, end)
    while after != NOT_FOUND:
        if traffic.settings[IS_ECHO] == 0:
            _follow(traffic, session, number)
        _report(traffic, frame, at, received_ns, now_ns)
        number += 1
        at = after
        after = message_end(frame, at, end)
    return 0


@kernel
def _follow(traffic, session, number):
    """Count gaps and duplicates in the server's flow."""
    expected = traffic.next_report[session]
    if expected == 0 or number == expected:
        traffic.next_report[session] = number + 1
    elif number > expected:
        traffic.progress[REPORTS_MISSING] += number - expected
        traffic.next_report[session] = number + 1
    else:
        traffic.progress[REPORTS_DUPLICATE] += 1
    return 0


@kernel
def _report(traffic, frame, at, received_ns, read_ns):
    """Count the message at `at`; where it is the first answer to a request, measure it."""
    progress = traffic.progress
    progress[REPORTS] += 1
    template = oe.get_messageHeader_templateId(frame, at)
    size = oe.get_messageHeader_blockLength(frame, at)
    block = at + oe.messageHeader_SIZE
    if oe.get_messageHeader_schemaId(frame, at) != oe.SCHEMA_ID:
        progress[REJECTS] += 1  # NotApplied
        return 0
    cl_ord_id = np.int64(0)
    if template == oe.ExecutionReportNew_TEMPLATE_ID and size >= oe.ExecutionReportNew_BLOCK_LENGTH:
        cl_ord_id = oe.get_ExecutionReportNew_ClOrdID(frame, block)
    elif template == oe.ExecutionReportTrade_TEMPLATE_ID and size >= oe.ExecutionReportTrade_BLOCK_LENGTH:
        progress[FILLS] += 1
        cl_ord_id = oe.get_ExecutionReportTrade_ClOrdID(frame, block)
    elif template == oe.ExecutionReportCancel_TEMPLATE_ID and size >= oe.ExecutionReportCancel_BLOCK_LENGTH:
        cl_ord_id = oe.get_ExecutionReportCancel_ClOrdID(frame, block)
    elif template == oe.ExecutionReportModify_TEMPLATE_ID and size >= oe.ExecutionReportModify_BLOCK_LENGTH:
        cl_ord_id = oe.get_ExecutionReportModify_ClOrdID(frame, block)
    elif template == oe.ExecutionReportReject_TEMPLATE_ID and size >= oe.ExecutionReportReject_BLOCK_LENGTH:
        progress[REJECTS] += 1
        cl_ord_id = oe.get_ExecutionReportReject_ClOrdID(frame, block)
    elif traffic.settings[IS_ECHO] != 0 and size >= oe.NewOrderShort_BLOCK_LENGTH:
        cl_ord_id = oe.get_NewOrderShort_ClOrdID(frame, block)  # every request has its ClOrdID first
    else:
        progress[REJECTS] += 1
        return 0
    request = cl_ord_id - 1
    slot = request & WINDOW_MASK
    if request < 0 or request >= traffic.settings[NEXT_REQUEST] or traffic.sent_ns[slot] == 0:
        return 0
    sent_ns = traffic.sent_ns[slot]
    traffic.sent_ns[slot] = 0
    progress[ANSWERED] += 1
    if request >= traffic.settings[MEASURED_FROM]:
        record(traffic.service, received_ns - sent_ns)
        record(traffic.response, received_ns - traffic.due_ns[slot])
        record(traffic.read, read_ns - traffic.due_ns[slot])
    if template == oe.ExecutionReportNew_TEMPLATE_ID and request % STEPS < STEPS_THAT_REST:
        _resting(traffic, oe.get_ExecutionReportNew_OrderID(frame, block), request, sent_ns)
    return 0


@kernel
def feed_slot_of(order_id):
    """Where an order's way to the feed is kept."""
    mixed = (order_id ^ (order_id >> 24)) & 0x7FFFFFFF
    return (mixed * 0x5E3779B1 >> 16) & WINDOW_MASK


@kernel
def _resting(traffic, order_id, request, sent_ns):
    """An order was reported as resting: the feed is to show it, or has."""
    traffic.progress[FEED_EXPECTED] += 1
    slot = feed_slot_of(order_id)
    if traffic.feed_early[slot] == order_id:
        traffic.feed_early[slot] = 0
        return _on_feed(traffic, request, sent_ns, traffic.feed_early_ns[slot])
    traffic.feed_order[slot] = order_id
    traffic.feed_request[slot] = request
    traffic.feed_sent_ns[slot] = sent_ns
    return 0


@kernel
def _on_feed(traffic, request, sent_ns, received_ns):
    traffic.progress[FEED_SEEN] += 1
    if request >= traffic.settings[MEASURED_FROM]:
        record(traffic.feed_service, received_ns - sent_ns)
        record(traffic.feed_response, received_ns - traffic.due_ns[request & WINDOW_MASK])
    return 0


@kernel
def _feed_packet(traffic, frame, at, end, received_ns):
    """Follow the feed's numbers, and find the orders that are waited for."""
    progress = traffic.progress
    if end - at < md.packetHeader_SIZE:
        progress[FRAMES_OTHER] += 1
        return 0
    if md.get_packetHeader_PktFlags(frame, at) & md.packetHeader_PktFlags_Incremental == 0:
        return 0  # the Topic, beside the numbering
    number = md.get_packetHeader_SeqNum(frame, at)
    messages = md.get_packetHeader_MsgCount(frame, at)
    expected = traffic.settings[NEXT_FEED_NUMBER]
    if expected != 0 and number > expected:
        progress[FEED_MISSING] += number - expected
    traffic.settings[NEXT_FEED_NUMBER] = max(expected, number + messages)
    at += md.packetHeader_SIZE
    for _ in range(messages):
        if at + md.frameHeader_SIZE + md.messageHeader_SIZE > end:
            break
        length = md.get_frameHeader_FrameLength(frame, at)
        header = at + md.frameHeader_SIZE
        block = header + md.messageHeader_SIZE
        if length < md.frameHeader_SIZE + md.messageHeader_SIZE or at + length > end:
            break
        is_put = md.get_messageHeader_templateId(frame, header) == md.OrderPut_TEMPLATE_ID
        if is_put and block + md.OrderPut_BLOCK_LENGTH <= end:
            _order_put(traffic, md.get_OrderPut_OrderId(frame, block), received_ns)
        at += length
    return 0


@kernel
def _order_put(traffic, order_id, received_ns):
    slot = feed_slot_of(order_id)
    if traffic.feed_order[slot] == order_id:
        traffic.feed_order[slot] = 0
        return _on_feed(traffic, traffic.feed_request[slot], traffic.feed_sent_ns[slot], received_ns)
    traffic.feed_early[slot] = order_id  # reported later, or shown before: then nobody asks
    traffic.feed_early_ns[slot] = received_ns
    return 0


def new_traffic(settings: dict[int, int], templates: Any, uuids: list[bytes]) -> Traffic:
    """A stream that has sent nothing yet. `templates`: (uint8 array, int64 sizes) of `bench.wire.templates`."""
    chosen = np.zeros(SETTINGS_COUNT, np.int64)
    for index, value in settings.items():
        chosen[index] = value
    halves = np.array([np.frombuffer(octets, np.int64) for octets in uuids])
    return Traffic(
        progress=np.zeros(PROGRESS_COUNT, np.int64),
        settings=chosen,
        templates=templates[0],
        template_bytes=templates[1],
        uuid_low=np.ascontiguousarray(halves[:, 0]),
        uuid_high=np.ascontiguousarray(halves[:, 1]),
        next_number=np.ones(len(uuids), np.int64),
        next_report=np.zeros(len(uuids), np.int64),
        due_ns=np.zeros(WINDOW, np.int64),
        sent_ns=np.zeros(WINDOW, np.int64),
        feed_order=np.zeros(WINDOW, np.int64),
        feed_request=np.zeros(WINDOW, np.int64),
        feed_sent_ns=np.zeros(WINDOW, np.int64),
        feed_early=np.zeros(WINDOW, np.int64),
        feed_early_ns=np.zeros(WINDOW, np.int64),
        service=new_histogram(),
        response=new_histogram(),
        read=new_histogram(),
        feed_service=new_histogram(),
        feed_response=new_histogram(),
        lateness=new_histogram(),
        fields=np.zeros(udp4.FIELDS_COUNT, np.int64),
        tx=np.zeros(TX_BURST_MAX, PKT),
        rx=np.zeros(RX_BURST_MAX, PKT),
    )
