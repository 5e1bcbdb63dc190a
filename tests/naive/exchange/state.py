"""What the naive exchange knows: orders, markets, and where each order is. Plain objects, dicts and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.naive.exchange.numbers import BUY, CONTINUOUS, HIDDEN, HIGHEST, LOWEST, QTY_MAX

Command = Mapping[str, int]
Event = dict[str, int]
Refusal = tuple[int, int] | None
"""Reason and limit of a reject; None: the check is passed."""

IN_FLIGHT, IN_BOOK, WAITING, PARKED, GONE = "in flight", "in book", "waiting", "parked", "gone"


@dataclass(slots=True)
class Order:
    cl_ord_id: int
    session: int
    account: int
    instrument: int
    side: int
    ord_type: int
    time_in_force: int
    exec_inst: int
    price_ticks: int
    stop_price_ticks: int
    expire_time_ns: int
    leaves_lots: int
    display_qty_lots: int
    min_qty_lots: int
    prevention_id: tuple[int, int]
    """Firm and number."""
    prevention: int
    cancel_group: int
    order_id: int = 0
    cum_lots: int = 0
    priority: int = 0
    displayed_lots: int = 0
    place: str = IN_FLIGHT
    from_book: bool = False
    """In flight because of a replace, and it stood in the book before."""

    @property
    def is_buy(self) -> bool:
        return self.side == BUY

    @property
    def is_hidden(self) -> bool:
        return bool(self.exec_inst & HIDDEN)


class Level:
    """The orders at one price: the displayed ones, then the hidden ones, each oldest first."""

    def __init__(self) -> None:
        self.displayed: list[Order] = []
        self.hidden: list[Order] = []

    def orders(self) -> list[Order]:
        return self.displayed + self.hidden


Ladder = dict[int, Level]
"""Levels by price, trigger price, auction or ExpireTime."""


@dataclass(frozen=True)
class Rules:
    """Rules of an instrument that has none; any object with these attributes will do."""

    price_ticks_min: int = LOWEST
    price_ticks_max: int = HIGHEST
    qty_lots_min: int = 1
    qty_lots_max: int = QTY_MAX
    qty_step_lots: int = 1
    tick_table: tuple[tuple[int, int], ...] = ()
    phase: int = CONTINUOUS
    static_reference_ticks: int | None = None
    static_band_ticks: int = 0
    dynamic_band_ticks: int = 0
    breaker_ticks: int = 0
    breaker_window_ns: int = 0
    market_protection_ticks: int = 0
    auction_band_ticks: int = 0
    volatility_auction_ns: int = 0
    extension_ns: int = 0
    extensions_max: int = 0
    halt_ns: int = 0
    freeze_ns: int = 0
    schedule: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Market:
    """One instrument."""

    number: int
    rules: Any
    phase: int
    static_reference: int | None
    buys: Ladder = field(default_factory=dict)
    sells: Ladder = field(default_factory=dict)
    falling: Ladder = field(default_factory=dict)
    rising: Ladder = field(default_factory=dict)
    parked: Ladder = field(default_factory=dict)
    last: int | None = None
    touched: tuple[int, int] | None = None
    """Lowest and highest price that the market touched since the triggers were done."""
    trades: list[tuple[int, int]] = field(default_factory=list)
    """Part of the breaker's window and price of the trades that still count."""
    frozen: bool = False
    changed: bool = False
    extension_number: int = 0
    phase_due: int | None = None
    next_phase: int = CONTINUOUS
    freeze_due: int | None = None
    schedule_due: int | None = None
    schedule_phase: int = 0


class Venue:
    def __init__(
        self, instruments: int | Sequence[Any], orders_max: int, levels_max: int, positions_max: int | None = None
    ) -> None:
        all_rules = [Rules()] * instruments if isinstance(instruments, int) else list(instruments)
        self.markets = [
            Market(number, rules, rules.phase, rules.static_reference_ticks) for number, rules in enumerate(all_rules)
        ]
        self.session_firms: dict[int, int] = {}
        """0 for those that are not named."""
        self.expiries: Ladder = {}
        self.open: dict[tuple[int, int], Order] = {}
        self.positions: dict[tuple[int, int], int] = {}
        """Net lots by account and instrument; an entry stays for good."""
        self.free_slots = list(reversed(range(orders_max)))
        self.levels_max = levels_max
        self.positions_max = orders_max + 1024 if positions_max is None else positions_max
        self.orders_taken = self.priorities_given = self.trades = 0
        self.now = self.request = 0
        self.events: list[Event] = []

    def market_of(self, order: Order) -> Market:
        return self.markets[order.instrument]

    def ladders(self) -> list[Ladder]:
        found = [self.expiries]
        for market in self.markets:
            found += [market.buys, market.sells, market.falling, market.rising, market.parked]
        return found

    def levels_in_use(self) -> int:
        return sum(map(len, self.ladders()))
