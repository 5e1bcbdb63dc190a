"""The client's side of an order-entry session, sans I/O: numbers, the ledger of own orders, datagrams both ways.

Requests are collected (`new_order`, `cancel`, `replace`, `mass_cancel`) and leave by `datagrams()`: FIXP Context and
as many messages as 1400 bytes hold. Everything that arrives goes to `receive`, which checks the numbers of the
server's flow, keeps the ledger and returns the reports (PROTOCOLS 3.1 and 3.3).

The session is provisioned, not negotiated: both sides number their messages from 1. Numbers that the server reports
as NotApplied are dead: their requests get the state NOT_APPLIED, and the caller may send them again as new ones.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Final

from appliance.client.ledger import (
    DAY,
    LIMIT,
    Gap,
    Kind,
    Received,
    Report,
    Request,
    SessionCounters,
    State,
)
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from wire.blocks import BlockError, schema

FIXP: Final = schema("fixp")
ORDER_ENTRY: Final = schema("order_entry")
CONTEXT_BYTES: Final = FIXP.header.size + FIXP["Context"].size
_HEADER: Final = FIXP.header

MISSING_MAX: Final = 65_536
"""Of a longer gap only the newest numbers are remembered; older reports that come late count as duplicates."""
_MASS_CANCEL: Final = 3
_SCOPE_INSTRUMENT: Final = 1
_SCOPE_ALL: Final = 7
_SCOPE_GROUP: Final = 10
_ACK_BOTH: Final = 2
_STATUS_EXPIRED: Final = 67


class SessionError(Exception):
    """A request cannot be made; the message is one sentence that says why."""


@dataclass
class ClientSession:
    """One session. `next_seq` numbers our next request, `next_report_seq` the server's next report (None: adopt)."""

    uuid: bytes
    account: int = 0
    next_seq: int = 1
    next_report_seq: int | None = 1
    next_cl_ord_id: int = 1
    counters: SessionCounters = field(default_factory=SessionCounters)
    requests: dict[int, Request] = field(default_factory=dict)
    """By ClOrdID: the ledger."""
    missing: set[int] = field(default_factory=set)
    """Numbers of reports that are known to exist and have not come."""
    last_fault: str = ""
    _outbox: list[tuple[Request, bytes]] = field(default_factory=list)
    _sent: dict[int, Request] = field(default_factory=dict)

    # --- requests -----------------------------------------------------------------------------------------------

    def new_order(
        self,
        security_id: int,
        side: int,
        price_nanos: int,
        qty_lots: int,
        time_in_force: int = DAY,
        exec_inst: int = 0,
        cl_ord_id: int | None = None,
    ) -> Request:
        """Collect a NewOrderShort. Raises SessionError for a value that the message cannot carry."""
        request = self._request(Kind.NEW, cl_ord_id, security_id, side, price_nanos, qty_lots)
        return self._collect(
            request,
            "NewOrderShort",
            Account=self.account,
            SecurityID=security_id,
            Price=price_nanos,
            OrderQty=qty_lots,
            Side=side,
            TimeInForce=time_in_force,
            ExecInst=exec_inst,
        )

    def new_order_single(
        self,
        security_id: int,
        side: int,
        qty_lots: int,
        *,
        ord_type: int = LIMIT,
        price_nanos: int | None = None,
        stop_price_nanos: int | None = None,
        time_in_force: int = DAY,
        expire_time_ns: int | None = None,
        display_lots: int | None = None,
        min_qty_lots: int | None = None,
        exec_inst: int = 0,
        self_match_prevention_id: int | None = None,
        stp_instruction: int = 0,
        cancel_group: int | None = None,
        risk_group: int | None = None,
        cl_ord_id: int | None = None,
        sending_time_ns: int = 0,
    ) -> Request:
        """Collect a NewOrderSingle: an order with everything that an order can have (docs/MATCHING.md).

        Prices in 1e-9, times in ns since 1970, UTC. Raises SessionError for a value that the message cannot carry.
        """
        request = self._request(Kind.NEW, cl_ord_id, security_id, side, price_nanos or 0, qty_lots)
        return self._collect(
            request,
            "NewOrderSingle",
            Account=self.account,
            SecurityID=security_id,
            Price=price_nanos,
            StopPx=stop_price_nanos,
            OrderQty=qty_lots,
            DisplayQty=display_lots,
            MinQty=min_qty_lots,
            ExpireTime=expire_time_ns,
            SelfMatchPreventionID=self_match_prevention_id,
            CancelGroupID=cancel_group,
            RiskGroupID=risk_group,
            Side=side,
            OrdType=ord_type,
            TimeInForce=time_in_force,
            STPInstruction=stp_instruction,
            ExecInst=exec_inst,
            SendingTime=sending_time_ns,
        )

    def cancel(
        self,
        orig_cl_ord_id: int,
        security_id: int | None = None,
        side: int | None = None,
        order_id: int | None = None,
        cl_ord_id: int | None = None,
        sending_time_ns: int = 0,
    ) -> Request:
        """Collect an OrderCancelRequest; instrument and side come from the ledger where they are not given."""
        security_id, side = self._facts_of(orig_cl_ord_id, security_id, side)
        request = self._request(Kind.CANCEL, cl_ord_id, security_id, side, 0, 0, orig_cl_ord_id)
        return self._collect(
            request,
            "OrderCancelRequest",
            OrigClOrdID=orig_cl_ord_id,
            OrderID=order_id,
            SecurityID=security_id,
            Side=side,
            SendingTime=sending_time_ns,
        )

    def replace(
        self,
        orig_cl_ord_id: int,
        price_nanos: int | None,
        qty_lots: int,
        security_id: int | None = None,
        side: int | None = None,
        order_id: int | None = None,
        cl_ord_id: int | None = None,
        sending_time_ns: int = 0,
        *,
        stop_price_nanos: int | None = None,
        display_lots: int | None = None,
        exec_inst: int = 0,
    ) -> Request:
        """Collect an OrderCancelReplaceRequest; `qty_lots` is the new total, what is filled included. Prices and
        displayed quantity stay as they are where they are None."""
        security_id, side = self._facts_of(orig_cl_ord_id, security_id, side)
        request = self._request(Kind.REPLACE, cl_ord_id, security_id, side, price_nanos or 0, qty_lots, orig_cl_ord_id)
        return self._collect(
            request,
            "OrderCancelReplaceRequest",
            OrigClOrdID=orig_cl_ord_id,
            OrderID=order_id,
            SecurityID=security_id,
            Account=self.account,
            Price=price_nanos,
            StopPx=stop_price_nanos,
            OrderQty=qty_lots,
            DisplayQty=display_lots,
            Side=side,
            ExecInst=exec_inst,
            SendingTime=sending_time_ns,
        )

    def mass_cancel(
        self,
        security_id: int | None = None,
        cl_ord_id: int | None = None,
        sending_time_ns: int = 0,
        *,
        side: int | None = None,
        above_nanos: int | None = None,
        below_nanos: int | None = None,
        cancel_group: int | None = None,
    ) -> Request:
        """Collect an OrderMassActionRequest that cancels the session's orders: all of them, or those of an instrument,
        a side, a group, above or below a price (this needs the instrument). Each order gets a report of its own."""
        scope = _SCOPE_INSTRUMENT if security_id is not None else _SCOPE_ALL
        if cancel_group is not None:
            scope = _SCOPE_GROUP
        request = self._request(Kind.MASS_CANCEL, cl_ord_id, security_id or 0, side or 0, 0, 0)
        return self._collect(
            request,
            "OrderMassActionRequest",
            HigherThanPrice=above_nanos,
            LowerThanPrice=below_nanos,
            SecurityID=security_id,
            CancelGroupID=cancel_group,
            MassActionType=_MASS_CANCEL,
            MassActionScope=scope,
            Side=side,
            AckStyle=_ACK_BOTH,
            Account=self.account,
            SendingTime=sending_time_ns,
        )

    def _facts_of(self, cl_ord_id: int, security_id: int | None, side: int | None) -> tuple[int, int]:
        if security_id is not None and side is not None:
            return security_id, side
        known = self.requests.get(cl_ord_id)
        if known is None:
            raise SessionError(f"Order {cl_ord_id} is not in this session's ledger: name its instrument and side.")
        return known.security_id if security_id is None else security_id, known.side if side is None else side

    def _request(
        self,
        kind: Kind,
        cl_ord_id: int | None,
        security_id: int,
        side: int,
        price_nanos: int,
        qty_lots: int,
        orig_cl_ord_id: int = 0,
    ) -> Request:
        number = self.next_cl_ord_id if cl_ord_id is None else cl_ord_id
        if number < self.next_cl_ord_id:
            raise SessionError(f"ClOrdID {number} does not rise: the next one is at least {self.next_cl_ord_id}.")
        return Request(kind, number, security_id, side, price_nanos, qty_lots, orig_cl_ord_id)

    def _collect(self, request: Request, name: str, **values: Any) -> Request:
        try:
            message = ORDER_ENTRY.encode(name, ClOrdID=request.cl_ord_id, **values)
        except struct.error as error:
            raise SessionError(f"A value does not fit {name}: {error}.") from None
        self.next_cl_ord_id = request.cl_ord_id + 1
        self.requests[request.cl_ord_id] = request
        self._outbox.append((request, message))
        return request

    def datagrams(self) -> list[bytes]:
        """Everything collected, numbered, as datagrams of at most 1400 bytes; nothing is collected any more then."""
        datagrams: list[bytes] = []
        current = bytearray()
        for request, message in self._outbox:
            if current and len(current) + len(message) > DATAGRAM_PAYLOAD_BYTES_MAX:
                datagrams.append(bytes(current))
                current.clear()
            if not current:
                current += FIXP.encode("Context", SessionId=self.uuid, NextSeqNo=self.next_seq)
            current += message
            request.session_seq = self.next_seq
            self._sent[self.next_seq] = request
            self.next_seq += 1
        if current:
            datagrams.append(bytes(current))
        self._outbox.clear()
        return datagrams

    def heartbeat(self) -> bytes:
        """A datagram that holds nothing but the Context."""
        return FIXP.encode("Context", SessionId=self.uuid, NextSeqNo=self.next_seq)

    # --- reports ------------------------------------------------------------------------------------------------

    def receive(self, datagram: bytes) -> Received:
        """Take one datagram: the reports that were not seen before, and the gap that it shows, if any."""
        self.counters.datagrams += 1
        try:
            first, messages = self._parse(datagram)
        except BlockError as error:
            self.counters.datagrams_bad += 1
            self.last_fault = str(error)
            return Received([], None)
        if first is None:
            self.counters.datagrams_of_others += 1
            return Received([], None)
        if self.next_report_seq is None:
            self.next_report_seq = first
        gap = None
        if first > self.next_report_seq:
            gap = Gap(self.next_report_seq, first - self.next_report_seq)
            self.counters.gaps += 1
            self.missing.update(range(max(gap.from_sequence, first - MISSING_MAX), first))
            self.next_report_seq = first
        reports = []
        for sequence, (name, values) in enumerate(messages, first):
            if sequence == self.next_report_seq:
                self.next_report_seq += 1
            elif sequence in self.missing:
                self.missing.discard(sequence)
            else:
                self.counters.duplicates += 1
                continue
            reports.append(self._take(sequence, name, values))
        self.counters.missing = len(self.missing)
        return Received(reports, gap)

    def _parse(self, datagram: bytes) -> tuple[int | None, list[tuple[str, Any]]]:
        """Number of the first message, and the messages by name; number None: the datagram is for another session."""
        context = FIXP.decode(datagram)
        if context.block.name != "Context" or None in context.values:
            raise BlockError(f"The datagram starts with {context.block.name}, not with a whole Context.")
        if context.values.SessionId != self.uuid:
            return None, []
        messages: list[tuple[str, Any]] = []
        at = context.end
        while at < len(datagram):
            if len(datagram) - at < _HEADER.size:
                raise BlockError("A message header is cut short.")
            header = _HEADER.unpack(datagram, at)
            if at + _HEADER.size + header.blockLength > len(datagram):
                raise BlockError(f"The block of template {header.templateId} is cut short.")
            family = FIXP if header.schemaId == FIXP.schema_id else ORDER_ENTRY
            if header.schemaId == family.schema_id and header.templateId in family.by_template:
                message = family.decode(datagram, at)
                messages.append((message.block.name, message.values))
                at = message.end
            else:
                messages.append((f"template {header.templateId}", None))
                at += _HEADER.size + header.blockLength
        return context.values.NextSeqNo, messages

    def _take(self, sequence: int, name: str, values: Any) -> Report:
        self.counters.reports += 1
        if name == "NotApplied":
            self._not_applied(values.FromSeqNo, values.Count)
            return Report(sequence, name, values, None)
        if name == "BusinessMessageReject":
            request = self._sent.get(values.RefSeqNum)
            if request is not None:
                request.state, request.reject_reason = State.REJECTED, values.BusinessRejectReason
        else:
            request = self.requests.get(getattr(values, "ClOrdID", None) or 0)
            if request is not None:
                self._apply(request, sequence, name, values)
        if request is None:
            self.counters.reports_unknown += 1
        else:
            self._sent.pop(request.session_seq, None)
        return Report(sequence, name, values, request)

    def _not_applied(self, from_seq: int, count: int) -> None:
        lost = [seq for seq in self._sent if from_seq <= seq < from_seq + count]
        for seq in lost:
            self._sent.pop(seq).state = State.NOT_APPLIED
        self.counters.not_applied += len(lost)

    def _apply(self, request: Request, sequence: int, name: str, values: Any) -> None:
        if sequence < request.report_seq:
            self.counters.stale += 1
            return
        request.report_seq = sequence
        match name:
            case "ExecutionReportNew":
                self._rests(request, values)
            case "ExecutionReportModify":
                self._rests(request, values)
                self._take_over(request)
            case "ExecutionReportTrade":
                request.order_id = values.OrderID
                request.leaves_lots, request.cum_lots = values.LeavesQty, values.CumQty
                request.state = State.PARTIALLY_FILLED if values.LeavesQty else State.FILLED
            case "ExecutionReportCancel":
                self._canceled(request, values)
            case "ExecutionReportReject":
                request.state, request.reject_reason = State.REJECTED, values.OrdRejReason
            case "ExecutionReportRestated":
                request.leaves_lots, request.cum_lots = values.LeavesQty, values.CumQty
                if values.Price is not None:
                    request.price_nanos = values.Price
            case "OrderMassActionReport":
                request.state = State.DONE if values.MassActionResponse else State.REJECTED
                request.reject_reason = values.MassActionRejectReason or 0

    def _rests(self, request: Request, values: Any) -> None:
        request.order_id = values.OrderID
        request.price_nanos, request.qty_lots = values.Price or 0, values.OrderQty
        request.leaves_lots, request.cum_lots = values.LeavesQty, values.CumQty
        request.state = State.PARTIALLY_FILLED if values.CumQty else State.NEW

    def _take_over(self, request: Request) -> None:
        """The order lives on under `request`; the one that held it before is REPLACED."""
        before = self.requests.get(request.orig_cl_ord_id)
        if before is not None:
            before.state, before.leaves_lots, before.replaced_by = State.REPLACED, 0, request.cl_ord_id

    def _canceled(self, request: Request, values: Any) -> None:
        """The report names the cancel, or replace to nothing, that did it, or the order itself."""
        if request.kind is Kind.CANCEL:
            request.state, request.order_id = State.DONE, values.OrderID
            gone = self.requests.get(values.OrigClOrdID or request.orig_cl_ord_id)
        else:
            gone = request
            if request.kind is Kind.REPLACE and request.state is State.PENDING:
                self._take_over(request)
                request.order_id = values.OrderID
        if gone is not None:
            gone.state = State.EXPIRED if values.OrdStatus == _STATUS_EXPIRED else State.CANCELED
            gone.leaves_lots, gone.cum_lots = 0, values.CumQty
            gone.report_seq = request.report_seq

    def open_orders(self) -> list[Request]:
        """Own orders that rest, as far as the reports say."""
        return [request for request in self.requests.values() if request.is_open]

    def unanswered(self) -> list[Request]:
        """Requests that left and got no answer yet, oldest first."""
        return list(self._sent.values())

    def forget_closed(self) -> int:
        """Drop what is over from the ledger, so that it does not grow for ever; returns how many."""
        over = [
            number
            for number, request in self.requests.items()
            if not request.is_open and request.state is not State.PENDING
        ]
        for number in over:
            del self.requests[number]
        return len(over)
