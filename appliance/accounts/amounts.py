"""What prices and lots are worth, and what that does to an account's positions: the arithmetic of docs/RISK.md.

Products cannot overflow: a configuration whose largest order is worth 2^50 minor units or more is refused.
"""

from __future__ import annotations

import numpy as np

from native.account_layout import MILLION, RESULT_MAX
from native.jit import inner_kernel, kernel
from native.lowlevel import usually

FEE_DIRECT_MAX = (1 << 63) // MILLION - 1
"""The fee on a value up to this is one product and one division."""
_SMALL_BITS = 30
_SMALL = 1 << _SMALL_BITS
"""Numbers from -_SMALL to _SMALL - 1: the product of any two is a result."""


@inner_kernel
def either(is_sell, of_sell, of_buy):
    """One of two numbers, without a branch: the side is as random as the flow, and a branch taken wrongly costs more
    than to compute both."""
    return of_buy ^ ((of_buy ^ of_sell) & -is_sell)


@inner_kernel
def fee_of(value, millionths):
    """Fee on a value of 0 or more minor units, rounded down. A rate is a million millionths at most."""
    if value <= FEE_DIRECT_MAX:
        return np.int64(np.uint64(value * millionths) // np.uint64(MILLION))
    return value // MILLION * millionths + value % MILLION * millionths // MILLION


@inner_kernel
def reserve_of(accounts, instrument, is_sell, bound_ticks, leaves_lots):
    """Minor units that an open order holds: of the base asset (sell), of the quote asset with the highest fee (buy)."""
    clearing = accounts.clearing[np.uint64(instrument)]
    units = leaves_lots * np.int64(clearing["lot_units"])
    return either(is_sell, units, reserve_of_buy(clearing, bound_ticks, leaves_lots))


@inner_kernel
def reserve_of_buy(clearing, bound_ticks, leaves_lots):
    """`reserve_of` a buy order; `clearing`: the record of its instrument."""
    value = bound_ticks * leaves_lots * np.int64(clearing["tick_value"])
    return value + fee_of(value, max(np.int64(clearing["maker_millionths"]), np.int64(clearing["taker_millionths"])))


@inner_kernel
def asset_of(accounts, instrument, is_sell):
    """Index of the asset that an order is paid with: the quote asset (buy), the base asset (sell)."""
    clearing = accounts.clearing[np.uint64(instrument)]
    return either(is_sell, np.int64(clearing["base"]), np.int64(clearing["quote"]))


@inner_kernel
def signed(amount, is_sell):
    """The amount of a buy, minus that of a sell."""
    return (amount ^ -is_sell) + is_sell


@inner_kernel
def exposure_of(net_lots, open_buy_lots, open_sell_lots):
    """The larger of the positions that the open orders could lead to, lots."""
    return max(abs(net_lots + open_buy_lots), abs(net_lots - open_sell_lots))


@inner_kernel
def result_after(result, gained, fee):
    """A result of a day, after something was gained, and then a fee of 0 or more paid; kept within ±RESULT_MAX."""
    most, least = np.int64(RESULT_MAX), np.int64(-RESULT_MAX)
    return max(least, max(least, min(most, result + gained)) - fee)


@inner_kernel
def result_of(net_lots, ticks, tick_value):
    """What a position gains when the price rises by `ticks`, minor units, within ±RESULT_MAX."""
    of_a_lot = ticks * tick_value
    if usually((net_lots + _SMALL | of_a_lot + _SMALL) >> _SMALL_BITS + 1 == 0):
        return net_lots * of_a_lot
    return np.int64(large_result(net_lots, of_a_lot))


@kernel
def large_result(net_lots, of_a_lot):
    """The product of two numbers, within ±RESULT_MAX."""
    if of_a_lot == 0:
        return np.int64(0)
    if abs(net_lots) > np.int64(RESULT_MAX) // abs(of_a_lot):
        return np.int64(RESULT_MAX) if (net_lots > 0) == (of_a_lot > 0) else np.int64(-RESULT_MAX)
    return net_lots * of_a_lot
