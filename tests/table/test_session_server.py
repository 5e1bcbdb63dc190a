"""One line a check of docs/SESSIONS.md: handshakes, requests, ends and retransmissions, in the order of its tables.

Each row is told to a venue on which A (row 0) may be logged on already; what the session layer says, and what is told
to anybody, must be exactly what stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from appliance.pipeline import begin_turn, cancel_of_killed, cancel_orders, drain
from appliance.session.requests import set_kill
from native.account_layout import KILL_ALL, KILL_BUT_REDUCING, KILL_NONE
from native.layout import KIND_SESSION_PEER, NO_INDEX
from pcap.datagrams import VENUE
from tests.session_rig import BLOCKS, PROOF, Party, SessionRig, keyed_config, name_of
from tests.venue_rig import ORDERS, cancel, mass_cancel, new, replace, single
from wire.net.frames import build_udp_frame

A, A2, A_ELSEWHERE, B = Party(0, 1), Party(0, 2), Party(0, 1, 41_000), Party(1, 3)
PROVISIONED = Party(3, 99)
NOBODY = Party(0, 77)
T = 1_000
"""Timestamps of the rows; A is logged on with 1 and 2."""
GAP_MAX = 1 << 31
Do = Callable[[SessionRig], None]
Said = tuple[str, dict[str, Any]]


def shake(party: Party, message: bytes, connection: int = 0) -> Do:
    return lambda rig: rig.shake(party, message, connection=connection)


def send(*frames: bytes) -> Do:
    return lambda rig: rig.send(*frames)


def burst(*frames: bytes) -> Do:
    def do(rig: SessionRig) -> None:
        rig.now_ns += 1000
        rig.burst(frames)

    return do


def at(party: Party, number: int, *messages: bytes) -> bytes:
    return party.frame(*messages, at=number)


def wait(milliseconds: int) -> Do:
    def do(rig: SessionRig) -> None:
        rig.now_ns += milliseconds * 1_000_000
        rig.tick()

    return do


def lose(row: int) -> Do:
    return lambda rig: rig.lose(row)


def own_finish(row: int) -> Do:
    return lambda rig: rig.finish_own(row)


def kill(row: int, refused: int = KILL_ALL) -> Do:
    """As an operator's command does, on the record before."""

    def do(rig: SessionRig) -> None:
        begin_turn(rig.exchange, rig.now_ns)
        set_kill(rig.exchange.tables, row, refused)
        cancel_of_killed(rig.exchange, rig.port.handle, int(rig.exchange.journal.scalars[0]) - 1, row)
        drain(rig.exchange, rig.port.handle)
        rig.collect()

    return do


def reset(row: int) -> Do:
    def do(rig: SessionRig) -> None:
        set_kill(rig.exchange.tables, row, KILL_NONE)

    return do


def refused(name: str, code: int) -> Said:
    return name, {"Code": code}


NEGOTIATED: Said = ("NegotiationResponse", {"ServerFlow": 0})
ACK: Said = ("EstablishmentAck", {"KeepaliveInterval": 1000})
NEW: Said = ("ExecutionReportNew", {})
FINISHED, ERROR, OUT_OF_BOUNDS, IN_PROGRESS = (refused("Terminate", code) for code in range(4))


def canceled(reason: int, **more: int) -> Said:
    return "ExecutionReportCancel", {"ExecRestatementReason": reason, **more}


def lost(first: int, count: int) -> Said:
    return "NotApplied", {"FromSeqNo": first, "Count": count}


def business(reason: int, **more: Any) -> Said:
    return "BusinessMessageReject", {"BusinessRejectReason": reason, **more}


def status(request: int, **asked: int) -> bytes:
    return ORDERS.encode("OrderStatusRequest", OrdStatusReqID=request, **asked)


WATERMARK = ORDERS.encode("WatermarkRequest", OrdStatusReqID=5)
ON = shake(A, A.establish(T, cod_type=3, window=20))
LASTING = at(A, 1, new(1, tif="1"), new(2), single(3, TimeInForce="6", ExpireTime=1 << 62))
SHORT_REQUEST = build_udp_frame(BLOCKS.header.pack(blockLength=43, templateId=11, schemaId=2748, version=0) + bytes(43),
                                A.endpoint, VENUE)  # fmt: skip

# --- section 2; A is not logged on ---
NEGOTIATE: list[tuple[str, list[Do], list[Said]]] = [
    ("1: provisioned", [shake(PROVISIONED, PROVISIONED.negotiate(T))], [refused("NegotiationReject", 0)]),
    ("2: the same again", [shake(A, A.negotiate(T))] * 2, [NEGOTIATED] * 2),
    ("3: an old Timestamp", [shake(A, A.negotiate(T)), shake(A2, A2.negotiate(T))],
     [NEGOTIATED, refused("NegotiationReject", 0)]),
    ("3 before 4", [shake(A, A.negotiate(T)), shake(A2, A2.negotiate(T - 1, flow=0))],
     [NEGOTIATED, refused("NegotiationReject", 0)]),
    ("3: Timestamp 2**63", [shake(A, A.negotiate(1 << 63))], [refused("NegotiationReject", 0)]),
    ("3: Timestamp 0", [shake(A, A.negotiate(0))], [refused("NegotiationReject", 0)]),
    *((f"4: flow {flow}", [shake(A, A.negotiate(T, flow=flow))], [refused("NegotiationReject", 1)])
      for flow in (0, 2, 3, 4, 255)),
    ("6: again by a newer Timestamp", [shake(A, A.negotiate(T)), shake(A, A.negotiate(T + 1))], [NEGOTIATED] * 2),
    ("7: established before", [shake(A, A.negotiate(T)), shake(A, A.establish(T + 1)), shake(A, A.negotiate(T + 2))],
     [NEGOTIATED, ACK, refused("NegotiationReject", 2)]),
    ("7: another row's", [shake(B, B.negotiate(T)), shake(Party(0, 3), B.negotiate(T))],
     [NEGOTIATED, refused("NegotiationReject", 2)]),
    ("7: a provisioned one", [shake(A, PROVISIONED.negotiate(T))], [refused("NegotiationReject", 2)]),
    ("7: one that was taken over", [shake(A, A.negotiate(T)), shake(A2, A2.negotiate(T + 1)),
                                    shake(A, A.negotiate(T + 2))],
     [NEGOTIATED, NEGOTIATED, refused("NegotiationReject", 2)]),
    ("8: over TCP nothing goes by UDP", [shake(A, A.negotiate(T), connection=7)], []),
]  # fmt: skip

# --- section 3; A is negotiated with Timestamp 1 ---
ESTABLISH: list[tuple[str, list[Do], list[Said]]] = [
    ("1: provisioned", [shake(PROVISIONED, PROVISIONED.establish(T))], [refused("EstablishmentReject", 4)]),
    ("2: unknown", [shake(A, NOBODY.establish(T))], [refused("EstablishmentReject", 0)]),
    ("2: another row's", [shake(B, A.establish(T))], [refused("EstablishmentReject", 0)]),
    ("2: free", [shake(A, A.establish(T)), send(A.finished_sending(), A.terminate()), shake(A, A.establish(T + 1))],
     [ACK, ("FinishedReceiving", {}), FINISHED, refused("EstablishmentReject", 0)]),
    ("3: the same again", [shake(A, A.establish(T))] * 2, [ACK] * 2),
    ("4: the same after the end", [shake(A, A.establish(T)), send(A.terminate()), shake(A, A.establish(T))],
     [ACK, FINISHED, refused("EstablishmentReject", 4)]),
    ("4: the Timestamp of Negotiate", [shake(A, A.establish(1))], [refused("EstablishmentReject", 4)]),
    ("5: blocked", [kill(0), shake(A, A.establish(T))], [refused("EstablishmentReject", 2)]),
    ("5: may reduce", [kill(0, KILL_BUT_REDUCING), shake(A, A.establish(T))], [ACK]),
    ("5: reset", [kill(0), reset(0), shake(A, A.establish(T))], [ACK]),
    ("6: from elsewhere", [shake(A, A.establish(T)), shake(A_ELSEWHERE, A.establish(T + 1))],
     [ACK, refused("EstablishmentReject", 1)]),
    ("6: from where it is", [shake(A, A.establish(T)), shake(A, A.establish(T + 1, keepalive=500))],
     [ACK, ("EstablishmentAck", {"KeepaliveInterval": 500})]),
    ("6: over TCP, then by UDP", [shake(A, A.establish(T), connection=7), shake(A, A.establish(T + 1))],
     [refused("EstablishmentReject", 1)]),
    ("5 before 6 before 7", [shake(A, A.establish(T)), shake(A_ELSEWHERE, A.establish(T + 1, keepalive=1))],
     [ACK, refused("EstablishmentReject", 1)]),
    *((f"7: {keepalive} ms", [shake(A, A.establish(T, keepalive=keepalive, cod_type=9))],
       [refused("EstablishmentReject", 3)]) for keepalive in (0, 9, 60_001, (1 << 32) - 1)),
    *((f"7: {keepalive} ms is fine", [shake(A, A.establish(T, keepalive=keepalive))], [("EstablishmentAck", {})])
      for keepalive in (10, 60_000)),
    ("8: codType", [shake(A, A.establish(T, cod_type=8))], [refused("EstablishmentReject", 5)]),
    ("8: codWindowMs", [shake(A, A.establish(T, cod_type=1, window=60_001))], [refused("EstablishmentReject", 5)]),
    *((f"9: NextSeqNo {number}", [shake(A, A.establish(T, number=number))], [refused("EstablishmentReject", 5)])
      for number in (0, GAP_MAX + 2, 1 << 63)),
    ("9: below what is expected", [shake(A, A.establish(T)), send(at(A, 1, new(1)), A.terminate()),
                                   shake(A, A.establish(T + 1, number=1))],
     [ACK, NEW, FINISHED, refused("EstablishmentReject", 5)]),
    ("10: NextSeqNo leaves numbers out", [shake(A, A.establish(T, number=4)), send(at(A, 4, new(1)))],
     [ACK, lost(1, 3), NEW]),
    ("10: without NextSeqNo they go on", [shake(A, A.establish(T)), send(at(A, 1, new(1)), A.terminate()),
                                          shake(A, A.establish(T + 1, number=None)), send(at(A, 2, new(2)))],
     [ACK, NEW, FINISHED, ("EstablishmentAck", {"NextSeqNo": 2}), NEW]),
    ("10: an answer that was missed has its number", [shake(A, A.establish(T, cod_type=2)), send(at(A, 1, new(1))),
        send(A.terminate()), shake(A, A.establish(T + 1, number=2)), send(A.retransmit(9, 2, 1))],
     [ACK, NEW, FINISHED, ("EstablishmentAck", {"NextSeqNo": 3}), ("Retransmission", {"NextSeqNo": 2, "Count": 1}),
      canceled(101)]),
]  # fmt: skip

# --- sections 4 to 8; A is logged on ---
ESTABLISHED: list[tuple[str, list[Do], list[Said]]] = [
    ("1: two paths", [send(at(A, 1, new(1)), at(A_ELSEWHERE, 1, new(1)), at(A_ELSEWHERE, 2, new(2)), at(A, 2, new(2)))],
     [NEW, NEW]),
    ("1: several sessions on one port", [shake(B, B.negotiate(T)), shake(B, B.establish(T + 1)),
                                         burst(at(A, 1, new(1)), at(B, 1, new(1, Account=2)), at(A, 2, new(2)))],
     [NEGOTIATED, ACK, NEW, NEW, NEW]),
    ("4.1: a gap", [send(at(A, 3, new(1)))], [lost(1, 2), NEW]),
    ("4.2: after FinishedSending", [send(A.finished_sending(), at(A, 1, new(1)))], [("FinishedReceiving", {}), ERROR]),
    ("4.2: its gap before that", [send(A.finished_sending(), at(A, 2, new(1)))],
     [("FinishedReceiving", {}), lost(1, 1), ERROR]),
    ("4.5: a ClOrdID again", [send(at(A, 1, new(5)), at(A, 2, new(5)))], [NEW]),
    ("4.5: a lower one", [send(at(A, 1, new(5)), at(A, 2, new(4)), at(A, 3, cancel(3, 5)))], [NEW]),
    ("4.5: 0", [send(at(A, 1, new(0)))], []),
    ("4.5: they have no sign", [send(at(A, 1, new(1 << 63)), at(A, 2, new(7)), at(A, 3, new((1 << 63) + 1)))],
     [NEW, NEW]),
    ("4.5: a rejected one counts", [send(at(A, 1, new(5, Account=9)), at(A, 2, new(5)))],
     [("ExecutionReportReject", {"OrdRejReason": 15})]),
    ("4.5: across sessions", [send(at(A, 1, new(5))), shake(A2, A2.negotiate(T)), shake(A2, A2.establish(T + 1)),
                              send(at(A2, 1, new(5), cancel(6, 5)))],
     [NEW, ERROR, NEGOTIATED, ACK, canceled(0)]),
    ("4.6: watermark, none yet", [send(at(A, 1, WATERMARK))],
     [("WatermarkReport", {"OrdStatusReqID": 5, "ClOrdID": 0})]),
    ("4.6: watermark", [send(at(A, 1, new(7), WATERMARK))], [NEW, ("WatermarkReport", {"ClOrdID": 7})]),
    ("4.6: an order", [send(at(A, 1, new(7, qty=3), status(8, ClOrdID=7)))],
     [NEW, ("OrderStatusReport", {"OrdStatusReqID": 8, "ClOrdID": 7, "OrderID": 1 << 24, "OrderQty": 3, "LeavesQty": 3,
                                  "CumQty": 0, "OrdStatus": ord("0"), "Price": 100_000_000, "OrdRejReason": None})]),
    ("4.6: by OrderID", [send(at(A, 1, new(7), status(8, OrderID=1 << 24)))],
     [NEW, ("OrderStatusReport", {"ClOrdID": 7})]),
    ("4.6: by both, one is wrong", [send(at(A, 1, new(7), status(8, ClOrdID=7, OrderID=2 << 24)))],
     [NEW, ("OrderStatusReport", {"OrdStatus": ord("8"), "OrdRejReason": 5, "OrderID": 2 << 24, "Side": None})]),
    ("4.6: none", [send(at(A, 1, status(8, ClOrdID=7)))],
     [("OrderStatusReport", {"OrdStatus": ord("8"), "ClOrdID": 7})]),
    ("4.6: OrderID beyond the table", [send(at(A, 1, status(8, OrderID=(1 << 24) - 1)))],
     [("OrderStatusReport", {"OrdStatus": ord("8")})]),
    ("4.7: blocked", [send(at(A, 1, new(1))), kill(0), send(at(A, 2, new(2), replace(3, 1), cancel(4, 1)))],
     [NEW, canceled(106), ("ExecutionReportReject", {"OrdRejReason": 9050, "CxlRejResponseTo": None}),
      ("ExecutionReportReject", {"OrdRejReason": 9050, "CxlRejResponseTo": 2}),
      ("ExecutionReportReject", {"OrdRejReason": 5})]),
    ("4.7: queries are taken", [kill(0), send(at(A, 1, WATERMARK))], [("WatermarkReport", {})]),
    ("4.7: reset", [kill(0), reset(0), send(at(A, 1, new(1)))], [NEW]),
    ("5: silence", [lose(0), send(at(A, 1, new(1)))], [ERROR]),
    ("5: it may come back",
     [send(at(A, 1, new(1))), lose(0), shake(A, A.establish(T, number=2)), send(at(A, 2, new(2)))],
     [NEW, ERROR, ACK, NEW]),
    ("6: Terminate", [send(A.terminate(3)), send(at(A, 1, new(1)))], [FINISHED]),
    ("6: Terminate twice", [send(A.terminate(), A.terminate())], [FINISHED]),
    ("6: FinishedSending names what was lost", [send(A.finished_sending(3))], [lost(1, 3), ("FinishedReceiving", {})]),
    ("6: FinishedReceiving that nobody asked for", [send(A.finished_receiving()), send(at(A, 1, new(1)))], [NEW]),
    ("6: the venue's flow ends", [send(at(A, 1, new(1))), own_finish(0), send(A.finished_receiving())],
     [NEW, ("FinishedSending", {"LastSeqNo": 1}), FINISHED]),
    ("6: codType 0", [send(at(A, 1, new(1))), lose(0), wait(60_000), shake(A, A.establish(T, number=2))],
     [NEW, ERROR, ("EstablishmentAck", {"NextSeqNo": 2})]),
    ("6: after the window", [ON, send(at(A, 1, new(1))), lose(0), wait(20), shake(A, A.establish(T + 1, number=2)),
                             send(A.retransmit(9, 2, 1))],
     [ACK, NEW, ERROR, ("EstablishmentAck", {"NextSeqNo": 3}), ("Retransmission", {}), canceled(100, CxlQty=1)]),
    ("6: not before", [ON, send(at(A, 1, new(1))), lose(0), wait(19), shake(A, A.establish(T + 1, number=2)), wait(20)],
     [ACK, NEW, ERROR, ("EstablishmentAck", {"NextSeqNo": 2})]),
    ("6: codType 1 is not for Terminate", [shake(A, A.establish(T, cod_type=1)), send(at(A, 1, new(1)), A.terminate()),
                                           shake(A, A.establish(T + 1, number=2))],
     [ACK, NEW, FINISHED, ("EstablishmentAck", {"NextSeqNo": 2})]),
    ("6: codType 2 is not for loss", [shake(A, A.establish(T, cod_type=2)), send(at(A, 1, new(1))), lose(0),
                                      shake(A, A.establish(T + 1, number=2))],
     [ACK, NEW, ERROR, ("EstablishmentAck", {"NextSeqNo": 2})]),
    ("6: NoCancelOnDisconnect", [shake(A, A.establish(T, cod_type=3)), send(at(A, 1, new(1, ExecInst=8), new(2))),
                                 lose(0), shake(A, A.establish(T + 1, number=3)), send(A.retransmit(9, 3, 1))],
     [ACK, NEW, NEW, ERROR, ("EstablishmentAck", {"NextSeqNo": 4}), ("Retransmission", {}),
      canceled(100, ClOrdID=2)]),
    *((f"6: codType {cod_type}: GTC, GTD stay",
       [shake(A, A.establish(T, cod_type=cod_type)), send(LASTING), *end, shake(A, A.establish(T + 1, number=4)),
        send(A.retransmit(9, 4, 1))],
       [ACK, NEW, NEW, NEW, said, ("EstablishmentAck", {"NextSeqNo": 5}), ("Retransmission", {}),
        canceled(reason, ClOrdID=2)])
      for cod_type, end, said, reason in ((5, [lose(0)], ERROR, 100), (6, [send(A.terminate())], FINISHED, 101))),
    ("6: codType 4 cancels nothing", [shake(A, A.establish(T, cod_type=4)), send(at(A, 1, new(1))), lose(0),
                                      shake(A, A.establish(T + 1, number=2))],
     [ACK, NEW, ERROR, ("EstablishmentAck", {"NextSeqNo": 2})]),
    ("6: taken over", [shake(A, A.establish(T, cod_type=1)), send(at(A, 1, new(1))), shake(A2, A2.negotiate(T + 1)),
                       shake(A2, A2.establish(T + 2)), send(A2.retransmit(9, 1, 1))],
     [ACK, NEW, ERROR, NEGOTIATED, ("EstablishmentAck", {"NextSeqNo": 2}), ("Retransmission", {}), canceled(100)]),
    ("7: a copy", [send(at(A, 1, new(1)), A.retransmit(9, 1, 1), A.retransmit(9, 1, 1), A.retransmit(8, 1, 1))],
     [NEW, ("Retransmission", {"RequestTimestamp": 9}), NEW]),
    ("7: cut short", [send(SHORT_REQUEST)], []),
    ("7: not established", [send(A.terminate(), A.retransmit(9, 1, 1))], [FINISHED, refused("RetransmitReject", 1)]),
    ("7: dead", [shake(A2, A2.negotiate(T)), send(A.retransmit(9, 1, 1))],
     [ERROR, NEGOTIATED, refused("RetransmitReject", 1)]),
    ("7: unknown", [send(NOBODY.retransmit(9, 1, 1))], []),
    ("7.2: two at once", [send(at(A, 1, new(1))), burst(A.retransmit(9, 1, 1), A.retransmit(10, 1, 1))],
     [NEW, ("Retransmission", {}), NEW, IN_PROGRESS]),
    ("7.2 before 7.4", [send(at(A, 1, new(1))), burst(A.retransmit(9, 1, 1), A.retransmit(10, 5, 5))],
     [NEW, ("Retransmission", {}), NEW, IN_PROGRESS]),
    ("7.2: a reject is an answer, too", [burst(A.retransmit(9, 0, 1), A.retransmit(10, 0, 1))],
     [refused("RetransmitReject", 0), IN_PROGRESS]),
    ("7.3: FromSeqNo 0", [send(A.retransmit(9, 0, 5))], [refused("RetransmitReject", 0)]),
    ("7.3: Count 0", [send(A.retransmit(9, 5, 0))], [refused("RetransmitReject", 0)]),
    ("7.3: FromSeqNo 2**63", [send(A.retransmit(9, 1 << 63, 1))], [refused("RetransmitReject", 0)]),
    ("7.4: nothing was sent", [send(A.retransmit(9, 1, 1))], [OUT_OF_BOUNDS]),
    ("7.4: one too many", [send(at(A, 1, new(1)), A.retransmit(9, 1, 2))], [NEW, OUT_OF_BOUNDS]),
    ("7.4: far too many", [send(at(A, 1, new(1)), A.retransmit(9, (1 << 63) - 1, (1 << 32) - 1))],
     [NEW, OUT_OF_BOUNDS]),
    ("7.8: what is in the same burst", [burst(at(A, 1, new(1)), A.retransmit(9, 1, 1))],
     [NEW, ("Retransmission", {"NextSeqNo": 1, "Count": 1}), NEW]),
    ("8: all orders, also those that stay", [send(at(A, 1, new(1, ExecInst=8), new(2))), kill(0)],
     [NEW, NEW, canceled(106), canceled(106)]),
    ("8: of this row alone", [send(at(A, 1, new(1))), kill(1), send(at(A, 2, new(2)))], [NEW, NEW]),
]  # fmt: skip

THROTTLE = {"window_ms": 80, "messages_reject": 2, "messages_logout": 4, "cancels_reject": 1, "cancels_logout": 2}
PART_MS = THROTTLE["window_ms"] // 8
THROTTLED: list[tuple[str, list[Do], list[Said]]] = [
    ("4.4: one too many", [wait(PART_MS), send(at(A, 1, new(1), new(2), new(3)))],
     [NEW, NEW, business(8, RefSeqNum=3, BusinessRejectRefID=3, RefTemplateID=102)]),
    ("4.4: its ClOrdID is free still", [send(at(A, 1, new(1), new(2), new(3))), wait(80), send(at(A, 4, new(3)))],
     [NEW, NEW, business(8), NEW]),
    ("4.4: each keeps its number", [send(at(A, 1, new(1), new(2), new(3))), wait(80), send(at(A, 3, new(4)))],
     [NEW, NEW, business(8)]),
    ("4.4: queries count", [send(at(A, 1, WATERMARK, WATERMARK, WATERMARK))],
     [("WatermarkReport", {}), ("WatermarkReport", {}), business(8, RefTemplateID=131)]),
    ("4.4: cancels apart", [send(at(A, 1, new(1), new(2), cancel(3, 1)))], [NEW, NEW, canceled(0)]),
    ("4.4: mass actions are cancels", [send(at(A, 1, cancel(1, 9), mass_cancel(2)))],
     [("ExecutionReportReject", {}), business(8, RefTemplateID=120)]),
    ("4.3: far too many", [send(at(A, 1, new(1), new(2), new(3), new(4), new(5), new(6)))],
     [NEW, NEW, business(8), business(8), business(9, RetryAfterNanos=None), ERROR]),
    ("4.3: of cancels", [send(at(A, 1, cancel(1, 9), cancel(2, 9), cancel(3, 9), new(4)))],
     [("ExecutionReportReject", {}), business(8, RefTemplateID=105), business(9), ERROR]),
    ("4.3: it may come back", [send(at(A, 1, new(1), new(2), new(3), new(4), new(5))), wait(80),
                               shake(A, A.establish(T, number=6)), send(at(A, 6, new(6)))],
     [NEW, NEW, business(8), business(8), business(9), ERROR, ACK, NEW]),
    ("7.5: asked for too often", [send(at(A, 1, new(1)), *(A.retransmit(9 + n, 1, 1) for n in range(3)))],
     [NEW, ("Retransmission", {}), NEW, *[refused("RetransmitReject", 2)] * 2]),
    ("7.5: later it is given", [send(at(A, 1, new(1)), *(A.retransmit(9 + n, 1, 1) for n in range(2))), wait(80),
                                send(A.retransmit(12, 1, 1))],
     [NEW, ("Retransmission", {}), NEW, refused("RetransmitReject", 2), ("Retransmission", {}), NEW]),
    ("7.1: far too often", [send(at(A, 1, new(1)), *(A.retransmit(9 + n, 1, 1) for n in range(4)))],
     [NEW, ("Retransmission", {}), NEW, *[refused("RetransmitReject", 2)] * 2, ERROR]),
    ("7.1 before 7.2", [burst(at(A, 1, new(1), new(2), new(3)), A.retransmit(9, 1, 1), A.retransmit(10, 1, 1))],
     [NEW, NEW, business(8), refused("RetransmitReject", 2), ERROR]),
    ("4.3 before 4.5", [send(at(A, 1, new(1), new(1), new(1)))], [NEW, business(8)]),
]  # fmt: skip


class Story(SessionRig):
    """What was said and sent, in one list."""

    def story(self) -> list[Said]:
        told: list[Said] = []
        for got in self.frames_out:
            told += self.of_frame(got.frame)
        return told

    def of_frame(self, frame: bytes) -> list[Said]:
        reader = type(self.out)(self.sent.feed_route)
        reader.read(frame)
        said: list[Said] = [(name, fields) for _, name, fields in reader.said]
        for stream in reader.streams.values():
            said += [stream[number] for number in sorted(stream)]
        return said


def tell(config: Any, before: list[Do], steps: list[Do], expected: list[Said]) -> None:
    with Story(config) as rig:
        for step in before:
            step(rig)
        rig.frames_out.clear()
        for step in steps:
            step(rig)
        told = rig.story()
        assert [name for name, _ in told] == [name for name, _ in expected], told
        for (name, fields), (_, wanted) in zip(told, expected, strict=True):
            assert fields | wanted == fields, (name, fields, wanted)


def ids(rows: list[tuple[str, list[Do], list[Said]]]) -> Any:
    return pytest.mark.parametrize(("steps", "expected"), [row[1:] for row in rows], ids=[row[0] for row in rows])


CONFIG = keyed_config()
LOGGED_ON = [shake(A, A.negotiate(1)), shake(A, A.establish(2))]


@ids(NEGOTIATE)
def test_negotiate(steps: list[Do], expected: list[Said]) -> None:
    tell(CONFIG, [], steps, expected)


@ids(ESTABLISH)
def test_establish(steps: list[Do], expected: list[Said]) -> None:
    tell(CONFIG, LOGGED_ON[:1], steps, expected)


@ids(ESTABLISHED)
def test_established(steps: list[Do], expected: list[Said]) -> None:
    tell(CONFIG, LOGGED_ON, steps, expected)


@ids(THROTTLED)
def test_throttled(steps: list[Do], expected: list[Said]) -> None:
    tell(keyed_config(throttle=THROTTLE), LOGGED_ON, steps, expected)


def test_what_was_read_ahead_is_read_again_behind_a_new_address() -> None:
    """A provisioned session that is logged out in the middle of a datagram is bound again by the next message of it,
    which had been read into the record that the address takes."""
    requests = [new(number, Account=99, OrderQty=number) for number in range(1, 8)]
    with SessionRig(keyed_config(throttle=THROTTLE)) as rig:
        rig.send(at(PROVISIONED, 1, *requests))
        index = np.flatnonzero(rig.exchange.journal.records["session_seq"] == 6)[-1]
        written = rig.exchange.journal.records[index]
        assert rig.exchange.journal.records[index - 1]["kind"] == KIND_SESSION_PEER
        assert (written["cl_ord_id"], written["qty_lots"], written["session"]) == (6, 6, PROVISIONED.row)


@pytest.mark.parametrize("moved", [PROVISIONED, A], ids=["provisioned", "keyed"])
def test_who_comes_from_elsewhere_is_answered_there(moved: Party) -> None:
    """A client that was started again asks for what it missed, or ends, over a socket of its own."""
    again = Party(moved.row, 99 if moved is PROVISIONED else 1, 50_000)
    with SessionRig() as rig:
        if moved is A:
            rig.log_on(A)
        rig.send(at(moved, 1, new(1, Account=99 if moved is PROVISIONED else 1)))
        rig.out.said.clear()
        rig.send(again.retransmit(9, 1, 1))
        assert [(to, name) for to, name, _ in rig.out.said] == [(again.endpoint, "Retransmission")]
        rig.out.said.clear()
        rig.send(again.finished_sending(1), again.terminate())
        assert [(to, name) for to, name, _ in rig.out.said] == [
            (again.endpoint, "FinishedReceiving"),
            (again.endpoint, "Terminate"),
        ]


def test_retry_after_is_the_time_until_one_more_fits() -> None:
    """To the nanosecond: one before it is too early."""
    for early in (1, 0):
        with SessionRig(keyed_config(throttle=THROTTLE)) as rig:
            rig.log_on(A)
            rig.now_ns += 123_456
            rig.send(at(A, 1, new(1), new(2), new(3)))
            fields = rig.out.streams[A.uuid][3][1]
            rig.now_ns += fields["RetryAfterNanos"] - early - 1000
            rig.send(at(A, 4, new(4)))
            assert (rig.out.streams[A.uuid][4][0] == "ExecutionReportNew") == (early == 0)


def test_session_ids_never_run_out() -> None:
    """Section 2: of those that died 16 are remembered, and one for each row that has none (here two); then none is.
    What others have lives on."""
    party = [Party(0, 200 + number) for number in range(21)]
    with SessionRig(keyed_config(order_entry={"session_ids_remembered": 16})) as rig:
        for number, one in enumerate(party[:19], 1):
            rig.shake(one, one.negotiate(number))
        rig.shake(party[0], party[0].negotiate(20))
        rig.shake(party[19], party[19].negotiate(21))
        rig.shake(party[0], party[0].negotiate(22))
        rig.shake(B, B.negotiate(23))
        rig.shake(party[20], PROVISIONED.negotiate(24))
        assert [(name, fields.get("Code")) for name, fields in rig.take_said()] == [
            *[("NegotiationResponse", None)] * 19, ("NegotiationReject", 2), *[("NegotiationResponse", None)] * 3,
            ("NegotiationReject", 2),
        ]  # fmt: skip
        rig.send(at(PROVISIONED, 1, new(1, Account=99)))
        rig.shake(B, B.establish(25))
        assert [name for name, _ in rig.take_said()] == ["EstablishmentAck"]
        assert rig.counts()["new_orders"] == 1


def test_the_zero_uuid_is_nobody() -> None:
    """Rule 5 of section 2."""
    party = Party(0, 1)
    party.uuid = bytes(16)
    with SessionRig() as rig:
        rig.shake(party, party.negotiate(1))
        assert [(name, fields["Code"]) for name, fields in rig.take_said()] == [("NegotiationReject", 3)]


def test_the_proof_and_the_key_come_back() -> None:
    with SessionRig() as rig:
        rig.shake(A, A.negotiate(1))
        ((_, fields),) = rig.take_said()
        assert fields["SessionId"] == name_of(1).bytes
        assert fields["Credentials"] == bytes([1]) + bytes(7) + b"key-1".ljust(20, b"\0") + PROOF


def test_no_answer_is_larger_than_its_request() -> None:
    with SessionRig() as rig:
        for message in (A.negotiate(1), A.negotiate(2, flow=0), A.establish(3, keepalive=1), A.establish(4)):
            rig.frames_out.clear()
            rig.shake(A, message)
            (answer,) = rig.frames_out
            assert len(answer.frame) - 42 <= len(message)


def test_requests_have_their_limits() -> None:
    """Rules 5 to 7 of section 7: messages, what the log has no room for, bytes."""
    with SessionRig(keyed_config(limits={"orders": 1024, "levels": 64}, reports={"store_mib": 1})) as rig:
        rig.log_on(A)
        for first in range(1, 701, 28):
            rig.send(at(A, first, *(new(first + k, ticks=1000, Account=9) for k in range(28))))
        rig.take_said()
        # a reject has 96 bytes: 682 of them are 65,472
        for stamp, (first, count, code) in enumerate(
            [(1, 682, None), (1, 683, 2), (19, 682, None), (1, 699, 2), (700, 1, None)], 10
        ):
            rig.out.again.clear()
            rig.send(A.retransmit(stamp, first, count))
            said = rig.take_said()
            if code is None:
                assert rig.out.again[A.uuid] == list(range(first, first + count))
            else:
                assert [(name, fields["Code"]) for name, fields in said] == [("RetransmitReject", code)]
        number = 701
        while rig.counts().get("reports_unstored", 0) == 0:
            rig.send(at(A, number, *(new(number + k, ticks=1000, Account=9) for k in range(28))))
            number += 28
        rig.take_said()
        kept = number - 1 - rig.counts()["reports_unstored"]
        for stamp, (first, count, code) in enumerate(
            [(kept, 1, None), (kept, 2, 0), (kept + 1, 1, 0), (1, 4096, 2), (1, 4097, 2)], 100
        ):
            rig.send(A.retransmit(stamp, first, count))
            ((name, fields),) = rig.take_said()
            assert (name, fields.get("Code")) == ("Retransmission" if code is None else "RetransmitReject", code)


def test_orders_of_an_account_can_be_cancelled_over_all_sessions() -> None:
    """What a kill switch by account is made of."""
    with SessionRig() as rig:
        rig.log_on(A)
        rig.log_on(B)
        rig.send(at(A, 1, new(1), new(2)), at(B, 1, new(1, Account=2)))
        begin_turn(rig.exchange, rig.now_ns)
        index = int(rig.exchange.journal.scalars[0]) - 1
        cancel_orders(rig.exchange, rig.port.handle, index, NO_INDEX, 2, NO_INDEX, 106, 0)
        drain(rig.exchange, rig.port.handle)
        rig.collect()
        assert [rig.out.streams[party.uuid][max(rig.out.streams[party.uuid])][0] for party in (A, B)] == [
            "ExecutionReportNew",
            "ExecutionReportCancel",
        ]
