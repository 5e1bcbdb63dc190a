"""A third view of the book: queues rebuilt from events alone, demanding what no rule may break.

It knows neither the kernel nor the naive exchange. From RESTED, RESTATED, REPLACED, TRADE and CANCELED it keeps the
orders that rest, and demands of every trade in continuous trading that its maker was the first at the best price:
displayed before hidden, then the lowest priority; that trades print at the maker's price and never through either
limit; that lots are kept: what came in is traded, cancelled or still open, for each order and in total; that positions
sum to zero; and that a book in continuous trading is not crossed once a request is done.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from native.layout import (
    EVENT,
    EVENT_ACCEPTED,
    EVENT_CANCELED,
    EVENT_FLAG_AGGRESSOR,
    EVENT_FLAG_AUCTION,
    EVENT_FLAG_HIDDEN,
    EVENT_FLAG_LAST,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_PHASE,
    EVENT_REPLACED,
    EVENT_RESTATED,
    EVENT_RESTED,
    EVENT_TRADE,
    EVENT_TRIGGERED,
    PHASE_CONTINUOUS,
    PHASE_FREEZE,
)

Row = tuple[int, ...]
FIELDS = EVENT.names or ()
RESTATEMENT_STP_DECREMENT, RESTATEMENT_REDUCE_ONLY = 9105, 9107


@dataclass(slots=True)
class Known:
    """What the events have told of an open order."""

    instrument: int
    is_buy: bool
    asked_lots: int
    leaves_lots: int
    cum_lots: int = 0
    taken_off_lots: int = 0
    price_ticks: int = 0
    priority: int = 0
    is_hidden: bool = False
    rests: bool = False
    account: int = 0

    def turn(self) -> tuple[int, bool, int]:
        """Price, then displayed before hidden, then time: the lowest is the first to trade."""
        return (-self.price_ticks if self.is_buy else self.price_ticks, self.is_hidden, self.priority)


class Monitor:
    def __init__(self, phases: list[int]) -> None:
        self.phases = phases
        self.orders: dict[int, Known] = {}
        self.gone: set[int] = set()
        self.positions: Counter[tuple[int, int]] = Counter()
        self.trades = self.priority = 0
        self.lots_in = self.lots_traded = self.lots_cancelled = 0

    def watch(self, rows: list[Row]) -> None:
        for row in rows:
            event = dict(zip(FIELDS, row, strict=True))
            handler = HANDLERS.get(event["kind"])
            if handler is not None:
                handler(self, event)
            if event["flags"] & EVENT_FLAG_LAST:
                self.demand_at_rest(event["instrument"])

    # --- events -------------------------------------------------------------------------------------------------

    def accepted(self, event: dict[str, int]) -> None:
        order_id = event["order_id"]
        assert order_id not in self.orders and order_id not in self.gone
        assert event["leaves_lots"] == event["qty_lots"] and event["cum_lots"] == 0
        self.orders[order_id] = Known(
            event["instrument"], event["side"] == 1, event["qty_lots"], event["qty_lots"], account=event["account"]
        )
        self.lots_in += event["qty_lots"]

    def replaced(self, event: dict[str, int]) -> None:
        order = self.orders[event["order_id"]]
        assert event["leaves_lots"] + event["cum_lots"] == event["qty_lots"] and event["cum_lots"] == order.cum_lots
        self.lots_in += event["leaves_lots"] - order.leaves_lots
        order.asked_lots, order.taken_off_lots = event["qty_lots"], 0
        if event["flags"] & EVENT_FLAG_PRIORITY_RETAINED:
            assert event["leaves_lots"] <= order.leaves_lots
            assert event["priority"] == order.priority or not order.rests
        else:
            order.rests = False
        self.take(order, event)

    def rested(self, event: dict[str, int]) -> None:
        order = self.orders[event["order_id"]]
        assert event["leaves_lots"] == order.leaves_lots > 0 and not order.rests
        self.demand_new_priority(event)
        order.rests = True
        self.take(order, event)

    def triggered(self, event: dict[str, int]) -> None:
        order = self.orders[event["order_id"]]
        assert not order.rests and event["leaves_lots"] == order.leaves_lots

    def restated(self, event: dict[str, int]) -> None:
        order = self.orders[event["order_id"]]
        cut = order.leaves_lots - event["leaves_lots"]
        if event["reason"] in (RESTATEMENT_STP_DECREMENT, RESTATEMENT_REDUCE_ONLY):
            assert cut > 0
            order.taken_off_lots += cut
            self.lots_cancelled += cut
            assert not order.rests or event["priority"] == order.priority
        else:
            assert cut == 0
            if order.rests:
                self.demand_new_priority(event)
        self.take(order, event)

    def traded(self, event: dict[str, int]) -> None:
        maker, order = self.orders[event["maker_order_id"]], self.orders[event["order_id"]]
        assert maker.is_buy != order.is_buy and maker.instrument == order.instrument and maker.rests
        self.trades += 1
        assert event["trade_id"] == self.trades and event["qty_lots"] > 0
        if event["flags"] & EVENT_FLAG_AUCTION:
            self.demand_auction_turn(order, maker, event["price_ticks"])
        else:
            assert event["flags"] & EVENT_FLAG_AGGRESSOR and self.phases[order.instrument] == PHASE_CONTINUOUS
            assert event["price_ticks"] == maker.price_ticks
            self.demand_turn(maker)
        self.fill(event["order_id"], order, event["qty_lots"], event["leaves_lots"], event["cum_lots"])
        self.fill(
            event["maker_order_id"], maker, event["qty_lots"], event["maker_leaves_lots"], event["maker_cum_lots"]
        )
        self.lots_traded += 2 * event["qty_lots"]

    def canceled(self, event: dict[str, int]) -> None:
        order = self.orders[event["order_id"]]
        assert event["qty_lots"] == order.leaves_lots and event["cum_lots"] == order.cum_lots
        self.lots_cancelled += event["qty_lots"]
        order.taken_off_lots += event["qty_lots"]
        order.leaves_lots = 0
        self.end(event["order_id"], order)

    def phase_changed(self, event: dict[str, int]) -> None:
        if event["qty_lots"] != PHASE_FREEZE:
            assert event["reason"] == self.phases[event["instrument"]] != event["qty_lots"]
            self.phases[event["instrument"]] = event["qty_lots"]

    # --- what is kept -------------------------------------------------------------------------------------------

    def take(self, order: Known, event: dict[str, int]) -> None:
        order.leaves_lots, order.price_ticks, order.priority = (
            event["leaves_lots"],
            event["price_ticks"],
            event["priority"],
        )
        order.is_hidden = bool(event["flags"] & EVENT_FLAG_HIDDEN)
        assert event["display_lots"] <= event["leaves_lots"]
        assert event["display_lots"] == 0 or (order.rests and not order.is_hidden)
        assert event["display_lots"] > 0 or not order.rests or order.is_hidden

    def fill(self, order_id: int, order: Known, lots: int, leaves_lots: int, cum_lots: int) -> None:
        order.leaves_lots -= lots
        order.cum_lots += lots
        assert (order.leaves_lots, order.cum_lots) == (leaves_lots, cum_lots) and leaves_lots >= 0
        self.positions[order.account, order.instrument] += lots if order.is_buy else -lots
        if not leaves_lots:
            self.end(order_id, order)

    def end(self, order_id: int, order: Known) -> None:
        """All of what was asked for is traded or cancelled."""
        assert order.leaves_lots == 0 and order.cum_lots + order.taken_off_lots == order.asked_lots
        del self.orders[order_id]
        self.gone.add(order_id)

    # --- what is demanded ---------------------------------------------------------------------------------------

    def demand_new_priority(self, event: dict[str, int]) -> None:
        assert event["priority"] > self.priority
        self.priority = event["priority"]

    def resting(self, instrument: int, of_buys: bool) -> list[Known]:
        return [
            one for one in self.orders.values() if one.rests and one.is_buy == of_buys and one.instrument == instrument
        ]

    def demand_turn(self, maker: Known) -> None:
        """Nobody better in price, or before it in time at its price."""
        assert maker.turn() == min(one.turn() for one in self.resting(maker.instrument, maker.is_buy))

    def demand_auction_turn(self, buy: Known, sell: Known, price_ticks: int) -> None:
        assert buy.is_buy and buy.rests and sell.price_ticks <= price_ticks <= buy.price_ticks
        self.demand_turn(buy)
        self.demand_turn(sell)

    def demand_at_rest(self, instrument: int) -> None:
        """Once a request is done: no crossed book in continuous trading."""
        for number in range(len(self.phases)) if instrument >= len(self.phases) else (instrument,):
            if self.phases[number] == PHASE_CONTINUOUS:
                buys, sells = self.resting(number, True), self.resting(number, False)
                crossed = buys and sells and max(o.price_ticks for o in buys) >= min(o.price_ticks for o in sells)
                assert not crossed

    def demand_conservation(self) -> None:
        open_lots = sum(one.leaves_lots for one in self.orders.values())
        assert self.lots_in == self.lots_traded + self.lots_cancelled + open_lots
        for order in self.orders.values():
            assert order.asked_lots == order.cum_lots + order.taken_off_lots + order.leaves_lots
        sums: Counter[int] = Counter()
        for (_, instrument), lots in self.positions.items():
            sums[instrument] += lots
        assert not any(sums.values())


HANDLERS = {
    EVENT_ACCEPTED: Monitor.accepted, EVENT_TRADE: Monitor.traded, EVENT_RESTED: Monitor.rested,
    EVENT_CANCELED: Monitor.canceled, EVENT_REPLACED: Monitor.replaced, EVENT_PHASE: Monitor.phase_changed,
    EVENT_TRIGGERED: Monitor.triggered, EVENT_RESTATED: Monitor.restated,
}  # fmt: skip
