"""What the exchange says: dicts with every field of EVENT, in its order."""

from __future__ import annotations

from tests.naive.exchange.numbers import (
    AGGRESSOR,
    AUCTION,
    CANCELED,
    HAS_PRICE,
    HELD,
    HIDDEN_ORDER,
    IN_AUCTION,
    IS_FROZEN,
    MAKER_HIDDEN,
    MASS_CANCELED,
    PHASE_CHANGED,
    REJECTED,
    TRADE,
    WAS_RESTING,
)  # fmt: skip
from tests.naive.exchange.state import IN_BOOK, IN_FLIGHT, Command, Market, Order, Venue

BLANK = dict.fromkeys(
    ("kind", "side", "ord_type", "time_in_force", "reason", "flags", "instrument", "account", "order_id", "cl_ord_id",
     "price_ticks", "qty_lots", "leaves_lots", "cum_lots", "display_lots", "priority", "session", "request_kind",
     "exec_inst", "maker_session", "reserved", "maker_account", "maker_leaves_lots", "maker_cum_lots",
     "maker_display_lots", "maker_order_id", "maker_cl_ord_id", "maker_priority", "trade_id", "limit_value"), 0,
)  # fmt: skip


def say(venue: Venue, kind: int, **fields: int) -> None:
    venue.events.append({**BLANK, **fields, "kind": kind, "request_kind": venue.request})


def say_order(venue: Venue, kind: int, order: Order, flags: int = 0, **fields: int) -> None:
    """An event about one order, as the order is now."""
    told = {
        "side": order.side, "ord_type": order.ord_type, "time_in_force": order.time_in_force,
        "flags": flags | (HIDDEN_ORDER if order.is_hidden else 0), "instrument": order.instrument,
        "account": order.account, "order_id": order.order_id, "cl_ord_id": order.cl_ord_id,
        "price_ticks": order.price_ticks, "qty_lots": order.leaves_lots + order.cum_lots,
        "leaves_lots": order.leaves_lots, "cum_lots": order.cum_lots, "display_lots": public_lots(order),
        "priority": order.priority, "session": order.session, "exec_inst": order.exec_inst,
    }  # fmt: skip
    told.update(fields)
    say(venue, kind, **told)


def public_lots(order: Order) -> int:
    return order.displayed_lots if order.place == IN_BOOK else 0


def stood_in_book(order: Order) -> int:
    """The flag of a RESTED or TRADE of an order that a replace took out of the book."""
    return WAS_RESTING if order.place == IN_BOOK or order.from_book else 0


def say_canceled(venue: Venue, order: Order, reason: int, flags: int = 0, **fields: int) -> None:
    flags |= WAS_RESTING if order.place == IN_BOOK else 0
    gone = {"qty_lots": order.leaves_lots, "leaves_lots": 0, "display_lots": 0, "reason": reason}
    say_order(venue, CANCELED, order, flags, **gone | fields)


def say_trade(venue: Venue, order: Order, maker: Order, price_ticks: int, qty_lots: int) -> None:
    """After both orders hold the fill. `order` is the one in flight, or the buy of an auction."""
    flags = stood_in_book(order) | (AGGRESSOR if order.place == IN_FLIGHT else IN_AUCTION)
    more = {
        "price_ticks": price_ticks, "qty_lots": qty_lots, "trade_id": venue.trades, "maker_session": maker.session,
        "maker_account": maker.account, "maker_leaves_lots": maker.leaves_lots, "maker_cum_lots": maker.cum_lots,
        "maker_display_lots": public_lots(maker), "maker_order_id": maker.order_id,
        "maker_cl_ord_id": maker.cl_ord_id, "maker_priority": maker.priority,
    }  # fmt: skip
    if flags & IN_AUCTION:
        more["limit_value"] = next((one.price_ticks for one in (order, maker) if one.leaves_lots), 0)
    say_order(venue, TRADE, order, flags | (MAKER_HIDDEN if maker.is_hidden else 0), **more)


def say_rejected(venue: Venue, command: Command, reason: int, limit: int) -> None:
    echoed = ("side", "ord_type", "time_in_force", "instrument", "account", "order_id", "cl_ord_id", "price_ticks")
    echo = {name: command[name] for name in (*echoed, "qty_lots", "session")}
    say(venue, REJECTED, **echo, exec_inst=command["exec_inst"] % 256, reason=reason, limit_value=limit)


def say_phase(venue: Venue, market: Market, phase: int, before: int) -> None:
    given = market.static_reference is not None
    say(venue, PHASE_CHANGED, instrument=market.number, qty_lots=phase, reason=before,
        price_ticks=market.static_reference or 0, flags=HAS_PRICE if given else 0)  # fmt: skip


def say_auction(venue: Venue, market: Market, price: int | None, lots: int, surplus: int, held: bool = False) -> None:
    """What an auction gives or would give."""
    flags = (0 if price is None else HAS_PRICE) | (HELD if held else 0) | (IS_FROZEN if market.frozen else 0)
    found = {} if price is None else {"price_ticks": price, "trade_id": lots, "limit_value": surplus}
    say(venue, AUCTION, instrument=market.number, reason=market.phase, qty_lots=market.extension_number, flags=flags,
        **found)  # fmt: skip
    market.changed = False


def say_mass_canceled(venue: Venue, command: Command, count: int) -> None:
    echo = {name: command[name] for name in ("side", "instrument", "account", "cl_ord_id", "session")}
    say(venue, MASS_CANCELED, **echo, qty_lots=count)
