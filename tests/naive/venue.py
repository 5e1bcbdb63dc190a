"""The naive twin of the whole venue, on top of the naive book: frames in, reports and market data out, as plain dicts.

One rule a function, slow and obvious on purpose. It shares the schemas with the kernels (through `wire.blocks`) and the
plain frame parser, but none of their code. What it tells is compared message by message; how messages share datagrams,
and when those were sent, is left to the pipeline.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from appliance.config import Config
from native import counters
from tests.naive import exchange as book
from tests.naive.exchange import Event, Exchange
from wire.blocks import schema
from wire.net.frames import Endpoint, FrameError, parse_udp_frame

FIXP, ORDER_ENTRY, MARKET_DATA = schema("fixp"), schema("order_entry"), schema("market_data")
NEW_ORDER, CANCEL, REPLACE = "NewOrderShort", "OrderCancelRequest", "OrderCancelReplaceRequest"
KINDS = {NEW_ORDER: book.NEW, CANCEL: book.CANCEL, REPLACE: book.REPLACE}
REJECTED_COUNTERS = {book.NEW: "orders_rejected", book.CANCEL: "cancels_rejected", book.REPLACE: "replaces_rejected"}
OPEN, CLOSED = 1, 4
UNKNOWN_SECURITY = 2
CONTEXT_BYTES, HEADER_BYTES = 32, 8
DATAGRAM_BYTES_MAX = 1400
GAP_MAX = 2**31
QTY_LOTS_MAX = 2**31 - 1
EVENTS_A_SUMMARY_MAX = 256
NANOS_A_DAY = 86_400 * 10**9
START, END = 1, 2
NEW, PARTIALLY_FILLED, FILLED, CANCELED, REPLACED = (ord(status) for status in "01245")

Message = tuple[int, str, dict[str, Any]]
"""Number in its stream, name in the schema, every field but SendingTime."""
Peer = tuple[Endpoint, Endpoint, int | None]


@dataclass
class Session:
    index: int
    uuid: bytes
    account: int
    expected: int = 1
    peer: Peer | None = None
    reports: list[Message] = field(default_factory=list)


@dataclass
class Instrument:
    index: int
    security_id: int
    tick_nanos: int
    ticks_min: int
    ticks_max: int
    lots_max: int
    opens_as: int
    status: int = CLOSED
    messages: int = 0


class Venue:
    def __init__(self, config: Config) -> None:
        self.udp_port = config.order_entry.udp_port
        self.sessions = [Session(i, s.uuid_bytes, s.account) for i, s in enumerate(config.sessions)]
        self.by_uuid = {session.uuid: session for session in self.sessions}
        self.instruments = [
            Instrument(i, one.security_id, one.tick_nanos, one.price_ticks_min, one.price_ticks_max, one.qty_lots_max,
                       OPEN if one.status == "open" else CLOSED)
            for i, one in enumerate(config.instruments)
        ]  # fmt: skip
        self.by_security = {one.security_id: one for one in self.instruments}
        self.book = Exchange(len(self.instruments), config.limits.orders, config.limits.levels)
        self.feed: list[Message] = []
        self.transaction: list[tuple[str, dict[str, Any]]] = []
        self.count: Counter[str] = Counter()
        self.date = config.trading_session_date
        self.time_ns = self.receive_ns = 0

    # --- inputs without a message ------------------------------------------------------------------------------

    def open_day(self, now_ns: int) -> None:
        for instrument in self.instruments:
            self.set_status(instrument, instrument.opens_as, now_ns)

    def set_status(self, instrument: Instrument, status: int, now_ns: int) -> None:
        self.sequence(now_ns)
        instrument.status = status
        low, high = instrument.ticks_min * instrument.tick_nanos, instrument.ticks_max * instrument.tick_nanos
        wire_status = 1 if status == OPEN else 4
        self.publish(
            "TradingStatusUpdate", instrument, 0, TradingStatus=wire_status, LimitDownPrice=low, LimitUpPrice=high
        )
        self.end_transaction()

    def sequence(self, now_ns: int) -> None:
        """Every accepted input has a time, which never goes back."""
        self.time_ns = max(self.time_ns, now_ns)
        self.date = self.date or self.time_ns // NANOS_A_DAY
        self.count["sequenced_inputs"] += 1

    # --- from a frame to messages ------------------------------------------------------------------------------

    def take_frame(self, frame: bytes, now_ns: int, receive_ns: int, verify_udp_checksum: bool = False) -> None:
        self.count["packets_in"] += 1
        self.count["bytes_in"] += len(frame)
        self.receive_ns = receive_ns
        try:
            datagram = parse_udp_frame(frame, verify_udp_checksum=verify_udp_checksum)
        except FrameError as error:
            return self.drop(counters.COUNTERS[error.drop].name.removeprefix("drop_"))
        if datagram.destination.udp_port != self.udp_port:
            return self.drop("not_for_us")
        self.take_datagram(datagram.payload, (datagram.source, datagram.destination, datagram.vlan_tci), now_ns)

    def drop(self, reason: str) -> None:
        self.count[f"drop_{reason}"] += 1

    def take_datagram(self, payload: bytes, peer: Peer, now_ns: int) -> None:
        if len(payload) > DATAGRAM_BYTES_MAX:
            return self.drop("datagram_size")
        if len(payload) < CONTEXT_BYTES:
            return self.drop("context_missing")
        size, template_id, schema_id, _ = FIXP.header.unpack(payload, 0)
        at = HEADER_BYTES + size
        if (template_id, schema_id) != (9, 2748) or at < CONTEXT_BYTES or at > len(payload):
            return self.drop("context_missing")
        context = FIXP["Context"].unpack(payload, HEADER_BYTES)
        session = self.by_uuid.get(context.SessionId)
        if session is None:
            return self.drop("session_unknown")
        number = context.NextSeqNo
        if not 1 <= number < 2**63 or number - session.expected > GAP_MAX:
            return self.drop("session_seq")
        self.count["datagrams_in"] += 1
        if at == len(payload):
            return self.heartbeat(session, number, peer, now_ns)
        while at < len(payload):
            if at + HEADER_BYTES > len(payload):
                return self.drop("message_truncated")
            after = at + HEADER_BYTES + FIXP.header.unpack(payload, at).blockLength
            if after > len(payload):
                return self.drop("message_truncated")
            if number < session.expected:
                self.drop("duplicate")
            else:
                self.take_message(session, number, payload[at:after], peer, now_ns)
            number, at = number + 1, after

    def heartbeat(self, session: Session, number: int, peer: Peer, now_ns: int) -> None:
        """A Context alone: it says which number comes next."""
        self.count["heartbeats_in"] += 1
        if number > session.expected:
            self.bind(session, peer, now_ns)
            self.sequence(now_ns)
            self.note_gap(session, number)
            session.expected = number

    def take_message(self, session: Session, number: int, message: bytes, peer: Peer, now_ns: int) -> None:
        self.bind(session, peer, now_ns)
        size, template_id, schema_id, _ = ORDER_ENTRY.header.unpack(message, 0)
        block = ORDER_ENTRY.by_template.get(template_id)
        if schema_id != ORDER_ENTRY.schema_id or block is None or block.name not in KINDS:
            return self.drop("message_schema")
        if size < block.size:
            return self.drop("message_block")
        self.sequence(now_ns)
        self.note_gap(session, number)
        session.expected = number + 1
        self.decide(self.command(session, KINDS[block.name], block.unpack(message, HEADER_BYTES)))
        self.end_transaction()

    def bind(self, session: Session, peer: Peer, now_ns: int) -> None:
        """Replies go to where the newest message came from; a change is an input of its own."""
        if session.peer != peer:
            self.sequence(now_ns)
            session.peer = peer

    def note_gap(self, session: Session, number: int) -> None:
        """Numbers that were skipped are lost for good."""
        lost = number - session.expected
        if lost:
            self.count["gaps"] += 1
            self.count["not_applied"] += lost
            self.tell(session, "NotApplied", FromSeqNo=session.expected, Count=lost)

    # --- from a message to a decision --------------------------------------------------------------------------

    def command(self, session: Session, kind: int, values: Any) -> dict[str, int]:
        """In ticks, lots and indexes; what cannot be said in them is flagged."""
        given = values._asdict()
        instrument = self.by_security.get(values.SecurityID)
        flags, ticks, lots = 0, 0, given.get("OrderQty", 0)
        if instrument is None:
            flags |= UNKNOWN_SECURITY
        elif kind != book.CANCEL:
            ticks, rest = divmod(-(2**63) if values.Price is None else values.Price, instrument.tick_nanos)
            flags |= book.PRICE_OFF_TICK if rest else 0
        if lots > QTY_LOTS_MAX:
            flags, lots = flags | book.QTY_OUT_OF_RANGE, QTY_LOTS_MAX
        return {
            "kind": kind,
            "session": session.index,
            "account": given.get("Account", 0),
            "instrument": values.SecurityID if instrument is None else instrument.index,
            "side": values.Side,
            "ord_type": book.LIMIT,
            "time_in_force": given.get("TimeInForce", 0),
            "exec_inst": given.get("ExecInst", 0),
            "price_ticks": ticks,
            "qty_lots": lots,
            "cl_ord_id": values.ClOrdID,
            "orig_cl_ord_id": given.get("OrigClOrdID", 0),
            "order_id": given.get("OrderID") or 0,
            "flags": flags,
        }

    def decide(self, command: dict[str, int]) -> None:
        self.count["new_orders"] += command["kind"] == book.NEW
        reason, limit = self.why_not(command)
        if reason:
            return self.reject(command, reason, limit)
        events = self.book.apply(command)
        for start in range(0, len(events), EVENTS_A_SUMMARY_MAX):
            some = events[start : start + EVENTS_A_SUMMARY_MAX]
            for event in some:
                self.report(command, event)
            self.publish_events(some)
        self.count["open_orders"] = len(self.book.open)

    def why_not(self, command: dict[str, int]) -> tuple[int, int]:
        """The checks before the book, in order: (reason, limit that was hit)."""
        if command["flags"] & UNKNOWN_SECURITY:
            return 1, 0
        if command["kind"] == book.CANCEL:
            return 0, 0
        instrument = self.instruments[command["instrument"]]
        if command["account"] != self.sessions[command["session"]].account:
            return 15, 0
        if instrument.status != OPEN:
            return 2, 0
        if command["qty_lots"] > instrument.lots_max:
            return 3, instrument.lots_max
        if command["flags"] & book.PRICE_OFF_TICK:
            return 0, 0  # the book's to refuse
        if command["price_ticks"] < instrument.ticks_min:
            return 16, instrument.ticks_min * instrument.tick_nanos
        if command["price_ticks"] > instrument.ticks_max:
            return 16, instrument.ticks_max * instrument.tick_nanos
        return 0, 0

    # --- reports -----------------------------------------------------------------------------------------------

    def tell(self, session: Session, name: str, **fields: Any) -> None:
        number = len(session.reports) + 1
        if name == "NotApplied":
            whole = fields
        else:
            fields |= {"MsgSeqNum": number, "ExecID": session.index << 48 | number, "TransactTime": self.time_ns}
            whole = completed(ORDER_ENTRY[name], fields)
        session.reports.append((number, name, whole))
        self.count["reports_out"] += 1

    def report(self, command: dict[str, int], event: Event) -> None:
        if event["kind"] == book.REJECTED:
            self.reject(command, event["reason"], 0)
        elif event["kind"] == book.ACCEPTED:
            self.report_new(event)
        elif event["kind"] == book.TRADE:
            self.report_trade(event)
        elif event["kind"] == book.CANCELED:
            self.report_canceled(event)
        elif event["kind"] == book.REPLACED:
            self.report_replaced(event)

    def about(self, event: Event) -> dict[str, Any]:
        """What reports about an order have in common."""
        fields = {"ClOrdID": "cl_ord_id", "OrderID": "order_id", "Side": "side", "Account": "account"}
        told = {name: event[key] for name, key in fields.items()}
        return told | {"SecurityID": self.instruments[event["instrument"]].security_id, "CumQty": event["cum_lots"]}

    def price(self, event: Event) -> int:
        return event["price_ticks"] * self.instruments[event["instrument"]].tick_nanos

    def report_new(self, event: Event) -> None:
        self.count["orders_accepted"] += 1
        lots = event["qty_lots"]
        self.tell(
            self.sessions[event["session"]], "ExecutionReportNew", **self.about(event), ReceiveTime=self.receive_ns,
            Price=self.price(event), OrderQty=lots, LeavesQty=lots, DisplayQty=lots, OrdType=event["ord_type"],
            TimeInForce=event["time_in_force"], OrdStatus=NEW, ExecInst=event["exec_inst"], WorkingIndicator=1,
        )  # fmt: skip

    def report_trade(self, event: Event) -> None:
        """One report a side: the aggressor first."""
        self.count["fills"] += 1
        self.count["shares_traded"] += event["qty_lots"]
        maker = {key.removeprefix("maker_"): value for key, value in event.items() if key.startswith("maker_")}
        maker["side"] = book.SELLS[0] if event["side"] in book.BUYS else book.BUYS[0]
        for one, aggressor in ((event, 1), (event | maker, 0)):
            self.tell(
                self.sessions[one["session"]], "ExecutionReportTrade", **self.about(one), TradeID=event["trade_id"],
                LastPx=self.price(event), LastQty=event["qty_lots"], LeavesQty=one["leaves_lots"],
                OrdStatus=PARTIALLY_FILLED if one["leaves_lots"] else FILLED, AggressorIndicator=aggressor,
                LastLiquidityInd=2 if aggressor else 1,
            )  # fmt: skip

    def report_canceled(self, event: Event) -> None:
        asked = event["request_kind"]
        self.count["replaces"] += asked == book.REPLACE and event["reason"] == book.TO_NOTHING
        self.count["replaces_to_nothing"] += asked == book.REPLACE and event["reason"] == book.TO_NOTHING
        self.count["cancels"] += asked == book.CANCEL
        self.count["ioc_canceled"] += event.get("reason", 0) in (book.IOC_REMAINDER, book.FOK_KILLED)
        self.tell(
            self.sessions[event["session"]], "ExecutionReportCancel", **self.about(event), ReceiveTime=self.receive_ns,
            OrigClOrdID=None if asked == book.NEW else event.get("orig_cl_ord_id", 0), OrdStatus=CANCELED,
            ExecRestatementReason=event.get("reason", 0), CxlQty=event["qty_lots"],
        )  # fmt: skip

    def report_replaced(self, event: Event) -> None:
        self.count["replaces"] += 1
        self.tell(
            self.sessions[event["session"]], "ExecutionReportModify", **self.about(event), ReceiveTime=self.receive_ns,
            OrigClOrdID=event["orig_cl_ord_id"], Price=self.price(event), OrderQty=event["qty_lots"],
            LeavesQty=event["leaves_lots"], MDOrderPriority=event["priority"], OrdStatus=REPLACED,
            PriorityRetained=int(event["flags"] & book.PRIORITY_RETAINED != 0),
        )  # fmt: skip

    def reject(self, command: dict[str, int], reason: int, limit: int) -> None:
        kind, session = command["kind"], self.sessions[command["session"]]
        self.count[REJECTED_COUNTERS[kind]] += 1
        known = not command["flags"] & UNKNOWN_SECURITY
        self.tell(
            session, "ExecutionReportReject", ClOrdID=command["cl_ord_id"], OrderID=command["order_id"] or None,
            OrigClOrdID=None if kind == book.NEW else command["orig_cl_ord_id"], ReceiveTime=self.receive_ns,
            LimitValue=limit or None, Account=session.account, OrdRejReason=reason, Side=command["side"],
            SecurityID=self.instruments[command["instrument"]].security_id if known else command["instrument"],
            CxlRejResponseTo={book.CANCEL: 1, book.REPLACE: 2}.get(kind),
        )  # fmt: skip

    # --- market data -------------------------------------------------------------------------------------------

    def publish(self, name: str, instrument: Instrument, side: int, **fields: Any) -> None:
        instrument.messages += 1
        fields |= {"InstrSide": side, "InstrumentId": instrument.security_id, "InstrSeqNum": instrument.messages}
        fields |= {"TradingSessionDate": self.date, "TransactTime": self.time_ns}
        self.transaction.append((name, fields))

    def end_transaction(self) -> None:
        """One input is one transaction: its first and its last message say so."""
        for place, (name, fields) in enumerate(self.transaction, 1):
            flags = (START if place == 1 else 0) | (END if place == len(self.transaction) else 0)
            whole = completed(MARKET_DATA[name], fields | {"InstrFlags": flags})
            self.feed.append((len(self.feed) + 1, name, whole))
            self.count["feed_messages_out"] += 1
        self.transaction.clear()

    def publish_events(self, events: list[Event]) -> None:
        """Summary of the trades, the trades, then every order that changed."""
        trades = [event for event in events if event["kind"] == book.TRADE]
        if trades:
            self.publish_summary(trades)
        for trade in trades:
            self.publish_trade(trade)
        for event in events:
            self.publish_change(event)

    def publish_summary(self, trades: list[Event]) -> None:
        instrument, side = self.place(trades[0])
        lots = sum(trade["qty_lots"] for trade in trades)
        first = trades[0]["price_ticks"]
        away = sum(abs(trade["price_ticks"] - first) * trade["qty_lots"] for trade in trades)
        self.publish(
            "TradeSummary", instrument, side, AggressorOrderId=trades[0]["order_id"],
            AggressorReceiveTime=self.receive_ns, DeepestPrice=self.price(trades[-1]), Quantity=lots,
            VwapPrice=first * instrument.tick_nanos + side * (away * instrument.tick_nanos // lots),
        )  # fmt: skip

    def publish_trade(self, event: Event) -> None:
        instrument, side = self.place(event)
        buyer, seller = event["order_id"], event["maker_order_id"]
        if side < 0:
            buyer, seller = seller, buyer
        self.publish(
            "Trade", instrument, side, MatchId=event["trade_id"], BuyOrderId=buyer, SellOrderId=seller,
            Price=self.price(event), Quantity=event["qty_lots"],
        )  # fmt: skip

    def publish_change(self, event: Event) -> None:
        instrument, side = self.place(event)
        kind, flags = event["kind"], event.get("flags", 0)
        if kind == book.TRADE:
            self.publish_order(
                instrument, -side, event["maker_order_id"], self.price(event), event["maker_leaves_lots"],
                event["maker_priority"],
            )  # fmt: skip
        elif kind == book.RESTED or (kind == book.REPLACED and flags & book.PRIORITY_RETAINED):
            self.publish_order(
                instrument, side, event["order_id"], self.price(event), event["leaves_lots"], event["priority"]
            )
        elif kind in (book.CANCELED, book.REPLACED) and flags & book.WAS_RESTING:
            self.publish_order(instrument, side, event["order_id"], 0, 0, 0)

    def publish_order(
        self, instrument: Instrument, side: int, order_id: int, price: int, leaves_lots: int, priority: int
    ) -> None:
        if leaves_lots:
            self.publish(
                "OrderPut", instrument, side, OrderId=order_id, Price=price, Quantity=leaves_lots, ExtPriority=priority
            )
        else:
            self.publish("OrderDelete", instrument, side, OrderId=order_id)

    def place(self, event: Event) -> tuple[Instrument, int]:
        return self.instruments[event["instrument"]], 1 if event["side"] in book.BUYS else -1


def completed(block: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """Every field of the block as it reads on the wire: what is not given is null, or 0 where there is no null."""
    whole: dict[str, Any] = block.unpack(block.pack(**fields), 0)._asdict()
    whole.pop("SendingTime", None)
    return whole
