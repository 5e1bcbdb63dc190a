"""Books for people to read: plain tuples, best price first, oldest order first. Nothing here changes a book."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from appliance.book.ladder import next_level
from appliance.book.positions import position_place
from appliance.book.queue import displayed_lots
from appliance.book.state import Book
from appliance.book.words import EXEC_INST_BITS
from native.layout import NO_INDEX, TRAIT_TERMS


class LevelView(NamedTuple):
    price_ticks: int
    qty_lots: int
    """What is displayed."""
    orders: int
    """Displayed and hidden ones."""


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
    display_lots: int
    ord_type: int
    exec_inst: int
    stop_price_ticks: int


class DepthView(NamedTuple):
    buys: list[LevelView]
    sells: list[LevelView]


def _levels(book: Book, side: int) -> Iterator[int]:
    level = int(book.sides[side]["best"])
    while level not in (NO_INDEX, -1):
        yield level
        level = int(next_level(book, level))


def _demand_instrument(book: Book, instrument: int) -> None:
    if not 0 <= instrument < book.instruments.size:
        raise IndexError(f"There is no instrument {instrument}: the book has {book.instruments.size}.")


def level_indexes(book: Book, instrument: int, is_sell: bool) -> Iterator[int]:
    """Indexes into `book.levels`, best price first. Raises IndexError for an instrument that the book has not."""
    _demand_instrument(book, instrument)
    return _levels(book, 2 * instrument + int(is_sell))


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


def _order(book: Book, slot: int) -> OrderView:
    order = book.orders[slot]
    traits = int(order["traits"])
    stop_price_ticks = int(book.terms[slot]["stop_price_ticks"]) if traits & TRAIT_TERMS else 0
    more = {
        "display_lots": int(displayed_lots(book, slot)),
        "exec_inst": traits & EXEC_INST_BITS,
        "stop_price_ticks": stop_price_ticks,
    }
    return OrderView(**{name: more[name] if name in more else int(order[name]) for name in OrderView._fields})


def _queue(book: Book, slot: int) -> Iterator[OrderView]:
    while slot != NO_INDEX:
        yield _order(book, slot)
        slot = int(book.orders[slot]["next"])


def orders(book: Book, instrument: int, is_sell: bool) -> list[OrderView]:
    """The resting orders of one side: best price first, at each price displayed before hidden, oldest first."""
    found: list[OrderView] = []
    for level in level_indexes(book, instrument, is_sell):
        found += _queue(book, int(book.levels[level]["head"]))
        found += _queue(book, int(book.level_hidden[level]["head"]))
    return found


def waiting(book: Book, instrument: int) -> list[OrderView]:
    """The orders that wait for their trigger: falling ones, highest first, then rising ones, lowest first."""
    _demand_instrument(book, instrument)
    first = 2 * book.instruments.size + 2 * instrument
    levels = [level for side in (first, first + 1) for level in _levels(book, side)]
    return [order for level in levels for order in _queue(book, int(book.levels[level]["head"]))]


def parked(book: Book, instrument: int) -> list[OrderView]:
    """The orders that are kept for an auction: GoodForAuction, then AtClose."""
    _demand_instrument(book, instrument)
    levels = _levels(book, 4 * book.instruments.size + instrument)
    return [order for level in levels for order in _queue(book, int(book.levels[level]["head"]))]


def position(book: Book, account: int, instrument: int) -> int:
    """Lots that the account has bought less those that it has sold."""
    _demand_instrument(book, instrument)
    return int(book.positions[int(position_place(book, account, instrument))]["net_lots"])
