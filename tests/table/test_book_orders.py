"""Every kind of order in continuous trading, one line a rule (docs/MATCHING.md sections 4 and 3)."""

from __future__ import annotations

from native import codes
from native.layout import EVENT_FLAG_AGGRESSOR, EVENT_FLAG_HIDDEN, EVENT_FLAG_MAKER_HIDDEN
from tests.naive.book_rows import (
    BUY,
    CXL,
    FOK,
    IOC,
    KEPT,
    LIMIT,
    MARKET,
    MTL,
    NEW,
    REP,
    RESTING,
    SELL,
    STOP,
    Expected,
    Request,
    Row,
    Rules,
    accepted,
    canceled,
    demand,
    rejected,
    replaced,
    restated,
    rested,
    table,
    trade,
    triggered,
    twins_of,
)

HIDDEN, POST, SLIDE, REDUCE = {"exec_inst": 16}, {"exec_inst": 1}, {"exec_inst": 2}, {"exec_inst": 4}
OWN = {"self_match_prevention_id": 7}
INT64_MAX, INT64_MIN = 2**63 - 1, -(2**63)
IS_IOC, IS_FOK = {"time_in_force": IOC}, {"time_in_force": FOK}


def ASKS(*rows: tuple[int, int]) -> list[Request]:
    """Sells of (lots, price) with ClOrdIDs from 1 on."""
    return [NEW(at, SELL, lots, price) for at, (lots, price) in enumerate(rows, start=1)]


def own(instruction: int) -> Request:
    return OWN | {"stp_instruction": instruction}


def iceberg(cl_ord_id: int, lots: int, shown: int, **more: int) -> Request:
    return NEW(cl_ord_id, SELL, lots, 100, display_qty_lots=shown, **more)


LONG = [NEW(90, SELL, 5, 100, account=8), NEW(91, BUY, 5, 100, account=1)]  # account 1 is long of 5, account 8 short

MARKET_ORDERS: list[Row] = [
    ("market: sweeps without a bound", {}, ASKS((5, 100), (5, 9000)), NEW(9, BUY, 8, ord_type=MARKET),
     [accepted(price_ticks=0), trade(5, 100), trade(3, 9000, leaves_lots=0)]),
    ("market: its rest is cancelled", {}, ASKS((5, 100)), NEW(9, BUY, 8, ord_type=MARKET),
     [accepted(), trade(5, 100), canceled(3, cum_lots=5, price_ticks=INT64_MAX,
     reason=codes.RESTATEMENT_MARKET_REMAINDER)]),
    ("market: no liquidity", {}, [], NEW(9, BUY, 8, ord_type=MARKET),
     [accepted(), canceled(8, price_ticks=0, reason=codes.RESTATEMENT_NO_LIQUIDITY)]),
    ("market: protection bounds a buy", {"market_protection_ticks": 3}, ASKS((5, 100), (5, 103), (5, 104)),
     NEW(9, BUY, 20, ord_type=MARKET),
     [accepted(), trade(5, 100), trade(5, 103),
      canceled(10, price_ticks=103, reason=codes.RESTATEMENT_MARKET_REMAINDER)]),
    ("market: protection bounds a sell", {"market_protection_ticks": 1}, [NEW(1, BUY, 5, 100), NEW(2, BUY, 5, 98)],
     NEW(9, SELL, 20, ord_type=MARKET), [accepted(), trade(5, 100), canceled(15, price_ticks=99)]),
    ("market: protection beyond all prices", {"market_protection_ticks": INT64_MAX}, ASKS((5, 100)),
     NEW(9, BUY, 6, ord_type=MARKET), [accepted(), trade(5, 100), canceled(1, price_ticks=INT64_MAX)]),
    ("market: a price is ignored", {}, ASKS((5, 100)), NEW(9, BUY, 5, 3, MARKET),
     [accepted(price_ticks=0), trade(5, 100)]),
    ("market IOC: the remainder is that of IOC", {}, ASKS((5, 100)), NEW(9, BUY, 8, ord_type=MARKET, **IS_IOC),
     [accepted(), trade(5, 100), canceled(3, reason=codes.RESTATEMENT_IOC_REMAINDER)]),
    ("market FOK: fills whole", {}, ASKS((5, 100), (5, 200)), NEW(9, BUY, 10, ord_type=MARKET, **IS_FOK),
     [accepted(), trade(5, 100), trade(5, 200)]),
    ("market FOK: killed within its protection", {"market_protection_ticks": 50}, ASKS((5, 100), (5, 200)),
     NEW(9, BUY, 10, ord_type=MARKET, **IS_FOK),
     [accepted(), canceled(10, price_ticks=150, reason=codes.RESTATEMENT_FOK_KILLED)]),
    ("market-to-limit: takes the best price and rests there", {}, ASKS((5, 100), (5, 101)),
     NEW(9, BUY, 8, ord_type=MTL),
     [accepted(ord_type=MTL), trade(5, 100, ord_type=LIMIT), rested(leaves_lots=3, price_ticks=100, ord_type=LIMIT)]),
    ("market-to-limit: no liquidity", {}, [], NEW(9, BUY, 8, ord_type=MTL),
     [accepted(), canceled(8, ord_type=MTL, reason=codes.RESTATEMENT_NO_LIQUIDITY)]),
    ("market-to-limit: an iceberg shows its part", {}, ASKS((5, 100)),
     NEW(9, BUY, 12, ord_type=MTL, display_qty_lots=2),
     [accepted(), trade(5, 100), rested(leaves_lots=7, display_lots=2)]),
]  # fmt: skip

ICEBERGS: list[Row] = [
    ("iceberg: shows its part", {}, [], iceberg(1, 10, 3),
     [accepted(qty_lots=10), rested(leaves_lots=10, display_lots=3)]),
    ("iceberg: DisplayQty of all", {}, [], iceberg(1, 10, 10), [accepted(), rested(display_lots=10)]),
    ("iceberg: the next part comes last", {}, [iceberg(1, 10, 3), NEW(2, SELL, 4, 100)], NEW(9, BUY, 5, 100),
     [accepted(), trade(3, 100, maker_cl_ord_id=1, maker_leaves_lots=7, maker_display_lots=0, maker_priority=1),
      restated(codes.RESTATEMENT_ICEBERG_REFRESH, cl_ord_id=1, display_lots=3, leaves_lots=7, cum_lots=3, priority=3,
               qty_lots=10, flags=RESTING),
      trade(2, 100, maker_cl_ord_id=2, maker_display_lots=2)]),
    ("iceberg: a part that is not used up keeps its place", {}, [iceberg(1, 10, 3)], NEW(9, BUY, 2, 100),
     [accepted(), trade(2, 100, maker_display_lots=1, maker_leaves_lots=8)]),
    ("iceberg: the last part is what is left", {}, [iceberg(1, 5, 3)], NEW(9, BUY, 3, 100),
     [accepted(), trade(3, 100), restated(codes.RESTATEMENT_ICEBERG_REFRESH, display_lots=2, leaves_lots=2)]),
    ("iceberg: alone it trades part by part", {}, [iceberg(1, 5, 2)], NEW(9, BUY, 9, 100),
     [accepted(), trade(2, 100), restated(9104), trade(2, 100), restated(9104, display_lots=1),
      trade(1, 100, maker_leaves_lots=0), rested(leaves_lots=4)]),
    ("iceberg: in flight everything is open", {}, [NEW(1, BUY, 9, 100)], iceberg(2, 12, 2),
     [accepted(), trade(9, 100, leaves_lots=3), rested(display_lots=2)]),
    ("iceberg: less keeps the place", {}, [iceberg(1, 10, 3)], REP(2, 1, SELL, 6),
     [replaced(flags=KEPT, leaves_lots=6, display_lots=3)]),
    ("iceberg: shows no more than before in its place", {}, [iceberg(1, 10, 3), NEW(2, BUY, 2, 100)],
     REP(3, 1, SELL, 9),
     [replaced(flags=KEPT, leaves_lots=7, display_lots=1, cum_lots=2)]),
    ("iceberg: a lower DisplayQty keeps the place", {}, [iceberg(1, 10, 3)], REP(2, 1, SELL, 10, display_qty_lots=2),
     [replaced(flags=KEPT, display_lots=2)]),
    ("iceberg: a higher DisplayQty loses it", {}, [iceberg(1, 10, 3)], REP(2, 1, SELL, 10, display_qty_lots=4),
     [replaced(flags=RESTING, display_lots=0), rested(display_lots=4, priority=2)]),
    ("iceberg: a plain order becomes one in its place", {}, [NEW(1, SELL, 10, 100)],
     REP(2, 1, SELL, 10, display_qty_lots=4),
     [replaced(flags=KEPT, display_lots=4)]),
]  # fmt: skip

HIDDEN_ORDERS: list[Row] = [
    ("hidden: rests unseen", {}, [], NEW(1, SELL, 5, 100, **HIDDEN),
     [accepted(flags=EVENT_FLAG_HIDDEN), rested(display_lots=0, priority=1, flags=EVENT_FLAG_HIDDEN)]),
    ("hidden: after displayed ones of its price", {}, [NEW(1, SELL, 5, 100, **HIDDEN), NEW(2, SELL, 5, 100)],
     NEW(9, BUY, 7, 100),
     [accepted(), trade(5, 100, maker_cl_ord_id=2, flags=EVENT_FLAG_AGGRESSOR),
      trade(2, 100, maker_cl_ord_id=1, maker_display_lots=0, flags=EVENT_FLAG_AGGRESSOR | EVENT_FLAG_MAKER_HIDDEN)]),
    ("hidden: before displayed ones of a worse price", {}, [NEW(1, SELL, 5, 100), NEW(2, SELL, 5, 99, **HIDDEN)],
     NEW(9, BUY, 7, 100), [accepted(), trade(5, 99, maker_cl_ord_id=2), trade(2, 100, maker_cl_ord_id=1)]),
    ("hidden: trades all at once", {}, [NEW(1, SELL, 50, 100, **HIDDEN)], NEW(9, BUY, 50, 100),
     [accepted(), trade(50, 100)]),
    ("hidden: after a refreshed iceberg", {}, [iceberg(1, 4, 2), NEW(2, SELL, 5, 100, **HIDDEN)], NEW(9, BUY, 5, 100),
     [accepted(), trade(2, 100, maker_cl_ord_id=1), restated(9104), trade(2, 100, maker_cl_ord_id=1),
      trade(1, 100, maker_cl_ord_id=2)]),
    ("hidden: its cancel", {}, [NEW(1, BUY, 5, 100, **HIDDEN)], CXL(2, 1),
     [canceled(5, flags=RESTING | EVENT_FLAG_HIDDEN)]),
]  # fmt: skip

COUNTED: list[Row] = [
    ("FOK: counts hidden parts", {}, [iceberg(1, 5, 1), NEW(2, SELL, 5, 100, **HIDDEN)], NEW(9, BUY, 10, 100, **IS_FOK),
     [accepted(), trade(1, 100), *(4 * [restated(9104), trade(1, 100)]), trade(5, 100)]),
    ("FOK: counts no ReduceOnly order", {}, [*LONG, NEW(1, SELL, 5, 100, account=1, **REDUCE)],
     NEW(9, BUY, 5, 100, **IS_FOK), [accepted(), canceled(5, reason=codes.RESTATEMENT_FOK_KILLED)]),
    ("FOK: an own order ends the count", {}, [NEW(1, SELL, 5, 100, **OWN), NEW(2, SELL, 9, 101)],
     NEW(9, BUY, 9, 101, **IS_FOK, **own(1)), [accepted(), canceled(9, reason=codes.RESTATEMENT_FOK_KILLED)]),
    ("FOK: CancelOldest leaves own orders out", {}, [NEW(1, SELL, 5, 100, **OWN), NEW(2, SELL, 9, 101)],
     NEW(9, BUY, 9, 101, **IS_FOK, **own(2)),
     [accepted(), canceled(5, cl_ord_id=1, reason=codes.RESTATEMENT_STP_RESTING), trade(9, 101)]),
    ("FOK: of icebergs before an own order only what is shown", {}, [iceberg(1, 10, 1), NEW(2, SELL, 1, 100, **OWN)],
     NEW(9, BUY, 2, 100, **IS_FOK, **own(1)), [accepted(), canceled(2, reason=codes.RESTATEMENT_FOK_KILLED)]),
    ("FOK: of icebergs before a hidden own order all", {}, [iceberg(1, 2, 1), NEW(2, SELL, 1, 100, **OWN, **HIDDEN)],
     NEW(9, BUY, 2, 100, **IS_FOK, **own(1)), [accepted(), trade(1, 100), restated(9104), trade(1, 100)]),
    ("FOK: without an instruction own orders count", {}, [NEW(1, SELL, 5, 100, **OWN)],
     NEW(9, BUY, 5, 100, **IS_FOK, **OWN), [accepted(), trade(5, 100)]),
    ("FOK: counts within the trade range", {"static_reference_ticks": 100, "static_band_ticks": 2},
     ASKS((5, 102), (5, 103)), NEW(9, BUY, 6, 200, **IS_FOK),
     [accepted(), canceled(6, reason=codes.RESTATEMENT_FOK_KILLED)]),
    ("MinQty: met, the rest rests", {}, ASKS((5, 100)), NEW(9, BUY, 9, 100, min_qty_lots=5),
     [accepted(), trade(5, 100), rested(leaves_lots=4)]),
    ("MinQty: not met", {}, ASKS((5, 100)), NEW(9, BUY, 9, 100, min_qty_lots=6),
     [accepted(), canceled(9, reason=codes.RESTATEMENT_MIN_QTY)]),
    ("MinQty: IOC", {}, ASKS((5, 100)), NEW(9, BUY, 9, 100, min_qty_lots=5, **IS_IOC),
     [accepted(), trade(5, 100), canceled(4, reason=codes.RESTATEMENT_IOC_REMAINDER)]),
    ("MinQty: market", {}, ASKS((5, 100)), NEW(9, BUY, 9, ord_type=MARKET, min_qty_lots=6),
     [accepted(), canceled(9, reason=codes.RESTATEMENT_MIN_QTY)]),
    ("MinQty: a replace does not ask for it again", {}, [*ASKS((5, 100)), NEW(9, BUY, 9, 100, min_qty_lots=5)],
     REP(10, 9, BUY, 9, 99), [replaced(), rested(leaves_lots=4)]),
]  # fmt: skip

POST_ONLY: list[Row] = [
    ("PostOnly: rests", {}, ASKS((5, 100)), NEW(9, BUY, 5, 99, **POST), [accepted(), rested()]),
    ("PostOnly: would trade", {}, ASKS((5, 100)), NEW(9, BUY, 5, 100, **POST), [rejected(codes.REJECT_WOULD_TRADE)]),
    ("PostOnly: a hidden order counts", {}, [NEW(1, SELL, 5, 100, **HIDDEN)], NEW(9, BUY, 5, 100, **POST),
     [rejected(codes.REJECT_WOULD_TRADE)]),
    ("PostOnly: a replace that would trade", {}, [*ASKS((5, 100)), NEW(9, BUY, 5, 99, **POST)], REP(10, 9, BUY, 5, 100),
     [rejected(codes.REJECT_WOULD_TRADE)]),
    ("Slide: a buy goes below the best sell", {}, ASKS((5, 100)), NEW(9, BUY, 5, 105, **SLIDE),
     [accepted(price_ticks=105), restated(codes.RESTATEMENT_SLIDE, price_ticks=99, priority=0, display_lots=0),
      rested(price_ticks=99)]),
    ("Slide: a sell goes above the best buy", {}, [NEW(1, BUY, 5, 100)], NEW(9, SELL, 5, 7, **SLIDE),
     [accepted(), restated(codes.RESTATEMENT_SLIDE, price_ticks=101), rested(price_ticks=101)]),
    ("Slide: both bits slide", {}, ASKS((5, 100)), NEW(9, BUY, 5, 100, exec_inst=3),
     [accepted(), restated(9106), rested()]),
    ("Slide: not where it does not trade", {}, ASKS((5, 100)), NEW(9, BUY, 5, 98, **SLIDE),
     [accepted(), rested(price_ticks=98)]),
    ("Slide: to the next valid price", {"tick_table": ((0, 5), (100, 10))}, ASKS((5, 100)),
     NEW(9, BUY, 5, 110, **SLIDE),
     [accepted(), restated(9106, price_ticks=95), rested()]),
    ("Slide: over a row without a valid price", {"tick_table": ((0, 10), (95, 200), (99, 1))}, ASKS((5, 99)),
     NEW(9, BUY, 5, 99, **SLIDE), [accepted(), restated(9106, price_ticks=90), rested()]),
    ("Slide: no valid price within the limits", {"price_ticks_min": 100}, ASKS((5, 100)), NEW(9, BUY, 5, 100, **SLIDE),
     [rejected(codes.REJECT_WOULD_TRADE)]),
    ("Slide: nothing below the lowest price", {}, ASKS((5, INT64_MIN)), NEW(9, BUY, 5, 0, **SLIDE),
     [rejected(codes.REJECT_WOULD_TRADE)]),
    ("Slide: a replace slides", {}, [*ASKS((5, 100)), NEW(9, BUY, 5, 90, **SLIDE)], REP(10, 9, BUY, 5, 100),
     [replaced(price_ticks=100, flags=RESTING), restated(9106, price_ticks=99, flags=0), rested(flags=RESTING)]),
]  # fmt: skip

REDUCE_ONLY: list[Row] = [
    ("ReduceOnly: within the position", {}, LONG, NEW(1, SELL, 5, 110, account=1, **REDUCE), [accepted(), rested()]),
    ("ReduceOnly: more than the position", {}, LONG, NEW(1, SELL, 6, 110, account=1, **REDUCE),
     [rejected(codes.REJECT_REDUCE_ONLY, limit_value=5)]),
    ("ReduceOnly: the wrong way", {}, LONG, NEW(1, BUY, 1, 90, account=1, **REDUCE),
     [rejected(codes.REJECT_REDUCE_ONLY, limit_value=0)]),
    ("ReduceOnly: a short position", {}, LONG, NEW(1, BUY, 5, 90, account=8, **REDUCE), [accepted(), rested()]),
    ("ReduceOnly: another instrument", {}, LONG, NEW(1, SELL, 1, 110, account=1, instrument=1, **REDUCE),
     [rejected(codes.REJECT_REDUCE_ONLY)]),
    ("ReduceOnly: a maker is cut down", {}, [*LONG, NEW(1, SELL, 5, 100, account=1, **REDUCE),
     NEW(2, SELL, 2, 90, account=1), NEW(3, BUY, 2, 90, account=8)], NEW(9, BUY, 5, 100),
     [accepted(), restated(codes.RESTATEMENT_REDUCE_ONLY, cl_ord_id=1, leaves_lots=3, display_lots=3, flags=KEPT,
     priority=2),
      trade(3, 100, maker_leaves_lots=0), rested(leaves_lots=2)]),
    ("ReduceOnly: a maker with nothing to reduce", {}, [*LONG, NEW(1, SELL, 5, 100, account=1, **REDUCE),
     NEW(2, SELL, 5, 90, account=1), NEW(3, BUY, 5, 90, account=8)], NEW(9, BUY, 5, 100),
     [accepted(), canceled(5, cl_ord_id=1, flags=RESTING, reason=codes.RESTATEMENT_REDUCE_ONLY),
     rested(leaves_lots=5)]),
    ("ReduceOnly: a maker that is no order's own position is untouched", {},
     [*LONG, NEW(1, SELL, 5, 100, account=1, **REDUCE)],
     NEW(9, BUY, 5, 100), [accepted(), trade(5, 100)]),
    ("ReduceOnly: a replace beyond the position", {}, [*LONG, NEW(1, SELL, 5, 110, account=1, **REDUCE)],
     REP(2, 1, SELL, 6), [rejected(codes.REJECT_REDUCE_ONLY, limit_value=5)]),
    ("ReduceOnly: the order in flight is cut down when it is triggered", {},
     [*LONG, NEW(1, SELL, 5, ord_type=STOP, stop_price_ticks=95, account=1, **REDUCE), NEW(2, SELL, 3, 100, account=1),
      NEW(3, BUY, 3, 100, account=8), NEW(4, BUY, 9, 95), NEW(5, BUY, 1, 96, account=8)],
      NEW(6, SELL, 2, 95, account=6),
     [accepted(), trade(1, 96), trade(1, 95), triggered(cl_ord_id=1, ord_type=MARKET, leaves_lots=5),
      restated(codes.RESTATEMENT_REDUCE_ONLY, cl_ord_id=1, leaves_lots=2, flags=0, priority=0),
      trade(2, 95, leaves_lots=0)]),
]  # fmt: skip

OWN_ASK = NEW(1, SELL, 10, 100, **OWN)
SELF_TRADES: list[Row] = [
    ("STP: no instruction trades", {}, [OWN_ASK], NEW(9, BUY, 5, 100, **OWN), [accepted(), trade(5, 100)]),
    ("STP: another id trades", {}, [OWN_ASK], NEW(9, BUY, 5, 100, self_match_prevention_id=8, stp_instruction=1),
     [accepted(), trade(5, 100)]),
    ("STP: id 0 is none", {}, [NEW(1, SELL, 10, 100)], NEW(9, BUY, 5, 100, stp_instruction=1),
     [accepted(), trade(5, 100)]),
    ("STP: the instruction of the maker says nothing", {}, [OWN_ASK | {"stp_instruction": 1}],
     NEW(9, BUY, 5, 100, **OWN),
     [accepted(), trade(5, 100)]),
    ("STP newest", {}, [OWN_ASK], NEW(9, BUY, 5, 100, **own(1)),
     [accepted(), canceled(5, cl_ord_id=9, flags=0, reason=codes.RESTATEMENT_STP_AGGRESSOR)]),
    ("STP newest: after others have traded", {}, [NEW(2, SELL, 2, 99), OWN_ASK], NEW(9, BUY, 5, 100, **own(1)),
     [accepted(), trade(2, 99), canceled(3, cum_lots=2, reason=codes.RESTATEMENT_STP_AGGRESSOR)]),
    ("STP oldest", {}, [OWN_ASK], NEW(9, BUY, 5, 100, **own(2)),
     [accepted(), canceled(10, cl_ord_id=1, flags=RESTING, reason=codes.RESTATEMENT_STP_RESTING),
     rested(leaves_lots=5)]),
    ("STP both", {}, [OWN_ASK], NEW(9, BUY, 5, 100, **own(3)),
     [accepted(), canceled(10, cl_ord_id=1, reason=codes.RESTATEMENT_STP_RESTING),
      canceled(5, cl_ord_id=9, reason=codes.RESTATEMENT_STP_AGGRESSOR)]),
    ("STP decrement: the maker is larger", {}, [OWN_ASK], NEW(9, BUY, 4, 100, **own(4)),
     [accepted(), canceled(4, cl_ord_id=9, reason=codes.RESTATEMENT_STP_AGGRESSOR),
      restated(codes.RESTATEMENT_STP_DECREMENT, cl_ord_id=1, leaves_lots=6, qty_lots=6, flags=KEPT, priority=1)]),
    ("STP decrement: the maker is smaller", {}, [OWN_ASK], NEW(9, BUY, 14, 100, **own(4)),
     [accepted(), canceled(10, cl_ord_id=1, reason=codes.RESTATEMENT_STP_RESTING),
      restated(codes.RESTATEMENT_STP_DECREMENT, cl_ord_id=9, leaves_lots=4, flags=0), rested(leaves_lots=4)]),
    ("STP decrement: equal", {}, [OWN_ASK], NEW(9, BUY, 10, 100, **own(4)),
     [accepted(), canceled(10, cl_ord_id=1), canceled(10, cl_ord_id=9)]),
    ("STP decrement: an iceberg loses its hidden part first", {}, [iceberg(1, 10, 3, **OWN)],
     NEW(9, BUY, 5, 100, **own(4)),
     [accepted(), canceled(5), restated(codes.RESTATEMENT_STP_DECREMENT, leaves_lots=5, display_lots=3)]),
    ("STP smallest: the order in flight", {}, [OWN_ASK], NEW(9, BUY, 9, 100, **own(5)),
     [accepted(), canceled(9, cl_ord_id=9, reason=codes.RESTATEMENT_STP_AGGRESSOR)]),
    ("STP smallest: the maker", {}, [OWN_ASK], NEW(9, BUY, 11, 100, **own(5)),
     [accepted(), canceled(10, cl_ord_id=1, reason=codes.RESTATEMENT_STP_RESTING), rested()]),
    ("STP smallest: equal", {}, [OWN_ASK], NEW(9, BUY, 10, 100, **own(5)),
     [accepted(), canceled(10, cl_ord_id=1), canceled(10, cl_ord_id=9)]),
    ("STP smallest: the hidden part counts", {}, [iceberg(1, 10, 3, **OWN)], NEW(9, BUY, 5, 100, **own(5)),
     [accepted(), canceled(5, cl_ord_id=9)]),
]  # fmt: skip


@table([*MARKET_ORDERS, *ICEBERGS, *HIDDEN_ORDERS, *COUNTED, *POST_ONLY, *REDUCE_ONLY, *SELF_TRADES])
def test_order(name: str, rules: Rules, before: list[Request], request_: Request, expected: list[Expected]) -> None:
    demand(twins_of(rules), before, request_, expected)
