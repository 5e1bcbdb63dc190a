"""What would have happened: a journal with more orders in it, beside the journal as it was.

An order comes behind every record of its time and is a burst of its own. It takes the next number of its session; the
numbers of the session's later messages move up by one, gaps stay gaps. So the same orders always lead to the same day.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from appliance.config import Config
from appliance.exchange import whole_state_hash
from appliance.history.timeline import play_to, sequenced_records, sized_exchange
from native.layout import (
    COMMAND_FIRST_OF_BURST,
    KIND_CANCEL,
    KIND_CONTEXT,
    KIND_NEW_ORDER,
    KIND_OF_THE_BOOK_MAX,
    KIND_PHASE,
    KIND_REPLACE,
    KIND_TIMER,
    SEQUENCED,
    VLAN_NONE,
)
from wire.blocks import schema
from wire.capture import open_capture
from wire.net.frames import parse_udp_frame

FIXP: Final = schema("fixp")
ORDER_ENTRY: Final = schema("order_entry")
_BUY = 1
_KINDS = {"new": KIND_NEW_ORDER, "cancel": KIND_CANCEL, "replace": KIND_REPLACE}
_REQUIRED = ("time_ns", "session", "kind", "cl_ord_id", "security_id", "side")
_NUMBERS = (
    "orig_cl_ord_id", "price_ticks", "stop_price_ticks", "qty_lots", "display_qty_lots", "min_qty_lots", "exec_inst",
    "expire_time_ns",
)  # fmt: skip
_LETTERS = {"ord_type": "2", "time_in_force": "0"}
_SIDES = {"buy": 1, "sell": 2, "1": 1, "2": 2, "5": 5, "6": 6}


class WhatIfError(Exception):
    """The orders cannot be merged; the message names the line and says why."""


def read_orders(path: Path, config: Config) -> np.ndarray:
    """The orders in the CSV at `path`: SEQUENCED[n], unnumbered, in the order of their times, lines of one time as they
    stand. Raises WhatIfError.

    Columns: time_ns, session (1, 2, ...), kind (new, cancel, replace), cl_ord_id, security_id, side (buy, sell); as
    needed qty_lots, price_ticks, ord_type and time_in_force (FIX letters; 2 and 0), orig_cl_ord_id, stop_price_ticks,
    display_qty_lots, min_qty_lots, exec_inst, expire_time_ns. Prices are ticks of the instrument.
    """
    rows = []
    instruments = {one.security_id: index for index, one in enumerate(config.instruments)}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            missing = [name for name in _REQUIRED if name not in names]
            unknown = [name for name in names if name not in (*_REQUIRED, *_NUMBERS, *_LETTERS)]
            if missing or unknown:
                what = f"misses {missing[0]}" if missing else f"has the unknown {unknown[0]}"
                raise WhatIfError(f"{path}: line 1: the header {what}.")
            for row in reader:
                try:
                    rows.append(_order(row, config, instruments))
                except (ValueError, KeyError, OverflowError, TypeError, AttributeError) as error:
                    raise WhatIfError(f"{path}: line {reader.line_num}: {error}.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WhatIfError(f"{path}: cannot be read: {error}.") from None
    if not rows:
        raise WhatIfError(f"{path}: holds no orders.")
    orders = np.concatenate(rows)
    return orders[np.argsort(orders["time_ns"], kind="stable")]


def _order(row: dict[str, str], config: Config, instruments: dict[int, int]) -> np.ndarray:
    record = np.zeros(1, SEQUENCED)
    order = record[0]
    session = int(row["session"])
    if not 1 <= session <= len(config.sessions):
        raise ValueError(f"session {session} is not one of 1 to {len(config.sessions)}")
    security_id = int(row["security_id"])
    if security_id not in instruments:
        raise ValueError(f"security_id {security_id} is none of the configuration")
    if row["kind"] not in _KINDS:
        raise ValueError(f"kind {row['kind']!r} is none of {', '.join(_KINDS)}")
    if row["side"] not in _SIDES:
        raise ValueError(f"side {row['side']!r} is neither buy nor sell")
    for name in ("time_ns", "cl_ord_id"):
        order[name] = int(row[name])
    for name in _NUMBERS:
        order[name] = int(row.get(name) or 0)
    for name, default in _LETTERS.items():
        letter = row.get(name) or default
        if len(letter) != 1 or not letter.isascii():
            raise ValueError(f"{name} {letter!r} is not one letter")
        order[name] = ord(letter)
    order["kind"] = _KINDS[row["kind"]]
    order["side"] = _SIDES[row["side"]]
    order["session"] = session - 1
    order["account"] = config.sessions[session - 1].account
    order["instrument"] = instruments[security_id]
    order["receive_time_ns"] = order["time_ns"]
    order["length"] = SEQUENCED.itemsize
    order["flags"] = COMMAND_FIRST_OF_BURST
    return record


def merged(records: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """`records` (SEQUENCED[n], from sequence 1) with `orders` among them, numbered anew. CRCs are not made again: the
    result is for playing, not for keeping."""
    at = np.searchsorted(records["time_ns"], orders["time_ns"], "right")
    day = np.insert(records, at, orders)
    is_ours = np.zeros(day.size, bool)
    is_ours[at + np.arange(orders.size)] = True
    day["sequence"] = np.arange(1, day.size + 1)
    follows = np.flatnonzero(is_ours[:-1]) + 1
    day["flags"][follows] |= COMMAND_FIRST_OF_BURST
    if is_ours[0]:
        raise WhatIfError("An order comes before the first record of the day; give it a later time_ns.")
    _number_sessions(day, is_ours)
    return day


def _number_sessions(day: np.ndarray, is_ours: np.ndarray) -> None:
    numbered = (day["kind"] <= KIND_OF_THE_BOOK_MAX) & (day["kind"] != KIND_PHASE) & (day["kind"] != KIND_TIMER)
    numbered |= day["kind"] == KIND_CONTEXT
    for session in np.unique(day["session"][is_ours]):
        expected, added = 1, 0
        for place in np.flatnonzero(numbered & (day["session"] == session)):
            if is_ours[place]:
                day[place]["session_seq"] = expected
                added += 1
                expected += 1
                continue
            number = int(day[place]["session_seq"]) + added
            day[place]["session_seq"] = number
            expected = max(expected, number + (day[place]["kind"] != KIND_CONTEXT))


@dataclass
class Traded:
    """What one order, or one instrument, traded."""

    fills: int = 0
    lots: int = 0
    value_nanos: int = 0
    """Sum of price times lots, 1e-9."""
    last_price_nanos: int = 0

    def add(self, lots: int, price_nanos: int) -> None:
        """One more fill."""
        self.fills += 1
        self.lots += lots
        self.value_nanos += lots * price_nanos
        self.last_price_nanos = price_nanos

    def to_dict(self) -> dict[str, int | float]:
        """With the average price in units of 1e-9."""
        average = self.value_nanos / self.lots if self.lots else 0.0
        return {"fills": self.fills, "lots": self.lots, "average_price_nanos": round(average, 3)} | {
            "last_price_nanos": self.last_price_nanos
        }


@dataclass
class Outcome:
    """What came of a day."""

    orders: dict[str, Traded] = field(default_factory=dict)
    """By "session/ClOrdID", the ClOrdID that the order had when it traded."""
    instruments: dict[str, Traded] = field(default_factory=dict)
    """By SecurityID; each fill once."""
    rejects: int = 0
    open_orders: int = 0
    state_hash: str = ""


def play_day(records: np.ndarray, config: Config) -> Outcome:
    """Play `records`, and read what the clients were told. Raises ReplayError."""
    exchange = sized_exchange(records, config)
    sessions = exchange.tables.sessions
    sessions["bound_at_sequence"] = 1  # who sent nothing that day has no address, but is told all the same
    sessions["vlan_tci"] = VLAN_NONE
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as folder:
        sent = Path(folder) / "sent.pcap"
        play_to(records, exchange, out=sent)
        for session, name, fields in _reports(sent, config):
            if name == "ExecutionReportTrade":
                lots, price_nanos = int(fields.LastQty), int(fields.LastPx)
                order = f"{session}/{int(fields.ClOrdID)}"
                outcome.orders.setdefault(order, Traded()).add(lots, price_nanos)
                if int(fields.Side) == _BUY:  # of each fill one report goes to the buyer
                    outcome.instruments.setdefault(str(int(fields.SecurityID)), Traded()).add(lots, price_nanos)
            elif "Reject" in name:
                outcome.rejects += 1
    outcome.open_orders = int(exchange.book.state[0]["open_orders"])
    outcome.state_hash = whole_state_hash(exchange)
    return outcome


def _reports(sent: Path, config: Config) -> Iterator[tuple[int, str, Any]]:
    """(session from 1, name, values by field) of every report in a capture of what the venue sent."""
    sessions = {one.uuid_bytes: number for number, one in enumerate(config.sessions, 1)}
    for frame in open_capture(sent):
        datagram = parse_udp_frame(bytes(frame.data))
        if datagram.destination.udp_port == config.feed.udp_port:
            continue
        payload = datagram.payload
        context = FIXP.decode(payload)
        session = sessions[bytes(context.values.SessionId)]
        at = context.end
        while at < len(payload):
            is_order_entry = int.from_bytes(payload[at + 4 : at + 6], "little") == ORDER_ENTRY.schema_id
            message = (ORDER_ENTRY if is_order_entry else FIXP).decode(payload, at)
            yield session, message.block.name, message.values
            at = message.end


def changes(before: Outcome, after: Outcome) -> dict[str, Any]:
    """What differs: of the venue, of each instrument and of each order that trades otherwise in one of the two."""

    def both(one: dict[str, Traded], other: dict[str, Traded]) -> dict[str, Any]:
        names = sorted(one.keys() | other.keys(), key=lambda name: [int(part) for part in name.split("/")])
        none = Traded()
        pairs = {name: (one.get(name, none), other.get(name, none)) for name in names}
        return {
            name: {"before": mine.to_dict(), "after": its.to_dict()}
            for name, (mine, its) in pairs.items()
            if mine != its
        }

    venue = {
        name: {"before": getattr(before, name), "after": getattr(after, name)}
        for name in ("rejects", "open_orders", "state_hash")
    }
    for name in ("fills", "lots"):
        values = [sum(getattr(one, name) for one in outcome.instruments.values()) for outcome in (before, after)]
        venue[name] = {"before": values[0], "after": values[1]}
    return {
        "venue": venue,
        "instruments": both(before.instruments, after.instruments),
        "orders": both(before.orders, after.orders),
    }


def what_if(path: Path, orders: Path, config: Config) -> dict[str, Any]:
    """Play the day of `path` as it was and with `orders`, and return `changes`. Raises ReplayError, WhatIfError."""
    more = read_orders(orders, config)
    config, records = sequenced_records(path, config)
    found = changes(play_day(records, config), play_day(merged(records, more), config))
    return {"input": str(path), "orders_added": int(more.size)} | found
