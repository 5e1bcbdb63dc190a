"""The client's FIXP state machine against scripts of what a server sends: no sockets, the test's own clock."""

from __future__ import annotations

import pytest

from appliance.client.fixp import FixpClient
from appliance.client.flow import JUMP_MAX
from appliance.client.ledger import BUY, Report, State
from appliance.client.parse import FIXP, ORDER_ENTRY, parse
from appliance.client.session import ClientSession
from appliance.client.terms import NEVER_NS, Phase, Terms
from tests.fixp_script import (
    MS,
    OTHER,
    SECRET,
    T0,
    TERMS,
    UUID,
    accepted,
    ack,
    context,
    fixp,
    kinds,
    logged_on,
    messages,
    response,
    sent,
    trade,
    with_orders,
)
from wire import credentials
from wire.blocks import BlockError
from wire.framing import sofh

# --- log on -----------------------------------------------------------------------------------------------------


def test_log_on_proves_who_we_are_and_asks_who_they_are():
    client = FixpClient(ClientSession(UUID), TERMS)
    assert client.phase is Phase.UNNEGOTIATED and client.outgoing(T0) == []
    client.log_on(T0)
    [(name, negotiate)] = sent(client, T0)
    given = credentials.unpack(negotiate.Credentials)
    assert (name, negotiate.SessionId, negotiate.Timestamp, negotiate.ClientFlow) == ("Negotiate", UUID, T0, 1)
    assert (given.key_id, given.cod_type, given.cod_window_ms) == ("desk-1", 3, 500)
    text = credentials.negotiate_text(UUID, T0, 1, given._replace(mac=b""))
    assert credentials.is_right(SECRET, text, given.mac) and client.deadline_ns == T0 + 250 * MS
    assert client.receive(response(negotiate), T0 + 1) == [] and client.phase is Phase.ESTABLISHING
    [(name, establish)] = sent(client, T0 + 1)
    given = credentials.unpack(establish.Credentials)
    assert (name, establish.KeepaliveInterval, establish.NextSeqNo) == ("Establish", 1000, 1)
    assert establish.Timestamp > negotiate.Timestamp
    text = credentials.establish_text(UUID, establish.Timestamp, 1000, 1, given)
    assert credentials.is_right(SECRET, text, given.mac)
    client.session.new_order(1, BUY, 5, 10)
    assert client.outgoing(T0 + 2) == [], "requests wait until the session is established"
    assert kinds(client.receive(ack(establish), T0 + 3)) == ["logged on"] and client.phase is Phase.ESTABLISHED
    assert [name for name, _ in sent(client, T0 + 3)] == ["Context", "NewOrderShort"]


def test_a_log_on_that_is_not_answered_is_repeated_with_a_new_time_and_given_up():
    client = FixpClient(ClientSession(UUID), TERMS)
    client.log_on(T0)
    stamps, happened = [], []
    while client.phase is Phase.NEGOTIATING:
        stamps += [values.Timestamp for _, values in sent(client, client.deadline_ns)]
        happened = client.tick(client.deadline_ns)
    assert len(stamps) == TERMS.tries_max and stamps == sorted(set(stamps))
    assert kinds(happened) == ["refused"] and "did not answer Negotiate" in happened[0].text
    assert client.phase is Phase.UNNEGOTIATED and client.deadline_ns == NEVER_NS


def test_the_answer_to_any_try_counts_and_late_answers_do_not():
    client = FixpClient(ClientSession(UUID), TERMS)
    client.log_on(T0)
    [(_, first)] = sent(client, T0)
    client.tick(client.deadline_ns)
    [(_, second)] = sent(client, T0 + 250 * MS)
    assert client.receive(response(first), T0 + 251 * MS) == [] and client.phase is Phase.ESTABLISHING
    duplicate = fixp("NegotiationReject", RequestTimestamp=second.Timestamp, Code=2)
    assert client.receive(duplicate, T0 + 252 * MS) == [] and client.phase is Phase.ESTABLISHING


def test_a_repeat_that_is_refused_because_the_first_was_heard_goes_on():
    client = FixpClient(ClientSession(UUID), TERMS)
    client.log_on(T0)
    client.tick(client.deadline_ns)
    *_, (_, second) = sent(client, T0)
    client.receive(fixp("NegotiationReject", RequestTimestamp=second.Timestamp, Code=2), T0)
    assert client.phase is Phase.ESTABLISHING
    client.tick(client.deadline_ns)
    *_, (_, second) = sent(client, T0)
    refusal = fixp("EstablishmentReject", RequestTimestamp=second.Timestamp, Code=1)
    assert kinds(client.receive(refusal, T0)) == ["logged on"]


NEGOTIATION = {
    "credentials": (
        lambda r: fixp("NegotiationReject", RequestTimestamp=r.Timestamp, Code=0, Reason=b"stale"),
        "too old. stale",
    ),
    "duplicate": (lambda r: fixp("NegotiationReject", RequestTimestamp=r.Timestamp, Code=2), "used before"),
    "unknown code": (lambda r: fixp("NegotiationReject", RequestTimestamp=r.Timestamp, Code=77), "code 77"),
    "impostor": (lambda r: response(r, b"x" * 32), "not the venue"),
    "no proof": (
        lambda r: fixp("NegotiationResponse", RequestTimestamp=r.Timestamp, ServerFlow=0),
        "not the venue",
    ),
    "wrong flow": (lambda r: response(r, flow=2), "not recoverable"),
}


@pytest.mark.parametrize("name", NEGOTIATION)
def test_negotiations_that_fail(name):
    make, text = NEGOTIATION[name]
    client = FixpClient(ClientSession(UUID), TERMS)
    client.log_on(T0)
    [(_, negotiate)] = sent(client, T0)
    [notice] = client.receive(make(negotiate), T0)
    assert notice.kind == "refused" and text in notice.text and client.phase is Phase.UNNEGOTIATED
    client.log_on(T0)
    assert client.phase is Phase.NEGOTIATING


@pytest.mark.parametrize(
    ("code", "phase"), [(0, Phase.UNNEGOTIATED), (1, Phase.NEGOTIATED), (2, Phase.NEGOTIATED), (4, Phase.NEGOTIATED)]
)
def test_establishments_that_fail(code, phase):
    client = FixpClient(ClientSession(UUID), TERMS)
    client.log_on(T0)
    [(_, negotiate)] = sent(client, T0)
    client.receive(response(negotiate), T0)
    [(_, establish)] = sent(client, T0)
    reject = fixp("EstablishmentReject", RequestTimestamp=establish.Timestamp, Code=code)
    assert kinds(client.receive(reject, T0)) == ["refused"] and client.phase is phase


def test_answers_to_what_was_not_asked_are_left_alone():
    client = FixpClient(ClientSession(UUID), TERMS)
    client.log_on(T0)
    [(_, negotiate)] = sent(client, T0)
    for octets in (
        response(negotiate._replace(Timestamp=1)),
        ack(negotiate),
        fixp("EstablishmentReject", RequestTimestamp=negotiate.Timestamp, Code=2),
        fixp("RetransmitReject", RequestTimestamp=negotiate.Timestamp, Code=0),
        fixp("FinishedReceiving"),
        response(negotiate).replace(UUID, OTHER),
    ):
        assert client.receive(octets, T0) == []
    assert client.phase is Phase.NEGOTIATING and client.session.counters.datagrams_of_others == 1


# --- keepalive --------------------------------------------------------------------------------------------------


def test_our_silence_is_broken_and_theirs_ends_the_session():
    client = logged_on()
    now = T0
    for _ in range(3):
        client.receive(context(1), now)
        assert client.deadline_ns == now + 1000 * MS
        now = client.deadline_ns
        assert client.tick(now) == []
        assert [name for name, _ in sent(client, now)] == ["Context"]
    client.receive(context(1), now)
    client.outgoing(now)
    silent_until = now + 1500 * MS
    happened = client.tick(now + 1000 * MS)
    client.outgoing(now + 1000 * MS)
    assert happened == [] and client.deadline_ns == silent_until
    assert kinds(client.tick(silent_until)) == ["lost"] and client.phase is Phase.NEGOTIATED
    assert [name for name, _ in sent(client, silent_until)] == ["Terminate"]


def test_requests_are_a_sign_of_life_and_are_probed_until_they_are_answered():
    client = with_orders(logged_on(), 1)
    assert client.deadline_ns == T0 + 50 * MS
    probes = []
    while len(probes) < 3:
        now = client.deadline_ns
        client.receive(context(1), now)
        client.tick(now)
        probes += [(now - T0) // MS for name, _ in sent(client, now) if name == "Context"]
    assert probes == [50, 150, 350], "less often each time"
    client.receive(context(1, accepted(1)), client.deadline_ns)
    client.tick(client.deadline_ns)
    assert client.outgoing(client.deadline_ns) == []


def test_a_provisioned_session_is_established_and_sends_no_heartbeats_of_its_own():
    client = FixpClient(ClientSession(UUID))
    assert client.phase is Phase.ESTABLISHED and client.deadline_ns == NEVER_NS
    client.session.new_order(1, BUY, 5, 10)
    assert len(client.outgoing(T0)) == 1 and client.deadline_ns == T0 + 50 * MS
    client.receive(context(1, accepted(1)), T0 + MS)
    client.tick(T0 + 50 * MS)
    assert client.deadline_ns == NEVER_NS and client.outgoing(T0 + 50 * MS) == []


def test_a_provisioned_session_that_the_server_ends_goes_on():
    """The server has forgotten the address and nothing else. An answer would end it again, and so for ever."""
    client = FixpClient(ClientSession(UUID))
    client.session.new_order(1, BUY, 5, 10)
    client.outgoing(T0)
    for _ in range(2):  # the network may double it
        [notice] = client.receive(fixp("Terminate", Code=3), T0 + MS)
        assert (notice.kind, notice.code) == ("lost", 3)
        assert client.phase is Phase.ESTABLISHED and client.outgoing(T0 + MS) == []
    client.tick(T0 + 50 * MS)
    assert [name for name, _ in sent(client, T0 + 50 * MS)] == ["Context"], "it still asks what became of its order"


def test_a_provisioned_session_is_logged_on_again_without_a_word():
    client = FixpClient(ClientSession(UUID))
    client.log_out(T0)
    assert [name for name, _ in sent(client, T0)] == ["Terminate"]
    assert kinds(client.receive(fixp("Terminate", Code=0), T0)) == ["logged out"]
    client.log_on(T0)
    assert client.phase is Phase.ESTABLISHED and client.outgoing(T0) == []


# --- recovery ---------------------------------------------------------------------------------------------------


def test_a_gap_is_asked_for_and_reports_come_in_order():
    client = with_orders(logged_on(), 1)
    assert kinds(client.receive(context(3, trade(1, 6, 0, 10)), T0)) == ["gap"]
    assert client.session.requests[1].state is State.PENDING, "what is early waits"
    [(name, ask)] = sent(client, T0)
    assert (name, ask.FromSeqNo, ask.Count) == ("RetransmitRequest", 1, 2)
    again = fixp("Retransmission", RequestTimestamp=ask.Timestamp, NextSeqNo=1, Count=2)
    happened = client.receive(again + accepted(1) + trade(1, 4, 6, 4), T0)
    assert kinds(happened) == ["ExecutionReportNew", "ExecutionReportTrade", "ExecutionReportTrade", "recovered"]
    assert [r.sequence for r in happened if isinstance(r, Report)] == [1, 2, 3]
    request = client.session.requests[1]
    assert (request.state, request.cum_lots, client.session.counters.stale) == (State.FILLED, 10, 0)
    assert client.outgoing(T0) == [] and client.session.counters.missing == 0


def test_one_request_is_in_flight_and_is_repeated_where_nothing_comes():
    client = with_orders(logged_on(), 1)
    client.receive(context(2, trade(1, 1, 9, 1)), T0)
    [(_, first)] = sent(client, T0)
    client.receive(context(7, trade(1, 1, 8, 2)), T0 + MS)
    assert sent(client, T0 + MS) == [], "one in flight"
    client.receive(context(8), T0 + 99 * MS)
    client.tick(T0 + 100 * MS)
    asked = [values for name, values in sent(client, T0 + 100 * MS) if name == "RetransmitRequest"]
    assert [(a.FromSeqNo, a.Count) for a in asked] == [(1, 6)] and asked[0].Timestamp > first.Timestamp
    half = fixp("Retransmission", RequestTimestamp=asked[0].Timestamp, NextSeqNo=1, Count=6) + accepted(1)
    client.receive(half, T0 + 150 * MS)
    assert client.deadline_ns > T0 + 200 * MS or sent(client, T0 + 150 * MS) == [], "progress puts it off"
    client.tick(T0 + 250 * MS)
    asked = [values for name, values in sent(client, T0 + 250 * MS) if name == "RetransmitRequest"]
    assert [(a.FromSeqNo, a.Count) for a in asked] == [(3, 4)]


def test_what_came_by_itself_is_asked_for_all_the_same_until_it_is_answered():
    """The request is on its way: with another one beside it the server would see two at once, and end the session."""
    client = with_orders(logged_on(), 1)
    client.receive(context(2, trade(1, 1, 9, 1)), T0)
    [(_, ask)] = sent(client, T0)
    assert "recovered" in kinds(client.receive(context(1, accepted(1)), T0 + MS)), "it was only late"
    client.receive(context(4, trade(1, 1, 8, 2)), T0 + 2 * MS)
    assert sent(client, T0 + 2 * MS) == []
    client.receive(
        fixp("Retransmission", RequestTimestamp=ask.Timestamp, NextSeqNo=1, Count=1) + accepted(1), T0 + 3 * MS
    )
    [(name, again)] = sent(client, T0 + 3 * MS)
    assert (name, again.FromSeqNo, again.Count) == ("RetransmitRequest", 3, 1)
    client.receive(context(3, trade(1, 1, 7, 3)), T0 + 4 * MS)
    client.receive(context(6), T0 + 5 * MS)
    assert sent(client, T0 + 5 * MS) == []
    client.tick(T0 + 104 * MS)
    asked = [values for name, values in sent(client, T0 + 104 * MS) if name == "RetransmitRequest"]
    assert [(a.FromSeqNo, a.Count) for a in asked] == [(5, 1)], "an answer that never comes is not waited for"


def test_the_ack_and_heartbeats_show_what_is_missing():
    assert logged_on(next_seq=5).flow.wanted() == (1, 4)
    client = logged_on()
    assert kinds(client.receive(context(3), T0)) == ["gap"]
    assert [name for name, _ in sent(client, T0)] == ["RetransmitRequest"]


@pytest.mark.parametrize(
    ("code", "reason", "expected", "asks_at"),
    [
        (0, b"", ["not recoverable", "ExecutionReportTrade", "recovered"], None),
        (2, b"retry_ns=30000000", [], 30 * MS),
        (2, b"later", [], 100 * MS),
    ],
)
def test_recovery_that_is_refused(code, reason, expected, asks_at):
    client = with_orders(logged_on(), 1)
    client.receive(context(3, trade(1, 6, 0, 10)), T0)
    [(_, ask)] = sent(client, T0)
    reject = fixp("RetransmitReject", RequestTimestamp=ask.Timestamp, Code=code, Reason=reason)
    assert kinds(client.receive(reject, T0)) == expected
    if asks_at is None:
        assert client.flow.wanted() is None and client.session.requests[1].state is State.FILLED
    else:
        assert client.tick(T0 + asks_at - 1) == [] and "RetransmitRequest" not in dict(sent(client, T0))
        client.tick(T0 + asks_at)
        assert "RetransmitRequest" in dict(sent(client, T0 + asks_at))


def test_a_server_that_has_no_binding_any_more_is_logged_on_to_again():
    client = with_orders(logged_on(), 1)
    client.receive(context(3, trade(1, 6, 0, 10)), T0)
    [(_, ask)] = sent(client, T0)
    reject = fixp("RetransmitReject", RequestTimestamp=ask.Timestamp, Code=1)
    assert kinds(client.receive(reject, T0)) == ["lost"] and client.phase is Phase.NEGOTIATED
    assert client.flow.missing == 2, "nothing is given up"


def test_duplicates_are_dropped_and_counted():
    client = with_orders(logged_on(), 1)
    octets = context(1, accepted(1), trade(1, 4, 6, 4))
    assert len(client.receive(octets, T0)) == 2 and client.receive(octets, T0) == []
    assert client.session.counters.duplicates == 2 and client.session.requests[1].cum_lots == 4


BAD = {
    "empty": b"",
    "no number": accepted(1),
    "context cut": context(1)[:-1],
    "header cut": context(1, accepted(1)[:5]),
    "block cut": context(1, accepted(1)[:-1]),
    "number 0": context(0, accepted(1)),
    "number far off": context(JUMP_MAX + 2, accepted(1)),
    "two numbers": context(1, accepted(1, number=2)),
    "short report": context(1, ORDER_ENTRY.header.pack(blockLength=8, templateId=200, schemaId=9100) + bytes(8)),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_datagrams_change_nothing(name):
    client = with_orders(logged_on(), 1)
    before = client.session.counters.datagrams_bad
    assert client.receive(BAD[name], T0) == []
    assert client.session.counters.datagrams_bad == before + 1 and client.flow.next_seq == client.flow.end_seq == 1


def test_a_client_that_joins_later_begins_where_the_server_is():
    client = FixpClient(ClientSession(UUID, next_report_seq=None))
    assert kinds(client.receive(context(41, accepted(9)), T0)) == ["ExecutionReportNew"]
    assert client.flow.next_seq == 42 and client.outgoing(T0) == []


def test_a_session_that_was_logged_on_before_goes_on_where_it_stood():
    client = FixpClient(ClientSession(UUID, next_seq=9, next_report_seq=4), TERMS, is_negotiated=True)
    client.log_on(T0)
    [(name, establish)] = sent(client, T0)
    assert (name, establish.NextSeqNo) == ("Establish", 9)
    assert kinds(client.receive(ack(establish, 6), T0)) == ["logged on", "gap"]
    assert [(v.FromSeqNo, v.Count) for _, v in sent(client, T0)] == [(4, 2)]


# --- resending --------------------------------------------------------------------------------------------------


def test_lost_requests_go_out_again_as_new_ones():
    client = logged_on(Terms(key_id="desk-1", secret=SECRET, resends=True))
    session = client.session
    first = session.new_order(1, BUY, 5, 10)
    client.outgoing(T0)
    session.replace(first.cl_ord_id, 6, 8)
    session.new_order(2, BUY, 7, 10)
    client.outgoing(T0)
    client.receive(context(1, not_applied(1, 2)), T0)
    again = [(name, values) for name, values in sent(client, T0) if name != "Context"]
    assert [name for name, _ in again] == ["NewOrderShort", "OrderCancelReplaceRequest"]
    assert [values.ClOrdID for _, values in again] == [4, 5] and again[1][1].OrigClOrdID == 4
    assert (again[0][1].Price, again[1][1].OrderQty) == (5, 8)
    assert (first.state, first.resent_as) == (State.NOT_APPLIED, 4) and session.requests[3].state is State.PENDING
    assert session.next_seq == 6


def not_applied(from_seq: int, count: int) -> bytes:
    return FIXP.encode("NotApplied", FromSeqNo=from_seq, Count=count)


def status(query_id: int, cl_ord_id: int, *, leaves: int = 0, cum: int = 0, is_open: bool = True) -> bytes:
    state = 49 if cum else 48
    return ORDER_ENTRY.encode(
        "OrderStatusReport", OrdStatusReqID=query_id, ClOrdID=cl_ord_id, OrderID=100 + cl_ord_id if is_open else None,
        OrderQty=leaves + cum, LeavesQty=leaves, CumQty=cum, Price=5, OrdStatus=state if is_open else 56,
    )  # fmt: skip


def test_a_new_session_asks_what_was_taken_before_it_sends_again():
    client = with_orders(logged_on(), 6)
    client.receive(context(1, accepted(1), accepted(2), accepted(3)), T0)
    session = client.session
    session.cancel(3)
    client.outgoing(T0)
    client.begin_anew(OTHER)
    session.new_order(1, BUY, 9, 1)
    client.log_on(T0)
    assert [name for name, _ in sent(client, T0)] == ["Negotiate"] and session.next_seq == 1
    assert session.uuid == OTHER and client.flow.next_seq == 1
    client.phase = Phase.ESTABLISHED
    [_, (name, query)] = sent(client, T0)
    assert name == "WatermarkRequest" and client.outgoing(T0) == [], "nothing else before its answer"
    # 4 was taken, 5 lost, 6 taken, and nothing behind it; of the open ones 1 is half filled, 2 gone
    report = ORDER_ENTRY.encode("WatermarkReport", OrdStatusReqID=query.OrdStatusReqID, ClOrdID=6)
    here = FIXP.encode("Context", SessionId=OTHER, NextSeqNo=1)
    client.receive(here + report, T0)
    asked = sent(client, T0)[1:]
    assert [name for name, _ in asked] == ["OrderCancelRequest", "NewOrderShort"] + 6 * ["OrderStatusRequest"]
    assert [values.ClOrdID for _, values in asked] == [7, 8, 1, 2, 3, 4, 5, 6]
    ids = {values.ClOrdID: values.OrdStatusReqID for _, values in asked[2:]}
    answers = [
        status(ids[1], 1, leaves=4, cum=6),
        status(ids[2], 2, is_open=False),
        status(ids[3], 3, leaves=10),
        status(ids[4], 4, leaves=10),
        status(ids[5], 5, is_open=False),
        status(ids[6], 6, leaves=10),
    ]
    client.receive(FIXP.encode("Context", SessionId=OTHER, NextSeqNo=2) + b"".join(answers), T0)
    states = {number: (one.state, one.leaves_lots, one.cum_lots) for number, one in session.requests.items()}
    assert states == {
        1: (State.PARTIALLY_FILLED, 4, 6),
        2: (State.OVER, 0, 0),
        3: (State.NEW, 10, 0),
        4: (State.NEW, 10, 0),
        5: (State.OVER, 0, 0),
        6: (State.NEW, 10, 0),
        7: (State.PENDING, 0, 0),
        8: (State.PENDING, 0, 0),
    }
    assert session.requests[4].order_id == 104 and not session.queries and session.next_cl_ord_id == 9


def test_a_replace_that_was_taken_unheard_is_found_by_its_status():
    client = with_orders(logged_on(), 1)
    session = client.session
    client.receive(context(1, accepted(1)), T0)
    session.replace(1, 6, 8)
    session.cancel(2)
    client.outgoing(T0)
    client.begin_anew(OTHER)
    client.phase = Phase.ESTABLISHED
    [_, (_, query)] = sent(client, T0)
    here = FIXP.encode("Context", SessionId=OTHER, NextSeqNo=1)
    report = ORDER_ENTRY.encode("WatermarkReport", OrdStatusReqID=query.OrdStatusReqID, ClOrdID=3)
    client.receive(here + report, T0)
    ids = {values.ClOrdID: values.OrdStatusReqID for _, values in sent(client, T0)[1:]}
    assert set(ids) == {1, 2} and session.requests[3].state is State.OVER
    here = FIXP.encode("Context", SessionId=OTHER, NextSeqNo=2)
    client.receive(here + status(ids[1], 1, is_open=False) + status(ids[2], 2, leaves=8), T0)
    assert session.requests[1].state is State.REPLACED and session.requests[2].state is State.NEW


def test_what_is_unclear_stays_so_over_several_new_sessions():
    client = with_orders(logged_on(), 2)
    session = client.session
    here = FIXP.encode("Context", SessionId=OTHER, NextSeqNo=1)
    for _ in range(3):
        client.begin_anew(OTHER)
        client.phase = Phase.ESTABLISHED
        [_, (_, query)] = sent(client, T0)
        report = ORDER_ENTRY.encode("WatermarkReport", OrdStatusReqID=query.OrdStatusReqID, ClOrdID=1)
        client.receive(here + report, T0)
        asked = [(name, values.ClOrdID) for name, values in sent(client, T0)[1:]]
        assert sorted(asked) == [("NewOrderShort", 2), ("OrderStatusRequest", 1)], "neither is forgotten"
    assert session.requests[2].message and session.unanswered_count == 2


def test_queries_that_are_lost_are_asked_again():
    client = logged_on()
    session = client.session
    session.new_order(1, BUY, 5, 10)
    session.ask_status(1)
    session.ask_watermark()
    client.outgoing(T0)
    client.receive(context(1, not_applied(2, 2)), T0)
    [_, (name, one), (other, _)] = sent(client, T0)
    assert (name, other) == ("OrderStatusRequest", "WatermarkRequest") and one.OrdStatusReqID == 3
    assert set(session.queries) == {3, 4}
    assert kinds(client.receive(context(2, status(3, 1, leaves=10), status(99, 1)), T0)) == 2 * ["OrderStatusReport"]
    assert session.requests[1].state is State.NEW and session.counters.reports_unknown == 1


def test_requests_are_held_back_where_too_many_are_unanswered():
    client = logged_on()
    client.requests_unanswered_max = 2
    for _ in range(5):
        client.session.new_order(1, BUY, 5, 10)
    client.outgoing(T0)
    assert client.session.unanswered_count == 2 and client.outgoing(T0) == []
    client.receive(context(1, accepted(1)), T0)
    client.outgoing(T0)
    assert [request.cl_ord_id for request in client.session.unanswered()] == [2, 3]


# --- the end ----------------------------------------------------------------------------------------------------


def test_log_out_is_answered_or_given_up():
    client = logged_on()
    client.log_out(T0)
    assert [name for name, _ in sent(client, T0)] == ["Terminate"]
    assert kinds(client.receive(fixp("Terminate", Code=0), T0)) == ["logged out"]
    assert client.phase is Phase.NEGOTIATED and client.outgoing(T0) == []
    client.log_on(T0)
    assert [name for name, _ in sent(client, T0)] == ["Establish"], "the session stays negotiated"
    client = logged_on()
    client.log_out(T0)
    happened = []
    while client.phase is Phase.TERMINATING:
        happened = client.tick(client.deadline_ns or T0)
        client.outgoing(client.deadline_ns)
    assert kinds(happened) == ["logged out"] and "did not confirm" in happened[0].text


def test_the_server_ends_it():
    client = logged_on()
    [notice] = client.receive(fixp("Terminate", Code=3, Reason=b"so"), T0)
    assert (notice.kind, notice.code) == ("lost", 3) and "still being sent" in notice.text
    assert [name for name, _ in sent(client, T0)] == ["Terminate"] and client.phase is Phase.NEGOTIATED
    assert client.receive(fixp("Terminate", Code=0), T0) == [] and client.outgoing(T0) == []


def test_both_flows_end_and_nothing_is_missing_then():
    client = with_orders(logged_on(), 1)
    client.finish_sending(T0)
    [(name, values)] = sent(client, T0)
    assert (name, values.LastSeqNo) == ("FinishedSending", 1)
    client.tick(T0 + 250 * MS)
    assert "FinishedSending" in dict(sent(client, T0 + 250 * MS)), "repeated until it is confirmed"
    client.receive(fixp("FinishedReceiving"), T0)
    client.receive(fixp("FinishedSending", LastSeqNo=1), T0)
    [(_, ask), *_] = [m for m in sent(client, T0) if m[0] == "RetransmitRequest"]
    assert client.phase is Phase.ESTABLISHED, "a report is still missing"
    client.receive(fixp("Retransmission", RequestTimestamp=ask.Timestamp, NextSeqNo=1, Count=1) + accepted(1), T0)
    assert [name for name, _ in sent(client, T0)] == ["FinishedReceiving", "Terminate"]
    assert kinds(client.receive(fixp("Terminate", Code=0), T0)) == ["finished"] and client.phase is Phase.FINISHED
    with pytest.raises(ValueError, match="cannot log on"):
        client.log_on(T0)


# --- TCP --------------------------------------------------------------------------------------------------------


def frame(message: bytes) -> bytes:
    return sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, message)


def test_a_stream_has_frames_and_sequence_instead_of_context():
    client = FixpClient(ClientSession(UUID), Terms(key_id="desk-1", secret=SECRET, stream=True))
    cut = sofh.FrameReader(2000)
    client.log_on(T0)
    [(_, octets)] = cut.feed(b"".join(client.outgoing(T0)))
    [(_, negotiate)] = messages(octets)
    answer = frame(response(negotiate))
    assert client.receive(answer[:20], T0) == [] and client.receive(answer[20:], T0) == []
    [(_, octets)] = cut.feed(b"".join(client.outgoing(T0)))
    [(_, establish)] = messages(octets)
    client.receive(frame(ack(establish)), T0)
    client.session.new_order(1, BUY, 5, 10)
    client.session.new_order(1, BUY, 5, 10)
    names = [messages(octets)[0][0] for _, octets in cut.feed(b"".join(client.outgoing(T0)))]
    assert names == ["NewOrderShort", "NewOrderShort"]
    live = frame(accepted(1)) + frame(accepted(2)) + frame(FIXP.encode("Sequence", NextSeqNo=3) + trade(1, 1, 9, 1))
    assert [report.sequence for report in client.receive(live, T0)] == [1, 2, 3]
    client.tick(T0 + 1000 * MS)
    [(_, octets)] = cut.feed(b"".join(client.outgoing(T0)))
    assert messages(octets)[0][0] == "Sequence"
    client.disconnected()
    assert client.phase is Phase.NEGOTIATED and client.deadline_ns == NEVER_NS
    with pytest.raises(sofh.FrameError, match="unknown encoding"):
        client.receive(sofh.framed(0x5BE0, b"12345678"), T0)


def test_a_parse_is_whole_or_not_at_all():
    with pytest.raises(BlockError):
        parse(context(1, accepted(1), accepted(2)[:9]), UUID)
    assert parse(context(1, accepted(1)), OTHER).items is None
