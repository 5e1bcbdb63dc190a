"""The operations on index, levels and queues that a flow of bench/flows.py makes, and what each must answer.

A market of plain limit orders in dicts and lists: it fills whole what crosses, first come first served, and writes down
what a book would ask of its structures. Nothing of it is timed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from bench.flows import IOC, SELL
from native.layout import KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE

NAME_FIND, NAME_PUT, NAME_TAKE = range(3)
"""(kind, session, ClOrdID, slot). Answers: the slot found, entered or taken out; -1: there is none."""
LEVEL_FIND, LEVEL_ADD, LEVEL_DROP = range(3)
"""(kind, side, key, level). Answers: the level found, or -1; after add and drop the best level of the side, or -1."""
QUEUE_JOIN, QUEUE_LEAVE = range(2)
"""(kind, level, slot, 0). Answers: the slot at the head of the queue afterwards, or -1."""


class Operations(NamedTuple):
    """What one structure is asked."""

    rows: Any
    """(n, 4) int64."""
    answers: Any
    """(n,) int64."""
    first: int
    """How many of them only fill the book."""


class Order:
    __slots__ = ("cum_lots", "key", "leaves_lots", "level", "name", "side", "slot")

    def __init__(self, name: tuple[int, int], side: int, key: int, leaves_lots: int) -> None:
        self.name, self.side, self.key, self.leaves_lots = name, side, key, leaves_lots
        self.cum_lots = 0
        self.slot = self.level = -1


class Recorder:
    """`record` fills `rows` and `answers`, by structure."""

    def __init__(self, instruments: int, orders_max: int, levels_max: int) -> None:
        self.rows: dict[str, list[tuple[int, int, int, int]]] = {"index": [], "levels": [], "queues": []}
        self.answers: dict[str, list[int]] = {"index": [], "levels": [], "queues": []}
        self.names: dict[tuple[int, int], Order] = {}
        self.keys: list[list[int]] = [[] for _ in range(2 * instruments)]
        self.level_of: list[dict[int, int]] = [{} for _ in range(2 * instruments)]
        self.queues: dict[int, OrderedDict[int, Order]] = {}
        self.free_slots = list(range(orders_max - 1, -1, -1))
        self.free_levels = list(range(levels_max - 1, -1, -1))
        self.levels_a_side_max = 0

    def tell(self, structure: str, row: tuple[int, int, int, int], answer: int) -> None:
        self.rows[structure].append(row)
        self.answers[structure].append(answer)

    def best(self, side: int) -> int:
        return self.level_of[side][self.keys[side][0]] if self.keys[side] else -1

    def find(self, name: tuple[int, int]) -> Order | None:
        order = self.names.get(name)
        self.tell("index", (NAME_FIND, *name, 0), order.slot if order else -1)
        return order

    def take_name(self, order: Order) -> None:
        self.tell("index", (NAME_TAKE, *order.name, 0), order.slot)
        del self.names[order.name]

    def put_name(self, order: Order) -> None:
        self.tell("index", (NAME_PUT, *order.name, order.slot), order.slot)
        self.names[order.name] = order

    def join(self, order: Order) -> None:
        side, key = order.side, order.key
        level = self.level_of[side].get(key, -1)
        self.tell("levels", (LEVEL_FIND, side, key, 0), level)
        if level < 0:
            level = self.free_levels.pop()
            self.level_of[side][key] = level
            self.keys[side].insert(bisect_left(self.keys[side], key), key)
            self.levels_a_side_max = max(self.levels_a_side_max, len(self.keys[side]))
            self.queues[level] = OrderedDict()
            self.tell("levels", (LEVEL_ADD, side, key, level), self.best(side))
        order.level = level
        queue = self.queues[level]
        queue[order.slot] = order
        self.tell("queues", (QUEUE_JOIN, level, order.slot, 0), next(iter(queue)))

    def leave(self, order: Order) -> None:
        level, side, key = order.level, order.side, order.key
        queue = self.queues[level]
        del queue[order.slot]
        self.tell("queues", (QUEUE_LEAVE, level, order.slot, 0), next(iter(queue), -1))
        if not queue:
            del self.queues[level], self.level_of[side][key]
            del self.keys[side][bisect_left(self.keys[side], key)]
            self.free_levels.append(level)
            self.tell("levels", (LEVEL_DROP, side, key, level), self.best(side))

    def match(self, order: Order) -> None:
        """Fill an order that is in no queue as far as the other side goes; ~key: its price as a key of that side."""
        other = self.keys[order.side ^ 1]
        while order.leaves_lots and other and other[0] <= ~order.key:
            resting = next(iter(self.queues[self.best(order.side ^ 1)].values()))
            lots = min(order.leaves_lots, resting.leaves_lots)
            for one in (order, resting):
                one.leaves_lots -= lots
                one.cum_lots += lots
            if resting.leaves_lots == 0:
                self.take_name(resting)
                self.leave(resting)
                self.free_slots.append(resting.slot)

    def crosses(self, order: Order) -> bool:
        other = self.keys[order.side ^ 1]
        return bool(other) and other[0] <= ~order.key

    def new(self, order: Order, is_ioc: bool) -> None:
        if is_ioc or self.crosses(order):
            if self.find(order.name):
                return
            self.match(order)
        if order.leaves_lots and not is_ioc:
            order.slot = self.free_slots.pop()
            self.put_name(order)
            self.join(order)

    def cancel(self, name: tuple[int, int]) -> None:
        order = self.names.get(name)
        if order is None:
            self.find(name)
            return
        self.take_name(order)
        self.leave(order)
        self.free_slots.append(order.slot)

    def replace(self, name: tuple[int, int], new_id: int, key: int, qty_lots: int) -> None:
        order = self.names.get(name)
        if order is None:
            self.find(name)
            return
        self.take_name(order)
        leaves_lots = qty_lots - order.cum_lots
        keeps_place = key == order.key and 0 < leaves_lots <= order.leaves_lots
        order.name = (name[0], new_id)
        if not keeps_place:
            self.leave(order)
        order.key, order.leaves_lots = key, max(leaves_lots, 0)
        if not keeps_place:
            self.match(order)
        if order.leaves_lots == 0:
            self.free_slots.append(order.slot)
            return
        self.put_name(order)
        if not keeps_place:
            self.join(order)


COLUMNS = (
    "kind", "session", "cl_ord_id", "orig_cl_ord_id", "instrument", "side", "price_ticks", "qty_lots", "time_in_force",
)  # fmt: skip


def record(
    commands: Any, before: int, instruments: int, orders_max: int, levels_max: int
) -> tuple[dict[str, Operations], Recorder]:
    """What `commands` (COMMAND records; the first `before` fill the book) ask: "index", "levels", "queues"."""
    recorder = Recorder(instruments, orders_max, levels_max)
    first: dict[str, int] = {}
    rows = zip(*(commands[name].tolist() for name in COLUMNS), strict=True)
    for at, (kind, session, name_id, orig, instrument, fix_side, price, qty, time_in_force) in enumerate(rows):
        if at == before:
            first = {structure: len(told) for structure, told in recorder.rows.items()}
        is_sell = fix_side == SELL
        key = price if is_sell else ~price
        if kind == KIND_NEW_ORDER:
            recorder.new(Order((session, name_id), 2 * instrument + is_sell, key, qty), time_in_force == IOC)
        elif kind == KIND_CANCEL:
            recorder.cancel((session, orig))
        elif kind == KIND_REPLACE:
            recorder.replace((session, orig), name_id, key, qty)
    operations = {
        structure: Operations(
            np.array(told, dtype=np.int64).reshape(-1, 4),
            np.array(recorder.answers[structure], dtype=np.int64),
            first.get(structure, 0),
        )
        for structure, told in recorder.rows.items()
    }
    return operations, recorder
