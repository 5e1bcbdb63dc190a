"""Every invariant of the public books, in plain Python: for tests and drills, never on the way of messages."""

from __future__ import annotations

from appliance.book.ladder import side_key
from appliance.feed_book.orders import LOW_32, find_order
from appliance.feed_book.read import best_level, next_best
from appliance.feed_book.state import FeedBooks, find_instrument
from native.layout import NO_INDEX


def check_feed_books(books: FeedBooks) -> list[str]:
    """One sentence for each invariant that does not hold between transactions; an empty list for sound books."""
    faults: list[str] = []
    state = books.state[0]
    seen: set[int] = set()
    seen_levels = 0
    for instrument in range(int(state["instruments_used"])):
        security_id = int(books.instruments[instrument]["security_id"])
        if int(find_instrument(books, security_id)) != instrument:
            faults.append(f"Instrument {security_id} is not found at {instrument}.")
    for side in range(books.sides.size):
        key_before = None
        level = int(best_level(books, side))
        while level >= 0:
            seen_levels += 1
            row = books.levels[level]
            if int(row["side"]) != side:
                faults.append(f"Level {level} of side {side} says that it is of side {row['side']}.")
            if key_before is not None and int(row["key"]) <= key_before:
                faults.append(f"Level {level} of side {side} is out of order.")
            key_before = int(row["key"])
            faults += _check_queue(books, side, level, seen)
            level = int(next_best(books, level))
    if len(seen) != int(state["open_orders"]):
        faults.append(f"{len(seen)} orders stand in queues, {state['open_orders']} are counted.")
    entries = [int(entry) for entry in books.order_places if entry]
    if sorted((entry & LOW_32) - 1 for entry in entries) != sorted(seen):
        faults.append("The order table does not hold the orders that stand in queues.")
    if int(state["dirty_count"]) == 0 and seen_levels != int(state["open_levels"]):
        faults.append(f"{seen_levels} levels hang in ladders, {state['open_levels']} are counted.")
    free, slot = 0, int(state["free_order"])
    while slot != NO_INDEX and free <= books.orders.size:
        free, slot = free + 1, int(books.orders[slot]["next"])
    if free + len(seen) != books.orders.size:
        faults.append(f"{free} order slots are free and {len(seen)} in use, of {books.orders.size}.")
    return faults


def _check_queue(books: FeedBooks, side: int, level: int, seen: set[int]) -> list[str]:
    faults = []
    row = books.levels[level]
    lots = orders = 0
    before, slot = NO_INDEX, int(row["head"])
    rank = (-1, 0)
    while slot != NO_INDEX and slot not in seen:
        seen.add(slot)
        order = books.orders[slot]
        name = f"Order {order['order_id']} of side {side}"
        lots, orders = lots + int(order["qty_lots"]), orders + 1
        if int(order["level"]) != level or int(order["prev"]) != before or int(order["instrument"]) != side // 2:
            faults.append(f"{name} is linked wrongly.")
        if side_key(int(order["price_nanos"]), side & 1) != int(row["key"]) or int(order["qty_lots"]) < 1:
            faults.append(f"{name} has another price than its level, or no quantity.")
        if (int(order["priority"]), int(order["order_id"])) <= rank:
            faults.append(f"{name} stands before its turn.")
        rank = (int(order["priority"]), int(order["order_id"]))
        if int(find_order(books, side // 2, int(order["order_id"]))) != slot:
            faults.append(f"{name} is not found by its id.")
        before, slot = slot, int(order["next"])
    if int(row["tail"]) != before and orders:
        faults.append(f"The queue of level {level} does not end at its tail.")
    if orders and (lots != int(row["qty_lots"]) or orders != int(row["orders"])):
        faults.append(
            f"Level {level} says {row['qty_lots']} lots in {row['orders']} orders; {lots} in {orders} stand there."
        )
    return faults
