"""Order flows for the book's benchmark: seeded, made before anything is timed, as COMMAND records.

Common to all, after what venues publish of their own days: 15 % of new orders are IOC, about a fifth of the others is
modified (mostly moved by a tick), about 95 % of them end cancelled, and a few per cent of cancels and modifies are
stale: their order is gone. The maker of a flow does not run a book: it cancels what the middle price walks over, as
market makers do, and some of those orders trade first.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from native.layout import COMMAND, KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE

BUY, SELL = 1, 2
LIMIT, DAY, IOC = ord("2"), ord("0"), ord("3")
FIELDS = (
    "kind", "session", "account", "instrument", "side", "ord_type", "time_in_force", "qty_lots", "price_ticks",
    "cl_ord_id", "orig_cl_ord_id",
)  # fmt: skip
SESSIONS = 16


class Scenario(NamedTuple):
    name: str
    resting: int
    """Orders in the book, all instruments together, that the flow keeps up."""
    depth_ticks: int
    """The furthest an order is placed from the middle; most are near it (a power law)."""
    instruments: int
    middle: Callable[[float], int]
    """Middle price in ticks at a moment 0..1 of the day."""


SCENARIOS = {
    one.name: one
    for one in (
        Scenario("fixed_middle", 30_000, 32, 1, lambda _: 100_000),
        Scenario("routine_day", 10_000, 400, 1, lambda t: 100_000 + int(600 * math.sin(9 * t) + 90 * math.sin(99 * t))),
        Scenario("swing_25", 20_000, 4_000, 1, lambda t: 100_000 + int(25_000 * math.sin(4 * math.pi * t))),
        Scenario("crash_60", 20_000, 8_000, 1, lambda t: int(100_000 - 60_000 * t)),
        Scenario("routine_100", 90_000, 400, 100, lambda t: 100_000 + int(600 * math.sin(9 * t))),
    )
}  # fmt: skip


class _Maker:
    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.random = random.Random(seed)
        self.rows: list[tuple[int, ...]] = []
        self.next_id = [1] * SESSIONS
        self.live: list[
            list[int]
        ] = []  # each order: place in live (-1: gone), session, id, instrument, side, price, qty
        self.at_price: dict[tuple[int, int, int], list[list[int]]] = {}
        self.gone: list[list[int]] = []
        self.middles = [scenario.middle(0.0)] * scenario.instruments

    def row(self, kind: int, order: list[int], cl_ord_id: int, orig: int, time_in_force: int = 0) -> None:
        _, session, _, instrument, side, price, qty = order
        ord_type = LIMIT if kind == KIND_NEW_ORDER else 0
        self.rows.append(
            (kind, session, session + 1, instrument, side, ord_type, time_in_force, qty, price, cl_ord_id, orig)
        )

    def take_id(self, session: int) -> int:
        self.next_id[session] += 1
        return self.next_id[session]

    def place(self, side: int, middle: int) -> int:
        distance = 1 + min(self.scenario.depth_ticks - 1, int(self.random.paretovariate(0.7)) - 1)
        return middle - distance if side == BUY else middle + distance

    def add(self, instrument: int) -> None:
        draw = self.random
        session, side, middle = draw.randrange(SESSIONS), draw.choice((BUY, SELL)), self.middles[instrument]
        order = [len(self.live), session, self.take_id(session), instrument, side, 0, draw.randint(1, 100)]
        if draw.random() < 0.15:
            order[5] = middle + 2 if side == BUY else middle - 2
            order[6] = draw.randint(1, 30)
            self.row(KIND_NEW_ORDER, order, order[2], 0, IOC)
            return
        order[5] = self.place(side, middle)
        self.row(KIND_NEW_ORDER, order, order[2], 0, DAY)
        self.live.append(order)
        self.at_price.setdefault((instrument, side, order[5]), []).append(order)

    def forget(self, order: list[int]) -> None:
        last = self.live.pop()
        if last is not order:
            self.live[order[0]] = last
            last[0] = order[0]
        order[0] = -1
        self.gone.append(order)

    def cancel(self, order: list[int]) -> None:
        self.row(KIND_CANCEL, order, self.take_id(order[1]), order[2])
        if order[0] >= 0:
            self.forget(order)

    def modify(self, order: list[int]) -> None:
        new_id = self.take_id(order[1])
        if self.random.random() < 0.8:
            step = self.random.choice((-1, 1))
            middle = self.middles[order[3]]
            price = order[5] + step
            order[5] = min(price, middle - 1) if order[4] == BUY else max(price, middle + 1)
            self.at_price.setdefault((order[3], order[4], order[5]), []).append(order)
        else:
            order[6] = max(1, order[6] * 3 // 4)
        self.row(KIND_REPLACE, order, new_id, order[2])
        if order[0] >= 0:
            order[2] = new_id

    def move(self, instrument: int, middle: int) -> None:
        """The middle moves: what it walks over is cancelled, one order in twenty is left to be hit."""
        old = self.middles[instrument]
        self.middles[instrument] = middle
        side = BUY if middle < old else SELL
        for price in range(min(old, middle), max(old, middle) + 1):
            for order in self.at_price.pop((instrument, side, price), ()):
                if order[0] >= 0 and order[5] == price and self.random.random() < 0.95:
                    self.cancel(order)

    def step(self, moment: float) -> None:
        draw = self.random
        instrument = draw.randrange(self.scenario.instruments)
        middle = self.scenario.middle(moment)
        if middle != self.middles[instrument]:
            self.move(instrument, middle)
        chance = draw.random()
        if self.gone and chance < 0.02:
            order = draw.choice(self.gone[-2000:])
            (self.cancel if draw.random() < 0.7 else self.modify)(order)
        elif self.live and chance < 0.13:
            self.modify(draw.choice(self.live))
        elif len(self.live) >= self.scenario.resting:
            self.cancel(draw.choice(self.live))
        else:
            self.add(instrument)


def make_flow(scenario: Scenario, messages: int, seed: int) -> tuple[Any, int]:
    """(n,) COMMAND and how many of them only fill the book before the day begins (not to be timed)."""
    maker = _Maker(scenario, seed)
    while len(maker.live) < scenario.resting:
        maker.add(maker.random.randrange(scenario.instruments))
    before = len(maker.rows)
    while len(maker.rows) < before + messages:
        maker.step((len(maker.rows) - before) / messages)
    commands = np.zeros(before + messages, dtype=COMMAND)
    columns = np.array(maker.rows[: before + messages], dtype=np.int64).T
    for name, column in zip(FIELDS, columns, strict=True):
        commands[name] = column
    return commands, before
