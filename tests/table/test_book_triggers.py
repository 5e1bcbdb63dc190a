"""Stop and if-touched orders, one line a rule (docs/MATCHING.md section 5)."""

from __future__ import annotations

from native import codes
from tests.naive.book_rows import (
    BUY,
    CXL,
    GTD,
    IOC,
    KEPT,
    LIMIT,
    LIMIT_IF_TOUCHED,
    MARKET,
    MARKET_IF_TOUCHED,
    NEW,
    NOW,
    PHASE,
    REP,
    RETAINED,
    SELL,
    STOP,
    STOP_LIMIT,
    Expected,
    Request,
    Row,
    Rules,
    accepted,
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


def TRADE(price_ticks: int, cl_ord_id: int = 80) -> list[Request]:
    """A trade of one lot at this price; nothing is left of it."""
    return [NEW(cl_ord_id, SELL, 1, price_ticks), NEW(cl_ord_id + 1, BUY, 1, price_ticks)]


def STOP_BUY(cl_ord_id: int, stop: int, qty_lots: int = 5) -> Request:
    return NEW(cl_ord_id, BUY, qty_lots, ord_type=STOP, stop_price_ticks=stop)


SELL_AT_100 = NEW(70, SELL, 1, 100)
BUY_TOUCHES = NEW(71, BUY, 1, 100)
ASK = NEW(1, SELL, 9, 110)
WAITS: list[Row] = [
    ("a stop waits", {}, [], STOP_BUY(2, 105), [accepted(leaves_lots=5, price_ticks=0, ord_type=STOP)]),
    ("a stop beyond the last price waits", {}, TRADE(100), STOP_BUY(2, 101), [accepted()]),
    ("a stop buy at the last price goes at once", {}, [*TRADE(100), ASK], STOP_BUY(2, 100),
     [accepted(), triggered(ord_type=MARKET, leaves_lots=5, cl_ord_id=2), trade(5, 110, leaves_lots=0)]),
    ("a stop buy below the last price goes at once", {}, [*TRADE(100), ASK], STOP_BUY(2, 90),
     [accepted(), triggered(), trade(5, 110)]),
    ("a stop sell above the last price goes at once", {}, [*TRADE(100), NEW(1, BUY, 9, 90)],
     NEW(2, SELL, 5, ord_type=STOP, stop_price_ticks=101), [accepted(), triggered(), trade(5, 90)]),
    ("a stop sell below the last price waits", {}, TRADE(100), NEW(2, SELL, 5, ord_type=STOP, stop_price_ticks=99),
     [accepted()]),
    ("an if-touched buy below the last price waits", {}, TRADE(100),
     NEW(2, BUY, 5, ord_type=MARKET_IF_TOUCHED, stop_price_ticks=99), [accepted()]),
    ("an if-touched buy above the last price goes at once", {}, [*TRADE(100), ASK],
     NEW(2, BUY, 5, ord_type=MARKET_IF_TOUCHED, stop_price_ticks=101),
     [accepted(), triggered(ord_type=MARKET), trade(5, 110)]),
    ("an if-touched sell below the last price goes at once", {}, [*TRADE(100), NEW(1, BUY, 9, 90)],
     NEW(2, SELL, 5, ord_type=MARKET_IF_TOUCHED, stop_price_ticks=99), [accepted(), triggered(), trade(5, 90)]),
    ("a limit-if-touched becomes a limit order", {}, TRADE(100),
     NEW(2, BUY, 5, 97, LIMIT_IF_TOUCHED, stop_price_ticks=100),
     [accepted(price_ticks=97), triggered(ord_type=LIMIT, price_ticks=97), rested(price_ticks=97, request_kind=1)]),
    ("a stop-limit becomes a limit order", {}, [*TRADE(100), ASK],
     NEW(2, BUY, 12, 110, STOP_LIMIT, stop_price_ticks=100),
     [accepted(), triggered(ord_type=LIMIT, price_ticks=110), trade(9, 110),
     rested(leaves_lots=3, price_ticks=110, flags=0)]),
    ("a stop that finds nothing is cancelled", {}, TRADE(100), STOP_BUY(2, 100),
     [accepted(), triggered(), canceled(5, reason=codes.RESTATEMENT_NO_LIQUIDITY, price_ticks=0)]),
    ("no last price: it waits", {}, [ASK], STOP_BUY(2, 1), [accepted()]),
    ("another instrument triggers nothing", {}, [STOP_BUY(2, 100), SELL_AT_100 | {"instrument": 1}],
     BUY_TOUCHES | {"instrument": 1}, [accepted(), trade(1, 100)]),
    ("it keeps its ExpireTime's place and rests as an iceberg", {}, TRADE(100),
     NEW(2, BUY, 5, 97, STOP_LIMIT, stop_price_ticks=100, display_qty_lots=2, time_in_force=GTD,
     expire_time_ns=NOW + 1),
     [accepted(), triggered(), rested(display_lots=2)]),
]  # fmt: skip

GOES: list[Row] = [
    ("a trade triggers", {}, [STOP_BUY(2, 100), ASK, SELL_AT_100], BUY_TOUCHES,
     [accepted(), trade(1, 100), triggered(cl_ord_id=2, request_kind=1),
     trade(5, 110, cl_ord_id=2, maker_cl_ord_id=1)]),
    ("a trade of a replace triggers", {}, [STOP_BUY(2, 100), ASK, SELL_AT_100, NEW(3, BUY, 1, 50)],
     REP(4, 3, BUY, 1, 100),
     [replaced(), trade(1, 100), triggered(request_kind=3), trade(5, 110)]),
    ("not before the order in flight is done", {}, [STOP_BUY(2, 100), SELL_AT_100, ASK], NEW(3, BUY, 8, 110),
     [accepted(), trade(1, 100), trade(7, 110, cl_ord_id=3), triggered(cl_ord_id=2), trade(2, 110, cl_ord_id=2),
      canceled(3, cl_ord_id=2, reason=codes.RESTATEMENT_MARKET_REMAINDER)]),
    ("the one with the lowest priority first, not the nearest", {},
     [STOP_BUY(2, 100), STOP_BUY(3, 99), ASK, SELL_AT_100],
     BUY_TOUCHES, [accepted(), trade(1, 100), triggered(cl_ord_id=2), trade(5, 110), triggered(cl_ord_id=3),
     trade(4, 110),
                   canceled(1)]),
    ("a cascade: a triggered order triggers others, in the order of priority", {},
     [STOP_BUY(2, 110), STOP_BUY(3, 100, qty_lots=1), STOP_BUY(4, 105), ASK, SELL_AT_100, NEW(5, SELL, 9, 120)],
     BUY_TOUCHES,
     [accepted(), trade(1, 100), triggered(cl_ord_id=3), trade(1, 110), triggered(cl_ord_id=2), trade(5, 110),
      triggered(cl_ord_id=4), trade(3, 110), trade(2, 120)]),
    ("both directions in one request", {}, [STOP_BUY(2, 100), NEW(3, SELL, 5, ord_type=STOP, stop_price_ticks=90),
     NEW(4, BUY, 9, 90), NEW(5, SELL, 9, 100)], NEW(6, SELL, 1, 90),
     [accepted(), trade(1, 90), triggered(cl_ord_id=3), trade(5, 90)]),
    ("what was touched is forgotten when all is done", {}, [*TRADE(105), *TRADE(100, 82)], STOP_BUY(2, 102),
     [accepted()]),
    ("a hidden stop-limit rests hidden", {}, TRADE(100),
     NEW(2, BUY, 5, 97, STOP_LIMIT, stop_price_ticks=100, exec_inst=16),
     [accepted(), triggered(), rested(display_lots=0)]),
    ("no level: what is triggered is cancelled", {"levels_max": 3},
     [NEW(at, BUY, 5, at, STOP_LIMIT, stop_price_ticks=100) for at in (41, 42, 43)] + [NEW(1, BUY, 1, 9), SELL_AT_100],
     NEW(2, BUY, 1, 100, time_in_force=IOC),
     [accepted(), trade(1, 100), triggered(cl_ord_id=41), rested(price_ticks=41), triggered(cl_ord_id=42),
      canceled(5, flags=0, reason=codes.RESTATEMENT_BOOK_FULL), triggered(cl_ord_id=43), rested(price_ticks=43)]),
]  # fmt: skip

REPLACED: list[Row] = [
    ("waiting: less keeps the place", {}, [STOP_BUY(2, 100)], REP(3, 2, BUY, 4),
     [replaced(flags=RETAINED, leaves_lots=4, priority=1, display_lots=0)]),
    ("waiting: more loses it", {}, [STOP_BUY(2, 100)], REP(3, 2, BUY, 6),
     [replaced(flags=0, leaves_lots=6, priority=0)]),
    ("waiting: a new stop price loses it", {}, [STOP_BUY(2, 100)], REP(3, 2, BUY, 5, stop_price_ticks=99),
     [replaced(flags=0, priority=0)]),
    ("waiting: a new price loses it", {}, [NEW(2, BUY, 5, 97, STOP_LIMIT, stop_price_ticks=100)], REP(3, 2, BUY, 5, 98),
     [replaced(flags=0, price_ticks=98)]),
    ("waiting: the price of a stop is ignored", {}, [STOP_BUY(2, 100)], REP(3, 2, BUY, 5, 77),
     [replaced(flags=RETAINED, price_ticks=0)]),
    ("waiting: it lost its place among the triggers", {},
     [STOP_BUY(2, 100), STOP_BUY(3, 100), REP(4, 2, BUY, 6), ASK, SELL_AT_100],
     BUY_TOUCHES, [accepted(), trade(1, 100), triggered(cl_ord_id=3), trade(5, 110), triggered(cl_ord_id=4),
     trade(4, 110), canceled(2)]),
    ("waiting: a new stop price that the last price is beyond", {}, [*TRADE(100), ASK, STOP_BUY(2, 105)],
     REP(3, 2, BUY, 5, stop_price_ticks=100), [replaced(flags=0), triggered(cl_ord_id=3), trade(5, 110, flags=32)]),
    ("waiting: replaced to nothing", {}, [STOP_BUY(2, 100)], REP(3, 2, BUY, 0),
     [canceled(5, flags=4, reason=codes.RESTATEMENT_REPLACED_TO_NOTHING)]),
    ("waiting: cancelled", {}, [STOP_BUY(2, 100)], CXL(3, 2), [canceled(5, flags=0, priority=1, ord_type=STOP)]),
    ("resting: a stop price is ignored", {}, [*TRADE(100), NEW(2, BUY, 5, 97, STOP_LIMIT, stop_price_ticks=100)],
     REP(3, 2, BUY, 5, stop_price_ticks=50), [replaced(flags=KEPT)]),
]  # fmt: skip

PHASES: list[Row] = [
    ("outside continuous trading nothing triggers", {}, [*TRADE(100), PHASE(3)], STOP_BUY(2, 90), [accepted()]),
    ("continuous trading begins: the last price is touched", {},
     [*TRADE(100), ASK, PHASE(2), PHASE(0), STOP_BUY(2, 90)],
     PHASE(1), [held(None), phase(1, 0), triggered(cl_ord_id=2, request_kind=5), trade(5, 110)]),
    ("the price of the auction is touched", {},
     [PHASE(3), STOP_BUY(2, 100), NEW(3, BUY, 5, 100), NEW(4, SELL, 5, 100), ASK],
     PHASE(1), [trade(5, 100), held(100, 5), phase(1, 3, price_ticks=100), triggered(cl_ord_id=2), trade(5, 110)]),
    ("an arrival in an auction does not touch the price before it", {}, [*TRADE(100), PHASE(3), STOP_BUY(2, 100),
     NEW(3, BUY, 5, 95), NEW(4, SELL, 5, 95)], PHASE(1), [trade(5, 95), held(95, 5), phase(1, 3)]),
    ("a breach: what has not gone waits on", {"static_reference_ticks": 100, "static_band_ticks": 5},
     [STOP_BUY(2, 100), STOP_BUY(3, 100), NEW(1, SELL, 9, 106), SELL_AT_100], BUY_TOUCHES,
     [accepted(), trade(1, 100), triggered(cl_ord_id=2), canceled(5, cl_ord_id=2, reason=codes.RESTATEMENT_VOLATILITY),
      phase(3, 1)]),
    ("a breach: what was touched stays touched", {"static_reference_ticks": 100, "static_band_ticks": 5},
     [STOP_BUY(2, 100), STOP_BUY(3, 102), NEW(1, SELL, 9, 106), SELL_AT_100, NEW(4, BUY, 2, 106, time_in_force=IOC),
      NEW(5, BUY, 1, 95), NEW(6, SELL, 1, 95)],
     PHASE(1),
     [trade(1, 95), held(95, 1), phase(1, 3), triggered(cl_ord_id=2), canceled(5, reason=codes.RESTATEMENT_VOLATILITY),
      phase(3, 1)]),
]  # fmt: skip


@table([*WAITS, *GOES, *REPLACED, *PHASES])
def test_trigger(name: str, rules: Rules, before: list[Request], request_: Request, expected: list[Expected]) -> None:
    demand(twins_of(rules), before, request_, expected)
