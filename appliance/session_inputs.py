"""What a sequenced input of the FIXP session layer does, one function a kind: the stages `session` (state) and `report`
(answers) put together. Behind the sequencer: nothing but the record and the state.

Each returns the session whose orders are to be cancelled at once, or FREE; the pipeline does that.
"""

from __future__ import annotations

import numpy as np

from appliance.book.index import find_entry, hash_of
from appliance.outgoing import close_slots_of
from appliance.report import answers, refusals, session_messages
from appliance.report.log import RETRANSMIT_BYTES_MAX, RETRANSMIT_MESSAGES_MAX, collect, forget
from appliance.session import ending, handshake, numbers, requests
from appliance.state import FREE, REPORT_TTL, TURN
from native import counters
from native.jit import inner_kernel, outer_kernel
from native.layout import (
    KIND_ESTABLISH,
    KIND_FINISHED,
    KIND_NEGOTIATE,
    KIND_RETRANSMIT_REQUEST,
    KIND_SESSION_LOST,
    KIND_STATUS_QUERY,
    KIND_TERMINATE,
)
from native.limits import ORDER_SLOT_BITS
from native.lowlevel import usually
from native.session_layout import (
    CANCEL_ON_LOSS,
    CANCEL_ON_TERMINATE,
    FINISHED_RECEIVING,
    FINISHED_SENDING,
    FINISHED_SERVER,
    SESSION_ESTABLISHED,
)
from wire.gen import fixp
from wire.gen import order_entry as oe

ORDER_SLOT_MASK = (1 << ORDER_SLOT_BITS) - 1
GOES_ON = 0
IS_DONE = 1
IS_LOGGED_OUT = 2
IS_LOGGED_OUT_AND_GONE = 3
"""Its orders go at once, too."""


@inner_kernel
def judge_request(exchange, index, kind):
    """What the session's own rules say of the request `index`, whose number is taken. Returns GOES_ON: risk and book
    are next, or what was done."""
    session = np.int64(exchange.journal.records[index]["session"])
    if usually((kind != KIND_STATUS_QUERY) & (not requests.has_rules(exchange.tables, session))):
        return np.int64(GOES_ON)
    return np.int64(_judge_by_rules(exchange, index, kind))


@outer_kernel
def _judge_by_rules(exchange, index, kind):
    """`judge_request` of a query, or where there are rules: throttles, watermark, kill switch, in this order
    (docs/SESSIONS.md section 4)."""
    tables = exchange.tables
    record = exchange.journal.records[index]
    session = np.int64(record["session"])
    now_ns = np.int64(record["time_ns"])
    if np.int64(tables.sessions[session]["client_finished"]):
        return np.int64(_log_out(exchange, session, now_ns))
    verdict = requests.count_request(tables, session, kind, now_ns)
    if verdict != 0:
        return np.int64(_throttle(exchange, index, kind, verdict))
    if requests.is_known_id(tables, session, kind, record["cl_ord_id"]):
        tables.counters[counters.REQUESTS_KNOWN] += 1
        return np.int64(IS_DONE)
    reason = np.int64(requests.why_not(tables, session, kind))
    if kind == KIND_STATUS_QUERY or reason != 0:
        return np.int64(_answer_at_once(exchange, index, kind, reason))
    return np.int64(GOES_ON)


@outer_kernel
def _throttle(exchange, index, kind, verdict):
    """The request is one too many."""
    tables = exchange.tables
    record = exchange.journal.records[index]
    session = np.int64(record["session"])
    now_ns = np.int64(record["time_ns"])
    if verdict == requests.THROTTLED_OUT:
        tables.counters[counters.SESSIONS_THROTTLED_OUT] += 1
        reason = np.int64(answers.REASON_THROTTLED_OUT)
        answers.business_reject(tables, exchange.outbox, record, reason, np.int64(-1))
        return _log_out(exchange, session, now_ns)
    tables.counters[counters.REQUESTS_THROTTLED] += 1
    wait_ns = requests.retry_after_ns(tables, session, kind, now_ns)
    answers.business_reject(tables, exchange.outbox, record, np.int64(answers.REASON_THROTTLED), wait_ns)
    return IS_DONE


@outer_kernel
def _answer_at_once(exchange, index, kind, reason):
    """A query, or a request that the session may not make, for `reason`."""
    record = exchange.journal.records[index]
    if kind == KIND_STATUS_QUERY:
        _answer(exchange, record)
    else:
        refusals.reject(exchange.tables, exchange.outbox, record, reason, np.int64(0))
    return IS_DONE


@outer_kernel
def _log_out(exchange, session, now_ns):
    code = np.int64(fixp.TerminationCode_UnspecifiedError)
    gone = end_session(exchange, session, code, np.int64(CANCEL_ON_LOSS), now_ns)
    return IS_LOGGED_OUT if gone == FREE else IS_LOGGED_OUT_AND_GONE


@outer_kernel
def _answer(exchange, record):
    """Of an order that is asked for by both its names, both must be its own."""
    tables = exchange.tables
    tables.counters[counters.STATUS_QUERIES] += 1
    if np.int64(record["ord_type"]) == oe.WatermarkRequest_TEMPLATE_ID:
        return answers.watermark(tables, exchange.outbox, record)
    book = exchange.book
    session = np.int64(record["session"])
    order_id = np.int64(record["order_id"])
    slot = np.int64(FREE)
    if np.int64(record["cl_ord_id"]) != 0:
        hashed = hash_of(book, session, record["cl_ord_id"])
        slot = np.int64(find_entry(book, hashed, session, record["cl_ord_id"]))
    elif order_id != 0 and (order_id & ORDER_SLOT_MASK) < book.orders.size:
        slot = order_id & ORDER_SLOT_MASK
    if slot != FREE:
        order = book.orders[slot]
        if (
            np.int64(order["leaves_lots"]) == 0
            or np.int64(order["session"]) != session
            or (order_id != 0 and order_id != np.int64(order["order_id"]))
        ):
            slot = np.int64(FREE)
    return answers.order_status(tables, exchange.outbox, record, book.orders, slot)


@outer_kernel
def is_session_input(kind):
    """Whether `decide_session` is for records of this kind."""
    return kind == KIND_NEGOTIATE or (kind >= KIND_ESTABLISH and kind <= KIND_FINISHED)


@outer_kernel
def decide_session(exchange, index, kind):
    """Carry out the record `index`, which is a session input. Returns the session whose orders go, or FREE."""
    exchange.tables.counters[counters.SESSION_INPUTS] += 1
    if kind == KIND_NEGOTIATE:
        return _negotiate(exchange, index)
    if kind == KIND_ESTABLISH:
        return _establish(exchange, index)
    if ending.is_late(exchange.tables, exchange.journal.session_inputs, index):
        return np.int64(FREE)
    if kind == KIND_TERMINATE:
        return _terminate(exchange, index)
    if kind == KIND_SESSION_LOST:
        return _lost(exchange, index)
    if kind == KIND_RETRANSMIT_REQUEST:
        return _retransmit(exchange, index)
    return _finished(exchange, index)


@outer_kernel
def end_session(exchange, session, code, cause, now_ns):
    """The venue unbinds the session, which is told TerminationCode `code`, for `cause` (CANCEL_ON_LOSS or
    CANCEL_ON_TERMINATE). Returns the session if its orders go at once, or FREE."""
    tables = exchange.tables
    close_slots_of(exchange, session)
    session_messages.terminate(tables, exchange.outbox, session, code, REPORT_TTL)
    ending.unbind(tables, session)
    return np.int64(session) if ending.leave(tables, session, cause, now_ns) else np.int64(FREE)


@outer_kernel
def _negotiate(exchange, index):
    tables = exchange.tables
    negotiations = exchange.journal.negotiations
    answer = handshake.judge_negotiate(tables, negotiations, index)
    if answer > handshake.ACCEPTED:
        tables.counters[counters.HANDSHAKES_REJECTED] += 1
        session_messages.negotiation_reject(tables, exchange.outbox, negotiations, index, answer - 1, REPORT_TTL)
        return np.int64(FREE)
    gone = np.int64(FREE)
    if answer == handshake.ACCEPTED:
        session = np.int64(negotiations[index]["session"])
        if np.int64(tables.sessions[session]["state"]) == SESSION_ESTABLISHED:
            now_ns = np.int64(negotiations[index]["time_ns"])
            code = np.int64(fixp.TerminationCode_UnspecifiedError)
            gone = end_session(exchange, session, code, np.int64(CANCEL_ON_LOSS), now_ns)
        close_slots_of(exchange, session)
        handshake.take_over(tables, negotiations, index)
        forget(exchange.reports, session)
        tables.counters[counters.SESSIONS_NEGOTIATED] += 1
    else:
        handshake.note_repeat(tables, negotiations, index)
    session_messages.negotiation_response(tables, exchange.outbox, exchange.journal, index, REPORT_TTL)
    return gone


@outer_kernel
def _establish(exchange, index):
    tables = exchange.tables
    establishments = exchange.journal.establishments
    answer = handshake.judge_establish(tables, establishments, index)
    if answer > handshake.ACCEPTED:
        tables.counters[counters.HANDSHAKES_REJECTED] += 1
        session_messages.establishment_reject(tables, exchange.outbox, establishments, index, answer - 1, REPORT_TTL)
        return np.int64(FREE)
    lost = np.int64(0)
    session = np.int64(establishments[index]["session"])
    first_lost = tables.sessions[session]["expected_seq"]
    if answer == handshake.ACCEPTED:
        close_slots_of(exchange, session)
        lost = handshake.bind(tables, establishments, index)
        tables.counters[counters.SESSIONS_ESTABLISHED] += 1
    session_messages.establishment_ack(tables, exchange.outbox, establishments, index, REPORT_TTL)
    if lost > 0:
        numbers.announce(tables, session, first_lost + lost)
        refusals.not_applied(tables, exchange.outbox, session, first_lost, lost)
    return np.int64(FREE)


@outer_kernel
def _terminate(exchange, index):
    """The client unbinds: it is told Terminate(Finished), whatever its own code was."""
    record = exchange.journal.session_inputs[index]
    session = np.int64(record["session"])
    if np.int64(exchange.tables.sessions[session]["state"]) != SESSION_ESTABLISHED:
        return np.int64(FREE)
    code = np.int64(fixp.TerminationCode_Finished)
    return end_session(exchange, session, code, np.int64(CANCEL_ON_TERMINATE), np.int64(record["time_ns"]))


@outer_kernel
def _lost(exchange, index):
    record = exchange.journal.session_inputs[index]
    session = np.int64(record["session"])
    if np.int64(exchange.tables.sessions[session]["state"]) != SESSION_ESTABLISHED:
        return np.int64(FREE)
    code = np.int64(fixp.TerminationCode_UnspecifiedError)
    return end_session(exchange, session, code, np.int64(CANCEL_ON_LOSS), np.int64(record["time_ns"]))


@outer_kernel
def _retransmit(exchange, index):
    """In the order of docs/SESSIONS.md section 7."""
    tables = exchange.tables
    record = exchange.journal.session_inputs[index]
    session = np.int64(record["session"])
    row = tables.sessions[session]
    if np.int64(row["state"]) != SESSION_ESTABLISHED:
        return np.int64(FREE)
    first = np.int64(record["number"])
    count = np.int64(record["count"])
    now_ns = np.int64(record["time_ns"])
    close_slots_of(exchange, session)
    throttled = requests.count_request(tables, session, np.int64(KIND_RETRANSMIT_REQUEST), now_ns)
    violation = np.int64(FREE)
    if throttled == requests.THROTTLED_OUT:
        tables.counters[counters.SESSIONS_THROTTLED_OUT] += 1
        violation = np.int64(fixp.TerminationCode_UnspecifiedError)
    elif ending.is_answered_in_this_turn(tables, session):
        violation = np.int64(fixp.TerminationCode_ReRequestInProgress)
    elif first >= 1 and count >= 1 and (first >= row["next_out_seq"] or count > row["next_out_seq"] - first):
        violation = np.int64(fixp.TerminationCode_ReRequestOutOfBounds)
    if violation != FREE:
        tables.counters[counters.RETRANSMIT_REJECTS] += 1
        return end_session(exchange, session, violation, np.int64(CANCEL_ON_LOSS), now_ns)
    row["retransmit_ns"] = np.int64(record["timestamp_ns"])
    row["retransmit_turn"] = tables.clock[TURN]
    reject = np.int64(FREE)
    if first < 1 or count < 1:
        reject = np.int64(fixp.RetransmitRejectCode_OutOfRange)
    elif count > RETRANSMIT_MESSAGES_MAX or throttled == requests.THROTTLED:
        reject = np.int64(fixp.RetransmitRejectCode_RequestLimitExceeded)
    else:
        total = collect(exchange.reports, session, first, count)
        if total == FREE:
            reject = np.int64(fixp.RetransmitRejectCode_OutOfRange)
        elif total > RETRANSMIT_BYTES_MAX:
            reject = np.int64(fixp.RetransmitRejectCode_RequestLimitExceeded)
    timestamp_ns = np.int64(record["timestamp_ns"])
    if reject != FREE:
        tables.counters[counters.RETRANSMIT_REJECTS] += 1
        session_messages.retransmit_reject(tables, exchange.outbox, session, timestamp_ns, reject, REPORT_TTL)
        return np.int64(FREE)
    tables.counters[counters.RETRANSMIT_REQUESTS] += 1
    session_messages.retransmission(
        tables, exchange.outbox, exchange.reports, session, timestamp_ns, first, count, REPORT_TTL
    )
    return np.int64(FREE)


@outer_kernel
def _finished(exchange, index):
    tables = exchange.tables
    record = exchange.journal.session_inputs[index]
    session = np.int64(record["session"])
    row = tables.sessions[session]
    code = np.int64(record["code"])
    if np.int64(row["state"]) != SESSION_ESTABLISHED:
        return np.int64(FREE)
    if code == FINISHED_SENDING:
        first_lost = row["expected_seq"]
        last = np.int64(record["number"])
        if last != fixp.FinishedSending_LastSeqNo_NULL and last >= first_lost:
            lost = numbers.announce(tables, session, last + 1)
            refusals.not_applied(tables, exchange.outbox, session, first_lost, lost)
        row["client_finished"] = 1
        close_slots_of(exchange, session)
        session_messages.finished_receiving(tables, exchange.outbox, session, REPORT_TTL)
    elif code == FINISHED_SERVER:
        row["server_finished"] = 1
        close_slots_of(exchange, session)
        session_messages.finished_sending(tables, exchange.outbox, session, REPORT_TTL)
    elif code == FINISHED_RECEIVING and np.int64(row["server_finished"]):
        end = np.int64(fixp.TerminationCode_Finished)
        return end_session(exchange, session, end, np.int64(CANCEL_ON_TERMINATE), np.int64(record["time_ns"]))
    return np.int64(FREE)
