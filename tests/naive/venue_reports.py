"""What the naive venue tells its sessions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.naive.exchange import Event
from tests.naive.exchange import numbers as n
from tests.naive.venue_commands import ANY, UNKNOWN_SECURITY
from wire.blocks import schema
from wire.net.frames import Endpoint

ORDER_ENTRY = schema("order_entry")
Message = tuple[int, str, dict[str, Any]]
"""Number in its stream, name in the schema, every field but SendingTime."""
Peer = tuple[Endpoint, Endpoint, int | None]
Command = dict[str, int]

REJECTED_COUNTERS = {n.NEW: "orders_rejected", n.CANCEL: "cancels_rejected", n.REPLACE: "replaces_rejected"}
CANCELED_COUNTERS = {
    0: "cancels", n.TO_NOTHING: "replaces", n.IOC_REMAINDER: "ioc_canceled", n.FOK_KILLED: "ioc_canceled",
    n.EXPIRED: "orders_expired", n.MASS_ACTION: "orders_mass_canceled",
}  # fmt: skip
STATUS_NEW, PARTIALLY_FILLED, FILLED, CANCELED, REPLACED, EXPIRED = (ord(status) for status in "01245C")
TRIGGERED, JOINED_AUCTION = 9116, 9117
WITH_LIMIT = range(9025, 9041)
COLLAR = 9027
BY_VENUE = 256


@dataclass
class Session:
    index: int
    uuid: bytes
    account: int
    expected: int = 1
    peer: Peer | None = None
    reports: list[Message] = field(default_factory=list)
    # FIXP (tests/naive/sessions.py)
    key_id: str = ""
    ids_increase: bool = False
    state: str = "established"
    was_established: bool = False
    client_finished: bool = False
    server_finished: bool = False
    kill: int = 0
    """0, or of tests/naive/accounts/numbers.py."""
    handshake: tuple[int, str] = (0, "")
    """Timestamp and name of the newest one that was accepted."""
    keepalive: int = 0
    retransmit_time: int = 0
    retransmit_turn: int = -1
    watermark: int = 0
    cancel_type: int = 0
    cancel_window: int = 0
    cancel_reason: int = 0
    cancel_due: int | None = None
    requests: list[tuple[int, bool]] = field(default_factory=list)
    """Part of the time, and whether it was a cancel, of each request."""


@dataclass
class Instrument:
    index: int
    security_id: int
    tick_nanos: int
    ticks_min: int
    ticks_max: int
    messages: int = 0


def price_nanos(instrument: Instrument, ticks: int) -> int:
    """On the wire; the ends of the range of ticks stand for any price."""
    return {n.HIGHEST: n.HIGHEST, n.LOWEST: -n.HIGHEST}.get(ticks, ticks * instrument.tick_nanos)


def completed(block: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """Every field of the block as it reads on the wire: what is not given is null, or 0 where there is no null."""
    whole: dict[str, Any] = block.unpack(block.pack(**fields), 0)._asdict()
    whole.pop("SendingTime", None)
    return whole


class Reports:
    """One rule a function; `Venue` has the state."""

    sessions: list[Session]
    instruments: list[Instrument]
    count: Counter[str]
    time_ns: int
    told: list[dict[str, int | None]]
    """FeeAmount and WalletBalanceAfter of the trade in hand, of the aggressor first."""

    def tell(self, session: Session, name: str, **fields: Any) -> None:
        number = len(session.reports) + 1
        if name == "NotApplied":
            whole = fields
        else:
            fields["MsgSeqNum"] = number
            if name != "BusinessMessageReject":
                fields["TransactTime"] = self.time_ns
            if name.startswith("ExecutionReport"):
                fields["ExecID"] = session.index << 48 | number
            whole = completed(ORDER_ENTRY[name], fields)
        session.reports.append((number, name, whole))
        self.note_sent(session, number)
        self.count["reports_out"] += 1

    if TYPE_CHECKING:

        def note_sent(self, session: Session, number: int) -> None: ...

    def report(self, command: Command, event: Event, behind: list[Event]) -> None:
        """`behind` are the events of the same step that come after it."""
        session = self.sessions[event["session"]]
        match event["kind"]:
            case n.REJECTED:
                self.reject(command, event["reason"], event["limit_value"])
            case n.ACCEPTED:
                self.report_new(session, command, event, resting_priority(event, behind))
            case n.TRADE:
                self.report_trade(event)
            case n.RESTED:
                self.report_rested(session, command, event)
            case n.CANCELED:
                self.report_canceled(session, command, event)
            case n.REPLACED:
                self.report_replaced(session, command, event, resting_priority(event, behind))
            case n.RESTATED:
                self.count["orders_restated"] += 1
                self.report_restated(session, event, event["reason"], resting_priority(event, behind))
            case n.TRIGGERED:
                self.count["orders_triggered"] += 1
                self.report_restated(session, event, TRIGGERED, resting_priority(event, behind))
            case n.MASS_CANCELED:
                self.report_mass_canceled(session, command, event["qty_lots"])
            case n.PHASE_CHANGED:
                self.count["phase_changes"] += 1

    def about(self, event: Event) -> dict[str, Any]:
        """What reports about an order have in common."""
        fields = {"ClOrdID": "cl_ord_id", "OrderID": "order_id", "Side": "side", "Account": "account"}
        told = {name: event[key] for name, key in fields.items()}
        return told | {"SecurityID": self.instruments[event["instrument"]].security_id, "CumQty": event["cum_lots"]}

    def limit_price(self, event: Event) -> int | None:
        if event["ord_type"] not in n.HAVE_PRICE:
            return None
        return price_nanos(self.instruments[event["instrument"]], event["price_ticks"])

    def report_new(self, session: Session, command: Command, event: Event, priority: int) -> None:
        self.count["orders_accepted"] += 1
        lots = event["qty_lots"]
        shown = 0 if event["exec_inst"] & n.HIDDEN else command["display_qty_lots"] or lots
        self.tell(
            session, "ExecutionReportNew", **self.about(event), ReceiveTime=command["receive_time_ns"],
            Price=self.limit_price(event), OrderQty=lots, LeavesQty=lots, DisplayQty=shown, OrdType=event["ord_type"],
            TimeInForce=event["time_in_force"], OrdStatus=STATUS_NEW, ExecInst=event["exec_inst"],
            WorkingIndicator=int(works(event, priority)), MDOrderPriority=priority,
        )  # fmt: skip

    def report_trade(self, event: Event) -> None:
        """One report a side: the aggressor first; in an auction, which has none, the buy."""
        self.count["fills"] += 1
        self.count["shares_traded"] += event["qty_lots"]
        in_auction = bool(event["flags"] & n.IN_AUCTION)
        self.count["auction_trades"] += in_auction
        maker = {key.removeprefix("maker_"): value for key, value in event.items() if key.startswith("maker_")}
        maker["side"] = n.SELLS[0] if event["side"] == n.BUY else n.BUY
        price = event["price_ticks"] * self.instruments[event["instrument"]].tick_nanos
        for one, aggressor in ((event, 1), (event | maker, 0)):
            money = self.told[1 - aggressor] if self.told else {}
            self.tell(
                self.sessions[one["session"]], "ExecutionReportTrade", **self.about(one), TradeID=event["trade_id"],
                LastPx=price, LastQty=event["qty_lots"], LeavesQty=one["leaves_lots"],
                OrdStatus=PARTIALLY_FILLED if one["leaves_lots"] else FILLED,
                AggressorIndicator=None if in_auction else aggressor,
                LastLiquidityInd=4 if in_auction else 2 if aggressor else 1, **money,
            )  # fmt: skip

    def report_rested(self, session: Session, command: Command, event: Event) -> None:
        """Told with New or Modify; but for a parked order that joins its auction, and a market-to-limit order."""
        names = ("session", "cl_ord_id")
        asked = command["kind"] in (n.NEW, n.REPLACE) and all(command[name] == event[name] for name in names)
        if event["time_in_force"] in (n.AT_CLOSE, n.GOOD_FOR_AUCTION):
            if not asked:
                self.report_restated(session, event, JOINED_AUCTION, event["priority"])
        elif asked and command["ord_type"] == n.MARKET_TO_LIMIT and event["ord_type"] == n.LIMIT:
            self.report_restated(session, event, n.NOW_LIMIT, event["priority"])

    def report_restated(self, session: Session, event: Event, reason: int, priority: int) -> None:
        self.tell(
            session, "ExecutionReportRestated", **self.about(event), Price=self.limit_price(event),
            LeavesQty=event["leaves_lots"], MDOrderPriority=priority, ExecRestatementReason=reason,
            OrdStatus=PARTIALLY_FILLED if event["cum_lots"] else STATUS_NEW, DisplayQty=event["display_lots"],
            OrdType=event["ord_type"], WorkingIndicator=1,
        )  # fmt: skip

    def report_canceled(self, session: Session, command: Command, event: Event) -> None:
        reason = event["reason"]
        self.count[CANCELED_COUNTERS.get(reason, "venue_canceled")] += 1
        self.count["replaces_to_nothing"] += reason == n.TO_NOTHING
        by_mass_action = reason == n.MASS_ACTION
        own = command["session"] == session.index and command["kind"] <= n.MASS_CANCEL
        own = own and not command["flags"] & BY_VENUE
        if by_mass_action and own and command["stp_instruction"] == 0:
            return  # its sender wants one answer
        self.tell(
            session, "ExecutionReportCancel", **self.about(event),
            ReceiveTime=command["receive_time_ns"] if own else None,
            OrigClOrdID=command["orig_cl_ord_id"] if reason in (0, n.TO_NOTHING) else None,
            OrdStatus=EXPIRED if reason == n.EXPIRED else CANCELED, ExecRestatementReason=reason,
            CxlQty=event["qty_lots"], MassActionReportID=command["sequence"] if by_mass_action else None,
        )  # fmt: skip

    def report_replaced(self, session: Session, command: Command, event: Event, priority: int) -> None:
        self.count["replaces"] += 1
        self.tell(
            session, "ExecutionReportModify", **self.about(event), ReceiveTime=command["receive_time_ns"],
            OrigClOrdID=command["orig_cl_ord_id"], Price=self.limit_price(event), OrderQty=event["qty_lots"],
            LeavesQty=event["leaves_lots"], MDOrderPriority=priority, OrdStatus=REPLACED,
            PriorityRetained=int(event["flags"] & n.PRIORITY_RETAINED != 0),
        )  # fmt: skip

    def report_mass_canceled(self, session: Session, command: Command, orders: int) -> None:
        if command["flags"] & BY_VENUE:
            return
        self.count["mass_cancels"] += 1
        if command["stp_instruction"] != 1 or not orders:
            self.mass_action_report(session, command, 2, None, orders)

    def mass_action_report(
        self, session: Session, command: Command, response: int, reason: int | None, orders: int
    ) -> None:
        security_id: int | None = command["instrument"]
        if not command["flags"] & UNKNOWN_SECURITY:
            security_id = None if security_id == ANY else self.instruments[command["instrument"]].security_id
        self.tell(
            session, "OrderMassActionReport", ClOrdID=command["cl_ord_id"], MassActionReportID=command["sequence"],
            TotalAffectedOrders=orders, SecurityID=security_id, MassActionRejectReason=reason,
            MassActionType=command["ord_type"], MassActionScope=command["time_in_force"], LastFragment=1,
            MassActionResponse=response, Account=None if command["account"] == ANY else command["account"],
        )  # fmt: skip

    def reject(self, command: Command, reason: int, limit: int) -> None:
        kind, session = command["kind"], self.sessions[command["session"]]
        if kind == n.MASS_CANCEL:
            self.count["mass_cancels_rejected"] += 1
            return self.mass_action_report(session, command, 0, reason, 0)
        self.count[REJECTED_COUNTERS[kind]] += 1
        security_id = command["instrument"]
        limit_value = limit if reason in (n.EXCEEDS_LIMIT, n.NOT_REDUCING, *WITH_LIMIT) else None
        if not command["flags"] & UNKNOWN_SECURITY:
            instrument = self.instruments[command["instrument"]]
            security_id = instrument.security_id
            if reason in (n.PRICE_OUT_OF_BAND, COLLAR):
                limit_value = price_nanos(instrument, limit)
        return self.tell(
            session, "ExecutionReportReject", ClOrdID=command["cl_ord_id"], OrderID=command["order_id"] or None,
            OrigClOrdID=None if kind == n.NEW else command["orig_cl_ord_id"], LimitValue=limit_value,
            ReceiveTime=command["receive_time_ns"], Account=session.account, OrdRejReason=reason,
            Side=command["side"], SecurityID=security_id, CxlRejResponseTo={n.CANCEL: 1, n.REPLACE: 2}.get(kind),
        )  # fmt: skip


def resting_priority(event: Event, behind: list[Event]) -> int:
    """The place that the order has, or is told to get in the events behind."""
    rests = (e["priority"] for e in behind if e["kind"] == n.RESTED and e["order_id"] == event["order_id"])
    return event["priority"] or next(rests, 0)


def works(event: Event, priority: int) -> bool:
    """Whether an accepted order takes part at once."""
    waits_for_auction = event["time_in_force"] in (n.AT_CLOSE, n.GOOD_FOR_AUCTION) and not priority
    return event["ord_type"] not in n.HAVE_TRIGGER and not waits_for_auction
