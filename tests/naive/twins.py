"""Kernel book and naive exchange side by side: the same commands in, the same events demanded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from appliance.book.match import apply, apply_batch, is_pending, resume
from appliance.book.state import Book, InstrumentRules, allocate_book
from appliance.book.view import orders, parked, position, waiting
from native.layout import (
    COMMAND,
    COMMAND_PRICE_MISSING,
    COMMAND_STOP_PRICE_MISSING,
    EVENT,
    KIND_MASS_CANCEL,
    NEVER_NS,
)
from tests.naive.exchange import Event, Exchange
from tests.naive.exchange.events import public_lots
from tests.naive.exchange.numbers import AUCTIONS
from tests.naive.exchange.places import orders_in_sequence
from tests.naive.exchange.state import IN_BOOK, PARKED, WAITING, Market, Order
from tests.naive.flow import Flow

COMMAND_FIELDS = COMMAND.names or ()
EVENT_FIELDS = EVENT.names or ()
Row = tuple[int, ...]


def as_row(event: Event) -> Row:
    return tuple(event.values())


def command_record(**fields: int) -> np.ndarray[Any, Any]:
    """One COMMAND: a DAY limit order to buy 1 lot unless `fields` say otherwise; a mass cancel without price band."""
    record = np.zeros(1, dtype=COMMAND)
    defaults = {"kind": 1, "side": 1, "ord_type": 50, "time_in_force": 48, "qty_lots": 1}
    if fields.get("kind") == KIND_MASS_CANCEL:
        defaults = {"flags": COMMAND_PRICE_MISSING | COMMAND_STOP_PRICE_MISSING}
    for name, value in (defaults | fields).items():
        record[0][name] = value
    return record


def run_kernel(book: Book, commands: Any, index: int, events: Any) -> list[Row]:
    """Apply one command with an event buffer of any size; every event as a tuple."""
    count = apply(book, commands, index, events, 0)
    assert count >= 0, count
    rows: list[Row] = events[:count].tolist()
    while is_pending(book):
        count = resume(book, events, 0)
        assert count >= 0, count
        rows += events[:count].tolist()
    return rows


class Twins:
    """A kernel book and a naive exchange. `events_max`: room for events of the kernel, at least STEP_EVENTS_MAX."""

    def __init__(
        self,
        instruments: int | Sequence[InstrumentRules],
        orders_max: int,
        levels_max: int,
        events_max: int = 64,
        positions_max: int | None = None,
    ) -> None:
        self.book = allocate_book(instruments, orders_max, levels_max, positions_max=positions_max)
        self.exchange = Exchange(instruments, orders_max, levels_max, positions_max)
        self.events = np.zeros(events_max, dtype=EVENT)
        self.progress = np.zeros(1, dtype=np.int64)

    @classmethod
    def of_flow(cls, flow: Flow, seed: int, events_max: int | None = None) -> Twins:
        """Twins of the book that the flow's profile needs; the flow is told of the open orders."""
        one = flow.profile
        twins = cls(one.rules(seed), one.orders_max, one.levels_max, events_max or one.events_max, one.positions_max)
        flow.open = twins.exchange.open
        return twins

    def apply(self, commands: Any) -> list[Row]:
        """Run a batch of COMMAND records through both; returns the events, having compared every one."""
        rows = commands.tolist()
        told = [self.exchange.apply(dict(zip(COMMAND_FIELDS, row, strict=True))) for row in rows]
        return self.compare(commands, told)

    def run(self, flow: Flow, count: int) -> list[Row]:
        """`count` requests of a flow that sees the naive exchange at each step; every event compared."""
        requests, told = [], []
        for _ in range(count):
            request = flow.request()
            requests.append(request)
            told.append(self.exchange.apply(request))
        commands = np.array([tuple(request.values()) for request in requests], dtype=COMMAND)
        return self.compare(commands, told)

    def compare(self, commands: Any, told: list[list[Event]]) -> list[Row]:
        """Run the kernel and demand the events that the naive exchange told for each command."""
        expected = [as_row(event) for events in told for event in events]
        actual = self.run_kernel(commands)
        if actual != expected:
            raise AssertionError(explain(commands, told, expected, actual))
        return actual

    def run_kernel(self, commands: Any) -> list[Row]:
        rows: list[Row] = []
        done = 0
        while done < len(commands) or is_pending(self.book):
            count = apply_batch(self.book, commands, done, len(commands), self.events, self.progress)
            assert count >= 0, f"command {self.progress[0]}: {count}"
            rows += self.events[:count].tolist()
            done = int(self.progress[0])
        return rows

    # --- the whole book -----------------------------------------------------------------------------------------

    def compare_books(self) -> None:
        for market in self.exchange.markets:
            number = market.number
            sequence = orders_in_sequence(market)
            for is_sell in (False, True):
                resting = [one for one in sequence if one.place == IN_BOOK and one.is_buy != is_sell]
                demand_orders(orders(self.book, number, is_sell), resting)
            demand_orders(waiting(self.book, number), [one for one in sequence if one.place == WAITING])
            demand_orders(parked(self.book, number), [one for one in sequence if one.place == PARKED])
            demand_market(self.book.instruments[number], market)
        for (account, instrument), net_lots in self.exchange.positions.items():
            assert position(self.book, account, instrument) == net_lots
        state = self.book.state[0]
        assert state["orders_taken"] == self.exchange.orders_taken
        assert state["priorities_given"] == self.exchange.priorities_given
        assert state["trades"] == self.exchange.trades
        assert state["open_orders"] == len(self.exchange.open)
        assert state["open_levels"] == self.exchange.levels_in_use()


def demand_orders(views: Sequence[Any], expected: Sequence[Order]) -> None:
    assert len(views) == len(expected), (views, expected)
    for view, order in zip(views, expected, strict=True):
        for name, value in view._asdict().items():
            known = public_lots(order) if name == "display_lots" else getattr(order, name)
            assert value == known, (name, view, order)


def demand_market(record: Any, market: Market) -> None:
    def optional(has: str, name: str) -> int | None:
        return int(record[name]) if record[has] else None

    def due(name: str) -> int | None:
        return None if record[name] == NEVER_NS else int(record[name])

    assert record["phase"] == market.phase
    assert record["frozen"] == market.frozen
    assert record["extension_number"] == market.extension_number
    assert optional("has_last", "last_ticks") == market.last
    assert optional("has_static_reference", "static_reference_ticks") == market.static_reference
    assert due("phase_due_ns") == market.phase_due
    if not market.frozen:
        assert due("freeze_due_ns") == market.freeze_due
    if market.phase in AUCTIONS:
        assert record["auction_changed"] == market.changed
    if market.touched is None:
        assert not record["is_touched"]
    elif market.falling or market.rising:
        assert (optional("is_touched", "touched_low_ticks"), record["touched_high_ticks"]) == market.touched


def lines(rows: Sequence[Row], fields: Sequence[str]) -> str:
    return "\n".join(
        "  " + " ".join(f"{name}={value}" for name, value in zip(fields, row, strict=True) if value) for row in rows
    )


def explain(commands: Any, told: list[list[Event]], expected: list[Row], actual: list[Row]) -> str:
    """The first request whose events differ, those before it, and both answers."""
    pairs = zip(expected, actual, strict=False)
    at = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(expected), len(actual)))
    index, before = 0, 0
    while index < len(told) - 1 and before + len(told[index]) <= at:
        before += len(told[index])
        index += 1
    last = before + len(told[index])
    earlier = commands[max(0, index - 5) : index].tolist()
    request = lines(commands[index : index + 1].tolist(), COMMAND_FIELDS)
    naive, kernel = (lines(rows, EVENT_FIELDS) for rows in (expected[before:last], actual[before : last + 2]))
    return (
        f"request {index} of this batch\nbefore:\n{lines(earlier, COMMAND_FIELDS)}\nrequest:\n{request}\n"
        f"naive:\n{naive}\nkernel:\n{kernel}"
    )
