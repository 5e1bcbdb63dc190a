"""What `pitwire client` reads and prints: exact decimal prices in, reports and feed messages as lines or JSON out."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import click

from appliance.client import ledger
from appliance.client.feed import FeedMessage
from appliance.client.ledger import Report
from appliance.decode.item import price_text, utc_text
from native.codes import REJECT_SENTENCES, RESTATEMENT_SENTENCES

SIDES = {"buy": 1, "sell": 2}
TIMES_IN_FORCE = {
    "day": ledger.DAY,
    "gtc": ledger.GOOD_TILL_CANCEL,
    "gtd": ledger.GOOD_TILL_DATE,
    "ioc": ledger.IMMEDIATE_OR_CANCEL,
    "fok": ledger.FILL_OR_KILL,
    "at-open": ledger.AT_OPEN,
    "at-close": ledger.AT_CLOSE,
    "auction": ledger.GOOD_FOR_AUCTION,
}
ORDER_TYPES = {
    "limit": ledger.LIMIT,
    "market": ledger.MARKET,
    "stop": ledger.STOP,
    "stop-limit": ledger.STOP_LIMIT,
    "market-if-touched": ledger.MARKET_IF_TOUCHED,
    "limit-if-touched": ledger.LIMIT_IF_TOUCHED,
    "market-to-limit": ledger.MARKET_TO_LIMIT,
}
STP_INSTRUCTIONS = {"newest": 1, "oldest": 2, "both": 3, "decrement": 4, "smallest": 5}
STATUS_NAMES = {0: "pre-open", 1: "open", 2: "halt", 3: "pause", 4: "closed", 5: "pre-open, no cancel", 6: "expired"}
AUCTION_NAMES = {1: ", opening auction", 2: ", closing auction", 3: ", volatility auction"}
_SIDE_NAMES = {1: "buy", 2: "sell", 5: "sell short", 6: "sell short exempt"}
_NANOS = Decimal(10**9)
_REJECTED = 56


class Price(click.ParamType[int]):
    """Decimal text to int64 in 1e-9, exact or refused."""

    name = "PRICE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Raises BadParameter (exit status 2) for text that is no such number."""
        if isinstance(value, int):
            return value
        try:
            nanos = Decimal(value) * _NANOS
            fits = abs(nanos) < 1 << 63 and nanos == int(nanos)
        except (ArithmeticError, ValueError):
            self.fail(f"{value!r} is not a decimal number.", param, ctx)
        if not fits:
            self.fail(f"{value} is not a whole multiple of 0.000000001 within 64 bits.", param, ctx)
        return int(nanos)


class UtcTime(click.ParamType[int]):
    """ISO 8601 text to ns since 1970; a time without a zone is UTC."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Raises BadParameter (exit status 2) for text that is no such time, or one before 1970."""
        if isinstance(value, int):
            return value
        try:
            moment = datetime.datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-11-21T17:30:00.", param, ctx)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        if since < datetime.timedelta(0):
            self.fail(f"{value} is before 1970.", param, ctx)
        return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000


def _price(nanos: int | None) -> str:
    return "market" if nanos is None else price_text(nanos)


def _order(values: Any) -> str:
    side = _SIDE_NAMES.get(values.Side, f"side {values.Side}")
    return f"order {values.ClOrdID} {side} instrument {values.SecurityID}"


def report_line(report: Report) -> str:
    """One line for a person."""
    values = report.values
    match report.name:
        case "ExecutionReportNew":
            rest = f"{values.OrderQty} @ {_price(values.Price)}, OrderID {values.OrderID}"
            waits = "" if values.WorkingIndicator else ", waiting for its trigger or auction"
            return f"accepted   {_order(values)} {rest}{waits}"
        case "ExecutionReportTrade":
            rest = f"{values.LastQty} @ {price_text(values.LastPx)}, leaves {values.LeavesQty}, filled {values.CumQty}"
            return f"filled     {_order(values)} {rest}"
        case "ExecutionReportModify":
            kept = "priority kept" if values.PriorityRetained else "priority lost"
            rest = f"{values.OrderQty} @ {_price(values.Price)}, leaves {values.LeavesQty}, {kept}"
            return f"replaced   {_order(values)} {rest}"
        case "ExecutionReportCancel":
            why = values.ExecRestatementReason
            reason = f": {RESTATEMENT_SENTENCES.get(why, f'reason {why}')}" if why else ""
            return f"cancelled  {_order(values)} {values.CxlQty} taken off, filled {values.CumQty}{reason}"
        case "ExecutionReportRestated":
            why = values.ExecRestatementReason
            rest = f"now {values.LeavesQty} @ {_price(values.Price)}, shown {values.DisplayQty}"
            return f"changed    {_order(values)} {rest}: {RESTATEMENT_SENTENCES.get(why, f'reason {why}')}"
        case "OrderMassActionReport":
            why = values.MassActionRejectReason
            if why is None:
                return f"done       mass cancel {values.ClOrdID}: {values.TotalAffectedOrders} orders are gone"
            return f"rejected   mass cancel {values.ClOrdID}: {REJECT_SENTENCES.get(why, f'reason {why}')} ({why})"
        case "ExecutionReportReject":
            why = values.OrdRejReason
            return f"rejected   {_order(values)}: {REJECT_SENTENCES.get(why, f'reason {why}')} ({why})"
        case "OrderStatusReport" if values.OrdStatus == _REJECTED:
            return f"not open   order {values.ClOrdID}"
        case "OrderStatusReport":
            rest = f"{values.LeavesQty} @ {_price(values.Price)} open, {values.CumQty} filled, OrderID {values.OrderID}"
            return f"open       {_order(values)} {rest}"
        case "WatermarkReport":
            return f"watermark  {values.ClOrdID} is the highest ClOrdID that was taken"
        case "BusinessMessageReject":
            return f"rejected   message {values.RefSeqNum}: reason {values.BusinessRejectReason}"
        case "NotApplied":
            return f"not applied  messages {values.FromSeqNo}..{values.FromSeqNo + values.Count - 1}"
    return f"{report.name} {_plain(values)}"


def message_line(message: FeedMessage) -> str:
    """One line for a person."""
    values = message.values
    head = f"{message.sequence:>9} "
    if values is None:
        return head + message.name
    side = {1: "bid", -1: "offer"}.get(getattr(values, "InstrSide", 0), "")
    match message.name:
        case "OrderPut":
            what = f"{values.InstrumentId} {side} order {values.OrderId} {values.Quantity} @ {price_text(values.Price)}"
        case "OrderDelete":
            what = f"{values.InstrumentId} {side} order {values.OrderId}"
        case "Trade":
            what = f"{values.InstrumentId} {values.Quantity} @ {price_text(values.Price)} match {values.MatchId}"
        case "TradeSummary":
            what = f"{values.InstrumentId} {values.Quantity} lots to {price_text(values.DeepestPrice)}"
        case "TradingStatusUpdate":
            auction = AUCTION_NAMES.get(values.ExtTradingEvent, "")
            what = f"{values.InstrumentId} {STATUS_NAMES.get(values.TradingStatus, values.TradingStatus)}{auction}"
        case "AuctionUpdate":
            price = "no price" if values.IndicativePx is None else price_text(values.IndicativePx)
            surplus = {1: " more bid", -1: " more offered"}.get(values.ImbalanceSide, " over")
            what = f"{values.InstrumentId} {values.PairedQty} @ {price}, {values.ImbalanceQty}{surplus}"
        case _:
            what = _plain(values)
    time = utc_text(values.TransactTime) if getattr(values, "TransactTime", None) is not None else ""
    return f"{head}{time} {message.name:<19} {what}"


def _fields(values: Any) -> dict[str, Any]:
    given = values._asdict() if values is not None else {}
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in given.items()}


def _plain(values: Any) -> str:
    return " ".join(f"{key}={value}" for key, value in _fields(values).items() if value is not None)


def report_json(report: Report) -> str:
    """One JSON object: prices in 1e-9, times in ns."""
    return json.dumps({"seq": report.sequence, "message": report.name, **_fields(report.values)})


def message_json(message: FeedMessage) -> str:
    """One JSON object: prices in 1e-9, times in ns."""
    facts = {"seq": message.sequence, "epoch": message.epoch, "message": message.name}
    return json.dumps({**facts, **_fields(message.values)})
