"""Books for people to read: plain tuples, best price first, oldest order first. Nothing here changes a book."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from appliance.book.ladder import next_level
from appliance.book.state import Book
from native.layout import NO_INDEX


class LevelView(NamedTuple):
    price_ticks: int
    qty_lots: int
    orders: int


class OrderView(NamedTuple):
    order_id: int
    session: int
    cl_ord_id: int
    price_ticks: int
    leaves_lots: int
    cum_lots: int
    priority: int
    account: int
    side: int
    time_in_force: int


class DepthView(NamedTuple):
    buys: list[LevelView]
    sells: list[LevelView]


def level_indexes(book: Book, instrument: int, is_sell: bool) -> Iterator[int]:
    """Indexes into `book.levels`, best price first. Raises IndexError for an instrument that the book has not."""
    if not 0 <= 2 * instrument < book.sides.size:
        raise IndexError(f"There is no instrument {instrument}: the book has {book.sides.size // 2}.")
    level = int(book.sides[2 * instrument + int(is_sell)]["best"])
    while level not in (NO_INDEX, -1):
        yield level
        level = int(next_level(book, level))


def depth(book: Book, instrument: int, levels_max: int | None = None) -> DepthView:
    """The price levels of an instrument (of each side the best `levels_max`, or all)."""
    sides: list[list[LevelView]] = []
    for is_sell in (False, True):
        levels: list[LevelView] = []
        for index in level_indexes(book, instrument, is_sell):
            if levels_max is not None and len(levels) >= levels_max:
                break
            level = book.levels[index]
            key = int(level["key"])
            levels.append(LevelView(key if is_sell else ~key, int(level["qty_lots"]), int(level["orders"])))
        sides.append(levels)
    return DepthView(*sides)


def orders(book: Book, instrument: int, is_sell: bool) -> list[OrderView]:
    """The resting orders of one side in the order in which they would trade."""
    found: list[OrderView] = []
    for index in level_indexes(book, instrument, is_sell):
        slot = int(book.levels[index]["head"])
        while slot != NO_INDEX:
            order = book.orders[slot]
            found.append(OrderView(*(int(order[field]) for field in OrderView._fields)))
            slot = int(order["next"])
    return found
