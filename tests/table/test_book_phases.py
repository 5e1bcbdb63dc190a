"""Phases, timers, schedules and expiries, one line a rule (docs/MATCHING.md section 2)."""

from __future__ import annotations

from native import codes
from native.layout import EVENT_FLAG_FROZEN, EVENT_FLAG_PRICE
from tests.naive.book_rows import (
    AT_CLOSE,
    AT_OPEN,
    BUY,
    CXL,
    GFA,
    GTC,
    GTD,
    LIMIT,
    MARKET,
    MTL,
    NEW,
    NOW,
    PHASE,
    REP,
    RESTING,
    RETAINED,
    SELL,
    STOP,
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
    twins_of,
)

PRE_OPEN, CONTINUOUS, HALT, VOLATILITY, CLOSED, FREEZE, OPENING, CLOSING = 0, 1, 2, 3, 4, 5, 7, 8
HOUR = 3600 * 10**9  # the tables begin at eight
BID, ASK = NEW(1, BUY, 10, 100), NEW(2, SELL, 10, 110)
MOO = {"time_in_force": AT_OPEN}
MOC = {"time_in_force": AT_CLOSE}
AUCTION_ONLY = {"time_in_force": GFA}
INT64_MAX, INT64_MIN = 2**63 - 1, -(2**63)


def GTD_BUY(cl_ord_id: int, price: int, after_ns: int, **more: int) -> Request:
    return NEW(cl_ord_id, BUY, 1, price, **({"time_in_force": GTD, "expire_time_ns": NOW + after_ns} | more))


CHANGES: list[Row] = [
    ("into an auction", {"static_reference_ticks": 100}, [], PHASE(OPENING),
     [phase(OPENING, CONTINUOUS, price_ticks=100, flags=EVENT_FLAG_PRICE, request_kind=5)]),
    ("without a static reference", {}, [], PHASE(HALT), [phase(HALT, CONTINUOUS, price_ticks=0, flags=0)]),
    ("the phase that already is", {}, [], PHASE(CONTINUOUS), []),
    ("freeze outside an auction", {}, [], PHASE(FREEZE), []),
    ("freeze in pre-open", {}, [PHASE(PRE_OPEN)], PHASE(FREEZE), []),
    ("freeze in an auction", {}, [PHASE(OPENING)], PHASE(FREEZE), [phase(FREEZE, OPENING)]),
    ("freeze twice", {}, [PHASE(OPENING), PHASE(FREEZE)], PHASE(FREEZE), []),
    ("one instrument, not the other", {}, [PHASE(HALT, instrument=1)], BID, [accepted(), rested()]),
    ("continuous after a halt: an uncross without a trade", {}, [BID, PHASE(HALT)], PHASE(CONTINUOUS),
     [held(None, reason=HALT), phase(CONTINUOUS, HALT)]),
    ("closed from continuous: no uncross; the day's orders go", {},
     [BID, ASK | {"time_in_force": GTC}, NEW(3, SELL, 5, 120), NEW(4, BUY, 5, 90),
      NEW(5, SELL, 1, ord_type=STOP, stop_price_ticks=95), NEW(6, BUY, 1, ord_type=STOP, stop_price_ticks=95),
      NEW(7, BUY, 1, 80, **MOC), NEW(8, BUY, 1, 80, **AUCTION_ONLY), GTD_BUY(9, 100, 5)], PHASE(CLOSED),
     [*(canceled(qty, cl_ord_id=id_, reason=codes.RESTATEMENT_EXPIRED, request_kind=5)
        for qty, id_ in ((10, 1), (5, 4), (5, 3), (1, 5), (1, 6), (1, 8), (1, 7))), phase(CLOSED, CONTINUOUS)]),
    ("closed from an auction: uncross first", {}, [PHASE(CLOSING), BID, NEW(2, SELL, 4, 100)], PHASE(CLOSED),
     [trade(4, 100), held(100, 4, 6), canceled(6, cl_ord_id=1, reason=codes.RESTATEMENT_EXPIRED),
     phase(CLOSED, CLOSING)]),
    ("closed from pre-open: no uncross", {}, [PHASE(PRE_OPEN), BID, NEW(2, SELL, 4, 100)], PHASE(CLOSED),
     [canceled(10), canceled(4), phase(CLOSED, PRE_OPEN)]),
    ("an auction after an auction: no uncross", {}, [PHASE(OPENING), BID, NEW(2, SELL, 4, 100)], PHASE(CLOSING),
     [phase(CLOSING, OPENING)]),
    ("a halt after an auction: no uncross", {}, [PHASE(OPENING), BID, NEW(2, SELL, 4, 100)], PHASE(HALT),
     [phase(HALT, OPENING)]),
    ("into an auction: its parked orders join, GoodForAuction first", {},
     [NEW(1, BUY, 1, 99, **MOC), NEW(2, BUY, 1, 98, **AUCTION_ONLY), NEW(3, BUY, 1, ord_type=MARKET, **AUCTION_ONLY)],
     PHASE(CLOSING),
     [phase(CLOSING, CONTINUOUS), rested(cl_ord_id=2, priority=4, flags=0),
     rested(cl_ord_id=3, price_ticks=INT64_MAX, priority=5),
      rested(cl_ord_id=1, priority=6)]),
    ("into another auction: AtClose stays parked", {}, [NEW(1, BUY, 1, 99, **MOC)], PHASE(OPENING),
     [phase(OPENING, CONTINUOUS)]),
    ("a parked order that finds no level", {"levels_max": 2},
     [NEW(1, BUY, 1, 98, **AUCTION_ONLY), NEW(2, BUY, 1, 97, **AUCTION_ONLY), NEW(3, BUY, 1, 96)],
     PHASE(CLOSING), [phase(CLOSING, CONTINUOUS), canceled(1, cl_ord_id=1, flags=0, reason=codes.RESTATEMENT_BOOK_FULL),
                      rested(cl_ord_id=2)]),
    ("parked orders do not join pre-open", {}, [NEW(1, BUY, 1, 99, **AUCTION_ONLY)], PHASE(PRE_OPEN),
     [phase(PRE_OPEN, CONTINUOUS)]),
]  # fmt: skip

TAKEN: list[Row] = [
    ("pre-open: orders rest and do not match", {"phase": PRE_OPEN}, [BID], NEW(2, SELL, 5, 90),
     [accepted(), rested(priority=2)]),
    ("pre-open: a market buy rests at the best price", {"phase": PRE_OPEN}, [], NEW(1, BUY, 5, ord_type=MARKET),
     [accepted(price_ticks=0), rested(price_ticks=INT64_MAX, ord_type=MARKET)]),
    ("pre-open: a market-to-limit sell rests at the best price", {"phase": PRE_OPEN}, [], NEW(1, SELL, 5, ord_type=MTL),
     [accepted(), rested(price_ticks=INT64_MIN, ord_type=MTL)]),
    ("pre-open: GoodForAuction rests", {"phase": PRE_OPEN}, [], NEW(1, BUY, 5, 1, **AUCTION_ONLY),
     [accepted(), rested()]),
    ("pre-open: AtOpen rests", {"phase": PRE_OPEN}, [], NEW(1, BUY, 5, 1, **MOO), [accepted(), rested()]),
    ("opening: AtOpen rests", {"phase": OPENING}, [], NEW(1, BUY, 5, 1, **MOO), [accepted(), rested()]),
    ("pre-open: AtClose is parked", {"phase": PRE_OPEN}, [], NEW(1, BUY, 5, 1, **MOC), [accepted()]),
    ("continuous: AtClose is parked", {}, [ASK], NEW(1, BUY, 5, 200, **MOC), [accepted()]),
    ("continuous: GoodForAuction is parked", {}, [ASK], NEW(1, BUY, 5, 200, **AUCTION_ONLY), [accepted()]),
    ("continuous: a parked market order", {}, [ASK], NEW(1, BUY, 5, ord_type=MARKET, **MOC), [accepted(price_ticks=0)]),
    ("closing: AtClose rests", {"phase": CLOSING}, [], NEW(1, BUY, 5, 1, **MOC), [accepted(), rested()]),
    ("volatility auction: GoodForAuction rests", {"phase": VOLATILITY}, [], NEW(1, BUY, 5, 1, **AUCTION_ONLY),
     [accepted(), rested()]),
    ("auction: stops wait", {"phase": OPENING}, [], NEW(1, BUY, 5, ord_type=STOP, stop_price_ticks=5), [accepted()]),
    ("auction: Hidden and icebergs rest as such", {"phase": OPENING}, [NEW(1, BUY, 5, 1, exec_inst=16)],
     NEW(2, BUY, 5, 1, display_qty_lots=2), [accepted(), rested(display_lots=2)]),
    ("auction: a replace does not match", {"phase": OPENING}, [BID, ASK], REP(3, 1, BUY, 10, 120),
     [replaced(flags=RESTING), rested(priority=3, flags=RESTING)]),
    ("auction: a PostOnly order is replaced without a check", {}, [BID | {"exec_inst": 1}, ASK, PHASE(OPENING)],
     REP(3, 1, BUY, 10, 120), [replaced(), rested()]),
    ("auction: the price of a market order stays", {"phase": OPENING}, [NEW(1, BUY, 5, ord_type=MARKET)],
     REP(3, 1, BUY, 6, 120),
     [replaced(leaves_lots=6), rested(price_ticks=INT64_MAX)]),
    ("parked: less keeps the place", {}, [NEW(1, BUY, 5, 100, **MOC)], REP(3, 1, BUY, 4),
     [replaced(flags=RETAINED, priority=1)]),
    ("parked: more is parked again at the end", {},
     [NEW(1, BUY, 5, 100, **MOC), NEW(2, BUY, 5, 100, **MOC), REP(3, 1, BUY, 6)],
     PHASE(CLOSING), [phase(CLOSING, CONTINUOUS), rested(cl_ord_id=2), rested(cl_ord_id=3)]),
    ("parked: cancelled", {}, [NEW(1, BUY, 5, 100, **MOC)], CXL(3, 1), [canceled(5, flags=0, priority=1)]),
    ("halt: cancels are taken", {}, [BID, PHASE(HALT)], CXL(3, 1), [canceled(10)]),
    ("closed: cancels are taken", {}, [BID | {"time_in_force": GTC}, PHASE(CLOSED)], CXL(3, 1), [canceled(10)]),
]  # fmt: skip

DAY_OF_TRADING = {
    "phase": PRE_OPEN,
    "schedule": ((9 * HOUR, OPENING), (10 * HOUR, CONTINUOUS), (17 * HOUR, CLOSED), (18 * HOUR, PRE_OPEN)),
}
FREEZES = DAY_OF_TRADING | {"freeze_ns": HOUR // 4}
TIMERS: list[Row] = [
    ("nothing due", {}, [BID], TIMER(), []),
    ("GTD: expires at its time", {}, [GTD_BUY(1, 100, 5)], TIMER(5),
     [canceled(1, flags=RESTING, reason=codes.RESTATEMENT_EXPIRED, request_kind=6, cl_ord_id=1)]),
    ("GTD: not before", {}, [GTD_BUY(1, 100, 5)], TIMER(4), []),
    ("GTD: by time, then oldest first, over all instruments and places", {},
     [GTD_BUY(1, 100, 9), GTD_BUY(2, 100, 5, instrument=1), GTD_BUY(3, 99, 5),
      GTD_BUY(4, 0, 5, ord_type=STOP, stop_price_ticks=200), GTD_BUY(5, 90, 12)], TIMER(10),
     [canceled(1, cl_ord_id=2), canceled(1, cl_ord_id=3), canceled(1, cl_ord_id=4, flags=0), canceled(1, cl_ord_id=1)]),
    ("GTD: a replace keeps the place among the expiries", {},
     [GTD_BUY(1, 100, 5), GTD_BUY(2, 100, 5), REP(3, 1, BUY, 9)],
     TIMER(5), [canceled(9, cl_ord_id=3), canceled(1, cl_ord_id=2)]),
    ("GTD: a triggered order keeps its ExpireTime", {},
     [NEW(8, SELL, 1, 100), NEW(9, BUY, 1, 100), GTD_BUY(1, 90, 5, ord_type=STOP_LIMIT, stop_price_ticks=100)],
     TIMER(5),
     [canceled(1, ord_type=LIMIT, flags=RESTING)]),
    ("GTD: expires in a frozen auction too", {"phase": OPENING}, [GTD_BUY(1, 100, 5), TIMER(1), PHASE(FREEZE)],
     TIMER(5),
     [canceled(1), auction(None, flags=EVENT_FLAG_FROZEN)]),
    ("schedule: begins with the first timer", DAY_OF_TRADING, [], TIMER(HOUR), []),
    ("schedule: an entry", DAY_OF_TRADING, [TIMER()], TIMER(HOUR),
     [phase(OPENING, PRE_OPEN), auction(None, reason=OPENING)]),
    ("schedule: entries one by one", DAY_OF_TRADING, [TIMER()], TIMER(9 * HOUR),
     [phase(OPENING, PRE_OPEN), held(None), phase(CONTINUOUS, OPENING), phase(CLOSED, CONTINUOUS)]),
    ("schedule: again the day after", DAY_OF_TRADING, [TIMER(), TIMER(11 * HOUR)], TIMER(25 * HOUR),
     [phase(OPENING, PRE_OPEN), auction(None)]),
    ("schedule: goes on after a change from outside", DAY_OF_TRADING, [TIMER(), PHASE(HALT)], TIMER(HOUR),
     [phase(OPENING, HALT), auction(None)]),
    ("schedule: both instruments, in ascending order", DAY_OF_TRADING | {"both": True}, [TIMER()], TIMER(HOUR),
     [phase(OPENING, PRE_OPEN, instrument=0), auction(None, instrument=0), phase(OPENING, PRE_OPEN, instrument=1),
      auction(None, instrument=1)]),
    ("freeze: before the end that the schedule gives", FREEZES | {"both": True}, [TIMER(), TIMER(HOUR)],
     TIMER(HOUR + 3 * HOUR // 4),
     [phase(FREEZE, OPENING, instrument=0), phase(FREEZE, OPENING, instrument=1)]),
    ("freeze: the auction is held frozen", FREEZES,
     [TIMER(), TIMER(HOUR), TIMER(HOUR + 3 * HOUR // 4)],
     PHASE(CONTINUOUS), [held(None, flags=1024 | EVENT_FLAG_FROZEN), phase(CONTINUOUS, OPENING)]),
    ("freeze: over with the phase", FREEZES, [TIMER(), TIMER(HOUR), TIMER(2 * HOUR - 1), PHASE(CONTINUOUS)], BID,
     [accepted(), rested()]),
    ("indicative: once for each change", {"phase": OPENING}, [TIMER(), BID, NEW(2, SELL, 4, 90)], TIMER(),
     [auction(100, 4, 6, flags=EVENT_FLAG_PRICE, reason=OPENING)]),
    ("indicative: not without a change", {"phase": OPENING}, [BID, TIMER()], TIMER(), []),
    ("indicative: a cancel is a change", {"phase": OPENING}, [BID, TIMER(), CXL(3, 1)], TIMER(), [auction(None)]),
    ("indicative: none in pre-open", {"phase": PRE_OPEN}, [BID], TIMER(), []),
]  # fmt: skip


@table([*CHANGES, *TAKEN, *TIMERS])
def test_phase(name: str, rules: Rules, before: list[Request], request_: Request, expected: list[Expected]) -> None:
    demand(twins_of(rules), before, request_, expected)
