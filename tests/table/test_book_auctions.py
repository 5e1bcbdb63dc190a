"""Call auctions: the price, the uncross and what is left of it, one line a rule (docs/MATCHING.md section 6)."""

from __future__ import annotations

from native import codes
from native.layout import EVENT_FLAG_AUCTION, EVENT_FLAG_HIDDEN, EVENT_FLAG_MAKER_HIDDEN, EVENT_FLAG_PRICE
from tests.naive.book_rows import (
    AT_CLOSE,
    AT_OPEN,
    BUY,
    CXL,
    GFA,
    KEPT,
    LIMIT,
    MARKET,
    MTL,
    NEW,
    PHASE,
    RESTING,
    SELL,
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
    restated,
    rested,
    table,
    trade,
    twins_of,
)

CONTINUOUS, OPENING, CLOSING, VOLATILITY, PRE_OPEN, HALT = 1, 7, 8, 3, 0, 2
AUCTION: Rules = {"phase": OPENING}
REFERENCE: Rules = AUCTION | {"static_reference_ticks": 100}
CROSSED = EVENT_FLAG_AUCTION | RESTING
INT64_MAX, INT64_MIN = 2**63 - 1, -(2**63)
OPEN = PHASE(CONTINUOUS)
END = phase(CONTINUOUS, OPENING)
REMAINDER = {"reason": codes.RESTATEMENT_AUCTION_REMAINDER, "flags": RESTING}


def BOOK(buys: list[tuple[int, int]], sells: list[tuple[int, int]]) -> list[Request]:
    """Orders of (lots, price); ClOrdIDs of buys from 1, of sells from 11 on."""
    return [NEW(at, BUY, *one) for at, one in enumerate(buys, start=1)] + [
        NEW(at, SELL, *one) for at, one in enumerate(sells, start=11)
    ]


def MARKET_ORDER(cl_ord_id: int, side: int, lots: int, **more: int) -> Request:
    return NEW(cl_ord_id, side, lots, ord_type=MARKET, **more)


PRICES: list[Row] = [
    ("price: an empty book", {}, [PHASE(OPENING)], TIMER(), [auction(None, reason=OPENING, qty_lots=0)]),
    ("price: a book that is not crossed", AUCTION, BOOK([(5, 99)], [(5, 100)]), TIMER(), [auction(None)]),
    ("price: most volume", AUCTION, BOOK([(5, 102), (5, 101), (5, 100)], [(4, 99), (4, 101), (4, 102)]), TIMER(),
     [auction(101, 8, 2)]),
    ("price: then least surplus", AUCTION, BOOK([(5, 102), (1, 100)], [(5, 100)]), TIMER(), [auction(102, 5, 0)]),
    ("price: all surplus on the buy side: the highest", AUCTION, BOOK([(9, 102)], [(5, 100)]), TIMER(),
     [auction(102, 5, 4)]),
    ("price: all surplus on the sell side: the lowest", AUCTION, BOOK([(5, 102)], [(9, 100)]), TIMER(),
     [auction(100, 5, -4)]),
    ("price: no surplus: the reference, between candidates", REFERENCE | {"static_reference_ticks": 101},
     BOOK([(5, 103)], [(5, 100)]), TIMER(), [auction(101, 5, 0)]),
    ("price: no surplus: the nearest to a reference above", REFERENCE | {"static_reference_ticks": 200},
     BOOK([(5, 103)], [(5, 100)]), TIMER(), [auction(103, 5, 0)]),
    ("price: no surplus: the nearest to a reference below", REFERENCE | {"static_reference_ticks": 1},
     BOOK([(5, 103)], [(5, 100)]), TIMER(), [auction(100, 5, 0)]),
    ("price: surplus on either side: the reference", REFERENCE | {"static_reference_ticks": 101},
     BOOK([(5, 103), (2, 100)], [(5, 100), (2, 103)]), TIMER(), [auction(101, 5, 0)]),
    ("price: without a reference the lowest", AUCTION, BOOK([(5, 103)], [(5, 100)]), TIMER(), [auction(100, 5, 0)]),
    ("price: the last trade price before the static reference", {"static_reference_ticks": 100},
     [*BOOK([(1, 102)], [(1, 102)]), PHASE(OPENING), NEW(3, BUY, 5, 103), NEW(13, SELL, 5, 99)], TIMER(),
     [auction(102, 5, 0)]),
    ("price: market orders count everywhere", AUCTION, [MARKET_ORDER(1, BUY, 7), *BOOK([], [(5, 100), (5, 101)])],
     TIMER(),
     [auction(101, 7, -3)]),
    ("price: market orders alone: the reference", REFERENCE, [MARKET_ORDER(1, BUY, 7), MARKET_ORDER(2, SELL, 5)],
     TIMER(),
     [auction(100, 5, 2)]),
    ("price: market orders alone without a reference", AUCTION, [MARKET_ORDER(1, BUY, 7), MARKET_ORDER(2, SELL, 5)],
     TIMER(),
     [auction(None)]),
    ("price: a limit at the best possible price counts as a market order", REFERENCE,
     BOOK([(5, INT64_MAX)], [(5, INT64_MIN)]),
     TIMER(), [auction(100, 5, 0)]),
    ("price: icebergs and hidden orders with everything that is open", AUCTION,
     [NEW(1, BUY, 9, 100, display_qty_lots=1), NEW(2, SELL, 8, 100, exec_inst=16)], TIMER(), [auction(100, 8, 1)]),
    ("price: negative prices", AUCTION, BOOK([(5, -3)], [(6, -7)]), TIMER(), [auction(-7, 5, -1)]),
    ("price: all of int64", AUCTION, BOOK([(5, INT64_MAX - 1)], [(6, INT64_MIN + 1)]), TIMER(),
     [auction(INT64_MIN + 1, 5, -1)]),
]  # fmt: skip

UNCROSS: list[Row] = [
    ("uncross: at one price, best first, then oldest", AUCTION,
     BOOK([(5, 101), (5, 102), (5, 101)], [(4, 101), (8, 100)]), OPEN,
     [trade(5, 101, cl_ord_id=2, maker_cl_ord_id=12, side=BUY, flags=CROSSED, priority=2, maker_priority=5,
     leaves_lots=0,
            maker_leaves_lots=3, limit_value=100, maker_display_lots=3, trade_id=1),
      trade(3, 101, cl_ord_id=1, maker_cl_ord_id=12, leaves_lots=2, display_lots=2, limit_value=101),
      trade(2, 101, cl_ord_id=1, maker_cl_ord_id=11, limit_value=101),
      trade(2, 101, cl_ord_id=3, maker_cl_ord_id=11, leaves_lots=3, maker_leaves_lots=0, limit_value=101),
      held(101, 12, 3), END]),
    ("uncross: both filled", AUCTION, BOOK([(5, 101)], [(5, 101)]), OPEN,
     [trade(5, 101, limit_value=0), held(101, 5), END]),
    ("uncross: the price is the static reference", REFERENCE, BOOK([(5, 107)], [(5, 107)]), OPEN,
     [trade(5, 107), held(107, 5), phase(CONTINUOUS, OPENING, price_ticks=107)]),
    ("uncross: nothing traded leaves the reference", REFERENCE, BOOK([(5, 100)], [(5, 101)]), OPEN,
     [held(None), phase(CONTINUOUS, OPENING, price_ticks=100)]),
    ("uncross: pre-open too", {"phase": PRE_OPEN}, BOOK([(5, 101)], [(5, 101)]), OPEN,
     [trade(5, 101), held(101, 5, reason=PRE_OPEN), phase(CONTINUOUS, PRE_OPEN)]),
    ("uncross: an iceberg's hidden part trades first", AUCTION,
     [NEW(1, BUY, 9, 100, display_qty_lots=3), NEW(2, SELL, 7, 100)],
     OPEN, [trade(7, 100, leaves_lots=2, display_lots=2), held(100, 7, 2), END]),
    ("uncross: displayed before hidden", AUCTION,
     [NEW(1, BUY, 5, 100, exec_inst=16), NEW(2, BUY, 5, 100), NEW(3, SELL, 6, 100)],
     OPEN, [trade(5, 100, cl_ord_id=2, flags=CROSSED), trade(1, 100, cl_ord_id=1, flags=CROSSED | EVENT_FLAG_HIDDEN),
     held(100, 6, 4),
            END]),
    ("uncross: a hidden sell", AUCTION, [NEW(1, BUY, 5, 100), NEW(2, SELL, 5, 100, exec_inst=16)], OPEN,
     [trade(5, 100, flags=CROSSED | EVENT_FLAG_MAKER_HIDDEN), held(100, 5), END]),
    ("uncross: no self-trade prevention", AUCTION,
     [NEW(1, BUY, 5, 100, self_match_prevention_id=1, stp_instruction=3),
      NEW(2, SELL, 5, 100, self_match_prevention_id=1, stp_instruction=3)], OPEN, [trade(5, 100), held(100, 5), END]),
]  # fmt: skip

LEFT: list[Row] = [
    ("left: market orders are cancelled", AUCTION, [MARKET_ORDER(1, BUY, 7), NEW(2, SELL, 5, 100)], OPEN,
     [trade(5, 100, leaves_lots=2, limit_value=INT64_MAX), held(100, 5, 2), canceled(2, cl_ord_id=1, **REMAINDER),
     END]),
    ("left: market orders alone without a reference", AUCTION, [MARKET_ORDER(1, BUY, 7), MARKET_ORDER(2, SELL, 5)],
     OPEN,
     [held(None), canceled(7, cl_ord_id=1, **REMAINDER), canceled(5, cl_ord_id=2, **REMAINDER), END]),
    ("left: GoodForAuction, AtOpen; buys best price first, then sells", AUCTION,
     [NEW(1, BUY, 1, 90, time_in_force=GFA), NEW(2, BUY, 1, 91, time_in_force=AT_OPEN), NEW(3, BUY, 1, 92),
      NEW(4, SELL, 1, 99, time_in_force=AT_OPEN)], OPEN,
     [held(None), canceled(1, cl_ord_id=2, **REMAINDER), canceled(1, cl_ord_id=1, **REMAINDER),
     canceled(1, cl_ord_id=4, **REMAINDER),
      END]),
    ("left: AtClose", {"phase": CLOSING}, [NEW(1, BUY, 1, 90, time_in_force=AT_CLOSE)], PHASE(4),
     [held(None), canceled(1, **REMAINDER), phase(4, CLOSING)]),
    ("left: AtClose that is parked stays", AUCTION, [NEW(1, BUY, 1, 90, time_in_force=AT_CLOSE)], OPEN,
     [held(None), END]),
    ("left: GoodForAuction after a halt", {}, [NEW(1, BUY, 1, 90, time_in_force=GFA), PHASE(VOLATILITY), PHASE(HALT)],
     OPEN,
     [held(None), canceled(1, **REMAINDER), phase(CONTINUOUS, HALT)]),
    ("left: market-to-limit becomes a limit order at the price", AUCTION,
     [NEW(1, BUY, 7, ord_type=MTL), NEW(2, SELL, 5, 100)], OPEN,
     [trade(5, 100, ord_type=MTL), held(100, 5, 2),
      restated(codes.RESTATEMENT_MARKET_TO_LIMIT, ord_type=LIMIT, price_ticks=100, leaves_lots=2, display_lots=2,
      priority=3,
               flags=RESTING), END]),
    ("left: market-to-limit without a price is cancelled", AUCTION, [NEW(1, BUY, 7, ord_type=MTL)], OPEN,
     [held(None), canceled(7, ord_type=MTL, **REMAINDER), END]),
    ("left: market-to-limit without a level is cancelled", AUCTION | {"levels_max": 2},
     [NEW(1, BUY, 7, ord_type=MTL), NEW(2, BUY, 7, ord_type=MTL), NEW(3, SELL, 5, 100), NEW(4, SELL, 9, 100)],
     OPEN, [trade(5, 100, cl_ord_id=1), trade(2, 100, cl_ord_id=1), trade(7, 100, cl_ord_id=2), held(100, 14), END]),
    ("left: nothing to price: orders at the best possible prices go", AUCTION, BOOK([(5, INT64_MAX)], [])
     + [NEW(11, SELL, 5, INT64_MIN)], OPEN,
     [held(None), canceled(5, cl_ord_id=1, **REMAINDER), canceled(5, cl_ord_id=11, **REMAINDER), END]),
]  # fmt: skip

LONG = [NEW(90, SELL, 5, 100, account=8), NEW(91, BUY, 5, 100, account=1), PHASE(OPENING)]
REDUCE = {"exec_inst": 4}
REDUCING: list[Row] = [
    ("ReduceOnly: a sell is cut down", {},
     [*LONG, NEW(1, SELL, 5, 98, account=1, **REDUCE), NEW(2, SELL, 3, 97, account=1),
     NEW(3, BUY, 9, 98)], OPEN,
     [trade(3, 98, maker_cl_ord_id=2), restated(codes.RESTATEMENT_REDUCE_ONLY, cl_ord_id=1, leaves_lots=2, flags=KEPT),
      trade(2, 98, maker_cl_ord_id=1), held(98, 5, 4), END]),
    ("ReduceOnly: a sell with nothing to reduce is cancelled", {}, [*LONG, NEW(1, SELL, 5, 98, account=1, **REDUCE),
     NEW(2, SELL, 5, 97, account=1), NEW(3, BUY, 9, 98)], OPEN,
     [trade(5, 98, maker_cl_ord_id=2), canceled(5, cl_ord_id=1, flags=RESTING, reason=codes.RESTATEMENT_REDUCE_ONLY),
      held(98, 5, 4), END]),
    ("ReduceOnly: the buy first", {}, [*LONG, NEW(1, SELL, 5, 95, account=1, **REDUCE),
     NEW(2, BUY, 5, 95, account=8, **REDUCE),
     NEW(3, SELL, 5, 94, account=1), NEW(4, BUY, 5, 96, account=8)], OPEN,
     [trade(5, 95), canceled(5, cl_ord_id=2), held(95, 5, -5), END]),
    ("ReduceOnly: the book stays crossed and is uncrossed again", {},
     [*LONG, NEW(1, BUY, 5, 99, account=8, **REDUCE), NEW(2, BUY, 5, 100, account=8), NEW(3, SELL, 10, 99),
     NEW(4, BUY, 4, 98),
      NEW(5, SELL, 4, 97)], OPEN,
     [trade(4, 99, cl_ord_id=2, maker_cl_ord_id=5), trade(1, 99, cl_ord_id=2, maker_cl_ord_id=3),
     canceled(5, cl_ord_id=1),
      held(99, 5, -9), END]),
]  # fmt: skip

BAND: Rules = REFERENCE | {"auction_band_ticks": 3, "extension_ns": 10, "extensions_max": 2}
FAR = BOOK([(5, 104)], [(5, 104)])
EXTENDED = auction(104, 5, 0, qty_lots=1, flags=EVENT_FLAG_PRICE)
EXTENSIONS: list[Row] = [
    ("extension: a price outside the band", BAND, FAR, OPEN, [EXTENDED]),
    ("extension: a price within the band", BAND, BOOK([(5, 103)], [(5, 103)]), OPEN,
     [trade(5, 103), held(103, 5), END]),
    ("extension: no band without a reference", BAND | {"static_reference_ticks": None}, FAR, OPEN,
     [trade(5, 104), held(104, 5), END]),
    ("extension: not from pre-open", BAND | {"phase": PRE_OPEN}, FAR, OPEN,
     [trade(5, 104), held(104, 5), phase(CONTINUOUS, PRE_OPEN)]),
    ("extension: orders are taken in it", BAND, [*FAR, OPEN], NEW(9, BUY, 1, 1), [accepted(), rested()]),
    ("extension: at its end the change is tried again", BAND, [*FAR, OPEN], TIMER(10),
     [(10, EXTENDED[1] | {"qty_lots": 2})]),
    ("extension: not before its end", BAND, [*FAR, OPEN], TIMER(9), []),
    ("extension: as often as may be", BAND, [*FAR, OPEN, TIMER(10)], TIMER(20),
     [trade(5, 104), held(104, 5, qty_lots=2), END]),
    ("extension: the price has come back", BAND, [*FAR, OPEN, NEW(9, BUY, 1, 101), NEW(10, SELL, 9, 101)], TIMER(10),
     [trade(5, 101), trade(1, 101), held(101, 6, -3, qty_lots=1), END]),
    ("extension: it lifts a freeze", BAND, [*FAR, PHASE(5), OPEN], CXL(9, 1), [canceled(5)]),
    ("extension: asked for again from outside", BAND, [*FAR, OPEN], OPEN, [(10, EXTENDED[1] | {"qty_lots": 2})]),
    ("extension: another phase ends it", BAND, [*FAR, OPEN, PHASE(HALT)], TIMER(10), []),
    ("extension: without a duration until told", BAND | {"extension_ns": 0}, [*FAR, OPEN], TIMER(10**15), []),
    ("extension: into closed too", BAND, FAR, PHASE(4), [EXTENDED]),
    ("extension: and then closed", BAND, [*FAR, PHASE(4), TIMER(10)], TIMER(20),
     [trade(5, 104), held(104, 5), phase(4, OPENING)]),
    ("extension: a freeze before its end", BAND | {"freeze_ns": 4}, [*FAR, OPEN], TIMER(6), [phase(5, OPENING)]),
]  # fmt: skip


@table([*PRICES, *UNCROSS, *LEFT, *REDUCING, *EXTENSIONS])
def test_auction(name: str, rules: Rules, before: list[Request], request_: Request, expected: list[Expected]) -> None:
    demand(twins_of(rules), before, request_, expected)
