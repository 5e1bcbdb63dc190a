"""One line a check of a request that comes over the wire, in the order of the checks: the first that fails is the
reject, and LimitValue is the limit that was hit as the wire has it.

Each row breaks the named field and, where it can, everything that is checked after it. What the book checks has a table
of its own; here are the lines that show the way from the message to the check.
"""

from __future__ import annotations

from typing import Any

import pytest

from native import codes
from tests.naive.venue import Venue
from tests.venue_rig import (
    START_NS,
    TICK,
    Client,
    VenueRig,
    cancel,
    demo_sessions,
    mass_cancel,
    new,
    replace,
    replies,
    run_twin,
    single,
    small_config,
)

PLAIN, ODD, FEW, BELOW, CLOSED, NONE = 1, 2, 7, 8, 2_000_000_000, 99
ODD_TICK = 3
CONFIG = small_config(
    instruments=[
        {"security_id": PLAIN, "symbol": "PLAIN"},
        {"security_id": ODD, "symbol": "ODD", "tick_nanos": 3, "price_ticks_min": 90, "price_ticks_max": 110},
        {"security_id": FEW, "symbol": "FEW", "qty_lots_min": 2, "qty_lots_max": 8, "qty_step_lots": 2},
        {"security_id": BELOW, "symbol": "BELOW", "price_ticks_min": -20, "price_ticks_max": 0},
        {"security_id": CLOSED, "symbol": "CLOSED", "status": "closed"},
    ],
    sessions=demo_sessions(4),
)
OUT = {"Side": 3}
"""A fault that the book finds, so any check before the book comes before it."""
NOW = START_NS + 1000

WRONG_QTY, OUT_OF_BAND = codes.REJECT_INCORRECT_QUANTITY, codes.REJECT_PRICE_OUT_OF_BAND
OFF_TICK = codes.REJECT_INVALID_PRICE_INCREMENT

# name, message, reject code (0: none), LimitValue
CHECKS: list[tuple[str, bytes, int, int | None]] = [
    ("instrument", new(1, SecurityID=NONE, Account=2, OrderQty=1 << 40, **OUT), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("instrument unknown: 0", new(1, SecurityID=0), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("instrument unknown: 2**32 - 1", new(1, SecurityID=(1 << 32) - 1), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("instrument unknown, single", single(1, SecurityID=NONE, Account=2), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("instrument unknown, cancel", cancel(1, 9, SecurityID=NONE, **OUT), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("instrument unknown, replace", replace(1, 9, SecurityID=NONE, Account=2), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("account", new(1, SecurityID=CLOSED, Account=2, OrderQty=1 << 40, **OUT), codes.REJECT_UNKNOWN_ACCOUNT, None),
    ("account of a single", single(1, SecurityID=CLOSED, Account=0), codes.REJECT_UNKNOWN_ACCOUNT, None),
    ("account of a replace", replace(1, 9, SecurityID=CLOSED, Account=2), codes.REJECT_UNKNOWN_ACCOUNT, None),
    ("side", new(1, SecurityID=CLOSED, OrderQty=0, ExecInst=64, **OUT), codes.REJECT_INVALID_SIDE, None),
    ("type", single(1, SecurityID=CLOSED, OrderQty=0, OrdType="P"), codes.REJECT_UNSUPPORTED_ORDER, None),
    ("time in force", new(1, tif="5", OrderQty=0, SecurityID=CLOSED), codes.REJECT_UNSUPPORTED_ORDER, None),
    ("ExecInst of no name", new(1, ExecInst=1 << 15), codes.REJECT_UNSUPPORTED_ORDER, None),
    ("STPInstruction of no name", single(1, STPInstruction=6), codes.REJECT_UNSUPPORTED_ORDER, None),
    ("closed", new(1, SecurityID=CLOSED, Price=1, OrderQty=1 << 40), codes.REJECT_EXCHANGE_CLOSED, None),
    ("closed, cancel: looks for the order", cancel(1, 9, SecurityID=CLOSED), codes.REJECT_UNKNOWN_ORDER, None),
    ("too late", single(1, TimeInForce="2", OrderQty=0), codes.REJECT_TOO_LATE, None),
    ("quantity 0", new(1, OrderQty=0, Price=1), WRONG_QTY, None),
    ("quantity beyond the wire's", new(1, OrderQty=1 << 31, Price=1), WRONG_QTY, None),
    ("quantity 2**64 - 1", new(1, OrderQty=(1 << 64) - 1), WRONG_QTY, None),
    ("quantity at the wire's end", new(1, OrderQty=(1 << 31) - 1), 0, None),
    ("quantity below the least", new(1, SecurityID=FEW, OrderQty=1), WRONG_QTY, None),
    ("quantity between two lots", new(1, SecurityID=FEW, OrderQty=3), WRONG_QTY, None),
    ("quantity at the limit", new(1, SecurityID=FEW, OrderQty=8), 0, None),
    ("quantity above it", new(1, SecurityID=FEW, OrderQty=10, Price=-TICK), codes.REJECT_EXCEEDS_LIMIT, 8),
    ("DisplayQty beyond the wire's", single(1, qty=(1 << 31) - 1, DisplayQty=1 << 31), WRONG_QTY, None),
    ("DisplayQty above OrderQty", single(1, qty=5, DisplayQty=6, Price=1), WRONG_QTY, None),
    ("MinQty beyond the wire's", single(1, qty=(1 << 31) - 1, MinQty=1 << 40), WRONG_QTY, None),
    ("price missing", single(1, ticks=None), codes.REJECT_PRICE_MISSING, None),
    ("price 0", new(1, Price=0), OUT_OF_BAND, TICK),
    ("price negative", new(1, Price=-TICK), OUT_OF_BAND, TICK),
    ("price below the band", new(1, SecurityID=ODD, Price=89 * ODD_TICK), OUT_OF_BAND, 270),
    ("price above the band", new(1, SecurityID=ODD, Price=111 * ODD_TICK), OUT_OF_BAND, 330),
    ("price above a limit of 0", new(1, SecurityID=BELOW, Price=TICK), OUT_OF_BAND, 0),
    ("price below a negative limit", new(1, SecurityID=BELOW, Price=-21 * TICK), OUT_OF_BAND, -20 * TICK),
    ("price at the lower end", new(1, SecurityID=ODD, Price=270), 0, None),
    ("price at the upper end", new(1, SecurityID=ODD, Price=330), 0, None),
    ("price off the tick, out of band", new(1, SecurityID=ODD, Price=1), OFF_TICK, None),
    ("price off the tick", new(1, SecurityID=ODD, Price=301), OFF_TICK, None),
    ("price the least there is", new(1, SecurityID=ODD, Price=-(1 << 63)), OFF_TICK, None),
    ("price the greatest there is", new(1, Price=(1 << 63) - 1), OFF_TICK, None),
    ("stop price missing", single(1, OrdType="4", ticks=100), codes.REJECT_STOP_PRICE_MISSING, None),
    ("stop price off the tick", single(1, OrdType="3", ticks=None, StopPx=1), OFF_TICK, None),
    ("stop price out of band", single(1, OrdType="3", ticks=None, StopPx=0), OUT_OF_BAND, TICK),
    ("ExpireTime missing", single(1, TimeInForce="6"), codes.REJECT_EXPIRE_TIME, None),
    ("ExpireTime now", single(1, TimeInForce="6", ExpireTime=NOW), codes.REJECT_EXPIRE_TIME, None),
    ("ExpireTime soon", single(1, TimeInForce="6", ExpireTime=NOW + 1), 0, None),
    ("reduce only, nothing to reduce", single(1, ExecInst=4), codes.REJECT_REDUCE_ONLY, 0),
    ("everything right", new(1), 0, None),
    ("everything right, single", single(1), 0, None),
    ("replace: side", replace(1, 9, qty=1 << 31, **OUT), codes.REJECT_INVALID_SIDE, None),
    ("replace: quantity beyond the wire's", replace(1, 9, qty=1 << 31, Price=1), WRONG_QTY, None),
    ("replace: price off the tick", replace(1, 9, Price=1, StopPx=1), OFF_TICK, None),
    ("replace: stop price off the tick", replace(1, 9, StopPx=1), OFF_TICK, None),
    ("replace: unknown order", replace(1, 9, Price=None), codes.REJECT_UNKNOWN_ORDER, None),
]  # fmt: skip

# name, message, MassActionRejectReason (None: it is done)
MASS_ACTIONS: list[tuple[str, bytes, int | None]] = [
    ("instrument", mass_cancel(1, 1, SecurityID=NONE, Account=2), codes.REJECT_UNKNOWN_SYMBOL),
    ("account", mass_cancel(1, 9, Account=2), codes.REJECT_UNKNOWN_ACCOUNT),
    ("own account", mass_cancel(1, Account=1), None),
    ("suspend", mass_cancel(1, MassActionType=1), codes.REJECT_MASS_ACTION_UNSUPPORTED),
    ("release", mass_cancel(1, MassActionType=2), codes.REJECT_MASS_ACTION_UNSUPPORTED),
    ("cancel and suspend", mass_cancel(1, MassActionType=4), codes.REJECT_MASS_ACTION_UNSUPPORTED),
    ("scope segment", mass_cancel(1, 9), codes.REJECT_MASS_ACTION_UNSUPPORTED),
    ("scope 0", mass_cancel(1, 0), codes.REJECT_MASS_ACTION_UNSUPPORTED),
    ("AckStyle 3", mass_cancel(1, AckStyle=3), codes.REJECT_MASS_ACTION_UNSUPPORTED),
    ("lockout", mass_cancel(1, Lockout=1), codes.REJECT_MASS_ACTION_UNSUPPORTED),
    ("no lockout", mass_cancel(1, Lockout=0), None),
    ("scope instrument without one", mass_cancel(1, 1), codes.REJECT_MASS_ACTION_INCOMPLETE),
    ("scope instrument", mass_cancel(1, 1, SecurityID=ODD), None),
    ("scope instrument, closed", mass_cancel(1, 1, SecurityID=CLOSED), None),
    ("price band without an instrument", mass_cancel(1, LowerThanPrice=0), codes.REJECT_MASS_ACTION_INCOMPLETE),
    ("price band", mass_cancel(1, 1, SecurityID=ODD, LowerThanPrice=1, HigherThanPrice=-5), None),
    ("scope group without one", mass_cancel(1, 10), codes.REJECT_MASS_ACTION_INCOMPLETE),
    ("scope group, 0", mass_cancel(1, 10, CancelGroupID=0), codes.REJECT_MASS_ACTION_INCOMPLETE),
    ("scope group", mass_cancel(1, 10, CancelGroupID=7), None),
    ("side", mass_cancel(1, Side=3), codes.REJECT_INVALID_SIDE),
]  # fmt: skip


@pytest.mark.parametrize(("message", "code"), [row[1:] for row in MASS_ACTIONS], ids=[row[0] for row in MASS_ACTIONS])
def test_mass_action(message: bytes, code: int | None) -> None:
    client, twin = Client(1), Venue(CONFIG)
    twin.open_day(START_NS)
    with VenueRig(CONFIG) as rig:
        frame = client.frame(message)
        rig.send(frame)
        run_twin(twin, [frame], rig.now_ns)
        rig.compare(twin)
        ((name, report),) = replies(rig.sent, client)
        assert (name, report["MassActionRejectReason"]) == ("OrderMassActionReport", code)
        assert (report["MassActionResponse"], report["TotalAffectedOrders"]) == (2 if code is None else 0, 0)


@pytest.mark.parametrize(("message", "code", "limit"), [row[1:] for row in CHECKS], ids=[row[0] for row in CHECKS])
def test_check(message: bytes, code: int, limit: int | None) -> None:
    client, twin = Client(1), Venue(CONFIG)
    twin.open_day(START_NS)
    with VenueRig(CONFIG) as rig:
        frame = client.frame(message)
        rig.send(frame)
        run_twin(twin, [frame], rig.now_ns)
        rig.compare(twin)
        ((name, report),) = replies(rig.sent, client)
        if code:
            assert (name, report["OrdRejReason"], report["LimitValue"]) == ("ExecutionReportReject", code, limit)
            assert report["Account"] == 1  # the session's own, whatever the message said
        else:
            assert name == "ExecutionReportNew"


def outcomes(*messages: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Reports to a session that sends `messages`, one a datagram."""
    client = Client(1)
    with VenueRig(CONFIG) as rig:
        rig.send(*(client.frame(message) for message in messages))
        return replies(rig.sent, client)


def test_which_request_a_reject_answers() -> None:
    told = outcomes(new(1, SecurityID=NONE), cancel(2, 8), replace(3, 9))
    facts = [(r["CxlRejResponseTo"], r["ClOrdID"], r["OrigClOrdID"], r["SecurityID"]) for _, r in told]
    assert facts == [(None, 1, None, NONE), (1, 2, 8, PLAIN), (2, 3, 9, PLAIN)]


@pytest.mark.parametrize("order_id", [None, 0, "its own"])
def test_an_order_id_is_optional_but_must_match(order_id: object) -> None:
    first = outcomes(new(1))[0][1]["OrderID"]
    given = first if order_id == "its own" else order_id
    assert outcomes(new(1), cancel(2, 1, OrderID=given))[1][0] == "ExecutionReportCancel"
    _, reject = outcomes(new(1), cancel(2, 1, OrderID=first + 1))[1]
    assert (reject["OrdRejReason"], reject["OrderID"]) == (codes.REJECT_ORDER_MISMATCH, first + 1)


def test_a_replace_to_nothing_is_no_reject() -> None:
    """FIX: OrderQty is the new total. 0 lots, or what is filled already, leave nothing open."""
    for qty in (0, 3):
        told = outcomes(new(1, side=2, qty=3), new(2, qty=8), replace(3, 2, qty=qty))
        name, report = told[-1]
        assert name == "ExecutionReportCancel"
        assert (report["CxlQty"], report["CumQty"]) == (5, 3)
        assert report["ExecRestatementReason"] == codes.RESTATEMENT_REPLACED_TO_NOTHING
