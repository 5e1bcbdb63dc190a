"""A venue on a loopback UDP socket that answers requests by rule, without a book: for tests of clients."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from wire.blocks import schema

FIXP = schema("fixp")
ORDER_ENTRY = schema("order_entry")

Rule = Callable[[str, Any, int], list[bytes]]
"""(message name, its values, its FIXP number) -> the reports that answer it"""


def acknowledge(name: str, values: Any, number: int) -> list[bytes]:
    """Every new order rests, every cancel, replace and mass cancel succeeds."""
    encode = ORDER_ENTRY.encode
    if name in ("NewOrderShort", "NewOrderSingle"):
        return [
            encode(
                "ExecutionReportNew",
                ClOrdID=values.ClOrdID,
                OrderID=number,
                SecurityID=values.SecurityID,
                Side=values.Side,
                Price=values.Price,
                OrderQty=values.OrderQty,
                LeavesQty=values.OrderQty,
                WorkingIndicator=1,
            )
        ]
    if name == "OrderMassActionRequest":
        done = {"MassActionType": 3, "MassActionResponse": 2, "TotalAffectedOrders": 4}
        return [encode("OrderMassActionReport", ClOrdID=values.ClOrdID, **done)]
    if name == "OrderCancelRequest":
        return [encode("ExecutionReportCancel", ClOrdID=values.ClOrdID, OrigClOrdID=values.OrigClOrdID, CxlQty=1)]
    if name == "OrderCancelReplaceRequest":
        return [
            encode(
                "ExecutionReportModify",
                ClOrdID=values.ClOrdID,
                OrigClOrdID=values.OrigClOrdID,
                Price=values.Price,
                OrderQty=values.OrderQty,
                LeavesQty=values.OrderQty,
            )
        ]
    return []


@contextmanager
def answering(rule: Rule = acknowledge) -> Iterator[tuple[str, int]]:
    """Where it listens, until the block ends."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    listener.bind(("127.0.0.1", 0))
    listener.settimeout(0.05)
    ended = threading.Event()
    next_report: dict[bytes, int] = {}

    def serve() -> None:
        while not ended.is_set():
            try:
                datagram, peer = listener.recvfrom(4096)
            except TimeoutError:
                continue
            context = FIXP.decode(datagram)
            session_id, number, at = context.values.SessionId, context.values.NextSeqNo, context.end
            reports: list[bytes] = []
            while at < len(datagram):
                block, values, at = ORDER_ENTRY.decode(datagram, at)
                reports += rule(block.name, values, number)
                number += 1
            while reports:
                first = next_report.get(session_id, 1)
                some, reports = reports[:8], reports[8:]
                head = FIXP.encode("Context", SessionId=session_id, NextSeqNo=first)
                listener.sendto(head + b"".join(some), peer)
                next_report[session_id] = first + len(some)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[:2]
    finally:
        ended.set()
        thread.join()
        listener.close()
