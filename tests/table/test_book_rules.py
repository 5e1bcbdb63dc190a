"""Plain limit orders, one line a rule, with the events that it demands: resting, trading, cancel and replace.

Every row also goes through the naive twin, so each event is compared whole. Other orders: test_book_orders.py.
"""

from __future__ import annotations

from native import codes
from native.layout import EVENT_FLAG_AGGRESSOR
from tests.naive.book_rows import (
    BUY,
    CXL,
    EXEMPT,
    FIRST_ID,
    FOK,
    GTC,
    IOC,
    KEPT,
    NEW,
    NOTHING,
    REP,
    RESTING,
    SELL,
    SHORT,
    Expected,
    Request,
    Row,
    Rules,
    accepted,
    canceled,
    demand,
    rejected,
    replaced,
    rested,
    table,
    trade,
    twins_of,
)

KILLED = {"reason": codes.RESTATEMENT_FOK_KILLED, "flags": 0}
REMAINDER = {"reason": codes.RESTATEMENT_IOC_REMAINDER, "flags": 0}
BID = NEW(1, BUY, 10, 100)
ASK = NEW(1, SELL, 10, 100)

RULES: list[Row] = [
    # resting
    ("a buy rests", {}, [], NEW(1, BUY, 10, 100),
     [accepted(leaves_lots=10, order_id=FIRST_ID), rested(priority=1, leaves_lots=10, qty_lots=10, price_ticks=100)]),
    ("a sell rests", {}, [], NEW(1, SELL, 10, 100), [accepted(side=SELL), rested(side=SELL, priority=1)]),
    ("GTC rests", {}, [], NEW(1, BUY, 10, 100, time_in_force=GTC), [accepted(), rested(time_in_force=GTC)]),
    ("short sales rest among the sells", {}, [ASK], NEW(2, SHORT, 1, 99), [accepted(side=SHORT), rested(priority=2)]),
    ("priorities rise over all instruments", {}, [BID], NEW(2, BUY, 1, 7, instrument=1),
     [accepted(), rested(priority=2)]),
    ("sides a tick apart do not trade", {}, [BID], NEW(2, SELL, 1, 101), [accepted(), rested()]),
    ("negative prices are prices", {}, [NEW(1, SELL, 5, -3)], NEW(2, BUY, 5, -2), [accepted(), trade(5, -3)]),
    # trading
    ("a fill prints at the maker's price", {}, [ASK], NEW(2, BUY, 10, 105),
     [accepted(), trade(10, 100, leaves_lots=0, cum_lots=10, maker_leaves_lots=0, maker_cum_lots=10, trade_id=1)]),
    ("a trade names both", {}, [ASK | {"session": 2, "account": 9}], NEW(7, BUY, 4, 100, account=5),
     [accepted(), trade(4, 100, session=0, account=5, cl_ord_id=7, order_id=2 * FIRST_ID + 1, side=BUY, maker_session=2,
                        maker_account=9, maker_cl_ord_id=1, maker_order_id=FIRST_ID, maker_priority=1, priority=0)]),
    ("what is left of the aggressor rests", {}, [ASK], NEW(2, BUY, 15, 100),
     [accepted(qty_lots=15), trade(10, 100, leaves_lots=5), rested(leaves_lots=5, cum_lots=10, qty_lots=15)]),
    ("what is left of the maker keeps its place", {}, [ASK, NEW(2, SELL, 5, 100), NEW(3, BUY, 4, 100)],
     NEW(4, BUY, 7, 100), [accepted(), trade(6, 100, maker_cl_ord_id=1), trade(1, 100, maker_cl_ord_id=2)]),
    ("the better price first", {}, [NEW(1, SELL, 5, 101), NEW(2, SELL, 5, 100)], NEW(3, BUY, 10, 101),
     [accepted(), trade(5, 100), trade(5, 101)]),
    ("the better bid first", {}, [NEW(1, BUY, 5, 100), NEW(2, BUY, 5, 101)], NEW(3, SELL, 10, 100),
     [accepted(), trade(5, 101), trade(5, 100)]),
    ("at a price the older first", {}, [ASK, NEW(2, SELL, 5, 100)], NEW(3, BUY, 12, 100),
     [accepted(), trade(10, 100, maker_cl_ord_id=1), trade(2, 100, maker_cl_ord_id=2, maker_leaves_lots=3)]),
    ("not beyond the limit", {}, [NEW(1, SELL, 5, 100), NEW(2, SELL, 5, 102)], NEW(3, BUY, 10, 101),
     [accepted(), trade(5, 100), rested(leaves_lots=5, price_ticks=101)]),
    ("another instrument does not trade", {}, [ASK], NEW(2, BUY, 1, 100, instrument=1), [accepted(), rested()]),
    # IOC and FOK
    ("IOC fills whole", {}, [ASK], NEW(2, BUY, 10, 100, time_in_force=IOC), [accepted(), trade(10, 100)]),
    ("the rest of an IOC is cancelled", {}, [ASK], NEW(2, BUY, 15, 100, time_in_force=IOC),
     [accepted(), trade(10, 100), canceled(5, cum_lots=10, priority=0, **REMAINDER)]),
    ("IOC without a fill", {}, [], NEW(2, BUY, 15, 100, time_in_force=IOC), [accepted(), canceled(15, **REMAINDER)]),
    ("FOK fills over levels", {}, [NEW(1, SELL, 5, 100), NEW(2, SELL, 5, 101)], NEW(3, BUY, 9, 101, time_in_force=FOK),
     [accepted(), trade(5, 100), trade(4, 101)]),
    ("FOK one lot short is killed", {}, [ASK], NEW(2, BUY, 11, 100, time_in_force=FOK),
     [accepted(), canceled(11, cum_lots=0, **KILLED)]),
    ("FOK counts to its limit only", {}, [NEW(1, SELL, 5, 100), NEW(2, SELL, 5, 102)],
     NEW(3, BUY, 6, 101, time_in_force=FOK), [accepted(), canceled(6, **KILLED)]),
    ("FOK on an empty side", {}, [], NEW(2, SELL, 1, 1, time_in_force=FOK), [accepted(), canceled(1, **KILLED)]),
    # cancel
    ("a cancel", {}, [BID], CXL(2, 1),
     [canceled(10, cum_lots=0, flags=RESTING, reason=0, cl_ord_id=2, order_id=FIRST_ID, priority=1)]),
    ("a cancel tells what was open", {}, [BID, NEW(2, SELL, 4, 100)], CXL(3, 1), [canceled(6, cum_lots=4)]),
    ("a cancel by OrderID too", {}, [BID], CXL(2, 1, order_id=FIRST_ID), [canceled(10)]),
    ("OrderID null is not given", {}, [BID], CXL(2, 1, order_id=(1 << 64) - 1), [canceled(10)]),
    ("a cancel of the same class of side", {}, [NEW(1, SHORT, 10, 100)], CXL(2, 1, EXEMPT), [canceled(10, side=SHORT)]),
    ("a ClOrdID is free when its order is gone", {}, [BID, CXL(2, 1)], NEW(1, BUY, 1, 1),
     [accepted(order_id=2 * FIRST_ID), rested()]),
    ("a ClOrdID is free when its order has traded", {}, [BID, NEW(2, SELL, 10, 100)], NEW(1, BUY, 1, 1),
     [accepted(), rested()]),
    # replace
    ("less keeps the place", {}, [BID], REP(2, 1, BUY, 6, 100),
     [replaced(flags=KEPT, qty_lots=6, leaves_lots=6, priority=1, cl_ord_id=2, order_id=FIRST_ID)]),
    ("the same keeps the place", {}, [BID], REP(2, 1, BUY, 10, 100), [replaced(flags=KEPT, priority=1)]),
    ("more loses the place", {}, [BID], REP(2, 1, BUY, 11, 100),
     [replaced(flags=RESTING, leaves_lots=11, priority=0), rested(priority=2, flags=RESTING, cl_ord_id=2)]),
    ("a new price loses the place", {}, [BID], REP(2, 1, BUY, 5, 99),
     [replaced(flags=RESTING, leaves_lots=5, price_ticks=99), rested(priority=2, price_ticks=99, order_id=FIRST_ID)]),
    ("OrderQty is the total", {}, [BID, NEW(2, SELL, 4, 100)], REP(3, 1, BUY, 9, 100),
     [replaced(flags=KEPT, qty_lots=9, leaves_lots=5, cum_lots=4)]),
    ("a replace that crosses trades", {}, [ASK, NEW(2, BUY, 15, 98)], REP(3, 2, BUY, 15, 100),
     [replaced(leaves_lots=15), trade(10, 100, cl_ord_id=3, request_kind=3, flags=RESTING | EVENT_FLAG_AGGRESSOR),
      rested(leaves_lots=5, cum_lots=10, request_kind=3)]),
    ("a replace that fills whole", {}, [ASK, NEW(2, BUY, 5, 98)], REP(3, 2, BUY, 5, 100),
     [replaced(), trade(5, 100, leaves_lots=0)]),
    ("a replace to nothing", {}, [BID, NEW(2, SELL, 4, 100)], REP(3, 1, BUY, 4, 100),
     [canceled(6, cum_lots=4, flags=NOTHING, reason=codes.RESTATEMENT_REPLACED_TO_NOTHING, request_kind=3,
               cl_ord_id=3)]),
    ("a replace to 0", {}, [BID], REP(2, 1, BUY, 0, 77), [canceled(10, cum_lots=0, flags=NOTHING, price_ticks=100)]),
    ("after a replace the new ClOrdID names the order", {}, [BID, REP(2, 1, BUY, 5, 100)], CXL(3, 2), [canceled(5)]),
    ("after a replace the old ClOrdID is free", {}, [BID, REP(2, 1, BUY, 5, 100)], NEW(1, BUY, 1, 1),
     [accepted(), rested()]),
    ("after a replace the old ClOrdID names nothing", {}, [BID, REP(2, 1, BUY, 5, 100)], CXL(3, 1),
     [rejected(codes.REJECT_UNKNOWN_ORDER)]),
]  # fmt: skip


@table(RULES)
def test_rule(name: str, rules: Rules, before: list[Request], request_: Request, expected: list[Expected]) -> None:
    demand(twins_of(rules), before, request_, expected)
