"""Kernel book and naive exchange side by side: the same commands in, the same events demanded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from appliance.book.match import apply, is_pending, resume
from appliance.book.state import Book, allocate_book
from appliance.book.view import orders
from native.layout import COMMAND, EVENT
from tests.naive.exchange import SELLS, Event, Exchange

COMMAND_FIELDS = COMMAND.names or ()
EVENT_FIELDS = EVENT.names or ()
NOTHING = dict.fromkeys(EVENT_FIELDS, 0)


def as_row(event: Event) -> tuple[int, ...]:
    return tuple((NOTHING | event).values())


def command_record(**fields: int) -> np.ndarray[Any, Any]:
    """One COMMAND: a DAY limit order to buy 1 lot unless `fields` say otherwise."""
    record = np.zeros(1, dtype=COMMAND)
    for name, value in ({"kind": 1, "side": 1, "ord_type": 50, "time_in_force": 48, "qty_lots": 1} | fields).items():
        record[0][name] = value
    return record


def run_kernel(book: Book, commands: Any, index: int, events: Any) -> list[tuple[int, ...]]:
    """Apply one command with an event buffer of any size; every event as a tuple."""
    count = apply(book, commands, index, events, 0)
    assert count > 0, count
    rows: list[tuple[int, ...]] = events[:count].tolist()
    while is_pending(book):
        count = resume(book, events, 0)
        assert count > 0, count
        rows += events[:count].tolist()
    return rows


class Twins:
    def __init__(self, instruments: int, orders_max: int, levels_max: int, events_max: int = 64) -> None:
        self.book = allocate_book(instruments, orders_max, levels_max)
        self.exchange = Exchange(instruments, orders_max, levels_max)
        self.events = np.zeros(events_max, dtype=EVENT)

    def apply(self, commands: Any) -> list[tuple[int, ...]]:
        """Run a batch of COMMAND records through both; returns the events, having compared every one."""
        told: list[tuple[int, ...]] = []
        for index, row in enumerate(commands.tolist()):
            command = dict(zip(COMMAND_FIELDS, row, strict=True))
            expected = [as_row(event) for event in self.exchange.apply(command)]
            actual = run_kernel(self.book, commands, index, self.events)
            assert actual == expected, explain(command, expected, actual)
            told += actual
        return told

    def compare_books(self) -> None:
        for (instrument, is_sell), queues in self.exchange.queues.items():
            prices: Iterable[int] = sorted(queues, reverse=not is_sell)
            expected = [
                (one.order_id, one.session, one.cl_ord_id, one.price_ticks, one.leaves_lots, one.cum_lots)
                + (one.priority, one.account, one.side, one.time_in_force)
                for price in prices
                for one in queues[price]
            ]
            assert [tuple(one) for one in orders(self.book, instrument, is_sell)] == expected
            assert all((one[8] in SELLS) == is_sell for one in expected)
        state = self.book.state[0]
        assert state["orders_taken"] == self.exchange.orders_taken
        assert state["priorities_given"] == self.exchange.priorities_given
        assert state["trades"] == self.exchange.trades
        assert state["open_orders"] == len(self.exchange.open)


def explain(command: dict[str, int], expected: list[tuple[int, ...]], actual: list[tuple[int, ...]]) -> str:
    def lines(rows: list[tuple[int, ...]]) -> str:
        return "\n".join(
            "  " + " ".join(f"{name}={value}" for name, value in zip(EVENT_FIELDS, row, strict=True) if value)
            for row in rows
        )

    asked = " ".join(f"{name}={value}" for name, value in command.items() if value)
    return f"{asked}\nexpected:\n{lines(expected)}\nkernel:\n{lines(actual)}"
