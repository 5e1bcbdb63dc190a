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
from appliance.client.parse import FIXP, HEADER, ORDER_ENTRY, Item, parse
from appliance.client.reports import apply_report, apply_status
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from wire.blocks import BlockError

CONTEXT_BYTES: Final = FIXP.header.size + FIXP["Context"].size

MISSING_MAX: Final = 65_536
"""Of a longer gap only the newest numbers are remembered; older reports that come late count as duplicates."""
_MASS_CANCEL: Final = 3
_SCOPE_INSTRUMENT: Final = 1
_SCOPE_ALL: Final = 7
_SCOPE_GROUP: Final = 10
_ACK_BOTH: Final = 2
_CL_ORD_ID: Final = struct.Struct("<Q")


class SessionError(Exception):
    """A request cannot be made; the message is one sentence that says why."""


def _renamed(message: bytes, cl_ord_id: int, orig_cl_ord_id: int) -> bytes:
    """The request `message` under another ClOrdID, about another order."""
    octets = bytearray(message)
    offsets = ORDER_ENTRY.by_template[HEADER.unpack(message, 0).templateId].offsets
    _CL_ORD_ID.pack_into(octets, HEADER.size + offsets["ClOrdID"], cl_ord_id)
    if "OrigClOrdID" in offsets:
        _CL_ORD_ID.pack_into(octets, HEADER.size + offsets["OrigClOrdID"], orig_cl_ord_id)
    return bytes(octets)


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
    queries: dict[int, Request] = field(default_factory=dict)
    """By OrdStatusReqID: those that are not answered."""
    watermark: int = 0
    """The highest ClOrdID that the server told it has taken."""
    missing: set[int] = field(default_factory=set)
    """Numbers of reports that are known to exist and have not come."""
    last_fault: str = ""
    _outbox: list[Request] = field(default_factory=list)
    _sent: dict[int, Request] = field(default_factory=dict)
    """By number: what left and was not answered."""
    _lost: list[Request] = field(default_factory=list)
    _waiting: list[Request] | None = None
    """What may leave under a new session id only when its watermark is known; None: nothing has to wait."""
    _next_query_id: int = 1

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

    def ask_status(self, cl_ord_id: int, sending_time_ns: int = 0) -> Request:
        """Collect an OrderStatusRequest about the order that goes by `cl_ord_id` now; the ledger takes the answer."""
        return self._query(Kind.STATUS, "OrderStatusRequest", cl_ord_id, sending_time_ns, ClOrdID=cl_ord_id)

    def ask_watermark(self, sending_time_ns: int = 0) -> Request:
        """Collect a WatermarkRequest: which ClOrdID is the highest that was taken from us, over all our sessions."""
        return self._query(Kind.WATERMARK, "WatermarkRequest", 0, sending_time_ns)

    def _query(self, kind: Kind, name: str, cl_ord_id: int, sending_time_ns: int, **values: int) -> Request:
        request = Request(kind, cl_ord_id, query_id=self._next_query_id)
        request.message = ORDER_ENTRY.encode(
            name, OrdStatusReqID=request.query_id, SendingTime=sending_time_ns, **values
        )
        self._next_query_id += 1
        self.queries[request.query_id] = request
        self._outbox.append(request)
        return request

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
            request.message = ORDER_ENTRY.encode(name, ClOrdID=request.cl_ord_id, **values)
        except struct.error as error:
            raise SessionError(f"A value does not fit {name}: {error}.") from None
        return self._collected(request)

    def _collected(self, request: Request) -> Request:
        self.next_cl_ord_id = request.cl_ord_id + 1
        self.requests[request.cl_ord_id] = request
        (self._outbox if self._waiting is None else self._waiting).append(request)
        return request

    @property
    def collected(self) -> int:
        """Requests that have not left yet."""
        return len(self._outbox) + len(self._waiting or [])

    def numbered(self, requests_max: int | None = None) -> list[tuple[int, bytes]]:
        """(number, message) of the oldest `requests_max` (None: all) that were collected; they count as sent."""
        leaving, self._outbox = self._outbox[:requests_max], self._outbox[len(self._outbox[:requests_max]) :]
        for request in leaving:
            request.session_seq = self.next_seq
            self._sent[self.next_seq] = request
            self.next_seq += 1
        return [(request.session_seq, request.message) for request in leaving]

    def datagrams(self, requests_max: int | None = None) -> list[bytes]:
        """The same as datagrams of at most 1400 bytes."""
        datagrams: list[bytes] = []
        current = bytearray()
        for number, message in self.numbered(requests_max):
            if current and len(current) + len(message) > DATAGRAM_PAYLOAD_BYTES_MAX:
                datagrams.append(bytes(current))
                current.clear()
            if not current:
                current += FIXP.encode("Context", SessionId=self.uuid, NextSeqNo=number)
            current += message
        if current:
            datagrams.append(bytes(current))
        return datagrams

    def heartbeat(self) -> bytes:
        """A datagram that holds nothing but the Context."""
        return FIXP.encode("Context", SessionId=self.uuid, NextSeqNo=self.next_seq)

    # --- reports ------------------------------------------------------------------------------------------------

    def receive(self, datagram: bytes) -> Received:
        """Take one datagram: the reports that were not seen before, and the gap that it shows, if any."""
        self.counters.datagrams += 1
        try:
            items, first = self._read(datagram)
        except BlockError as error:
            self.counters.datagrams_bad += 1
            self.last_fault = str(error)
            return Received([], None)
        if items is None or first is None:
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
        for sequence, name, values in items:
            if sequence is None:
                continue
            if sequence == self.next_report_seq:
                self.next_report_seq += 1
            elif sequence in self.missing:
                self.missing.discard(sequence)
            else:
                self.counters.duplicates += 1
                continue
            reports.append(self.apply(sequence, name, values))
        self.counters.missing = len(self.missing)
        return Received(reports, gap)

    def _read(self, datagram: bytes) -> tuple[list[Item] | None, int | None]:
        """The messages behind the Context, and the number of the first."""
        items = parse(datagram, self.uuid).items
        if items is None:
            return None, None
        if items[0].name != "Context":
            raise BlockError(f"The datagram starts with {items[0].name}, not with a Context.")
        return items[1:], items[0].values.NextSeqNo

    def apply(self, sequence: int, name: str, values: Any) -> Report:
        """Take the server's application message number `sequence` into the ledger. Each number once, please."""
        self.counters.reports += 1
        request: Request | None
        if name == "NotApplied":
            self._not_applied(values.FromSeqNo, values.Count)
            return Report(sequence, name, values, None)
        if name in ("OrderStatusReport", "WatermarkReport"):
            request = self.queries.pop(values.OrdStatusReqID, None)
            if request is not None:
                request.state = State.DONE
                self._learn(request, name, values)
        elif name == "BusinessMessageReject":
            request = self._sent.get(values.RefSeqNum)
            if request is not None:
                request.state, request.reject_reason = State.REJECTED, values.BusinessRejectReason
        else:
            request = self.requests.get(getattr(values, "ClOrdID", None) or 0)
            if request is not None and not apply_report(self.requests, request, sequence, name, values):
                self.counters.stale += 1
        if request is None:
            self.counters.reports_unknown += 1
        elif self._sent.get(request.session_seq) is request:
            del self._sent[request.session_seq]
            request.message = b""
        return Report(sequence, name, values, request)

    def _learn(self, query: Request, name: str, values: Any) -> None:
        """What the answer to a query tells."""
        if name == "OrderStatusReport":
            apply_status(self.requests, query.cl_ord_id, values)
            return
        self.watermark = values.ClOrdID
        self.next_cl_ord_id = max(self.next_cl_ord_id, self.watermark + 1)
        if self._waiting is None:
            return
        waiting, self._waiting = self._waiting, None
        unclear = {request.cl_ord_id: request for request in self.open_orders()}
        unclear |= {one.cl_ord_id: one for one in waiting if one.cl_ord_id <= self.watermark}
        self._outbox += [request for request in waiting if request.cl_ord_id > self.watermark]
        for _, request in sorted(unclear.items()):
            if request.kind in (Kind.NEW, Kind.REPLACE):
                self.ask_status(request.cl_ord_id)
            else:
                request.state = State.OVER

    def _not_applied(self, from_seq: int, count: int) -> None:
        end = from_seq + count
        if count <= len(self._sent):
            lost = [seq for seq in range(from_seq, end) if seq in self._sent]
        else:
            lost = [seq for seq in self._sent if from_seq <= seq < end]
        for seq in lost:
            request = self._sent.pop(seq)
            request.state = State.NOT_APPLIED
            if request.query_id:  # changes nothing, so it is asked again at once
                del self.queries[request.query_id]
                self.ask_status(request.cl_ord_id) if request.kind is Kind.STATUS else self.ask_watermark()
            else:
                self._lost.append(request)
        self.counters.not_applied += len(lost)

    # --- sending again ------------------------------------------------------------------------------------------

    def resend_lost(self) -> list[Request]:
        """Collect every request that is NOT_APPLIED once more, as a new one: new number, new ClOrdID (`resent_as`).

        Its ClOrdID cannot be used again, because later ones may have been taken. A cancel or replace of an order that
        was lost, too, names that order's new ClOrdID.
        """
        again = []
        for lost in sorted(self._lost, key=lambda request: request.cl_ord_id):
            orig_cl_ord_id = lost.orig_cl_ord_id
            while (before := self.requests.get(orig_cl_ord_id)) is not None and before.resent_as:
                orig_cl_ord_id = before.resent_as
            request = Request(
                lost.kind,
                self.next_cl_ord_id,
                lost.security_id,
                lost.side,
                lost.price_nanos,
                lost.qty_lots,
                orig_cl_ord_id,
                message=_renamed(lost.message, self.next_cl_ord_id, orig_cl_ord_id),
            )
            lost.resent_as, lost.message = request.cl_ord_id, b""
            again.append(self._collected(request))
        self._lost.clear()
        return again

    def begin_anew(self, uuid: bytes) -> None:
        """Go on under a new session: numbers begin at 1. What was not answered, and what is collected later, waits
        until the server has told its watermark, the highest ClOrdID that it has taken from us over all sessions.

        Above it nothing was ever taken: that goes out as it is. Up to it, each was taken or lost: how it stands, and
        how every open order stands, is asked for. What was filled or cancelled under the old session and not heard of
        stays untold (OVER): its reports are gone. (To send again without asking is safe, too, since the server ignores
        what is not above its watermark; but what is then lost once more could never be told from what was done.)
        """
        unclear = [request for request in self._sent.values() if not request.query_id]
        asked = [self.requests.get(query.cl_ord_id) for query in self.queries.values() if query.kind is Kind.STATUS]
        unclear += [request for request in asked if request is not None and request.state is State.PENDING]
        again = {request.cl_ord_id: request for request in unclear}
        again |= {request.cl_ord_id: request for request in self._outbox if not request.query_id}
        again |= {request.cl_ord_id: request for request in self._waiting or []}
        self._waiting = [request for _, request in sorted(again.items())]
        self._sent.clear()
        self._outbox.clear()
        self.queries.clear()
        self.uuid, self.next_seq, self.next_report_seq = uuid, 1, 1
        self.missing.clear()
        for request in self.requests.values():
            request.report_seq = request.session_seq = 0
        self.ask_watermark()

    def open_orders(self) -> list[Request]:
        """Own orders that rest, as far as the reports say."""
        return [request for request in self.requests.values() if request.is_open]

    def unanswered(self) -> list[Request]:
        """Requests that left and got no answer yet, oldest first."""
        return list(self._sent.values())

    @property
    def unanswered_count(self) -> int:
        """How many those are."""
        return len(self._sent)

    def forget_closed(self) -> int:
        """Drop what is over from the ledger, so that it does not grow for ever; returns how many."""
        over = [
            number
            for number, request in self.requests.items()
            if not request.is_open and request.state is not State.PENDING
        ]
        for number in over:
            del self.requests[number]
        self._lost.clear()
        return len(over)
