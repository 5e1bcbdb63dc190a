"""One line a rule of the book, with the events that it demands; the rejects in the order in which they are checked.

A request is written as NEW(...), CXL(...) or REP(...) with what matters; an event as its kind and the fields to look
at. Every row also goes through the naive twin, so each event is compared whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from appliance.book.check import check_book
from native import codes
from native.layout import (
    COMMAND_PRICE_OFF_TICK,
    COMMAND_QTY_OUT_OF_RANGE,
    EVENT,
    EVENT_ACCEPTED,
    EVENT_CANCELED,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_FLAG_REPLACED_TO_NOTHING,
    EVENT_FLAG_WAS_RESTING,
    EVENT_REJECTED,
    EVENT_REPLACED,
    EVENT_RESTED,
    EVENT_TRADE,
)
from tests.naive.twins import Twins, command_record

Request = dict[str, int]
Expected = tuple[int, Request]
BUY, SELL, SHORT, EXEMPT = 1, 2, 5, 6
DAY, GTC, IOC, FOK = 48, 49, 51, 52
FIRST_ID = 1 << 24  # OrderID of the first order, in slot 0


def NEW(cl_ord_id: int, side: int, qty_lots: int, price_ticks: int, **more: int) -> Request:
    return {"kind": 1, "cl_ord_id": cl_ord_id, "side": side, "qty_lots": qty_lots, "price_ticks": price_ticks} | more


def CXL(cl_ord_id: int, orig: int, side: int = BUY, **more: int) -> Request:
    return {"kind": 2, "cl_ord_id": cl_ord_id, "orig_cl_ord_id": orig, "side": side, "qty_lots": 0} | more


def REP(cl_ord_id: int, orig: int, side: int, qty_lots: int, price_ticks: int, **more: int) -> Request:
    return NEW(cl_ord_id, side, qty_lots, price_ticks) | {"kind": 3, "orig_cl_ord_id": orig} | more


def accepted(**fields: int) -> Expected:
    return EVENT_ACCEPTED, {"request_kind": 1, "flags": 0} | fields


def trade(qty_lots: int, price_ticks: int, **fields: int) -> Expected:
    return EVENT_TRADE, {"qty_lots": qty_lots, "price_ticks": price_ticks} | fields


def rested(**fields: int) -> Expected:
    return EVENT_RESTED, fields


def canceled(qty_lots: int, **fields: int) -> Expected:
    return EVENT_CANCELED, {"qty_lots": qty_lots, "leaves_lots": 0} | fields


def replaced(**fields: int) -> Expected:
    return EVENT_REPLACED, {"request_kind": 3} | fields


def rejected(reason: int, **fields: int) -> Expected:
    return EVENT_REJECTED, {"reason": reason, "leaves_lots": 0, "cum_lots": 0} | fields


REMAINDER = {"reason": codes.RESTATEMENT_IOC_REMAINDER, "flags": 0}
KILLED = {"reason": codes.RESTATEMENT_FOK_KILLED, "flags": 0}
RESTING = EVENT_FLAG_WAS_RESTING
KEPT = EVENT_FLAG_WAS_RESTING | EVENT_FLAG_PRIORITY_RETAINED
NOTHING = EVENT_FLAG_WAS_RESTING | EVENT_FLAG_REPLACED_TO_NOTHING
BID = NEW(1, BUY, 10, 100)
ASK = NEW(1, SELL, 10, 100)

# name, requests before, the request, its events
RULES: list[tuple[str, list[Request], Request, list[Expected]]] = [
    # resting
    ("a buy rests", [], NEW(1, BUY, 10, 100),
     [accepted(leaves_lots=10, order_id=FIRST_ID), rested(priority=1, leaves_lots=10, qty_lots=10, price_ticks=100)]),
    ("a sell rests", [], NEW(1, SELL, 10, 100), [accepted(side=SELL), rested(side=SELL, priority=1)]),
    ("GTC rests", [], NEW(1, BUY, 10, 100, time_in_force=GTC), [accepted(), rested(time_in_force=GTC)]),
    ("short sales rest among the sells", [ASK], NEW(2, SHORT, 1, 99), [accepted(side=SHORT), rested(priority=2)]),
    ("priorities rise over all instruments", [BID], NEW(2, BUY, 1, 7, instrument=1), [accepted(), rested(priority=2)]),
    ("sides a tick apart do not trade", [BID], NEW(2, SELL, 1, 101), [accepted(), rested()]),
    ("negative prices are prices", [NEW(1, SELL, 5, -3)], NEW(2, BUY, 5, -2), [accepted(), trade(5, -3)]),
    # trading
    ("a fill prints at the maker's price", [ASK], NEW(2, BUY, 10, 105),
     [accepted(), trade(10, 100, leaves_lots=0, cum_lots=10, maker_leaves_lots=0, maker_cum_lots=10, trade_id=1)]),
    ("a trade names both", [ASK | {"session": 2, "account": 9}], NEW(7, BUY, 4, 100, account=5),
     [accepted(), trade(4, 100, session=0, account=5, cl_ord_id=7, order_id=2 * FIRST_ID + 1, side=BUY, maker_session=2,
                        maker_account=9, maker_cl_ord_id=1, maker_order_id=FIRST_ID, maker_priority=1, priority=0)]),
    ("what is left of the aggressor rests", [ASK], NEW(2, BUY, 15, 100),
     [accepted(qty_lots=15), trade(10, 100, leaves_lots=5), rested(leaves_lots=5, cum_lots=10, qty_lots=15)]),
    ("what is left of the maker keeps its place", [ASK, NEW(2, SELL, 5, 100), NEW(3, BUY, 4, 100)],
     NEW(4, BUY, 7, 100), [accepted(), trade(6, 100, maker_cl_ord_id=1), trade(1, 100, maker_cl_ord_id=2)]),
    ("the better price first", [NEW(1, SELL, 5, 101), NEW(2, SELL, 5, 100)], NEW(3, BUY, 10, 101),
     [accepted(), trade(5, 100), trade(5, 101)]),
    ("the better bid first", [NEW(1, BUY, 5, 100), NEW(2, BUY, 5, 101)], NEW(3, SELL, 10, 100),
     [accepted(), trade(5, 101), trade(5, 100)]),
    ("at a price the older first", [ASK, NEW(2, SELL, 5, 100)], NEW(3, BUY, 12, 100),
     [accepted(), trade(10, 100, maker_cl_ord_id=1), trade(2, 100, maker_cl_ord_id=2, maker_leaves_lots=3)]),
    ("not beyond the limit", [NEW(1, SELL, 5, 100), NEW(2, SELL, 5, 102)], NEW(3, BUY, 10, 101),
     [accepted(), trade(5, 100), rested(leaves_lots=5, price_ticks=101)]),
    ("another instrument does not trade", [ASK], NEW(2, BUY, 1, 100, instrument=1), [accepted(), rested()]),
    # IOC and FOK
    ("IOC fills whole", [ASK], NEW(2, BUY, 10, 100, time_in_force=IOC), [accepted(), trade(10, 100)]),
    ("the rest of an IOC is cancelled", [ASK], NEW(2, BUY, 15, 100, time_in_force=IOC),
     [accepted(), trade(10, 100), canceled(5, cum_lots=10, priority=0, **REMAINDER)]),
    ("IOC without a fill", [], NEW(2, BUY, 15, 100, time_in_force=IOC), [accepted(), canceled(15, **REMAINDER)]),
    ("FOK fills over levels", [NEW(1, SELL, 5, 100), NEW(2, SELL, 5, 101)], NEW(3, BUY, 9, 101, time_in_force=FOK),
     [accepted(), trade(5, 100), trade(4, 101)]),
    ("FOK one lot short is killed", [ASK], NEW(2, BUY, 11, 100, time_in_force=FOK),
     [accepted(), canceled(11, cum_lots=0, **KILLED)]),
    ("FOK counts to its limit only", [NEW(1, SELL, 5, 100), NEW(2, SELL, 5, 102)],
     NEW(3, BUY, 6, 101, time_in_force=FOK), [accepted(), canceled(6, **KILLED)]),
    ("FOK on an empty side", [], NEW(2, SELL, 1, 1, time_in_force=FOK), [accepted(), canceled(1, **KILLED)]),
    # cancel
    ("a cancel", [BID], CXL(2, 1),
     [canceled(10, cum_lots=0, flags=RESTING, reason=0, cl_ord_id=2, orig_cl_ord_id=1, order_id=FIRST_ID, priority=1)]),
    ("a cancel tells what was open", [BID, NEW(2, SELL, 4, 100)], CXL(3, 1), [canceled(6, cum_lots=4)]),
    ("a cancel by OrderID too", [BID], CXL(2, 1, order_id=FIRST_ID), [canceled(10)]),
    ("OrderID null is not given", [BID], CXL(2, 1, order_id=(1 << 64) - 1), [canceled(10)]),
    ("a cancel of the same class of side", [NEW(1, SHORT, 10, 100)], CXL(2, 1, EXEMPT), [canceled(10, side=SHORT)]),
    ("a ClOrdID is free when its order is gone", [BID, CXL(2, 1)], NEW(1, BUY, 1, 1),
     [accepted(order_id=2 * FIRST_ID), rested()]),
    ("a ClOrdID is free when its order has traded", [BID, NEW(2, SELL, 10, 100)], NEW(1, BUY, 1, 1),
     [accepted(), rested()]),
    # replace
    ("less keeps the place", [BID], REP(2, 1, BUY, 6, 100),
     [replaced(flags=KEPT, qty_lots=6, leaves_lots=6, priority=1, cl_ord_id=2, orig_cl_ord_id=1, order_id=FIRST_ID)]),
    ("the same keeps the place", [BID], REP(2, 1, BUY, 10, 100), [replaced(flags=KEPT, priority=1)]),
    ("more loses the place", [BID], REP(2, 1, BUY, 11, 100),
     [replaced(flags=RESTING, leaves_lots=11, priority=0), rested(priority=2, flags=RESTING, cl_ord_id=2)]),
    ("a new price loses the place", [BID], REP(2, 1, BUY, 5, 99),
     [replaced(flags=RESTING, leaves_lots=5, price_ticks=99), rested(priority=2, price_ticks=99, order_id=FIRST_ID)]),
    ("OrderQty is the total", [BID, NEW(2, SELL, 4, 100)], REP(3, 1, BUY, 9, 100),
     [replaced(flags=KEPT, qty_lots=9, leaves_lots=5, cum_lots=4)]),
    ("a replace that crosses trades", [ASK, NEW(2, BUY, 15, 98)], REP(3, 2, BUY, 15, 100),
     [replaced(leaves_lots=15), trade(10, 100, cl_ord_id=3, request_kind=3, flags=RESTING),
      rested(leaves_lots=5, cum_lots=10, request_kind=3)]),
    ("a replace that fills whole", [ASK, NEW(2, BUY, 5, 98)], REP(3, 2, BUY, 5, 100),
     [replaced(), trade(5, 100, leaves_lots=0)]),
    ("a replace to nothing", [BID, NEW(2, SELL, 4, 100)], REP(3, 1, BUY, 4, 100),
     [canceled(6, cum_lots=4, flags=NOTHING, reason=codes.RESTATEMENT_REPLACED_TO_NOTHING, request_kind=3,
               cl_ord_id=3, orig_cl_ord_id=1)]),
    ("a replace to 0", [BID], REP(2, 1, BUY, 0, 77), [canceled(10, cum_lots=0, flags=NOTHING, price_ticks=100)]),
    ("after a replace the new ClOrdID names the order", [BID, REP(2, 1, BUY, 5, 100)], CXL(3, 2), [canceled(5)]),
    ("after a replace the old ClOrdID is free", [BID, REP(2, 1, BUY, 5, 100)], NEW(1, BUY, 1, 1),
     [accepted(), rested()]),
    ("after a replace the old ClOrdID names nothing", [BID, REP(2, 1, BUY, 5, 100)], CXL(3, 1),
     [rejected(codes.REJECT_UNKNOWN_ORDER)]),
]  # fmt: skip

WRONG_QTY, WRONG_PRICE = {"flags": COMMAND_QTY_OUT_OF_RANGE}, {"flags": COMMAND_PRICE_OFF_TICK}
WRONG_QTY_AND_PRICE = {"flags": COMMAND_QTY_OUT_OF_RANGE | COMMAND_PRICE_OFF_TICK}

# name, requests before, the request, the reason. In a block each row breaks its own check and all those after it.
REJECTS: list[tuple[str, list[Request], Request, int]] = [
    ("new: side", [BID], NEW(1, 3, 0, 5, flags=12, ord_type=1), codes.REJECT_INVALID_SIDE),
    ("new: side 0", [], NEW(1, 0, 1, 5), codes.REJECT_INVALID_SIDE),
    ("new: OrdType", [BID], NEW(1, BUY, 0, 5, flags=12, ord_type=49), codes.REJECT_UNSUPPORTED_ORDER),
    ("new: TimeInForce", [BID], NEW(1, BUY, 0, 5, flags=12, time_in_force=54), codes.REJECT_UNSUPPORTED_ORDER),
    ("new: ExecInst", [BID], NEW(1, BUY, 0, 5, flags=12, exec_inst=2), codes.REJECT_UNSUPPORTED_ORDER),
    ("new: quantity 0", [BID], NEW(1, BUY, 0, 5, **WRONG_PRICE), codes.REJECT_INCORRECT_QUANTITY),
    ("new: quantity below 0", [BID], NEW(1, BUY, -1, 5, **WRONG_PRICE), codes.REJECT_INCORRECT_QUANTITY),
    ("new: quantity above the limit", [], NEW(1, BUY, 1 << 31, 5), codes.REJECT_INCORRECT_QUANTITY),
    ("new: quantity that the wire could not hold", [BID], NEW(1, BUY, 1, 5, **WRONG_QTY_AND_PRICE),
     codes.REJECT_INCORRECT_QUANTITY),
    ("new: price off the tick", [BID], NEW(1, BUY, 1, 5, **WRONG_PRICE), codes.REJECT_INVALID_PRICE_INCREMENT),
    ("new: ClOrdID in use", [BID], NEW(1, BUY, 1, 5), codes.REJECT_DUPLICATE_ORDER),
    ("cancel: side", [], CXL(2, 1, 0), codes.REJECT_INVALID_SIDE),
    ("cancel: no such order", [], CXL(2, 1), codes.REJECT_UNKNOWN_ORDER),
    ("cancel: an order of another session", [BID], CXL(2, 1, session=1), codes.REJECT_UNKNOWN_ORDER),
    ("cancel: an order that is gone", [BID, CXL(2, 1)], CXL(3, 1), codes.REJECT_UNKNOWN_ORDER),
    ("cancel: an order that has traded", [BID, NEW(2, SELL, 10, 1)], CXL(3, 1), codes.REJECT_UNKNOWN_ORDER),
    ("cancel: an IOC never rests", [NEW(1, BUY, 1, 1, time_in_force=IOC)], CXL(3, 1), codes.REJECT_UNKNOWN_ORDER),
    ("cancel: another instrument", [BID], CXL(2, 1, instrument=1), codes.REJECT_ORDER_MISMATCH),
    ("cancel: another side", [BID], CXL(2, 1, SELL), codes.REJECT_ORDER_MISMATCH),
    ("cancel: another OrderID", [BID], CXL(2, 1, order_id=FIRST_ID + 1), codes.REJECT_ORDER_MISMATCH),
    ("replace: side", [BID], REP(1, 9, 3, -1, 5, flags=12, exec_inst=1), codes.REJECT_INVALID_SIDE),
    ("replace: ExecInst", [BID], REP(1, 9, BUY, -1, 5, flags=12, exec_inst=1), codes.REJECT_UNSUPPORTED_ORDER),
    ("replace: quantity", [BID], REP(1, 9, BUY, -1, 5, **WRONG_PRICE), codes.REJECT_INCORRECT_QUANTITY),
    ("replace: price off the tick", [BID], REP(1, 9, BUY, 1, 5, **WRONG_PRICE), codes.REJECT_INVALID_PRICE_INCREMENT),
    ("replace: ClOrdID in use", [BID], REP(1, 9, BUY, 1, 5), codes.REJECT_DUPLICATE_ORDER),
    ("replace: its own ClOrdID is in use", [BID], REP(1, 1, BUY, 1, 5), codes.REJECT_DUPLICATE_ORDER),
    ("replace: no such order", [BID], REP(2, 9, BUY, 1, 5, instrument=1), codes.REJECT_UNKNOWN_ORDER),
    ("replace: another instrument", [BID], REP(2, 1, BUY, 1, 5, instrument=1), codes.REJECT_ORDER_MISMATCH),
    ("replace: another side", [BID], REP(2, 1, SELL, 1, 5), codes.REJECT_ORDER_MISMATCH),
    ("replace: another OrderID", [BID], REP(2, 1, BUY, 1, 5, order_id=7), codes.REJECT_ORDER_MISMATCH),
]  # fmt: skip

FULL_ORDERS = [NEW(n, BUY, 1, n) for n in (1, 2, 3)]  # of a book with room for three orders on three levels
FULL_LEVELS = [NEW(1, BUY, 1, 1), NEW(2, BUY, 2, 2), NEW(3, BUY, 1, 2), NEW(4, SELL, 5, 9)]  # five orders, three levels
IS_FULL = rejected(codes.REJECT_BOOK_FULL)
NO_ROOM: list[tuple[str, int, list[Request], Request, list[Expected]]] = [
    ("no slot: nothing new", 3, FULL_ORDERS, NEW(4, BUY, 1, 1), [IS_FULL]),
    ("no slot: not even what would fill at once", 3, FULL_ORDERS, NEW(4, SELL, 1, 3, time_in_force=IOC), [IS_FULL]),
    ("no slot: a replace needs none", 3, FULL_ORDERS, REP(4, 1, BUY, 2, 3), [replaced(), rested()]),
    ("no slot: a cancel gives one", 3, [*FULL_ORDERS, CXL(4, 1)], NEW(5, BUY, 1, 1), [accepted(), rested()]),
    ("no level: none at a new price", 5, FULL_LEVELS, NEW(5, BUY, 1, 3), [IS_FULL]),
    ("no level: not even where matching would free one", 5, FULL_LEVELS, NEW(5, BUY, 6, 9), [IS_FULL]),
    ("no level: a price that has one", 5, FULL_LEVELS, NEW(5, BUY, 1, 1), [accepted(), rested()]),
    ("no level: IOC needs none", 5, FULL_LEVELS, NEW(5, BUY, 1, 9, time_in_force=IOC), [accepted(), trade(1, 9)]),
    ("no level: a replace out of a shared level", 5, FULL_LEVELS, REP(5, 2, BUY, 1, 3), [IS_FULL]),
    ("no level: a replace takes its own level along", 5, FULL_LEVELS, REP(5, 1, BUY, 1, 3), [replaced(), rested()]),
    ("no level: a replace to a level there is", 5, FULL_LEVELS, REP(5, 2, BUY, 1, 1), [replaced(), rested()]),
    ("no level: a replace at its price", 5, FULL_LEVELS, REP(5, 2, BUY, 9, 2), [replaced(), rested()]),
    ("no level: a replace to nothing needs none", 5, [*FULL_LEVELS, NEW(5, SELL, 1, 2, time_in_force=IOC)],
     REP(6, 2, BUY, 1, 7), [canceled(1, cum_lots=1, flags=NOTHING)]),
]  # fmt: skip


def play(twins: Twins, before: list[Request], request: Request) -> Any:
    for one in before:
        told = twins.apply(command_record(**one))
        assert told[0][0] != EVENT_REJECTED, one
    return np.array(twins.apply(command_record(**request)), dtype=EVENT)


def demand(told: Any, expected: list[Expected]) -> None:
    assert [int(kind) for kind in told["kind"]] == [kind for kind, _ in expected]
    for event, (_, fields) in zip(told, expected, strict=True):
        assert {name: int(event[name]) for name in fields} == fields


@pytest.mark.parametrize(("name", "before", "request_", "expected"), RULES, ids=[row[0] for row in RULES])
def test_rule(name: str, before: list[Request], request_: Request, expected: list[Expected]) -> None:
    twins = Twins(instruments=2, orders_max=16, levels_max=16)
    demand(play(twins, before, request_), expected)
    twins.compare_books()
    assert check_book(twins.book) == []


@pytest.mark.parametrize(("name", "before", "request_", "reason"), REJECTS, ids=[row[0] for row in REJECTS])
def test_reject(name: str, before: list[Request], request_: Request, reason: int) -> None:
    twins = Twins(instruments=2, orders_max=16, levels_max=16)
    echoed = ("cl_ord_id", "orig_cl_ord_id", "order_id", "side", "qty_lots", "price_ticks")
    told = play(twins, before, request_)
    demand(told, [rejected(reason, request_kind=request_["kind"])])
    assert {name: int(told[0][name]) for name in echoed} == {name: request_.get(name, 0) for name in echoed}
    twins.compare_books()


@pytest.mark.parametrize(("name", "orders_max", "before", "request_", "expected"), NO_ROOM, ids=[r[0] for r in NO_ROOM])
def test_no_room(
    name: str, orders_max: int, before: list[Request], request_: Request, expected: list[Expected]
) -> None:
    twins = Twins(instruments=1, orders_max=orders_max, levels_max=3)
    demand(play(twins, before, request_), expected)
    twins.compare_books()
    assert check_book(twins.book) == []
