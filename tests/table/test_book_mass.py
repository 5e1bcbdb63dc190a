"""Mass cancels: every filter and the order in which orders go, one line a rule (docs/MATCHING.md section 7)."""

from __future__ import annotations

from native import codes
from native.layout import COMMAND_ANY_SESSION, EVENT_FLAG_HIDDEN, NO_INDEX
from tests.naive.book_rows import (
    AT_CLOSE,
    BUY,
    EXEMPT,
    GFA,
    MARKET,
    MARKET_IF_TOUCHED,
    MASS,
    MTL,
    NEW,
    PHASE,
    RESTING,
    SELL,
    SHORT,
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
    mass_canceled,
    rested,
    table,
    twins_of,
)

STOP_SELL = {"ord_type": STOP, "stop_price_ticks": 80}
BOOK = [
    NEW(1, BUY, 1, 90, cancel_group=1),
    NEW(2, BUY, 2, 95, account=5),
    NEW(3, SHORT, 3, 105, cancel_group=2),
    NEW(4, SELL, 4, 110, session=1),
    NEW(5, BUY, 5, 92, instrument=1),
    NEW(6, SELL, 6, **STOP_SELL),
    NEW(7, BUY, 7, 120, STOP_LIMIT, stop_price_ticks=115),
    NEW(8, BUY, 8, ord_type=MARKET, time_in_force=AT_CLOSE),
    NEW(9, SELL, 9, 70, time_in_force=GFA),
]


def gone(*cl_ord_ids: int) -> list[Expected]:
    """These orders of BOOK, whose lots are their ClOrdIDs, and then the number of them."""
    each = [canceled(one, cl_ord_id=one, reason=codes.RESTATEMENT_MASS_ACTION, request_kind=4) for one in cl_ord_ids]
    return [*each, mass_canceled(len(cl_ord_ids))]


FILTERS: list[Row] = [
    ("nothing there", {}, [], MASS(), [mass_canceled(0, instrument=NO_INDEX, account=NO_INDEX, reason=0)]),
    ("all of the session, in the order of the rule", {}, BOOK, MASS(), gone(2, 1, 3, 6, 7, 9, 8, 5)),
    ("all of everybody", {}, BOOK, MASS(flags=COMMAND_ANY_SESSION), gone(2, 1, 3, 4, 6, 7, 9, 8, 5)),
    ("another session", {}, BOOK, MASS(session=1), gone(4)),
    ("one instrument", {}, BOOK, MASS(instrument=1), gone(5)),
    ("buys", {}, BOOK, MASS(side=BUY), gone(2, 1, 7, 8, 5)),
    ("sells of any kind", {}, BOOK, MASS(side=SELL), gone(3, 6, 9)),
    ("sells by another side of their class", {}, BOOK, MASS(side=EXEMPT), gone(3, 6, 9)),
    ("an account", {}, BOOK, MASS(account=5), gone(2)),
    ("account 0 is one", {}, BOOK, MASS(account=0), gone(1, 3, 6, 7, 9, 8, 5)),
    ("a cancel group", {}, BOOK, MASS(cancel_group=1), gone(1)),
    ("prices above: stops by their stop price, market orders by none", {}, BOOK, MASS(above=90), gone(2, 3, 7, 5)),
    ("prices below", {}, BOOK, MASS(below=92), gone(1, 6, 9)),
    ("a band: both must hold", {}, BOOK, MASS(above=90, below=105), gone(2, 5)),
    ("all filters at once", {}, BOOK, MASS(above=80, below=91, side=BUY, cancel_group=1, account=0, instrument=0),
     gone(1)),
    ("a market order that rests in an auction has no price", {"phase": 7},
     [NEW(1, BUY, 1, ord_type=MARKET), NEW(2, BUY, 2, 99)],
     MASS(above=0), gone(2)),
    ("a market-to-limit order that rests in an auction has none either", {"phase": 7}, [NEW(1, BUY, 1, ord_type=MTL)],
     MASS(below=2**63 - 1), gone()),
    ("a stop-if-touched order counts with its stop price", {},
     [NEW(1, BUY, 1, ord_type=MARKET_IF_TOUCHED, stop_price_ticks=50)],
     MASS(above=49, below=51), gone(1)),
    ("frozen instruments are passed over", {}, [*BOOK, PHASE(7), PHASE(5)], MASS(), gone(5)),
    ("halted ones are not", {}, [*BOOK, PHASE(2)], MASS(instrument=0, side=SELL), gone(3, 6, 9)),
    ("the echo", {}, [], MASS(side=SELL, account=3, instrument=1, session=2),
     [mass_canceled(0, side=SELL, account=3, instrument=1, session=2, order_id=0, price_ticks=0)]),
]  # fmt: skip

SEQUENCE: list[Row] = [
    ("displayed before hidden, oldest first", {},
     [NEW(1, BUY, 1, 90, exec_inst=16), NEW(2, BUY, 2, 90), NEW(3, BUY, 3, 90, display_qty_lots=1)],
     MASS(), [canceled(2, cl_ord_id=2, flags=RESTING), canceled(3, cl_ord_id=3, display_lots=0),
              canceled(1, cl_ord_id=1, flags=RESTING | EVENT_FLAG_HIDDEN), mass_canceled(3)]),
    ("falling triggers highest first, rising lowest first", {},
     [NEW(1, SELL, 1, ord_type=STOP, stop_price_ticks=80),
     NEW(2, BUY, 2, ord_type=MARKET_IF_TOUCHED, stop_price_ticks=85),
      NEW(3, BUY, 3, ord_type=STOP, stop_price_ticks=120),
      NEW(4, SELL, 4, ord_type=MARKET_IF_TOUCHED, stop_price_ticks=115)],
     MASS(), gone(2, 1, 4, 3)),
    ("a filled part is not cancelled", {}, [NEW(1, BUY, 9, 90), NEW(2, SELL, 2, 90)], MASS(),
     [canceled(7, cum_lots=2, leaves_lots=0, price_ticks=90), mass_canceled(1)]),
    ("ids and levels are free again", {"orders_max": 1, "levels_max": 1}, [NEW(1, BUY, 1, 90), MASS()],
     NEW(1, SELL, 1, 30),
     [accepted(), rested()]),
    ("in an auction the book changes", {"phase": 7}, [NEW(1, BUY, 1, 90), TIMER(), MASS()], TIMER(), [auction(None)]),
]  # fmt: skip


@table([*FILTERS, *SEQUENCE])
def test_mass_cancel(
    name: str, rules: Rules, before: list[Request], request_: Request, expected: list[Expected]
) -> None:
    demand(twins_of(rules), before, request_, expected)
