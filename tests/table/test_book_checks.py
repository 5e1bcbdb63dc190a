"""Why a request is refused (docs/MATCHING.md section 3): a row breaks its own check and all later ones."""

from __future__ import annotations

import pytest

from native import codes
from native.layout import (
    COMMAND_PRICE_MISSING,
    COMMAND_PRICE_OFF_TICK,
    COMMAND_QTY_OUT_OF_RANGE,
    COMMAND_STOP_PRICE_MISSING,
    COMMAND_STOP_PRICE_OFF_TICK,
)
from tests.naive.book_rows import (
    AT_CLOSE,
    AT_OPEN,
    BUY,
    CXL,
    DAY,
    FIRST_ID,
    FOK,
    GFA,
    GTC,
    GTD,
    IOC,
    KEPT,
    LIMIT,
    LIMIT_IF_TOUCHED,
    MARKET,
    MARKET_IF_TOUCHED,
    MASS,
    MTL,
    NEW,
    NOTHING,
    NOW,
    PHASE,
    REP,
    RESTING,
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
    play,
    rejected,
    replaced,
    rested,
    table,
    trade,
    twins_of,
)

Refused = tuple[str, Rules, list[Request], Request, int, int]
"""Name, rules, requests before, the request, reason, limit."""

TIGHT = {
    "qty_lots_min": 4, "qty_lots_max": 40, "qty_step_lots": 2, "price_ticks_min": 10, "price_ticks_max": 200,
    "tick_table": ((0, 5),),
}  # fmt: skip
BOOK = [NEW(1, BUY, 10, 100), NEW(2, SELL, 10, 150)]
OFF_TICK, MISSING, QTY = COMMAND_PRICE_OFF_TICK, COMMAND_PRICE_MISSING, COMMAND_QTY_OUT_OF_RANGE
STOP_OFF_TICK, STOP_IS_MISSING = COMMAND_STOP_PRICE_OFF_TICK, COMMAND_STOP_PRICE_MISSING
BAD_FLAGS = OFF_TICK | MISSING | QTY | STOP_OFF_TICK | STOP_IS_MISSING
POST_AND_REDUCE = {"exec_inst": 5}
PAST = {"time_in_force": GTD, "expire_time_ns": NOW}


def WRONG(side: int = BUY, qty_lots: int = -1, price_ticks: int = 3, **more: int) -> Request:
    """Everything wrong from the quantity on: parts, prices, ExpireTime, ClOrdID, ReduceOnly, PostOnly."""
    wrong = {"display_qty_lots": 99, "min_qty_lots": 99, "flags": BAD_FLAGS, "stop_price_ticks": 3}
    return NEW(1, side, qty_lots, price_ticks, **(wrong | PAST | POST_AND_REDUCE | more))


def WRONG_STOP(qty_lots: int = 10, price_ticks: int = 150, **more: int) -> Request:
    wrong = {"ord_type": STOP_LIMIT, "exec_inst": 4, "flags": STOP_OFF_TICK | STOP_IS_MISSING, "stop_price_ticks": 3}
    return NEW(1, BUY, qty_lots, price_ticks, **(wrong | PAST | more))


GOOD = {"display_qty_lots": 0, "min_qty_lots": 0, "flags": 0}
NEW_ORDERS: list[Refused] = [
    ("new: side", TIGHT, BOOK, WRONG(3, ord_type=80), codes.REJECT_INVALID_SIDE, 0),
    ("new: side 0", TIGHT, BOOK, WRONG(0), codes.REJECT_INVALID_SIDE, 0),
    ("new: combination", TIGHT, [PHASE(2)], WRONG(ord_type=80), codes.REJECT_UNSUPPORTED_ORDER, 0),
    ("new: closed", TIGHT, [PHASE(4)], WRONG(), codes.REJECT_EXCHANGE_CLOSED, 0),
    ("new: halted", TIGHT, [PHASE(2)], WRONG(), codes.REJECT_HALTED, 0),
    ("new: frozen", TIGHT, [PHASE(8), PHASE(5)], NEW(1, BUY, -1, 3, time_in_force=AT_OPEN, flags=BAD_FLAGS),
     codes.REJECT_FROZEN, 0),
    ("new: too late for the opening", TIGHT, [PHASE(8)], NEW(1, BUY, -1, 3, time_in_force=AT_OPEN, flags=BAD_FLAGS),
     codes.REJECT_TOO_LATE, 0),
    ("new: AtOpen in continuous trading", TIGHT, BOOK, NEW(1, BUY, -1, 3, time_in_force=AT_OPEN),
     codes.REJECT_TOO_LATE, 0),
    ("new: not in an auction", TIGHT, [PHASE(8)], WRONG(), codes.REJECT_NOT_IN_THIS_PHASE, 0),
    ("new: quantity that the wire could not hold", TIGHT, BOOK, WRONG(qty_lots=10), codes.REJECT_INCORRECT_QUANTITY, 0),
    ("new: quantity 0", TIGHT, BOOK, WRONG(qty_lots=0, flags=0), codes.REJECT_INCORRECT_QUANTITY, 0),
    ("new: quantity below 0", TIGHT, BOOK, WRONG(qty_lots=-2, flags=0), codes.REJECT_INCORRECT_QUANTITY, 0),
    ("new: quantity below the least", TIGHT, BOOK, WRONG(qty_lots=2, flags=0), codes.REJECT_INCORRECT_QUANTITY, 0),
    ("new: quantity no multiple", TIGHT, BOOK, WRONG(qty_lots=51, flags=0), codes.REJECT_INCORRECT_QUANTITY, 0),
    ("new: quantity above the largest", TIGHT, BOOK, WRONG(qty_lots=42, flags=0), codes.REJECT_EXCEEDS_LIMIT, 40),
    ("new: DisplayQty above OrderQty", TIGHT, BOOK, WRONG(qty_lots=10, flags=OFF_TICK),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("new: DisplayQty below 0", TIGHT, BOOK, WRONG(qty_lots=10, flags=OFF_TICK, display_qty_lots=-1, min_qty_lots=0),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("new: an iceberg of too many parts", {}, [],
     WRONG(qty_lots=1025, flags=OFF_TICK, display_qty_lots=1, min_qty_lots=0),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("new: MinQty above OrderQty", TIGHT, BOOK, WRONG(qty_lots=10, flags=OFF_TICK, display_qty_lots=2),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("new: MinQty below 0", TIGHT, BOOK, WRONG(qty_lots=10, flags=OFF_TICK, display_qty_lots=2, min_qty_lots=-1),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("new: no price", TIGHT, BOOK, WRONG(qty_lots=10, **GOOD | {"flags": OFF_TICK | MISSING}),
     codes.REJECT_PRICE_MISSING, 0),
    ("new: price flagged off the tick", TIGHT, BOOK, WRONG(qty_lots=10, **GOOD | {"flags": OFF_TICK}),
     codes.REJECT_INVALID_PRICE_INCREMENT, 0),
    ("new: price off its row of the tick table", TIGHT, BOOK, WRONG(qty_lots=10, price_ticks=3, **GOOD),
     codes.REJECT_INVALID_PRICE_INCREMENT, 0),
    ("new: price too low", TIGHT, BOOK, WRONG(qty_lots=10, price_ticks=5, **GOOD), codes.REJECT_PRICE_OUT_OF_BAND, 10),
    ("new: price too high", TIGHT, BOOK, WRONG(qty_lots=10, price_ticks=205, **GOOD), codes.REJECT_PRICE_OUT_OF_BAND,
     200),
    ("new: no stop price", TIGHT, BOOK, WRONG_STOP(), codes.REJECT_STOP_PRICE_MISSING, 0),
    ("new: stop price flagged off the tick", TIGHT, BOOK, WRONG_STOP(flags=STOP_OFF_TICK),
     codes.REJECT_INVALID_PRICE_INCREMENT, 0),
    ("new: stop price off its row", TIGHT, BOOK, WRONG_STOP(flags=0), codes.REJECT_INVALID_PRICE_INCREMENT, 0),
    ("new: stop price too low", TIGHT, BOOK, WRONG_STOP(flags=0, stop_price_ticks=5), codes.REJECT_PRICE_OUT_OF_BAND,
     10),
    ("new: stop price too high", TIGHT, BOOK, WRONG_STOP(flags=0, stop_price_ticks=300),
     codes.REJECT_PRICE_OUT_OF_BAND, 200),
    ("new: ExpireTime is now", TIGHT, BOOK, WRONG(qty_lots=10, price_ticks=150, **GOOD), codes.REJECT_EXPIRE_TIME, 0),
    ("new: ClOrdID in use", TIGHT | {"orders_max": 2}, BOOK, NEW(1, BUY, 10, 150, **POST_AND_REDUCE),
     codes.REJECT_DUPLICATE_ORDER, 0),
    ("new: ClOrdID of a waiting order", TIGHT, [NEW(1, BUY, 10, ord_type=STOP, stop_price_ticks=100)],
     NEW(1, BUY, 10, 150),
     codes.REJECT_DUPLICATE_ORDER, 0),
    ("new: ClOrdID of a parked order", TIGHT, [NEW(1, BUY, 10, 100, time_in_force=AT_CLOSE)], NEW(1, BUY, 10, 150),
     codes.REJECT_DUPLICATE_ORDER, 0),
    ("new: no slot", TIGHT | {"orders_max": 2}, BOOK, NEW(3, BUY, 10, 150, **POST_AND_REDUCE), codes.REJECT_BOOK_FULL,
     0),
    ("new: no position entry", TIGHT | {"positions_max": 2}, BOOK, NEW(3, BUY, 10, 150, **POST_AND_REDUCE),
     codes.REJECT_BOOK_FULL, 0),
    ("new: no level", TIGHT | {"levels_max": 2}, BOOK, NEW(3, BUY, 10, 150, **POST_AND_REDUCE),
     codes.REJECT_BOOK_FULL, 0),
    ("new: ReduceOnly", TIGHT, BOOK, NEW(3, BUY, 10, 150, **POST_AND_REDUCE), codes.REJECT_REDUCE_ONLY, 0),
    ("new: PostOnly", TIGHT, BOOK, NEW(3, BUY, 10, 150, exec_inst=1), codes.REJECT_WOULD_TRADE, 0),
]  # fmt: skip

CANCELS: list[Refused] = [
    ("cancel: side", {}, [PHASE(7), PHASE(5)], CXL(2, 1, 0), codes.REJECT_INVALID_SIDE, 0),
    ("cancel: no such order", {}, [PHASE(7), PHASE(5)], CXL(2, 1, instrument=1), codes.REJECT_UNKNOWN_ORDER, 0),
    ("cancel: an order of another session", {}, BOOK, CXL(3, 1, session=1), codes.REJECT_UNKNOWN_ORDER, 0),
    ("cancel: an order that is gone", {}, [*BOOK, CXL(3, 1)], CXL(4, 1), codes.REJECT_UNKNOWN_ORDER, 0),
    ("cancel: an order that has traded", {}, [*BOOK, NEW(3, SELL, 10, 1)], CXL(4, 1), codes.REJECT_UNKNOWN_ORDER, 0),
    ("cancel: an IOC never rests", {}, [NEW(1, BUY, 1, 1, time_in_force=IOC)], CXL(2, 1), codes.REJECT_UNKNOWN_ORDER,
     0),
    ("cancel: another instrument", {}, [*BOOK, PHASE(7, instrument=1), PHASE(5, instrument=1)], CXL(3, 1, instrument=1),
     codes.REJECT_ORDER_MISMATCH, 0),
    ("cancel: another side", {}, [*BOOK, PHASE(7), PHASE(5)], CXL(3, 1, SELL), codes.REJECT_ORDER_MISMATCH, 0),
    ("cancel: another OrderID", {}, [*BOOK, PHASE(7), PHASE(5)], CXL(3, 1, order_id=FIRST_ID + 1),
     codes.REJECT_ORDER_MISMATCH, 0),
    ("cancel: frozen", {}, [*BOOK, PHASE(7), PHASE(5)], CXL(3, 1), codes.REJECT_FROZEN, 0),
]  # fmt: skip

ICEBERG = [NEW(1, BUY, 10, 100, display_qty_lots=2, exec_inst=1), NEW(2, SELL, 10, 150)]
LONG = [NEW(90, SELL, 10, 50, account=8), NEW(91, BUY, 10, 50)]
REDUCING = [*LONG, NEW(1, SELL, 10, 150, exec_inst=4), NEW(2, BUY, 10, 100)]
STOPPED = [NEW(1, BUY, 10, 100, STOP_LIMIT, stop_price_ticks=120)]
REPLACES: list[Refused] = [
    ("replace: side", TIGHT, ICEBERG, REP(1, 9, 3, -1, 3, flags=BAD_FLAGS, exec_inst=2), codes.REJECT_INVALID_SIDE, 0),
    ("replace: quantity below 0", TIGHT, ICEBERG, REP(1, 9, BUY, -1, 3, flags=OFF_TICK),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("replace: quantity that the wire could not hold", TIGHT, ICEBERG, REP(1, 9, BUY, 10, 3, flags=BAD_FLAGS),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("replace: price flagged off the tick", TIGHT, ICEBERG, REP(1, 9, BUY, 3, 3, flags=OFF_TICK),
     codes.REJECT_INVALID_PRICE_INCREMENT, 0),
    ("replace: stop price flagged off the tick", TIGHT, ICEBERG, REP(1, 9, BUY, 3, 3, flags=STOP_OFF_TICK),
     codes.REJECT_INVALID_PRICE_INCREMENT, 0),
    ("replace: ClOrdID in use", TIGHT, ICEBERG, REP(1, 9, BUY, 3, 3), codes.REJECT_DUPLICATE_ORDER, 0),
    ("replace: its own ClOrdID is in use", TIGHT, ICEBERG, REP(1, 1, BUY, 3, 3), codes.REJECT_DUPLICATE_ORDER, 0),
    ("replace: no such order", TIGHT, ICEBERG, REP(3, 9, BUY, 3, 3, instrument=1), codes.REJECT_UNKNOWN_ORDER, 0),
    ("replace: another instrument", TIGHT, [*ICEBERG, PHASE(2, instrument=1)], REP(3, 1, BUY, 3, 3, instrument=1),
     codes.REJECT_ORDER_MISMATCH, 0),
    ("replace: another side", TIGHT, [*ICEBERG, PHASE(2)], REP(3, 1, SELL, 3, 3), codes.REJECT_ORDER_MISMATCH, 0),
    ("replace: another OrderID", TIGHT, [*ICEBERG, PHASE(2)], REP(3, 1, BUY, 3, 3, order_id=7),
     codes.REJECT_ORDER_MISMATCH, 0),
    ("replace: closed", TIGHT, [NEW(1, BUY, 10, 100, time_in_force=GTC), PHASE(4)], REP(3, 1, BUY, 0, 3, exec_inst=2),
     codes.REJECT_EXCHANGE_CLOSED, 0),
    ("replace: halted", TIGHT, [*ICEBERG, PHASE(2)], REP(3, 1, BUY, 0, 3, exec_inst=2), codes.REJECT_HALTED, 0),
    ("replace: frozen", TIGHT, [*ICEBERG, PHASE(3), PHASE(5)], REP(3, 1, BUY, 0, 3, exec_inst=2), codes.REJECT_FROZEN,
     0),
    ("replace: another ExecInst", TIGHT, ICEBERG, REP(3, 1, BUY, 0, 3, exec_inst=2), codes.REJECT_UNSUPPORTED_ORDER, 0),
    ("replace: quantity below the least", TIGHT, ICEBERG, REP(3, 1, BUY, 2, 3, display_qty_lots=99),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("replace: quantity no multiple", TIGHT, ICEBERG, REP(3, 1, BUY, 51, 3, display_qty_lots=99),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("replace: quantity above the largest", TIGHT, ICEBERG, REP(3, 1, BUY, 42, 3, display_qty_lots=99),
     codes.REJECT_EXCEEDS_LIMIT, 40),
    ("replace: no iceberg of a hidden order", TIGHT, [NEW(1, BUY, 10, 100, exec_inst=16)],
     REP(3, 1, BUY, 10, 3, display_qty_lots=99), codes.REJECT_UNSUPPORTED_ORDER, 0),
    ("replace: no iceberg for an auction", TIGHT, [NEW(1, BUY, 10, 100, time_in_force=AT_CLOSE)],
     REP(3, 1, BUY, 10, 3, display_qty_lots=99), codes.REJECT_UNSUPPORTED_ORDER, 0),
    ("replace: DisplayQty above OrderQty", TIGHT, ICEBERG, REP(3, 1, BUY, 10, 3, display_qty_lots=11),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("replace: DisplayQty below 0", TIGHT, ICEBERG, REP(3, 1, BUY, 10, 3, display_qty_lots=-1),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("replace: too many parts of the DisplayQty that holds", {}, ICEBERG, REP(3, 1, BUY, 2049, 150),
     codes.REJECT_INCORRECT_QUANTITY, 0),
    ("replace: price off its row", TIGHT, ICEBERG, REP(3, 1, BUY, 10, 3), codes.REJECT_INVALID_PRICE_INCREMENT, 0),
    ("replace: price too low", TIGHT, ICEBERG, REP(3, 1, BUY, 10, 5), codes.REJECT_PRICE_OUT_OF_BAND, 10),
    ("replace: price too high", TIGHT, ICEBERG, REP(3, 1, BUY, 10, 205), codes.REJECT_PRICE_OUT_OF_BAND, 200),
    ("replace: stop price off its row", TIGHT, STOPPED, REP(3, 1, BUY, 10, stop_price_ticks=3),
     codes.REJECT_INVALID_PRICE_INCREMENT, 0),
    ("replace: stop price too high", TIGHT, STOPPED, REP(3, 1, BUY, 10, stop_price_ticks=205),
     codes.REJECT_PRICE_OUT_OF_BAND, 200),
    ("replace: no level", {"levels_max": 2}, [*LONG, NEW(3, SELL, 1, 150), *REDUCING[2:]], REP(9, 1, SELL, 12, 100),
     codes.REJECT_BOOK_FULL, 0),
    ("replace: ReduceOnly", {}, REDUCING, REP(9, 1, SELL, 12, 100), codes.REJECT_REDUCE_ONLY, 10),
    ("replace: PostOnly", TIGHT, ICEBERG, REP(3, 1, BUY, 10, 150), codes.REJECT_WOULD_TRADE, 0),
]  # fmt: skip

MASS_CANCELS: list[Refused] = [
    ("mass cancel: side", {}, [PHASE(7), PHASE(5)], MASS(side=3, instrument=0), codes.REJECT_INVALID_SIDE, 0),
    ("mass cancel: frozen", {}, [PHASE(7), PHASE(5)], MASS(side=2, instrument=0), codes.REJECT_FROZEN, 0),
]  # fmt: skip


ROWS = [*NEW_ORDERS, *CANCELS, *REPLACES, *MASS_CANCELS]


@pytest.mark.parametrize(("name", "rules", "before", "request_", "reason", "limit"), ROWS, ids=[row[0] for row in ROWS])
def test_reject(name: str, rules: Rules, before: list[Request], request_: Request, reason: int, limit: int) -> None:
    echoed = ("cl_ord_id", "order_id", "side", "qty_lots", "price_ticks", "instrument", "ord_type")
    echo = {name: request_[name] for name in echoed if name in request_}
    demand(
        twins_of(rules), before, request_, [rejected(reason, limit_value=limit, request_kind=request_["kind"], **echo)]
    )


# --- combinations (check 2) ---------------------------------------------------------------------------------------

TIMES = {"DAY": DAY, "GTC": GTC, "AtOpen": AT_OPEN, "IOC": IOC, "FOK": FOK, "GTD": GTD, "AtClose": AT_CLOSE, "GFA": GFA}
TYPES = {
    "Limit": LIMIT, "Market": MARKET, "MTL": MTL, "Stop": STOP, "StopLimit": STOP_LIMIT, "MIT": MARKET_IF_TOUCHED,
    "LIT": LIMIT_IF_TOUCHED,
}  # fmt: skip
STAY = {"DAY", "GTC", "GTD"}
TAKEN = dict.fromkeys(TYPES, STAY) | {"Limit": set(TIMES), "Market": set(TIMES) - {"GTC", "GTD"}}
WITH: dict[str, tuple[dict[str, int], dict[str, set[str]]]] = {
    "nothing": ({}, TAKEN),
    "PostOnly": ({"exec_inst": 1}, {"Limit": STAY}),
    "PostOnlySlide": ({"exec_inst": 2}, {"Limit": STAY}),
    "ReduceOnly": ({"exec_inst": 4}, TAKEN),
    "NoCancelOnDisconnect": ({"exec_inst": 8}, TAKEN),
    "Hidden": ({"exec_inst": 16}, {"Limit": STAY, "StopLimit": STAY, "LIT": STAY}),
    "AllOrNone": ({"exec_inst": 32}, {}),
    "ISO": ({"exec_inst": 64}, {}),
    "bit 7": ({"exec_inst": 128}, {}),
    "bit 15": ({"exec_inst": 1 << 15}, {}),
    "DisplayQty": ({"display_qty_lots": 1}, {"Limit": STAY, "StopLimit": STAY, "LIT": STAY, "MTL": STAY}),
    "DisplayQty and Hidden": ({"display_qty_lots": 1, "exec_inst": 16}, {}),
    "MinQty": ({"min_qty_lots": 1}, {"Limit": {*STAY, "IOC"}, "Market": {"DAY", "IOC"}}),
    "STP 5": ({"stp_instruction": 5}, TAKEN),
    "STP 6": ({"stp_instruction": 6}, {}),
}


@pytest.mark.parametrize("extra", WITH)
@pytest.mark.parametrize("ord_type", TYPES)
def test_combinations(ord_type: str, extra: str) -> None:
    """A combination that is none is refused for that; every other gets past this check."""
    fields, taken = WITH[extra]
    twins = twins_of({})
    for at, (name, time_in_force) in enumerate(TIMES.items(), start=1):
        terms = fields | {"time_in_force": time_in_force, "expire_time_ns": NOW + 1, "stop_price_ticks": 5}
        told = play(twins, [], NEW(at, BUY, 2, 1, TYPES[ord_type], **terms))
        refused = int(told[0]["reason"]) == codes.REJECT_UNSUPPORTED_ORDER
        assert refused == (name not in taken.get(ord_type, ())), name


@pytest.mark.parametrize("ord_type", [0, 53, 80, 255])
def test_other_types_are_refused(ord_type: int) -> None:
    demand(twins_of({}), [], NEW(1, BUY, 1, 1, ord_type), [rejected(codes.REJECT_UNSUPPORTED_ORDER)])


# --- room (check 8) -----------------------------------------------------------------------------------------------

FULL_ORDERS = [NEW(n, BUY, 1, n) for n in (1, 2, 3)]
FULL_LEVELS = [NEW(1, BUY, 1, 1), NEW(2, BUY, 2, 2), NEW(3, BUY, 1, 2), NEW(4, SELL, 5, 9)]
THREE, LEVELS = {"orders_max": 3, "levels_max": 3}, {"orders_max": 5, "levels_max": 3}
IS_FULL = [rejected(codes.REJECT_BOOK_FULL)]
LATER = {"time_in_force": GTD, "expire_time_ns": NOW + 5}
ROOM: list[Row] = [
    ("no slot: nothing new", THREE, FULL_ORDERS, NEW(4, BUY, 1, 1), IS_FULL),
    ("no slot: not even what would fill at once", THREE, FULL_ORDERS, NEW(4, SELL, 1, 3, time_in_force=IOC), IS_FULL),
    ("no slot: a replace needs none", THREE, FULL_ORDERS, REP(4, 1, BUY, 2, 3), [replaced(), rested()]),
    ("no slot: a cancel gives one", THREE, [*FULL_ORDERS, CXL(4, 1)], NEW(5, BUY, 1, 1), [accepted(), rested()]),
    ("no level: none at a new price", LEVELS, FULL_LEVELS, NEW(5, BUY, 1, 3), IS_FULL),
    ("no level: not even where matching would free one", LEVELS, FULL_LEVELS, NEW(5, BUY, 6, 9), IS_FULL),
    ("no level: a price that has one", LEVELS, FULL_LEVELS, NEW(5, BUY, 1, 1), [accepted(), rested()]),
    ("no level: IOC needs none", LEVELS, FULL_LEVELS, NEW(5, BUY, 1, 9, time_in_force=IOC), [accepted(), trade(1, 9)]),
    ("no level: market needs none", LEVELS, FULL_LEVELS, NEW(5, BUY, 1, ord_type=MARKET), [accepted(), trade(1, 9)]),
    ("no level: market-to-limit needs none, and its rest is cancelled", LEVELS,
     FULL_LEVELS, NEW(7, SELL, 4, ord_type=MTL, **LATER),
     [accepted(), trade(2, 2), trade(1, 2), canceled(1, price_ticks=2, reason=codes.RESTATEMENT_BOOK_FULL)]),
    ("no level: a trigger needs one", LEVELS, FULL_LEVELS, NEW(5, BUY, 1, ord_type=STOP, stop_price_ticks=9), IS_FULL),
    ("no level: a parked order needs one", LEVELS, FULL_LEVELS, NEW(5, BUY, 1, 9, time_in_force=GFA), IS_FULL),
    ("no level: GTD needs one for its time", LEVELS, FULL_LEVELS, NEW(5, BUY, 1, 1, **LATER), IS_FULL),
    ("no level: GTD with a time that has one", LEVELS, [NEW(1, BUY, 1, 1, **LATER), NEW(2, SELL, 1, 5)],
     NEW(5, BUY, 1, 1, **LATER), [accepted(), rested()]),
    ("no level: a replace out of a shared level", LEVELS, FULL_LEVELS, REP(5, 2, BUY, 1, 3), IS_FULL),
    ("no level: a replace takes its own level along", LEVELS, FULL_LEVELS, REP(5, 1, BUY, 1, 3),
     [replaced(), rested()]),
    ("no level: a replace to a level there is", LEVELS, FULL_LEVELS, REP(5, 2, BUY, 1, 1), [replaced(), rested()]),
    ("no level: a replace at its price", LEVELS, FULL_LEVELS, REP(5, 2, BUY, 9, 2), [replaced(), rested()]),
    ("no level: a replace in its place needs none, not even to be parked", {"phase": 8, "levels_max": 1},
     [NEW(1, BUY, 5, 7, time_in_force=AT_CLOSE), PHASE(0)], REP(2, 1, BUY, 4, 7), [replaced(flags=KEPT)]),
    ("no level: a replace out of its place frees its own to be parked", {"phase": 8, "levels_max": 1},
     [NEW(1, BUY, 5, 7, time_in_force=AT_CLOSE), PHASE(0)], REP(2, 1, BUY, 6, 7), [replaced(flags=RESTING)]),
    ("no level: a replace to nothing needs none", LEVELS, [*FULL_LEVELS, NEW(5, SELL, 1, 2, time_in_force=IOC)],
     REP(6, 2, BUY, 1, 7), [canceled(1, cum_lots=1, flags=NOTHING)]),
    ("no position entry: open orders may need theirs", {"positions_max": 3}, FULL_ORDERS, NEW(4, BUY, 1, 1), IS_FULL),
    ("no position entry: those that are there stay", {"positions_max": 3},
     [NEW(1, BUY, 1, 5), NEW(2, SELL, 1, 5, account=1),
     NEW(3, BUY, 1, 5)], NEW(4, BUY, 1, 1), IS_FULL),
]  # fmt: skip


@table(ROOM)
def test_room(name: str, rules: Rules, before: list[Request], request_: Request, expected: list[Expected]) -> None:
    demand(twins_of(rules), before, request_, expected)
