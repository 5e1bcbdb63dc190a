"""Lost messages of a session, again, over TCP: from the report log, one request of a session at a time (FIXP 1.1).

A request is answered by Retransmission and the messages, in batches, with live messages in between: those are preceded
by Sequence. A second request before the first is answered, and one beyond what was sent, are violations: Terminate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from appliance.gateway.connection import Connection
from appliance.gateway.verify import FIXP
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX

if TYPE_CHECKING:
    from appliance.gateway.drop_copy import DropCopyConnection
    from appliance.gateway.order_entry import OrderConnection
    from appliance.gateway.report_log import Flow, ReportLog
    from appliance.gateway.server import Gateway

    Asker: TypeAlias = OrderConnection | DropCopyConnection

COUNT_MAX: Final = 65_536
STEP_BYTES: Final = 32 * 1024
"""Of a request's messages are given at a time; then it is the next one's turn."""
BATCH_BYTES_MAX: Final = DATAGRAM_PAYLOAD_BYTES_MAX - FIXP.header.size - FIXP["Retransmission"].size
"""Of messages behind one Retransmission: they would fit into a datagram, as FIXP wants it on every transport."""

OUT_OF_RANGE: Final = 0
INVALID_SESSION: Final = 1
REQUEST_LIMIT_EXCEEDED: Final = 2
TERMINATE_OUT_OF_BOUNDS: Final = 2
TERMINATE_IN_PROGRESS: Final = 3


@dataclass
class _Request:
    connection: Asker
    session_id: bytes
    timestamp_ns: int
    number: int
    end: int


class Retransmitter:
    """Answers the RetransmitRequests of all connections, a batch of each in turn."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway: Final = gateway
        self._requests: Final[dict[int, _Request]] = {}

    @property
    def is_busy(self) -> bool:
        return bool(self._requests)

    def cancel(self, connection: Connection) -> None:
        """Nobody reads it any more."""
        self._requests.pop(connection.number, None)

    def ask(self, connection: Asker, request: Any) -> None:
        """Take up a RetransmitRequest, refuse it, or end the connection for it."""
        counters = self._gateway.counters
        first, count = request.FromSeqNo, request.Count
        if not connection.names_the_flow(request.SessionId):
            self._reject(connection, request.SessionId, request.Timestamp, INVALID_SESSION)
        elif connection.number in self._requests:
            connection.refuse("it asked again before it had its answer.", TERMINATE_IN_PROGRESS)
        elif first < 1 or count < 1 or first + count - 1 > connection.told_to:
            connection.refuse(f"it asked for {count} messages from {first}.", TERMINATE_OUT_OF_BOUNDS)
        elif count > COUNT_MAX:
            self._reject(connection, request.SessionId, request.Timestamp, REQUEST_LIMIT_EXCEEDED)
        elif self._gateway.reports is None:
            self._reject(connection, request.SessionId, request.Timestamp, OUT_OF_RANGE)
        else:
            counters["retransmit_requests"] += 1
            self._requests[connection.number] = _Request(
                connection, bytes(request.SessionId), request.Timestamp, first, first + count
            )

    def _reject(self, connection: Asker, session_id: bytes, timestamp_ns: int, code: int) -> None:
        self._gateway.counters["retransmit_rejects"] += 1
        connection.send(
            [FIXP.encode("RetransmitReject", SessionId=session_id, RequestTimestamp=timestamp_ns, Code=code)]
        )

    def step(self) -> None:
        """One batch for each request. Raises ReportLogError."""
        reports = self._gateway.reports
        if not self._requests or reports is None:
            return
        more = reports.poll()
        for key, request in list(self._requests.items()):
            connection = request.connection
            if connection.is_over:
                del self._requests[key]
                continue
            if connection.is_crowded:
                continue
            flow = connection.flow(reports)
            is_held = flow.first <= request.number and request.end - 1 <= flow.newest
            if not is_held and more:
                continue
            if not is_held:  # from before the venue was started again, or the row has another session by now
                del self._requests[key]
                self._reject(connection, request.session_id, request.timestamp_ns, OUT_OF_RANGE)
                continue
            messages = self._next_messages(request, flow, reports)
            if not messages:
                continue
            connection.forget_the_number()
            connection.send(messages)
            if request.number >= request.end:
                self._requests.pop(key, None)

    def _next_messages(self, request: _Request, flow: Flow, reports: ReportLog) -> list[bytes]:
        """Of the request's messages the next ones that may be told, in batches; they are no more asked for."""
        told: list[bytes] = []
        size = 0
        while size < STEP_BYTES:
            batch: list[bytes] = []
            batch_bytes = 0
            while request.number + len(batch) < request.end:
                depends_on, message = reports.message(flow, request.number + len(batch))
                if not self._gateway.is_safe(depends_on) or batch_bytes + len(message) > BATCH_BYTES_MAX:
                    break
                batch.append(message)
                batch_bytes += len(message)
            if not batch:
                break
            facts = {"SessionId": request.session_id, "RequestTimestamp": request.timestamp_ns}
            told.append(FIXP.encode("Retransmission", **facts, NextSeqNo=request.number, Count=len(batch)))
            told += batch
            size += batch_bytes
            request.number += len(batch)
            self._gateway.counters["messages_retransmitted"] += len(batch)
        return told
