"""The naive twin of appliance/book: a dict-and-list exchange in plain Python, one rule a function.

It is slow and obvious on purpose; it shares no code and no numbers with the kernels. A command is a mapping with the
fields of COMMAND; an event is a dict with the fields of EVENT that are not 0 or that matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NEW, CANCEL, REPLACE = 1, 2, 3
ACCEPTED, TRADE, RESTED, CANCELED, REPLACED, REJECTED = 1, 2, 3, 4, 5, 6
WAS_RESTING, PRIORITY_RETAINED, REPLACED_TO_NOTHING = 1, 2, 4
PRICE_OFF_TICK, QTY_OUT_OF_RANGE = 4, 8
BUYS, SELLS = (1,), (2, 5, 6)
LIMIT, DAY, GTC, IOC, FOK = ord("2"), ord("0"), ord("1"), ord("3"), ord("4")
IOC_REMAINDER, FOK_KILLED, TO_NOTHING = 9101, 9102, 9103
NOT_GIVEN = (0, 2**64 - 1)
ECHOED = ("side", "time_in_force", "ord_type", "exec_inst", "instrument", "session", "account", "cl_ord_id")

Command = Mapping[str, int]
Event = dict[str, int]
Queues = dict[int, list["Order"]]


@dataclass(slots=True)
class Order:
    order_id: int
    cl_ord_id: int
    session: int
    account: int
    instrument: int
    side: int
    ord_type: int
    time_in_force: int
    exec_inst: int
    price_ticks: int
    leaves_lots: int
    cum_lots: int = 0
    priority: int = 0


class Exchange:
    def __init__(self, instruments: int, orders_max: int, levels_max: int) -> None:
        self.queues: dict[tuple[int, bool], Queues] = {
            (instrument, sells): {} for instrument in range(instruments) for sells in (False, True)
        }
        self.open: dict[tuple[int, int], Order] = {}
        self.free_slots = list(reversed(range(orders_max)))
        self.levels_max = levels_max
        self.orders_taken = self.priorities_given = self.trades = 0

    # --- requests ---------------------------------------------------------------------------------------------

    def apply(self, command: Command) -> list[Event]:
        return {NEW: self.new_order, CANCEL: self.cancel, REPLACE: self.replace}[command["kind"]](command)

    def new_order(self, command: Command) -> list[Event]:
        reason = self.why_not_new(command)
        if reason:
            return [rejected(command, reason)]
        self.orders_taken += 1
        order = Order(
            order_id=self.orders_taken * 2**24 + self.free_slots.pop(),
            price_ticks=command["price_ticks"],
            leaves_lots=command["qty_lots"],
            **{field: command[field] for field in ECHOED},
        )
        events = [event(ACCEPTED, NEW, order, qty_lots=order.leaves_lots, leaves_lots=order.leaves_lots)]
        if order.time_in_force == FOK and self.quantity_within(order) < order.leaves_lots:
            return [*events, self.give_up(order, FOK_KILLED)]
        return events + self.match(order, NEW, 0)

    def cancel(self, command: Command) -> list[Event]:
        order = self.named_order(command)
        reason = why_not_side(command) or why_not_order(command, order)
        if reason or order is None:
            return [rejected(command, reason)]
        told = event(CANCELED, CANCEL, order, qty_lots=order.leaves_lots, flags=WAS_RESTING)
        self.take_off(order)
        self.free_slots.append(order.order_id % 2**24)
        return [told | {"cl_ord_id": command["cl_ord_id"], "orig_cl_ord_id": command["orig_cl_ord_id"]}]

    def replace(self, command: Command) -> list[Event]:
        order = self.named_order(command)
        reason = self.why_not_replace(command, order)
        if reason or order is None:
            return [rejected(command, reason)]
        leaves_lots, price_ticks = command["qty_lots"] - order.cum_lots, command["price_ticks"]
        keeps_place = price_ticks == order.price_ticks and 0 < leaves_lots <= order.leaves_lots
        before = event(CANCELED, REPLACE, order, qty_lots=order.leaves_lots)
        names = {"cl_ord_id": command["cl_ord_id"], "orig_cl_ord_id": command["orig_cl_ord_id"]}
        if keeps_place:
            del self.open[order.session, order.cl_ord_id]
            self.open[order.session, command["cl_ord_id"]] = order
        else:
            self.take_off(order)
        if leaves_lots <= 0:
            self.free_slots.append(order.order_id % 2**24)
            return [before | names | {"flags": WAS_RESTING | REPLACED_TO_NOTHING, "reason": TO_NOTHING}]
        order.cl_ord_id, order.price_ticks, order.leaves_lots = command["cl_ord_id"], price_ticks, leaves_lots
        told = event(REPLACED, REPLACE, order, qty_lots=command["qty_lots"], leaves_lots=leaves_lots) | names
        told["flags"] = WAS_RESTING | (PRIORITY_RETAINED if keeps_place else 0)
        return [told] if keeps_place else [told, *self.match(order, REPLACE, WAS_RESTING)]

    # --- matching ---------------------------------------------------------------------------------------------

    def match(self, order: Order, request: int, flags: int) -> list[Event]:
        events = []
        while order.leaves_lots and (maker := self.best_maker(order)):
            events.append(self.trade(order, maker, request, flags))
        if not order.leaves_lots:
            self.free_slots.append(order.order_id % 2**24)
        elif order.time_in_force in (DAY, GTC):
            self.rest(order)
            qty_lots = order.cum_lots + order.leaves_lots
            events.append(event(RESTED, request, order, qty_lots=qty_lots, leaves_lots=order.leaves_lots, flags=flags))
        else:
            events.append(self.give_up(order, IOC_REMAINDER))
        return events

    def best_maker(self, order: Order) -> Order | None:
        """The oldest order at the best price of the other side, if the order's limit reaches that price."""
        queues = self.queues[order.instrument, order.side in BUYS]
        if not queues:
            return None
        best = min(queues) if order.side in BUYS else max(queues)
        return queues[best][0] if reaches(order, best) else None

    def trade(self, order: Order, maker: Order, request: int, flags: int) -> Event:
        qty_lots = min(order.leaves_lots, maker.leaves_lots)
        for one in (order, maker):
            one.leaves_lots -= qty_lots
            one.cum_lots += qty_lots
        self.trades += 1
        told = event(TRADE, request, order, qty_lots=qty_lots, leaves_lots=order.leaves_lots, flags=flags)
        told |= {"price_ticks": maker.price_ticks, "priority": 0, "trade_id": self.trades}
        for field in ("order_id", "cl_ord_id", "leaves_lots", "cum_lots", "priority", "session", "account"):
            told[f"maker_{field}"] = getattr(maker, field)
        if not maker.leaves_lots:
            self.take_off(maker)
            self.free_slots.append(maker.order_id % 2**24)
        return told

    def quantity_within(self, order: Order) -> int:
        """What rests on the other side at prices that the order's limit reaches."""
        queues = self.queues[order.instrument, order.side in BUYS]
        return sum(one.leaves_lots for price, queue in queues.items() if reaches(order, price) for one in queue)

    def give_up(self, order: Order, reason: int) -> Event:
        self.free_slots.append(order.order_id % 2**24)
        return event(CANCELED, NEW, order, qty_lots=order.leaves_lots, reason=reason)

    # --- places -----------------------------------------------------------------------------------------------

    def rest(self, order: Order) -> None:
        self.priorities_given += 1
        order.priority = self.priorities_given
        self.queues[order.instrument, order.side in SELLS].setdefault(order.price_ticks, []).append(order)
        self.open[order.session, order.cl_ord_id] = order

    def take_off(self, order: Order) -> None:
        queues = self.queues[order.instrument, order.side in SELLS]
        queues[order.price_ticks].remove(order)
        if not queues[order.price_ticks]:
            del queues[order.price_ticks]
        del self.open[order.session, order.cl_ord_id]
        order.priority = 0

    # --- refusals, in the order of the checks ----------------------------------------------------------------

    def why_not_new(self, command: Command) -> int:
        return (
            why_not_side(command)
            or why_not_type(command)
            or why_not_terms(command, 1)
            or self.why_not_cl_ord_id(command)
            or (0 if self.free_slots else 9002)
            or (self.why_no_level(command) if command["time_in_force"] in (DAY, GTC) else 0)
        )

    def why_not_replace(self, command: Command, order: Order | None) -> int:
        reason = (
            why_not_side(command)
            or (11 if command["exec_inst"] else 0)
            or why_not_terms(command, 0)
            or self.why_not_cl_ord_id(command)
            or why_not_order(command, order)
        )
        if reason or order is None or command["qty_lots"] <= order.cum_lots:
            return reason
        gives_level_back = len(self.queues[order.instrument, order.side in SELLS][order.price_ticks]) == 1
        return 0 if gives_level_back else self.why_no_level(command)

    def why_not_cl_ord_id(self, command: Command) -> int:
        return 6 if (command["session"], command["cl_ord_id"]) in self.open else 0

    def why_no_level(self, command: Command) -> int:
        has_level = command["price_ticks"] in self.queues[command["instrument"], command["side"] in SELLS]
        return 0 if has_level or sum(map(len, self.queues.values())) < self.levels_max else 9002

    def named_order(self, command: Command) -> Order | None:
        return self.open.get((command["session"], command["orig_cl_ord_id"]))


def why_not_side(command: Command) -> int:
    return 0 if command["side"] in BUYS + SELLS else 9001


def why_not_type(command: Command) -> int:
    known = command["ord_type"] == LIMIT and command["time_in_force"] in (DAY, GTC, IOC, FOK)
    return 0 if known and not command["exec_inst"] else 11


def why_not_terms(command: Command, least_lots: int) -> int:
    if not least_lots <= command["qty_lots"] < 2**31 or command["flags"] & QTY_OUT_OF_RANGE:
        return 13
    return 18 if command["flags"] & PRICE_OFF_TICK else 0


def why_not_order(command: Command, order: Order | None) -> int:
    if order is None:
        return 5
    same_side = (command["side"] in BUYS) == (order.side in BUYS)
    same_id = command["order_id"] in (*NOT_GIVEN, order.order_id)
    return 0 if command["instrument"] == order.instrument and same_side and same_id else 9003


def reaches(order: Order, price_ticks: int) -> bool:
    return order.price_ticks >= price_ticks if order.side in BUYS else order.price_ticks <= price_ticks


def event(kind: int, request: int, order: Order, **more: int) -> Event:
    told = {field: getattr(order, field) for field in ECHOED}
    told |= {field: getattr(order, field) for field in ("order_id", "price_ticks", "cum_lots", "priority")}
    return told | {"kind": kind, "request_kind": request} | more


def rejected(command: Command, reason: int) -> Event:
    told = {field: command[field] for field in (*ECHOED, "orig_cl_ord_id", "order_id", "price_ticks", "qty_lots")}
    return told | {"kind": REJECTED, "request_kind": command["kind"], "reason": reason}
