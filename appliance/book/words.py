"""The words of orders: FIX values of side, type, TimeInForce and ExecInst, and what follows from them alone."""

from __future__ import annotations

from native.jit import inner_kernel

SIDE_BUY = 1
SIDE_SELL = 2
SIDE_SELL_SHORT = 5
SIDE_SELL_SHORT_EXEMPT = 6

MARKET = ord("1")
LIMIT = ord("2")
STOP = ord("3")
STOP_LIMIT = ord("4")
MARKET_IF_TOUCHED = ord("J")
LIMIT_IF_TOUCHED = ord("T")
MARKET_TO_LIMIT = ord("K")

DAY = ord("0")
GTC = ord("1")
AT_OPEN = ord("2")
IOC = ord("3")
FOK = ord("4")
GTD = ord("6")
AT_CLOSE = ord("7")
GOOD_FOR_AUCTION = ord("A")

POST_ONLY = 1
POST_ONLY_SLIDE = 2
REDUCE_ONLY = 4
NO_CANCEL_ON_DISCONNECT = 8
HIDDEN = 16
EXEC_INST_BITS = 127
"""What ORDER.traits keeps of ExecInst."""

STP_NEWEST = 1
STP_OLDEST = 2
STP_BOTH = 3
STP_DECREMENT = 4
STP_SMALLEST = 5


@inner_kernel
def is_known_side(side: int) -> bool:
    """FIX Side (tag 54): buy 1, sell 2, sell short 5, sell short exempt 6."""
    return side in (SIDE_BUY, SIDE_SELL, SIDE_SELL_SHORT, SIDE_SELL_SHORT_EXEMPT)


@inner_kernel
def is_sell(side: int) -> int:
    """0 for a buy, 1 for every kind of sell."""
    return 0 if side == SIDE_BUY else 1


@inner_kernel
def has_trigger(ord_type: int) -> bool:
    return ord_type in (STOP, STOP_LIMIT, MARKET_IF_TOUCHED, LIMIT_IF_TOUCHED)


@inner_kernel
def has_price(ord_type: int) -> bool:
    return ord_type in (LIMIT, STOP_LIMIT, LIMIT_IF_TOUCHED)


@inner_kernel
def may_stay(time_in_force: int) -> bool:
    """DAY, GTC, GTD: what is left of an order rests in continuous trading."""
    return time_in_force in (DAY, GTC, GTD)


@inner_kernel
def may_be_iceberg(ord_type: int, time_in_force: int, traits: int) -> bool:
    return (has_price(ord_type) or ord_type == MARKET_TO_LIMIT) and may_stay(time_in_force) and traits & HIDDEN == 0


@inner_kernel
def is_for_auctions_only(ord_type: int, time_in_force: int) -> bool:
    """An order that a held auction cancels, or turns into another."""
    return ord_type in (MARKET, MARKET_TO_LIMIT) or time_in_force in (AT_OPEN, AT_CLOSE, GOOD_FOR_AUCTION)


@inner_kernel
def triggers_on_rise(ord_type: int, side: int) -> bool:
    """Stop buys and if-touched sells go when the market touches their stop price or above."""
    is_stop = ord_type in (STOP, STOP_LIMIT)
    return is_stop == (side == SIDE_BUY)
