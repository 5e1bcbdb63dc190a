"""The matching engine: one COMMAND in, its EVENTs out, by docs/MATCHING.md.

`apply` takes a request. A plain one (a limit order without extras, its cancel, its replace, in an instrument without
waiting orders, bands, tick table) is done by the shortest way
(`plain_requests`). Everything else, and what a plain order meets that
is not plain itself, is a piece of work of many small steps (`work.proceed`). Where `events` has no more room, or after
`visits_max` steps, it stops; `book.state[0]["pending_work"]` says what is left, and `resume` goes on. Until then every
other request is refused with ERROR_BUSY, so nothing can come between.

Bounds: a call takes at most one step a free event, or `visits_max` steps; a step takes time in proportion to the height
of a ladder at most (and one of the timer, to the rows of a schedule).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.index import hash_of, peek_slot, prefetch_entry
from appliance.book.ladder import known_level, side_key
from appliance.book.plain_requests import NOT_PLAIN, cancel_plain_order, new_plain_order, replace_plain_order
from appliance.book.queue import side_index
from appliance.book.state import AHEAD_GROUP, AHEAD_RING, Book
from appliance.book.work import begin_work_apart, proceed_apart
from native.codes import ERROR_BUSY, ERROR_INVALID_ARGUMENT
from native.jit import inner_kernel, outer_kernel
from native.layout import (
    KIND_CANCEL,
    KIND_MASS_CANCEL,
    KIND_NEW_ORDER,
    KIND_OF_THE_BOOK_MAX,
    KIND_REPLACE,
    KIND_TIMER,
    LEVEL,
    NO_INDEX,
    ORDER,
)
from native.limits import STEP_EVENTS_MAX
from native.lowlevel import prefetch, rarely, usually

SESSION_INDEX_MAX = (1 << 16) - 1
DEEP_ORDERS = 1 << 17
"""From so many open orders on, neighbours in the queue are fetched ahead, too."""
ORDER_BYTES = ORDER.itemsize
LEVEL_BYTES = LEVEL.itemsize


@outer_kernel
def apply(book: Book, commands: Any, index: int, events: Any, first: int) -> int:
    """Do the request `commands[index]` and write its events to `events[first:]`.

    commands: (n,) COMMAND, of a kind up to KIND_OF_THE_BOOK_MAX; events: (m,) EVENT with room for STEP_EVENTS_MAX or
    more from `first` on. Returns how many events were written (KIND_TIMER and KIND_PHASE may give none), or, having
    changed nothing, ERROR_BUSY while an earlier request is pending, ERROR_INVALID_ARGUMENT when an index is out of
    range, events have no room, or the record is no request to the book or names an instrument, phase or session beyond
    the tables. After every call look at `is_pending(book)`: when it says so, drain the events and call `resume`.
    """
    if index < 0 or index >= commands.size or first < 0 or first + STEP_EVENTS_MAX > events.size:
        return ERROR_INVALID_ARGUMENT
    if np.int64(book.state[0]["pending_work"]) != 0:
        return ERROR_BUSY
    return do_request(book, commands, index, hash_of_request(book, commands, index), events, first)


@inner_kernel
def hash_of_request(book: Book, commands: Any, index: int) -> int:
    """The hash of the name that a request looks for."""
    command = commands[np.uint64(index)]
    is_new = np.int64(command["kind"]) == KIND_NEW_ORDER
    cl_ord_id = command["cl_ord_id"] if is_new else command["orig_cl_ord_id"]
    return hash_of(book, np.int64(command["session"]), cl_ord_id)


@inner_kernel
def do_request(book: Book, commands: Any, index: int, hashed: int, events: Any, first: int) -> int:
    """`apply` where index, room and pending work have been looked at."""
    command = commands[np.uint64(index)]
    kind = np.int64(command["kind"])
    count = np.int64(NOT_PLAIN)
    if usually(np.int64(command["instrument"]) < book.instruments.size):
        if kind == KIND_NEW_ORDER:
            count = np.int64(new_plain_order(book, commands, index, hashed, events, first))
        elif kind == KIND_CANCEL:
            count = np.int64(cancel_plain_order(book, commands, index, hashed, events, first))
        elif kind == KIND_REPLACE:
            count = np.int64(replace_plain_order(book, commands, index, hashed, events, first))
    if rarely(count == NOT_PLAIN):
        return np.int64(do_any_request(book, commands, index, events, first))
    return count


@outer_kernel
def do_any_request(book: Book, commands: Any, index: int, events: Any, first: int) -> int:
    """A request that is not plain."""
    instrument = np.int64(commands[index]["instrument"])
    kind = np.int64(commands[index]["kind"])
    if kind < KIND_NEW_ORDER or kind > KIND_OF_THE_BOOK_MAX or np.int64(commands[index]["session"]) > SESSION_INDEX_MAX:
        return ERROR_INVALID_ARGUMENT
    names_none = kind == KIND_TIMER or (kind == KIND_MASS_CANCEL and instrument == NO_INDEX)
    if instrument >= book.instruments.size and not names_none:
        return ERROR_INVALID_ARGUMENT
    return begin_work_apart(book, commands, index, events, first)


@outer_kernel
def resume(book: Book, events: Any, first: int) -> int:
    """Go on with the request that is pending. Returns the events written to `events[first:]` (which may be none
    although it is pending still: look at `is_pending` again) or ERROR_INVALID_ARGUMENT when there is no room for
    STEP_EVENTS_MAX."""
    if first < 0 or first + STEP_EVENTS_MAX > events.size:
        return ERROR_INVALID_ARGUMENT
    if np.int64(book.state[0]["pending_work"]) == 0:
        return 0
    at = first
    if np.int64(book.state[0]["is_held"]):
        events[at] = book.held[0]
        book.state[0]["is_held"] = 0
        at += 1
    return proceed_apart(book, events, first, at)


@outer_kernel
def is_pending(book: Book) -> bool:
    """Whether the last request is not done yet."""
    return np.int64(book.state[0]["pending_work"]) != 0


@inner_kernel
def prefetch_request(book: Book, commands: Any, index: int) -> None:
    """Start to fetch the line of the index that the request `commands[index]` will look into; call it a few requests
    ahead. Changes nothing."""
    prefetch_entry(book, hash_of_request(book, commands, index))


@inner_kernel
def look_ahead(book: Book, commands: Any, first: int, index: int, last: int) -> None:
    """Start to fetch what the requests behind `index` will need, in a batch that began at `first` and ends at `last`.

    Three steps, each a group of requests ahead of the next, so that a step finds in cache what the one before it asked
    for: the names' hashes, and with them the lines of the index; the orders that stand there; where very many are open,
    their neighbours in the queues, too. What they find are hints: it may have changed when its request comes.
    """
    begins = index == first
    is_deep = np.int64(book.state[0]["open_orders"]) >= DEEP_ORDERS
    orders_at = np.int64(book.orders.ctypes.data)
    levels_at = np.int64(book.levels.ctypes.data)
    for i in range(index if begins else min(index + 3 * AHEAD_GROUP, last), min(index + 4 * AHEAD_GROUP, last)):
        hashed = hash_of_request(book, commands, i)
        book.look_ahead[np.uint64(2 * (i & (AHEAD_RING - 1)))] = hashed
        prefetch_entry(book, hashed)
    for i in range(index if begins else min(index + 2 * AHEAD_GROUP, last), min(index + 3 * AHEAD_GROUP, last)):
        at = 2 * (i & (AHEAD_RING - 1))
        slot = min(peek_slot(book, book.look_ahead[np.uint64(at)]), book.orders.size - 1)
        prefetch(orders_at + slot * ORDER_BYTES)
        if rarely(is_deep):
            command = commands[np.uint64(i)]
            side = side_index(np.int64(command["instrument"]), np.int64(command["side"]))
            level = np.int64(known_level(book, side, side_key(np.int64(command["price_ticks"]), side & 1)))
            book.look_ahead[np.uint64(at + 1)] = (slot << 32) | max(level, np.int64(0))
            prefetch(levels_at + max(level, np.int64(0)) * LEVEL_BYTES)
    if not is_deep:
        return
    for i in range(index if begins else min(index + AHEAD_GROUP, last), min(index + 2 * AHEAD_GROUP, last)):
        slot_level = book.look_ahead[np.uint64(2 * (i & (AHEAD_RING - 1)) + 1)]
        order = book.orders[np.uint64(slot_level >> 32)]
        prefetch(orders_at + np.int64(order["next"]) * ORDER_BYTES)
        prefetch(orders_at + np.int64(order["prev"]) * ORDER_BYTES)
        prefetch(levels_at + np.int64(order["level"]) * LEVEL_BYTES)
        prefetch(orders_at + np.int64(book.levels[np.uint64(slot_level & NO_INDEX)]["tail"]) * ORDER_BYTES)


@inner_kernel
def hash_ahead(book: Book, index: int) -> int:
    """The hash that `look_ahead` has made for a request."""
    return book.look_ahead[np.uint64(2 * (index & (AHEAD_RING - 1)))]


@outer_kernel
def apply_batch(book: Book, commands: Any, first: int, last: int, events: Any, progress: Any) -> int:
    """Do `commands[first:last]` as far as there is room for their events, what is pending first.

    progress: (1,) int64, set to the index of the first command that was not begun. Returns how many events were written
    from `events[0]` on, or a code as `apply` does (of the command at `progress[0]`; those before it are done). Call
    again from `progress[0]` until that is `last` and nothing is pending.
    """
    progress[0] = first
    room = events.size - STEP_EVENTS_MAX
    if first < 0 or last > commands.size or room < 0:
        return ERROR_INVALID_ARGUMENT
    at = np.int64(0)
    index = np.int64(first)
    if is_pending(book):
        at = np.int64(resume(book, events, 0))
    while index < last and at <= room and not is_pending(book):
        look_ahead(book, commands, first, index, last)
        for _ in range(min(np.int64(AHEAD_GROUP), last - index)):
            count = np.int64(do_request(book, commands, index, hash_ahead(book, index), events, at))
            if rarely(count < 0):
                progress[0] = index
                return count if at == 0 else at
            at += count
            index += 1
            if rarely((at > room) | is_pending(book)):
                break
    progress[0] = index
    return at
