"""What would have happened: a journal with more orders in it, beside the journal as it was.

An order comes behind every record of its time and is a burst of its own. It takes the next number of its session; the
numbers of the session's later messages move up by one, gaps stay gaps, a session that is negotiated anew begins with 1.
So the same orders always lead to the same day.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from appliance.config import Config
from appliance.exchange import Exchange, whole_state_hash
from appliance.history.player import Player
from appliance.history.timeline import sequenced_records, sized_exchange
from appliance.report.log import ENTRY_BYTES, USED_PLACES
from native.counters import REPORTS_UNSTORED
from native.layout import (
    COMMAND_FIRST_OF_BURST,
    KIND_CANCEL,
    KIND_CONTEXT,
    KIND_ESTABLISH,
    KIND_FINISHED,
    KIND_MASS_CANCEL,
    KIND_NEGOTIATE,
    KIND_NEW_ORDER,
    KIND_REPLACE,
    KIND_STATUS_QUERY,
    SEQUENCED,
    VLAN_NONE,
)
from native.session_layout import ESTABLISH, FINISHED_SENDING, SESSION_INPUT
from wire.blocks import schema
from wire.gen import fixp_tables as fixp

FIXP: Final = schema("fixp")
ORDER_ENTRY: Final = schema("order_entry")
_BUY = 1
_MESSAGE_KINDS = (KIND_NEW_ORDER, KIND_CANCEL, KIND_REPLACE, KIND_MASS_CANCEL, KIND_CONTEXT, KIND_STATUS_QUERY)
"""Records that have a number of their session."""
_REPORTS_A_RECORD = 4
_REPORT_BYTES = 256
_NO_NUMBER = fixp.FinishedSending_LastSeqNo_NULL & 0xFFFFFFFFFFFFFFFF
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


def merged(records: np.ndarray, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`records` (SEQUENCED[n], from sequence 1) with `orders` among them, in order anew, and bool[n + orders]: which
    are ours. CRCs are not made again: the result is for playing, not for keeping; and the numbers of messages are those
    that their senders gave, until `play_day` comes to them. Raises WhatIfError."""
    at = np.searchsorted(records["time_ns"], orders["time_ns"], "right")
    day = np.insert(records, at, orders)
    is_ours = np.zeros(day.size, bool)
    is_ours[at + np.arange(orders.size)] = True
    day["sequence"] = np.arange(1, day.size + 1)
    follows = np.flatnonzero(is_ours[:-1]) + 1
    day["flags"][follows] |= COMMAND_FIRST_OF_BURST
    if is_ours[0]:
        raise WhatIfError("An order comes before the first record of the day; give it a later time_ns.")
    return day, is_ours


class _Numbers:
    """Numbers of messages in their sessions, while a day with more orders in it is played: ours get the next one of
    their session, those that follow in the same session move up."""

    def __init__(self, day: np.ndarray, is_ours: np.ndarray, exchange: Exchange) -> None:
        self._day = day
        self._is_ours = is_ours
        self._rows = exchange.tables.sessions
        self._added = np.zeros(self._rows.size, np.int64)
        self._generation = self._rows["generation"].astype(np.int64)
        kinds = day["kind"]
        is_message = np.isin(kinds, _MESSAGE_KINDS)
        is_handshake = (kinds == KIND_NEGOTIATE) | (kinds == KIND_ESTABLISH)
        session = np.where(is_message, day["session"].astype(np.int64), -1)
        session[is_handshake] = day.view(ESTABLISH)["session"][is_handshake]
        session[kinds == KIND_FINISHED] = day.view(SESSION_INPUT)["session"][kinds == KIND_FINISHED]
        affected = np.isin(session, np.unique(session[is_ours]))
        self._session = session
        self._places = np.flatnonzero(affected & (is_message | is_handshake | (kinds == KIND_FINISHED)))
        decided = 1 + np.flatnonzero(affected & (kinds == KIND_NEGOTIATE))
        self._stops = np.unique(np.concatenate((np.flatnonzero(is_ours), decided)))

    def stretches(self) -> Iterator[tuple[int, int]]:
        """(start, stop) of records to play next: their numbers are right once they are handed out, and what stands
        between two of them has been decided when the second one is."""
        start = 0
        for stop in (*self._stops.tolist(), self._day.size):
            if stop > start:
                self._move_up(start, stop)
                yield start, stop
                start = stop

    def _move_up(self, start: int, stop: int) -> None:
        first, last = np.searchsorted(self._places, (start, stop))
        for place in self._places[first:last].tolist():
            session = int(self._session[place])
            row = self._rows[session]
            if int(row["generation"]) != self._generation[session]:  # another session since: it numbers from 1 on
                self._generation[session], self._added[session] = int(row["generation"]), 0
            if self._is_ours[place]:
                self._day[place]["session_seq"] = row["expected_seq"]
                self._added[session] += 1
                continue
            _raise_number(self._day[place : place + 1], int(self._added[session]))


def _raise_number(record: np.ndarray, added: int) -> None:
    """Move what one record says of its session's numbers up."""
    kind = int(record[0]["kind"])
    if kind == KIND_ESTABLISH:
        establish = record.view(ESTABLISH)[0]
        if int(establish["has_next_seq"]):
            establish["next_seq"] += np.uint64(added)
    elif kind == KIND_FINISHED:
        finished = record.view(SESSION_INPUT)[0]
        if int(finished["code"]) == FINISHED_SENDING and int(finished["number"]) != _NO_NUMBER:
            finished["number"] += np.uint64(added)
    elif kind != KIND_NEGOTIATE:
        record["session_seq"] += np.uint64(added)


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


def play_day(records: np.ndarray, config: Config, is_ours: np.ndarray | None = None) -> Outcome:
    """Play `records`, of which `is_ours` are to get numbers in their sessions, and read what the clients were told.
    Raises ReplayError, WhatIfError."""
    exchange = sized_exchange(records, _with_room_for_reports(config, records.size))
    sessions = exchange.tables.sessions
    sessions["bound_at_sequence"] = 1  # who sent nothing that day has no address, but is told all the same
    sessions["vlan_tci"] = VLAN_NONE
    stretches: Iterable[tuple[int, int]] = ((0, records.size),)
    if is_ours is not None:
        stretches = _Numbers(records, is_ours, exchange).stretches()
    with Player(exchange) as player:
        for start, stop in stretches:
            player.play(records[start:stop])
        player.settle()
    if int(exchange.tables.counters[REPORTS_UNSTORED]):
        raise WhatIfError("What the clients were told does not fit into memory; give a larger reports.store_mib.")
    outcome = Outcome()
    for session, name, fields in _reports(exchange):
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


def _with_room_for_reports(config: Config, records: int) -> Config:
    """Memory is taken as it is written."""
    messages = _REPORTS_A_RECORD * records + 2 * config.limits.orders
    store_mib = max(config.reports.store_mib, (messages * _REPORT_BYTES >> 20) + 1)
    return config.model_copy(update={"reports": config.reports.model_copy(update={"store_mib": store_mib})})


def _reports(exchange: Exchange) -> Iterator[tuple[int, str, Any]]:
    """(session from 1, name, values by field) of every numbered message that the venue sent, by UDP or by TCP."""
    log, place = exchange.reports, 0
    while place < int(log.scalars[USED_PLACES]):
        entry = log.entries[place]
        size = int(entry["message_bytes"])
        start = (place + 1) * ENTRY_BYTES
        payload = log.octets[start : start + size].tobytes()
        is_order_entry = int.from_bytes(payload[4:6], "little") == ORDER_ENTRY.schema_id
        message = (ORDER_ENTRY if is_order_entry else FIXP).decode(payload)
        yield int(entry["session"]) + 1, message.block.name, message.values
        place += 1 + -(-size // ENTRY_BYTES)


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


def _play_with(records: np.ndarray, orders: np.ndarray, config: Config) -> Outcome:
    day, is_ours = merged(records, orders)
    return play_day(day, config, is_ours)


def what_if(path: Path, orders: Path, config: Config) -> dict[str, Any]:
    """Play the day of `path` as it was and with `orders`, and return `changes`. Raises ReplayError, WhatIfError."""
    more = read_orders(orders, config)
    config, records = sequenced_records(path, config)
    found = changes(play_day(records, config), _play_with(records, more, config))
    return {"input": str(path), "orders_added": int(more.size)} | found
