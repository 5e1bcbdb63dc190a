"""Price bands, circuit breaker and what they bring about, one line a rule (docs/MATCHING.md section 6)."""

from __future__ import annotations

from native import codes
from tests.naive.book_rows import (
    BUY,
    FOK,
    GFA,
    IOC,
    MARKET,
    NEW,
    NOW,
    PHASE,
    REP,
    SELL,
    STOP_LIMIT,
    TIMER,
    Expected,
    Request,
    Row,
    Rules,
    accepted,
    auction,
    canceled,
    demand,
    held,
    phase,
    replaced,
    rested,
    table,
    trade,
    triggered,
    twins_of,
)

CONTINUOUS, HALT, VOLATILITY = 1, 2, 3
STATIC: Rules = {"static_reference_ticks": 100, "static_band_ticks": 5}
DYNAMIC: Rules = {"dynamic_band_ticks": 5}
BREAKER: Rules = {"breaker_ticks": 5, "breaker_window_ns": 1600}
TO_VOLATILITY, TO_HALT = phase(VOLATILITY, CONTINUOUS), phase(HALT, CONTINUOUS)
BROKEN = {"reason": codes.RESTATEMENT_VOLATILITY}
INT64_MAX, INT64_MIN = 2**63 - 1, -(2**63)


def ASKS(*rows: tuple[int, int]) -> list[Request]:
    return [NEW(at, SELL, lots, price) for at, (lots, price) in enumerate(rows, start=1)]


def TRADE(price_ticks: int, cl_ord_id: int = 80, **more: int) -> list[Request]:
    return [NEW(cl_ord_id, SELL, 1, price_ticks, **more), NEW(cl_ord_id + 1, BUY, 1, price_ticks, **more)]


BANDS: list[Row] = [
    ("static: a trade at its edge", STATIC, ASKS((5, 105)), NEW(9, BUY, 5, 110), [accepted(), trade(5, 105)]),
    ("static: beyond its edge the rest rests and a volatility auction begins", STATIC, ASKS((5, 105), (5, 106)),
     NEW(9, BUY, 8, 110), [accepted(), trade(5, 105), rested(leaves_lots=3, price_ticks=110), TO_VOLATILITY]),
    ("static: below it", STATIC, [NEW(1, BUY, 5, 94)], NEW(9, SELL, 5, 94), [accepted(), rested(), TO_VOLATILITY]),
    ("static: IOC is cancelled", STATIC, ASKS((5, 106)), NEW(9, BUY, 8, 110, time_in_force=IOC),
     [accepted(), canceled(8, **BROKEN), TO_VOLATILITY]),
    ("static: a market order is cancelled", STATIC, ASKS((5, 106)), NEW(9, BUY, 8, ord_type=MARKET),
     [accepted(), canceled(8, **BROKEN), TO_VOLATILITY]),
    ("static: FOK is killed before", STATIC, ASKS((5, 106)), NEW(9, BUY, 5, 110, time_in_force=FOK),
     [accepted(), canceled(5, reason=codes.RESTATEMENT_FOK_KILLED)]),
    ("static: no breach where the limit is not reached", STATIC, ASKS((5, 106)), NEW(9, BUY, 5, 105),
     [accepted(), rested()]),
    ("static: no reference, no band", {"static_band_ticks": 5}, ASKS((5, 9999)), NEW(9, BUY, 5, 9999),
     [accepted(), trade(5, 9999)]),
    ("static: a band around an extreme reference",
     {"static_reference_ticks": INT64_MAX, "static_band_ticks": INT64_MAX},
     ASKS((5, 0)), NEW(9, BUY, 5, 0), [accepted(), trade(5, 0)]),
    ("static: what lies beyond a band around an extreme reference",
     {"static_reference_ticks": INT64_MAX, "static_band_ticks": INT64_MAX}, ASKS((5, -1)), NEW(9, BUY, 5, 0),
     [accepted(), rested(), TO_VOLATILITY]),
    ("dynamic: none before the first trade", DYNAMIC, ASKS((5, 999)), NEW(9, BUY, 5, 999), [accepted(), trade(5, 999)]),
    ("dynamic: around the last price", DYNAMIC, [*TRADE(100), *ASKS((5, 106))], NEW(9, BUY, 5, 106),
     [accepted(), rested(), TO_VOLATILITY]),
    ("dynamic: as it was when the order came", DYNAMIC, [*TRADE(100), *ASKS((5, 104), (5, 106))], NEW(9, BUY, 8, 106),
     [accepted(), trade(5, 104), rested(leaves_lots=3), TO_VOLATILITY]),
    ("dynamic: it moves with the last price", DYNAMIC, [*TRADE(100), *TRADE(104, 82), *ASKS((5, 109))],
     NEW(9, BUY, 5, 109),
     [accepted(), trade(5, 109)]),
    ("dynamic: a triggered order sees the price of the trade before it", DYNAMIC,
     [*TRADE(100), NEW(5, BUY, 5, 109, STOP_LIMIT, stop_price_ticks=104), *ASKS((1, 104), (5, 109))],
     NEW(9, BUY, 1, 104),
     [accepted(), trade(1, 104), triggered(), trade(5, 109)]),
    ("a replace is held to the range too", STATIC, [*ASKS((5, 106)), NEW(9, BUY, 5, 90)], REP(10, 9, BUY, 5, 110),
     [replaced(), rested(price_ticks=110), TO_VOLATILITY]),
    ("a breach lets parked orders join", STATIC, [*ASKS((5, 106)), NEW(8, BUY, 1, 50, time_in_force=GFA)],
     NEW(9, BUY, 5, 110),
     [accepted(), rested(cl_ord_id=9), TO_VOLATILITY, rested(cl_ord_id=8)]),
    ("another instrument goes on", STATIC, [*ASKS((5, 106)), NEW(9, BUY, 5, 110)], NEW(10, BUY, 1, 100, instrument=1),
     [accepted(), rested()]),
]  # fmt: skip

BREAKERS: list[Row] = [
    ("breaker: above the lowest price of the window", BREAKER, [*TRADE(100), *TRADE(104, 82), *ASKS((5, 106))],
     NEW(9, BUY, 5, 106),
     [accepted(), rested(), TO_HALT]),
    ("breaker: at its edge", BREAKER, [*TRADE(100), *TRADE(104, 82), *ASKS((5, 105))], NEW(9, BUY, 5, 106),
     [accepted(), trade(5, 105)]),
    ("breaker: below the highest price of the window", BREAKER, [*TRADE(100), *TRADE(104, 82), NEW(1, BUY, 5, 98)],
     NEW(9, SELL, 5, 98), [accepted(), rested(), TO_HALT]),
    ("breaker: none before the first trade", BREAKER, ASKS((5, 1), (5, 999)), NEW(9, BUY, 6, 999),
     [accepted(), trade(5, 1), trade(1, 999)]),
    ("breaker: in the last part of its window", BREAKER, [*TRADE(100), *ASKS((5, 106))],
     NEW(9, BUY, 5, 106, time_ns=NOW + 1599),
     [accepted(), rested(), TO_HALT]),
    ("breaker: a window later", BREAKER, [*TRADE(100), *ASKS((5, 106))], NEW(9, BUY, 5, 106, time_ns=NOW + 1600),
     [accepted(), trade(5, 106)]),
    ("breaker: parts go one by one", BREAKER, [*TRADE(100), *TRADE(104, 82, time_ns=NOW + 100), *ASKS((5, 109))],
     NEW(9, BUY, 5, 109, time_ns=NOW + 1600), [accepted(), trade(5, 109)]),
    ("breaker: it wins over a band", BREAKER | DYNAMIC, [*TRADE(100), *ASKS((5, 106))], NEW(9, BUY, 5, 106),
     [accepted(), rested(), TO_HALT]),
    ("breaker: a halt until told", BREAKER, [*TRADE(100), *ASKS((5, 106)), NEW(9, BUY, 5, 106)], TIMER(10**15), []),
    ("breaker: a halt of its duration, then a volatility auction", BREAKER | {"halt_ns": 10},
     [*TRADE(100), *ASKS((5, 106)), NEW(9, BUY, 5, 106)], TIMER(10), [phase(VOLATILITY, HALT), auction(106, 5)]),
    ("breaker: and then continuous trading", BREAKER | {"halt_ns": 10, "volatility_auction_ns": 20},
     [*TRADE(100), *ASKS((5, 106)), NEW(9, BUY, 5, 106), TIMER(10)], TIMER(30),
     [trade(5, 106), held(106, 5), phase(CONTINUOUS, VOLATILITY)]),
    ("breaker: the durations run from the inputs", BREAKER | {"halt_ns": 10, "volatility_auction_ns": 20},
     [*TRADE(100), *ASKS((5, 106)), NEW(9, BUY, 5, 106), TIMER(15)], TIMER(34), []),
    ("breaker: a halt from outside has no end", {"halt_ns": 10}, [PHASE(HALT)], TIMER(10**12), []),
]  # fmt: skip

ENDS: Rules = STATIC | {"volatility_auction_ns": 10}
BREACH = [*ASKS((5, 106)), NEW(9, BUY, 8, 110)]
ENDINGS: list[Row] = [
    ("volatility auction: it ends by itself", ENDS, BREACH, TIMER(10),
     [trade(5, 110), held(110, 5, 3), phase(CONTINUOUS, VOLATILITY, price_ticks=110)]),
    ("volatility auction: not before", ENDS, [*BREACH, TIMER(1)], TIMER(9), []),
    ("volatility auction: until told", STATIC, [*BREACH, TIMER(1)], TIMER(10**15), []),
    ("volatility auction: asked for from outside it has no end", ENDS, [PHASE(VOLATILITY), TIMER(1)], TIMER(10**12),
     []),
    ("volatility auction: a change from outside cancels its timer", ENDS, [*BREACH, PHASE(HALT)], TIMER(10), []),
    ("volatility auction: a freeze before its end", ENDS | {"freeze_ns": 3}, [*BREACH, TIMER(1)], TIMER(7),
     [phase(5, VOLATILITY)]),
    ("volatility auction: a freeze as long as the auction", ENDS | {"freeze_ns": 30}, BREACH, TIMER(0),
     [phase(5, VOLATILITY), auction(110, 5, 3, flags=512 | 2048)]),
    ("volatility auction: extended at its end",
     ENDS | {"auction_band_ticks": 4, "extension_ns": 5, "extensions_max": 1}, BREACH,
     TIMER(10), [auction(110, 5, 3, qty_lots=1)]),
]  # fmt: skip


@table([*BANDS, *BREAKERS, *ENDINGS])
def test_protection(
    name: str, rules: Rules, before: list[Request], request_: Request, expected: list[Expected]
) -> None:
    demand(twins_of(rules), before, request_, expected)
