"""Words for the tables of rules in tests/table/test_book_*.py.

A request is NEW(...), CXL(...), REP(...), MASS(...), PHASE(...) or TIMER(...) with what matters; an event is its kind
and the fields to look at. `demand` plays requests on twins, so every event is compared whole with the naive exchange.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from appliance.book.check import check_book
from appliance.book.state import InstrumentRules
from native.layout import (
    COMMAND_PRICE_MISSING,
    COMMAND_STOP_PRICE_MISSING,
    EVENT,
    EVENT_ACCEPTED,
    EVENT_AUCTION,
    EVENT_CANCELED,
    EVENT_FLAG_HELD,
    EVENT_FLAG_PRICE,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_FLAG_REPLACED_TO_NOTHING,
    EVENT_FLAG_WAS_RESTING,
    EVENT_MASS_CANCELED,
    EVENT_PHASE,
    EVENT_REJECTED,
    EVENT_REPLACED,
    EVENT_RESTATED,
    EVENT_RESTED,
    EVENT_TRADE,
    EVENT_TRIGGERED,
    NO_INDEX,
)
from tests.naive.profiles import AT_CLOSE, AT_OPEN, BEGIN_NS, DAY, FOK, GFA, GTC, GTD, IOC, LIMIT, MARKET, MTL
from tests.naive.profiles import LIT as LIMIT_IF_TOUCHED
from tests.naive.profiles import MIT as MARKET_IF_TOUCHED
from tests.naive.profiles import STOP as STOP
from tests.naive.profiles import STOP_LIMIT as STOP_LIMIT
from tests.naive.twins import Twins, command_record

Request = dict[str, int]
Expected = tuple[int, Request]
Rules = dict[str, Any]
Row = tuple[str, Rules, list[Request], Request, list[Expected]]
"""Name, rules of both instruments, requests before, the request, its events."""

BUY, SELL, SHORT, EXEMPT = 1, 2, 5, 6
FIRST_ID = 1 << 24  # OrderID of the first order, in slot 0
NOW = BEGIN_NS
FIRST_AND_LAST = 128 | 256
RESTING = EVENT_FLAG_WAS_RESTING
RETAINED = EVENT_FLAG_PRIORITY_RETAINED
KEPT = EVENT_FLAG_WAS_RESTING | EVENT_FLAG_PRIORITY_RETAINED
NOTHING = EVENT_FLAG_WAS_RESTING | EVENT_FLAG_REPLACED_TO_NOTHING
PRICE_MISSING, STOP_MISSING = COMMAND_PRICE_MISSING, COMMAND_STOP_PRICE_MISSING

# the names of order types and times in force come from tests/naive/profiles.py
__all__ = [
    "AT_CLOSE",
    "AT_OPEN",
    "DAY",
    "FOK",
    "GFA",
    "GTC",
    "GTD",
    "IOC",
    "LIMIT",
    "LIMIT_IF_TOUCHED",
    "MARKET",
    "MARKET_IF_TOUCHED",
    "MTL",
    "STOP",
    "STOP_LIMIT",
]


def NEW(cl_ord_id: int, side: int, qty_lots: int, price_ticks: int = 0, ord_type: int = LIMIT, **more: int) -> Request:
    names = {"kind": 1, "cl_ord_id": cl_ord_id, "side": side, "qty_lots": qty_lots}
    return names | {"price_ticks": price_ticks, "ord_type": ord_type} | more


def CXL(cl_ord_id: int, orig: int, side: int = BUY, **more: int) -> Request:
    return {"kind": 2, "cl_ord_id": cl_ord_id, "orig_cl_ord_id": orig, "side": side, "qty_lots": 0} | more


def REP(cl_ord_id: int, orig: int, side: int, qty_lots: int, price_ticks: int | None = None, **more: int) -> Request:
    """Without a price or a stop price the order keeps its own."""
    flags = (PRICE_MISSING if price_ticks is None else 0) | (0 if "stop_price_ticks" in more else STOP_MISSING)
    names = {"kind": 3, "cl_ord_id": cl_ord_id, "orig_cl_ord_id": orig, "side": side, "qty_lots": qty_lots}
    return names | {"price_ticks": price_ticks or 0, "flags": flags} | more


def MASS(above: int | None = None, below: int | None = None, **more: int) -> Request:
    flags = (PRICE_MISSING if above is None else 0) | (STOP_MISSING if below is None else 0) | more.pop("flags", 0)
    everything = {"kind": 4, "cl_ord_id": 99, "side": 0, "account": NO_INDEX, "instrument": NO_INDEX}
    return everything | {"price_ticks": above or 0, "stop_price_ticks": below or 0, "flags": flags} | more


def PHASE(phase: int, **more: int) -> Request:
    return {"kind": 5, "qty_lots": phase, "side": 0} | more


def TIMER(after_ns: int = 0) -> Request:
    return {"kind": 6, "side": 0, "time_ns": NOW + after_ns}


def accepted(**fields: int) -> Expected:
    return EVENT_ACCEPTED, {"request_kind": 1, "priority": 0, "display_lots": 0} | fields


def trade(qty_lots: int, price_ticks: int, **fields: int) -> Expected:
    return EVENT_TRADE, {"qty_lots": qty_lots, "price_ticks": price_ticks} | fields


def rested(**fields: int) -> Expected:
    return EVENT_RESTED, fields


def canceled(qty_lots: int, **fields: int) -> Expected:
    return EVENT_CANCELED, {"qty_lots": qty_lots, "leaves_lots": 0, "display_lots": 0} | fields


def replaced(**fields: int) -> Expected:
    return EVENT_REPLACED, {"request_kind": 3} | fields


def rejected(reason: int, **fields: int) -> Expected:
    return EVENT_REJECTED, {"reason": reason, "leaves_lots": 0, "cum_lots": 0, "flags": FIRST_AND_LAST} | fields


def triggered(**fields: int) -> Expected:
    return EVENT_TRIGGERED, {"priority": 0} | fields


def restated(reason: int, **fields: int) -> Expected:
    return EVENT_RESTATED, {"reason": reason} | fields


def phase(now: int, before: int, **fields: int) -> Expected:
    return EVENT_PHASE, {"qty_lots": now, "reason": before} | fields


def auction(price_ticks: int | None, lots: int = 0, surplus: int = 0, **fields: int) -> Expected:
    told = {"price_ticks": price_ticks or 0, "trade_id": lots, "limit_value": surplus}
    told["flags"] = 0 if price_ticks is None else EVENT_FLAG_PRICE
    return EVENT_AUCTION, told | fields


def held(price_ticks: int | None, lots: int = 0, surplus: int = 0, **fields: int) -> Expected:
    kind, told = auction(price_ticks, lots, surplus, **fields)
    return kind, told | {"flags": told["flags"] | EVENT_FLAG_HELD}


def mass_canceled(count: int, **fields: int) -> Expected:
    return EVENT_MASS_CANCELED, {"qty_lots": count, "request_kind": 4, "cl_ord_id": 99} | fields


# --- playing a row ------------------------------------------------------------------------------------------------


def twins_of(rules: Rules) -> Twins:
    """Twins of two instruments with these rules; phase and schedule are those of the first only, unless `both`.

    orders_max, levels_max and positions_max among the rules size the book.
    """
    sizes: dict[str, Any] = {"orders_max": 24, "levels_max": 32, "positions_max": None}
    first = {name: value for name, value in rules.items() if name not in (*sizes, "both")}
    second = {name: value for name, value in first.items() if name not in ("phase", "schedule") or "both" in rules}
    sizes |= {name: value for name, value in rules.items() if name in sizes}
    return Twins([InstrumentRules(**first), InstrumentRules(**second)], **sizes)


def play(twins: Twins, before: list[Request], request: Request) -> Any:
    for one in before:
        told = twins.apply(command_record(**({"time_ns": NOW} | one)))
        assert not told or told[0][0] != EVENT_REJECTED, (one, told)
    return np.array(twins.apply(command_record(**({"time_ns": NOW} | request))), dtype=EVENT)


def demand(twins: Twins, before: list[Request], request: Request, expected: Sequence[Expected]) -> None:
    told = play(twins, before, request)
    assert [int(kind) for kind in told["kind"]] == [kind for kind, _ in expected]
    for at, (event, (_, fields)) in enumerate(zip(told, expected, strict=True)):
        edges = (128 if at == 0 else 0) | (256 if at == len(expected) - 1 else 0)
        assert int(event["flags"]) & FIRST_AND_LAST == edges
        wanted = fields | ({"flags": fields["flags"] & ~FIRST_AND_LAST | edges} if "flags" in fields else {})
        assert {name: int(event[name]) for name in fields} == wanted, at
    twins.compare_books()
    assert check_book(twins.book) == []


def table(rows: list[Row]) -> pytest.MarkDecorator:
    names = ("name", "rules", "before", "request_", "expected")
    assert len({row[0] for row in rows}) == len(rows), "two rows with one name"
    return pytest.mark.parametrize(names, rows, ids=[row[0] for row in rows])
