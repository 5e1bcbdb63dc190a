"""What flows of requests are about: kinds of orders, rules of instruments, profiles."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from appliance.book.state import InstrumentRules
from native.layout import (
    COMMAND,
    PHASE_CLOSED,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PHASE_FREEZE,
    PHASE_HALT,
    PHASE_OPENING_AUCTION,
    PHASE_PRE_OPEN,
    PHASE_VOLATILITY_AUCTION,
)

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
EXTREMES = (INT64_MIN, INT64_MAX, 0, -1, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX - 64, 1 << 60, -(1 << 36))
SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
BEGIN_NS = 20_000 * DAY_NS + 8 * 3600 * SECOND_NS
NAMES = COMMAND.names or ()
BLANK = dict.fromkeys(NAMES, 0)
LIMIT, MARKET, STOP, STOP_LIMIT, MIT, LIT, MTL = (ord(one) for one in "2134JTK")
DAY, GTC, AT_OPEN, IOC, FOK, GTD, AT_CLOSE, GFA = (ord(one) for one in "0123467A")
STAY = (DAY, GTC, GTD)
PRICED, TRIGGERED = (LIMIT, STOP_LIMIT, LIT), (STOP, STOP_LIMIT, MIT, LIT)
POST_ONLY, SLIDE, REDUCE_ONLY, NO_CANCEL, HIDDEN = 1, 2, 4, 8, 16

Kind = tuple[int, int, int]
"""OrdType, TimeInForce, ExecInst."""


def spread(weights: dict[Any, int]) -> list[Any]:
    """A list to draw from."""
    return [one for one, weight in weights.items() for _ in range(weight)]


KINDS_OF_ORDER: list[Kind] = spread(
    {
        (LIMIT, DAY, 0): 16, (LIMIT, GTC, 0): 8, (LIMIT, GTD, 0): 4, (LIMIT, IOC, 0): 4, (LIMIT, FOK, 0): 3,
        (LIMIT, AT_OPEN, 0): 1, (LIMIT, AT_CLOSE, 0): 1, (LIMIT, GFA, 0): 1, (MARKET, DAY, 0): 3, (MARKET, IOC, 0): 1,
        (MARKET, FOK, 0): 1, (MARKET, AT_OPEN, 0): 1, (MARKET, AT_CLOSE, 0): 1, (MARKET, GFA, 0): 1,
        (MTL, DAY, 0): 1, (MTL, GTC, 0): 1, (MTL, GTD, 0): 1, (STOP, DAY, 0): 2, (STOP, GTD, 0): 1,
        (STOP_LIMIT, GTC, 0): 2, (STOP_LIMIT, GTD, 0): 1, (MIT, DAY, 0): 1, (MIT, GTC, 0): 1,
        (LIT, DAY, 0): 1, (LIT, GTD, 0): 1,
        (LIMIT, DAY, HIDDEN): 3, (LIMIT, GTD, HIDDEN): 1, (STOP_LIMIT, DAY, HIDDEN): 1, (LIMIT, DAY, POST_ONLY): 2,
        (LIMIT, GTC, SLIDE): 2, (LIMIT, GTD, SLIDE | POST_ONLY | HIDDEN): 1, (LIMIT, DAY, REDUCE_ONLY): 3,
        (LIMIT, GTD, REDUCE_ONLY | HIDDEN): 1, (MARKET, DAY, REDUCE_ONLY): 1, (STOP, DAY, REDUCE_ONLY): 2,
        (LIMIT, IOC, REDUCE_ONLY): 1, (LIMIT, FOK, REDUCE_ONLY): 1, (LIMIT, GFA, REDUCE_ONLY): 1,
        (LIMIT, DAY, NO_CANCEL): 1,
    }
)  # fmt: skip
STOPS: list[Kind] = [one for one in KINDS_OF_ORDER if one[0] in TRIGGERED]
FOR_AUCTIONS: list[Kind] = [
    one for one in KINDS_OF_ORDER if one[1] in (AT_OPEN, AT_CLOSE, GFA) or one[0] in (MARKET, MTL)
]
PLAIN: list[Kind] = [one for one in KINDS_OF_ORDER if one[0] == LIMIT and one[1] in (DAY, GTC, GTD, IOC, FOK)]


def rules_for(draw: random.Random, tight: bool = True) -> InstrumentRules:
    """Rules of one instrument, drawn: some have everything, some next to nothing."""
    if not tight or draw.random() < 0.2:
        return InstrumentRules()
    off = (0, 0)
    steps = ((0, 1), (4100, 5)), ((4090, 2), (4098, 1)), ((0, 3),), ((-(1 << 62), 1 << 40), (0, 1))
    day = hours(
        (8, PHASE_OPENING_AUCTION), (9, PHASE_CONTINUOUS), (17, PHASE_CLOSING_AUCTION), (18, PHASE_CLOSED),
        (23, PHASE_PRE_OPEN),
    )  # fmt: skip
    short_day = hours((0, PHASE_PRE_OPEN), (1, PHASE_CONTINUOUS), (20, PHASE_CLOSED))
    return InstrumentRules(
        price_ticks_min=draw.choice((INT64_MIN, 4080, 0)), price_ticks_max=draw.choice((INT64_MAX, 4112, 1 << 61)),
        qty_lots_min=draw.choice((1, 1, 2)), qty_lots_max=draw.choice(((1 << 31) - 1, 18)),
        qty_step_lots=draw.choice((1, 1, 2)), tick_table=draw.choice(((), (), *steps)),
        phase=draw.choice((PHASE_CONTINUOUS, PHASE_CONTINUOUS, PHASE_PRE_OPEN, PHASE_OPENING_AUCTION)),
        static_reference_ticks=draw.choice((None, 4096, 4100)), static_band_ticks=draw.choice((*off, 4, 9)),
        dynamic_band_ticks=draw.choice((*off, 3, 7)), breaker_ticks=draw.choice((*off, 4, 9)),
        breaker_window_ns=draw.choice((16, 100, SECOND_NS)) if draw.random() < 0.9 else SECOND_NS * 60,
        market_protection_ticks=draw.choice((*off, 3, 8, INT64_MAX)), auction_band_ticks=draw.choice((*off, 2, 5)),
        volatility_auction_ns=draw.choice((0, 1, SECOND_NS // 4)), extension_ns=draw.choice((0, 1, SECOND_NS // 8)),
        extensions_max=draw.choice((0, 1, 3)), halt_ns=draw.choice((0, 1, SECOND_NS // 4)),
        freeze_ns=draw.choice((*off, SECOND_NS // 16, SECOND_NS)),
        schedule=draw.choice(((), (), day, short_day)),
    )  # fmt: skip


def hours(*rows: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple((hour * 3600 * SECOND_NS, phase) for hour, phase in rows)


@dataclass(frozen=True)
class Profile:
    """What a flow is mostly about. Weights of kinds of request: of 100 or so."""

    instruments: int = 3
    orders_max: int = 48
    levels_max: int = 64
    positions_max: int | None = None
    events_max: int = 64
    tight_rules: bool = True
    new: int = 120
    cancel: int = 26
    replace: int = 36
    mass: int = 1
    phase: int = 4
    timer: int = 12
    kinds: Sequence[Kind] = field(default_factory=lambda: KINDS_OF_ORDER)
    phases: Sequence[int] = (
        (PHASE_CONTINUOUS,) * 14
        + (PHASE_OPENING_AUCTION, PHASE_CLOSING_AUCTION, PHASE_VOLATILITY_AUCTION)
        + (PHASE_PRE_OPEN, PHASE_HALT, PHASE_CLOSED, PHASE_FREEZE)
    )
    own: float = 0.15
    """Share of orders with a prevention id."""
    iceberg: float = 0.15
    min_qty: float = 0.04
    ticks: int = 10
    step_ns: int = SECOND_NS // 64
    leap: float = 0.002
    """Share of requests before which hours pass."""
    extreme: float = 0.01
    wrong: float = 0.03
    remembered: int = 40

    def rules(self, seed: int) -> list[InstrumentRules]:
        draw = random.Random(seed)
        return [rules_for(draw, self.tight_rules) for _ in range(self.instruments)]


MANY_PHASES = (
    PHASE_CONTINUOUS, PHASE_CONTINUOUS, PHASE_CONTINUOUS, PHASE_OPENING_AUCTION, PHASE_OPENING_AUCTION,
    PHASE_CLOSING_AUCTION, PHASE_VOLATILITY_AUCTION, PHASE_PRE_OPEN, PHASE_FREEZE, PHASE_HALT, PHASE_CLOSED,
)  # fmt: skip
PROFILES = {
    "mixed": Profile(),
    "continuous": Profile(tight_rules=False, phase=0, mass=1, timer=4, kinds=[*KINDS_OF_ORDER, *PLAIN], leap=0.0005),
    "plain": Profile(
        tight_rules=False, phase=0, mass=0, timer=0, cancel=40, kinds=PLAIN, own=0, iceberg=0, min_qty=0, extreme=0.02
    ),
    "auctions": Profile(
        phase=14, phases=MANY_PHASES, kinds=[*KINDS_OF_ORDER, *FOR_AUCTIONS, *FOR_AUCTIONS, *FOR_AUCTIONS], timer=16
    ),
    "stops": Profile(kinds=[*PLAIN, *STOPS, *STOPS, *STOPS, *STOPS, *STOPS], ticks=16, phase=3, instruments=2),
    "self-trades": Profile(own=0.85, iceberg=0.3, kinds=[*PLAIN, *KINDS_OF_ORDER], phase=3, instruments=2, min_qty=0.1),
    "reduce-only": Profile(
        kinds=[*PLAIN, *(one for one in KINDS_OF_ORDER if one[2] & REDUCE_ONLY), *(8 * [(LIMIT, DAY, REDUCE_ONLY)])],
        instruments=1, phase=12, phases=MANY_PHASES, own=0.3,
    ),
    "tiny pools": Profile(
        instruments=2, orders_max=7, levels_max=6, positions_max=15, events_max=4, remembered=10, phase=12,
        phases=MANY_PHASES,
    ),
    "few levels": Profile(orders_max=40, levels_max=7, events_max=5, phase=8, phases=MANY_PHASES, ticks=6),
}  # fmt: skip
