"""The client's session against tables of what a server sends: ledger states, numbers, gaps, NotApplied."""

from __future__ import annotations

import struct
import uuid

import pytest

from appliance.client.ledger import BUY, IMMEDIATE_OR_CANCEL, SELL, Gap, State
from appliance.client.session import CONTEXT_BYTES, FIXP, ORDER_ENTRY, ClientSession, SessionError

UUID = uuid.UUID(int=7).bytes


def datagram(first: int, *messages: bytes, session_id: bytes = UUID) -> bytes:
    return FIXP.encode("Context", SessionId=session_id, NextSeqNo=first) + b"".join(messages)


def accepted(cl_ord_id: int, qty: int = 10, order_id: int = 100) -> bytes:
    return ORDER_ENTRY.encode(
        "ExecutionReportNew", ClOrdID=cl_ord_id, OrderID=order_id, Price=5, OrderQty=qty, LeavesQty=qty, CumQty=0
    )


def trade(cl_ord_id: int, last: int, leaves: int, cum: int) -> bytes:
    return ORDER_ENTRY.encode(
        "ExecutionReportTrade", ClOrdID=cl_ord_id, OrderID=100, LastQty=last, LeavesQty=leaves, CumQty=cum
    )


def modified(cl_ord_id: int, orig: int, qty: int, leaves: int, cum: int = 0) -> bytes:
    return ORDER_ENTRY.encode(
        "ExecutionReportModify",
        ClOrdID=cl_ord_id,
        OrigClOrdID=orig,
        OrderID=100,
        Price=6,
        OrderQty=qty,
        LeavesQty=leaves,
        CumQty=cum,
    )


def canceled(cl_ord_id: int, orig: int | None, cum: int = 0) -> bytes:
    return ORDER_ENTRY.encode(
        "ExecutionReportCancel", ClOrdID=cl_ord_id, OrigClOrdID=orig, OrderID=100, CumQty=cum, CxlQty=1
    )


def rejected(cl_ord_id: int, reason: int) -> bytes:
    return ORDER_ENTRY.encode("ExecutionReportReject", ClOrdID=cl_ord_id, OrdRejReason=reason)


# ClOrdID 1 is a new order for 10, 2 a replace of 1, 3 a cancel of 1 (or of 2, once it took over)
LEDGER = [
    ([], {1: (State.PENDING, 0, 0), 2: (State.PENDING, 0, 0), 3: (State.PENDING, 0, 0)}),
    ([accepted(1)], {1: (State.NEW, 10, 0)}),
    ([accepted(1), trade(1, 4, 6, 4)], {1: (State.PARTIALLY_FILLED, 6, 4)}),
    ([accepted(1), trade(1, 4, 6, 4), trade(1, 6, 0, 10)], {1: (State.FILLED, 0, 10)}),
    ([accepted(1), canceled(1, None)], {1: (State.CANCELED, 0, 0), 3: (State.PENDING, 0, 0)}),
    ([accepted(1), trade(1, 4, 6, 4), canceled(3, 1, 4)], {1: (State.CANCELED, 0, 4), 3: (State.DONE, 0, 0)}),
    ([rejected(1, 16)], {1: (State.REJECTED, 0, 0)}),
    ([accepted(1), modified(2, 1, 8, 8)], {1: (State.REPLACED, 0, 0), 2: (State.NEW, 8, 0)}),
    (
        [accepted(1), trade(1, 4, 6, 4), modified(2, 1, 8, 4, 4), trade(2, 4, 0, 8)],
        {1: (State.REPLACED, 0, 4), 2: (State.FILLED, 0, 8)},
    ),
    ([accepted(1), canceled(2, 1)], {1: (State.REPLACED, 0, 0), 2: (State.CANCELED, 0, 0)}),
    ([accepted(1), rejected(2, 5)], {1: (State.NEW, 10, 0), 2: (State.REJECTED, 0, 0)}),
    ([accepted(1), canceled(3, 1), rejected(2, 5)], {1: (State.CANCELED, 0, 0), 2: (State.REJECTED, 0, 0)}),
    ([accepted(1), rejected(3, 5)], {1: (State.NEW, 10, 0), 3: (State.REJECTED, 0, 0)}),
    (
        [FIXP.encode("NotApplied", FromSeqNo=1, Count=2)],
        {1: (State.NOT_APPLIED, 0, 0), 2: (State.NOT_APPLIED, 0, 0), 3: (State.PENDING, 0, 0)},
    ),
    (
        [ORDER_ENTRY.encode("BusinessMessageReject", RefSeqNum=3, BusinessRejectReason=9, RefTemplateID=105)],
        {1: (State.PENDING, 0, 0), 3: (State.REJECTED, 0, 0)},
    ),
]


@pytest.mark.parametrize("in_one_datagram", [True, False])
@pytest.mark.parametrize(("reports", "expected"), LEDGER)
def test_reports_move_the_ledger(reports, expected, in_one_datagram):
    session = ClientSession(UUID)
    session.new_order(1, BUY, 5, 10)
    session.replace(1, 6, 8)
    session.cancel(1)
    session.datagrams()
    if in_one_datagram:
        session.receive(datagram(1, *reports))
    else:
        for number, report in enumerate(reports, 1):
            session.receive(datagram(number, report))
    for cl_ord_id, (state, leaves, cum) in expected.items():
        request = session.requests[cl_ord_id]
        assert (request.state, request.leaves_lots, request.cum_lots) == (state, leaves, cum), cl_ord_id
    assert session.counters.reports == len(reports)
    assert session.next_report_seq == 1 + len(reports)
    answered = {c for c, (state, *_) in expected.items() if state not in (State.PENDING, State.REPLACED)}
    assert not answered & {request.cl_ord_id for request in session.unanswered() if request.cl_ord_id != 1}


def test_messages_are_packed_and_numbered():
    session = ClientSession(UUID, account=9, next_seq=5, next_cl_ord_id=100)
    for _ in range(60):
        session.new_order(3, SELL, 1_500_000_000, 7, IMMEDIATE_OR_CANCEL)
    datagrams = session.datagrams()
    assert session.datagrams() == [] and session.next_seq == 65 and len(session.unanswered()) == 60
    seen, next_seq = [], 5
    for octets in datagrams:
        assert len(octets) <= 1400
        context = FIXP.decode(octets)
        assert (context.values.SessionId, context.values.NextSeqNo) == (UUID, next_seq)
        at = context.end
        assert at == CONTEXT_BYTES
        while at < len(octets):
            _, values, at = ORDER_ENTRY.decode(octets, at)
            seen.append(values)
            next_seq += 1
    assert len(datagrams) == 3
    assert [values.ClOrdID for values in seen] == list(range(100, 160))
    assert all((v.Account, v.Price, v.OrderQty, v.Side, v.SecurityID) == (9, 1_500_000_000, 7, 2, 3) for v in seen)
    assert seen[0].SelfMatchPreventionID is None


def test_every_request_says_what_it_should():
    session = ClientSession(UUID, account=4)
    session.new_order(3, SELL, 10, 7)
    session.cancel(1)
    session.replace(1, 11, 9)
    session.mass_cancel()
    session.mass_cancel(3)
    [octets] = session.datagrams()
    at, names, rows = CONTEXT_BYTES, [], []
    while at < len(octets):
        block, values, at = ORDER_ENTRY.decode(octets, at)
        names.append(block.name)
        rows.append(values)
    assert names == [
        "NewOrderShort",
        "OrderCancelRequest",
        "OrderCancelReplaceRequest",
        "OrderMassActionRequest",
        "OrderMassActionRequest",
    ]
    assert (rows[1].OrigClOrdID, rows[1].SecurityID, rows[1].Side, rows[1].OrderID) == (1, 3, 2, None)
    assert (rows[2].OrigClOrdID, rows[2].Price, rows[2].OrderQty, rows[2].Account) == (1, 11, 9, 4)
    assert (rows[3].SecurityID, rows[3].MassActionType, rows[3].MassActionScope) == (None, 3, 7)
    assert (rows[4].SecurityID, rows[4].MassActionScope) == (3, 1)


def test_requests_that_cannot_be_made():
    session = ClientSession(UUID)
    with pytest.raises(SessionError, match="not in this session's ledger"):
        session.cancel(5)
    with pytest.raises(SessionError, match="does not fit"):
        session.new_order(1, BUY, 1 << 63, 1)
    with pytest.raises(SessionError, match="does not fit"):
        session.new_order(1, BUY, 1, -1)
    session.new_order(1, BUY, 1, 1, cl_ord_id=10)
    with pytest.raises(SessionError, match="does not rise"):
        session.new_order(1, BUY, 1, 1, cl_ord_id=10)
    assert len(session.requests) == 1


def test_duplicates_are_dropped_and_counted():
    session = ClientSession(UUID)
    session.new_order(1, BUY, 5, 10)
    session.datagrams()
    octets = datagram(1, accepted(1), trade(1, 4, 6, 4))
    assert len(session.receive(octets).reports) == 2
    assert session.receive(octets) == ([], None)
    assert session.counters.duplicates == 2 and session.requests[1].cum_lots == 4


def test_a_gap_is_told_and_late_reports_are_taken_once():
    session = ClientSession(UUID)
    session.new_order(1, BUY, 5, 10)
    session.datagrams()
    received = session.receive(datagram(3, trade(1, 6, 0, 10)))
    assert received.gap == Gap(1, 2) and session.missing == {1, 2} and session.counters.gaps == 1
    assert session.requests[1].state is State.FILLED
    late = session.receive(datagram(1, accepted(1), trade(1, 4, 6, 4)))
    assert [report.sequence for report in late.reports] == [1, 2] and late.gap is None
    assert session.requests[1].state is State.FILLED and session.requests[1].cum_lots == 10
    assert session.counters.stale == 2 and not session.missing
    assert session.receive(datagram(1, accepted(1))).reports == []


def test_a_heartbeat_shows_a_gap_too():
    session = ClientSession(UUID)
    assert session.receive(datagram(1)) == ([], None)
    assert session.receive(datagram(4)) == ([], Gap(1, 3))


def test_a_client_that_joins_later_adopts_the_servers_number():
    session = ClientSession(UUID, next_report_seq=None)
    received = session.receive(datagram(41, accepted(9)))
    assert received.gap is None and received.reports[0].request is None
    assert session.next_report_seq == 42 and session.counters.reports_unknown == 1


def test_a_report_with_a_longer_block_or_unknown_template_is_stepped_over():
    session = ClientSession(UUID)
    session.new_order(1, BUY, 5, 10)
    session.datagrams()
    unknown = ORDER_ENTRY.header.pack(blockLength=16, templateId=999, schemaId=9100, version=3) + bytes(16)
    longer = bytearray(accepted(1))
    struct.pack_into("<H", longer, 0, ORDER_ENTRY["ExecutionReportNew"].size + 8)
    reports = session.receive(datagram(1, unknown, bytes(longer) + bytes(8), trade(1, 4, 6, 4))).reports
    assert [report.name for report in reports] == ["template 999", "ExecutionReportNew", "ExecutionReportTrade"]
    assert session.requests[1].leaves_lots == 6


BAD = {
    "empty": b"",
    "no context": accepted(1),
    "context cut": datagram(1)[:-1],
    "header cut": datagram(1, accepted(1)[:5]),
    "block cut": datagram(1, accepted(1)[:-1]),
    "sequence instead": FIXP.encode("Sequence", NextSeqNo=1),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_datagrams_change_nothing(name):
    session = ClientSession(UUID)
    assert session.receive(BAD[name]) == ([], None)
    assert session.counters.datagrams_bad == 1 and session.last_fault and session.next_report_seq == 1


def test_datagrams_for_another_session_are_left_alone():
    session = ClientSession(UUID)
    assert session.receive(datagram(1, accepted(1), session_id=bytes(16))) == ([], None)
    assert session.counters.datagrams_of_others == 1


def test_a_gap_of_any_length_costs_bounded_memory():
    session = ClientSession(UUID)
    session.receive(datagram(2**63, accepted(1)))
    assert len(session.missing) == 65_536


def test_what_is_over_can_be_forgotten():
    session = ClientSession(UUID)
    session.new_order(1, BUY, 5, 10)
    session.new_order(1, BUY, 5, 10)
    session.new_order(1, BUY, 5, 10)
    session.datagrams()
    session.receive(datagram(1, accepted(1), accepted(2), trade(2, 10, 0, 10)))
    assert session.forget_closed() == 1
    assert sorted(session.requests) == [1, 3] and [r.cl_ord_id for r in session.open_orders()] == [1]
