"""One line a check between the session and the book, in the order of the checks: the first that fails is the reject.

Each row breaks the named field and, where it can, everything that is checked after it.
"""

from __future__ import annotations

from typing import Any

import pytest

from native import codes
from tests.naive.venue import Venue
from tests.venue_rig import START_NS, TICK, Client, VenueRig, cancel, new, replace, replies, run_twin, small_config

CONFIG = small_config()
PLAIN, ODD, FEW, CLOSED, NONE = 1, 2, 7, 2_000_000_000, 99
ODD_TICK = 3
OUT = {"Side": 3}
"""A fault that the book finds, so any risk check comes before it."""

# name, message, reject code (0: none), LimitValue
CHECKS: list[tuple[str, bytes, int, int | None]] = [
    ("instrument", new(1, SecurityID=NONE, Account=2, OrderQty=1 << 40, **OUT), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("instrument unknown: 0", new(1, SecurityID=0), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("instrument unknown: 2**32 - 1", new(1, SecurityID=(1 << 32) - 1), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("instrument unknown, cancel", cancel(1, 9, SecurityID=NONE, **OUT), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("instrument unknown, replace", replace(1, 9, SecurityID=NONE, Account=2), codes.REJECT_UNKNOWN_SYMBOL, None),
    ("account", new(1, SecurityID=CLOSED, Account=2, OrderQty=1 << 40, **OUT), codes.REJECT_UNKNOWN_ACCOUNT, None),
    ("account of a replace", replace(1, 9, SecurityID=CLOSED, Account=2), codes.REJECT_UNKNOWN_ACCOUNT, None),
    ("closed", new(1, SecurityID=CLOSED, Price=1, OrderQty=1 << 40, **OUT), codes.REJECT_EXCHANGE_CLOSED, None),
    ("closed, replace", replace(1, 9, SecurityID=CLOSED), codes.REJECT_EXCHANGE_CLOSED, None),
    ("closed, cancel: reaches the book", cancel(1, 9, SecurityID=CLOSED), codes.REJECT_UNKNOWN_ORDER, None),
    ("quantity at the limit", new(1, SecurityID=FEW, OrderQty=5), 0, None),
    ("quantity above it", new(1, SecurityID=FEW, OrderQty=6, Price=-TICK, **OUT), codes.REJECT_EXCEEDS_LIMIT, 5),
    ("quantity far above it", new(1, SecurityID=FEW, OrderQty=1 << 63), codes.REJECT_EXCEEDS_LIMIT, 5),
    ("quantity of a replace", replace(1, 9, SecurityID=FEW, OrderQty=6), codes.REJECT_EXCEEDS_LIMIT, 5),
    ("quantity beyond the wire's", new(1, OrderQty=1 << 31), codes.REJECT_INCORRECT_QUANTITY, None),
    ("quantity at the wire's end", new(1, OrderQty=(1 << 31) - 1), 0, None),
    ("quantity 2**64 - 1", new(1, OrderQty=(1 << 64) - 1), codes.REJECT_INCORRECT_QUANTITY, None),
    ("price below the band", new(1, SecurityID=ODD, Price=89 * ODD_TICK, **OUT), codes.REJECT_PRICE_OUT_OF_BAND, 270),
    ("price above the band", new(1, SecurityID=ODD, Price=111 * ODD_TICK, **OUT), codes.REJECT_PRICE_OUT_OF_BAND, 330),
    ("price of a replace", replace(1, 9, SecurityID=ODD, Price=0, **OUT), codes.REJECT_PRICE_OUT_OF_BAND, 270),
    ("price at the lower end", new(1, SecurityID=ODD, Price=270), 0, None),
    ("price at the upper end", new(1, SecurityID=ODD, Price=330), 0, None),
    ("price 0", new(1, Price=0), codes.REJECT_PRICE_OUT_OF_BAND, TICK),
    ("price negative", new(1, Price=-TICK), codes.REJECT_PRICE_OUT_OF_BAND, TICK),
    ("price off the tick, out of band", new(1, SecurityID=ODD, Price=1), codes.REJECT_INVALID_PRICE_INCREMENT, None),
    ("price off the tick", new(1, SecurityID=ODD, Price=301), codes.REJECT_INVALID_PRICE_INCREMENT, None),
    ("price the least there is", new(1, SecurityID=ODD, Price=-(1 << 63)), codes.REJECT_INVALID_PRICE_INCREMENT, None),
    ("price the greatest there is", new(1, Price=(1 << 63) - 1), codes.REJECT_INVALID_PRICE_INCREMENT, None),
    ("side", new(1, OrderQty=0, ExecInst=1, **OUT), codes.REJECT_INVALID_SIDE, None),
    ("type", new(1, OrderQty=0, ExecInst=1), codes.REJECT_UNSUPPORTED_ORDER, None),
    ("time in force", new(1, tif="6", OrderQty=0), codes.REJECT_UNSUPPORTED_ORDER, None),
    ("quantity 0", new(1, OrderQty=0, Price=1), codes.REJECT_INCORRECT_QUANTITY, None),
    ("everything right", new(1), 0, None),
]  # fmt: skip


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
