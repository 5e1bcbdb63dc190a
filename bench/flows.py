"""Order flows for the book's benchmark: seeded, made before anything is timed, as COMMAND records.

The flows of a market (`Scenario`), after what venues publish of their own days: 15 % of new orders are IOC, about a
fifth of the others is modified (four of five by one tick), about 95 % of them end cancelled, and a few per cent of
cancels and modifies are stale: their order is gone. Which order is cancelled or modified is chosen at random from all
that rest, which is the worst case for caches. The maker of these runs no book: it cancels what the middle price walks
over, as market makers do, but for one order in twenty, which is left to be hit.

The friendly flows (`FriendlyScenario`): half of the messages are new orders that rest, 45 % cancel an order that rests,
5 % cross and fill one order whole. Their maker keeps queues, so that every cancel hits.

A flow is a function of its scenario, its length and its seed alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from native.jit import kernel
from native.layout import COMMAND, KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE

BUY, SELL = 1, 2
LIMIT, DAY, IOC = ord("2"), ord("0"), ord("3")
SESSIONS = 16
MIDDLE_FIRST_TICKS = 100_000
QUANTILES = 1 << 16
GONE_KEPT = 2048
NS_BETWEEN_MESSAGES = 1000
NOBODY = -1


class Scenario(NamedTuple):
    name: str
    resting: int
    """Orders in the book, all instruments together, that the flow keeps up."""
    depth_ticks: int
    """The furthest an order is placed from the middle; most are near it (a power law)."""
    instruments: int
    middle: Callable[[Any], Any]
    """Middle price in ticks at moments 0..1 of the day (an array)."""


class FriendlyScenario(NamedTuple):
    name: str
    resting: int
    depth_ticks: int
    instruments: int


def _fixed(moment: Any) -> Any:
    return MIDDLE_FIRST_TICKS + 0 * moment


def _routine(moment: Any) -> Any:
    return MIDDLE_FIRST_TICKS + 600 * np.sin(9 * moment) + 90 * np.sin(99 * moment)


def _swing(part: float) -> Callable[[Any], Any]:
    return lambda moment: MIDDLE_FIRST_TICKS * (1 + part * np.sin(4 * np.pi * moment))


def _crash(moment: Any) -> Any:
    return MIDDLE_FIRST_TICKS * (1 - 0.6 * moment)


def _calm(moment: Any) -> Any:
    return MIDDLE_FIRST_TICKS + 600 * np.sin(9 * moment)


SCENARIOS: dict[str, Scenario | FriendlyScenario] = {
    one.name: one
    for one in (
        Scenario("fixed_middle", 30_000, 32, 1, _fixed),
        Scenario("routine_day", 10_000, 400, 1, _routine),
        Scenario("swing_25", 20_000, 4_000, 1, _swing(0.25)),
        Scenario("swing_40", 20_000, 8_000, 1, _swing(0.40)),
        Scenario("crash_60", 20_000, 8_000, 1, _crash),
        Scenario("routine_100", 90_000, 400, 100, _calm),
        FriendlyScenario("friendly_1", 9_000, 400, 1),
        FriendlyScenario("friendly_100", 90_000, 400, 100),
        *(Scenario(f"resting_{many}", many, 100, 1000, _fixed) for many in (1_000, 10_000, 100_000, 1_000_000)),
    )
}  # fmt: skip
HEADLINE_FLOWS = ("fixed_middle", "routine_day", "swing_25", "swing_40", "crash_60", "routine_100")
FRIENDLY_FLOWS = ("friendly_1", "friendly_100")
GROWTH_FLOWS = ("resting_1000", "resting_10000", "resting_100000", "resting_1000000")

# what a maker knows of an order: the columns of its table
SESSION, ID, INSTRUMENT, SIDE, PRICE, QTY, NEXT, PREV, PLACE = range(9)
ORDER_COLUMNS = 9


@kernel
def draw(state: Any, below: int) -> int:
    """A number from 0 to below - 1 (below 2^31): splitmix64."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    x = state[0]
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (np.int64((x ^ (x >> np.uint64(31))) >> np.uint64(33)) * below) >> 31


@kernel
def write_command(commands: Any, at: int, kind: int, order: Any, cl_ord_id: int, orig: int, time_in_force: int) -> int:
    """One request about an order of the maker's table. Returns the place behind it."""
    if at < commands.size:
        command = commands[at]
        command["sequence"] = at + 1
        command["time_ns"] = (at + 1) * NS_BETWEEN_MESSAGES
        command["kind"] = kind
        command["session"] = order[SESSION]
        command["account"] = order[SESSION] + 1
        command["instrument"] = order[INSTRUMENT]
        command["side"] = order[SIDE]
        command["ord_type"] = LIMIT if kind == KIND_NEW_ORDER else 0
        command["time_in_force"] = time_in_force
        command["qty_lots"] = order[QTY]
        command["price_ticks"] = order[PRICE]
        command["cl_ord_id"] = cl_ord_id
        command["orig_cl_ord_id"] = orig
    return at + 1


@kernel
def take_id(next_ids: Any, session: int) -> int:
    next_ids[session] += 1
    return next_ids[session]


@kernel
def queue_of(order: Any, prices: int, lowest: int) -> int:
    """Place in `queues` of the queue that an order of the table belongs to."""
    return (order[INSTRUMENT] * 2 + order[SIDE] - 1) * prices + order[PRICE] - lowest


@kernel
def link(orders: Any, heads: Any, tails: Any, queue: int, row: int) -> None:
    """Join the end of a queue."""
    tail = tails[queue]
    orders[row, PREV] = tail
    orders[row, NEXT] = NOBODY
    if tail == NOBODY:
        heads[queue] = row
    else:
        orders[tail, NEXT] = row
    tails[queue] = row


@kernel
def unlink(orders: Any, heads: Any, tails: Any, queue: int, row: int) -> None:
    before, behind = orders[row, PREV], orders[row, NEXT]
    if before == NOBODY:
        heads[queue] = behind
    else:
        orders[before, NEXT] = behind
    if behind == NOBODY:
        tails[queue] = before
    else:
        orders[behind, PREV] = before


@kernel
def keep_gone(gone: Any, count: int, order: Any) -> int:
    """Remember an order that is gone, in place of an old one. Returns how many are gone."""
    for column in range(ORDER_COLUMNS):
        gone[count % GONE_KEPT, column] = order[column]
    return count + 1


@kernel
def forget(orders: Any, live: Any, count: int, row: int) -> int:
    """Take an order out of the list of those that live. Returns how many are left."""
    place = orders[row, PLACE]
    last = live[count - 1]
    live[place] = last
    orders[last, PLACE] = place
    live[count - 1] = row  # the rows behind the living are the free ones
    return count - 1


@kernel
def make_day(
    commands: Any, before: Any, middles_of_day: Any, distances: Any, orders: Any, live: Any, heads: Any, tails: Any,
    middles: Any, gone: Any, next_ids: Any, state: Any, resting: int, lowest: int, prices: int, friendly: bool,
) -> int:  # fmt: skip
    """Fill `commands`. before: (1,) set to how many of them only fill the book. Returns how many were made."""
    messages = middles_of_day.size
    instruments = middles.size
    at = np.int64(0)
    count = np.int64(0)
    gone_count = np.int64(0)
    filling = True
    moment = np.int64(0)
    while at < commands.size:
        if filling and count >= resting:
            filling = False
            before[0] = at
        if not filling:
            moment = min(at - before[0], messages - 1)
            if at - before[0] >= messages:
                break
        instrument = draw(state, instruments)
        middle = middles_of_day[moment]
        old = middles[instrument]
        if middle != old:  # what the middle walks over is cancelled, one order in twenty is left to be hit
            middles[instrument] = middle
            side = BUY if middle < old else SELL
            for price in range(min(old, middle), max(old, middle) + 1):
                queue = (instrument * 2 + side - 1) * prices + price - lowest
                row = heads[queue]
                while row != NOBODY:
                    behind = orders[row, NEXT]
                    if draw(state, 20) != 0:
                        unlink(orders, heads, tails, queue, row)
                        at = write_command(
                            commands, at, KIND_CANCEL, orders[row], take_id(next_ids, orders[row, SESSION]),
                            orders[row, ID], 0,
                        )  # fmt: skip
                        gone_count = keep_gone(gone, gone_count, orders[row])
                        count = forget(orders, live, count, row)
                    row = behind
        chance = draw(state, 100)
        if friendly:
            is_cross = not filling and chance >= 95
            is_new = filling or chance < 50
            if count * 20 > resting * 21:
                is_new = False
            elif count * 20 < resting * 19:
                is_new, is_cross = True, False
            is_modify = is_stale = False
        else:
            is_cross = False
            is_stale = not filling and gone_count > GONE_KEPT and chance < 2
            is_modify = not filling and not is_stale and count > 0 and chance < 11
            is_new = count < resting
        if is_stale:
            old_order = gone[draw(state, GONE_KEPT)]
            is_cancel = draw(state, 10) < 7
            at = write_command(
                commands, at, KIND_CANCEL if is_cancel else KIND_REPLACE, old_order,
                take_id(next_ids, old_order[SESSION]), old_order[ID], 0,
            )  # fmt: skip
        elif is_modify:
            row = live[draw(state, count)]
            order = orders[row]
            new_id = take_id(next_ids, order[SESSION])
            if draw(state, 5) < 4:
                price = min(max(order[PRICE] + 2 * draw(state, 2) - 1, lowest), lowest + prices - 1)
                middle = middles[order[INSTRUMENT]]
                unlink(orders, heads, tails, queue_of(order, prices, lowest), row)
                order[PRICE] = min(price, middle - 1) if order[SIDE] == BUY else max(price, middle + 1)
                link(orders, heads, tails, queue_of(order, prices, lowest), row)
            else:
                order[QTY] = max(1, order[QTY] * 3 // 4)
            at = write_command(commands, at, KIND_REPLACE, order, new_id, order[ID], 0)
            order[ID] = new_id
        elif is_cross:  # the oldest order at the best price of one side is filled whole
            side = BUY + draw(state, 2)
            price = middle - 1 if side == BUY else middle + 1
            step = -1 if side == BUY else 1
            first = (instrument * 2 + side - 1) * prices - lowest
            row = np.int64(NOBODY)
            for _ in range(prices):
                if price < lowest or price >= lowest + prices:
                    break
                row = heads[first + price]
                if row != NOBODY:
                    break
                price += step
            if row != NOBODY:
                order = orders[row]
                unlink(orders, heads, tails, queue_of(order, prices, lowest), row)
                count = forget(orders, live, count, row)
                order[SIDE] = BUY + SELL - side  # from here on it is the taker that the row tells of
                order[SESSION] = draw(state, SESSIONS)
                at = write_command(commands, at, KIND_NEW_ORDER, order, take_id(next_ids, order[SESSION]), 0, DAY)
        elif is_new:
            row = live[count]
            order = orders[row]
            middle = middles[instrument]
            order[INSTRUMENT] = instrument
            order[SESSION] = draw(state, SESSIONS)
            order[SIDE] = BUY + draw(state, 2)
            order[ID] = take_id(next_ids, order[SESSION])
            if not friendly and draw(state, 100) < 15:
                order[PRICE] = middle + 2 if order[SIDE] == BUY else middle - 2
                order[QTY] = 1 + draw(state, 30)
                at = write_command(commands, at, KIND_NEW_ORDER, order, order[ID], 0, IOC)
            else:
                distance = distances[draw(state, distances.size)]
                order[PRICE] = middle - distance if order[SIDE] == BUY else middle + distance
                order[QTY] = 1 + draw(state, 100)
                at = write_command(commands, at, KIND_NEW_ORDER, order, order[ID], 0, DAY)
                link(orders, heads, tails, queue_of(order, prices, lowest), row)
                order[PLACE] = count
                count += 1
        elif count > 0:
            row = live[draw(state, count)]
            order = orders[row]
            at = write_command(commands, at, KIND_CANCEL, order, take_id(next_ids, order[SESSION]), order[ID], 0)
            unlink(orders, heads, tails, queue_of(order, prices, lowest), row)
            gone_count = keep_gone(gone, gone_count, order)
            count = forget(orders, live, count, row)
    return min(at, commands.size)


def make_flow(scenario: Scenario | FriendlyScenario, messages: int, seed: int) -> tuple[Any, int]:
    """(n,) COMMAND and how many of them only fill the book before the day begins (not to be timed)."""
    friendly = isinstance(scenario, FriendlyScenario)
    moments = np.arange(messages) / messages
    middle = _fixed if friendly else scenario.middle  # type: ignore[union-attr]
    middles_of_day = middle(moments).astype(np.int64)
    quantiles = ((np.arange(QUANTILES) + 0.5) / QUANTILES) ** (-1 / 0.7)
    distances = np.minimum(quantiles, scenario.depth_ticks).astype(np.int64)
    lowest = int(middles_of_day.min()) - scenario.depth_ticks - 2
    prices = int(middles_of_day.max()) + scenario.depth_ticks + 3 - lowest
    # rows drift a tick a modify: room for the furthest that any goes
    lowest, prices = lowest - 64, prices + 128
    queues = 2 * scenario.instruments * prices
    rows = scenario.resting * 11 // 10 + 16
    commands = np.zeros(scenario.resting * 5 // 4 + 1024 + messages, dtype=COMMAND)
    before = np.zeros(1, dtype=np.int64)
    made = make_day(
        commands, before, middles_of_day, distances, np.zeros((rows, ORDER_COLUMNS), dtype=np.int64),
        np.arange(rows), np.full(queues, NOBODY, dtype=np.int64), np.full(queues, NOBODY, dtype=np.int64),
        np.full(scenario.instruments, middles_of_day[0]), np.zeros((GONE_KEPT, ORDER_COLUMNS), dtype=np.int64),
        np.ones(SESSIONS, dtype=np.int64), np.array([seed], dtype=np.uint64), scenario.resting, lowest, prices,
        friendly,
    )  # fmt: skip
    return commands[: min(made, int(before[0]) + messages)], int(before[0])
