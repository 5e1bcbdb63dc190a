"""What prices and lots are worth, and what that does to an account's positions: the arithmetic of docs/RISK.md.

Products cannot overflow: a configuration whose largest order is worth 2^50 minor units or more is refused.
"""

from __future__ import annotations

import numpy as np

from native.account_layout import MILLION, RESULT_MAX
from native.jit import inner_kernel, kernel


@inner_kernel
def fee_of(value, millionths):
    """Fee on a value of 0 or more minor units, rounded down."""
    return value // MILLION * millionths + value % MILLION * millionths // MILLION


@inner_kernel
def reserve_of(accounts, instrument, is_sell, bound_ticks, leaves_lots):
    """Minor units that an open order holds: of the base asset (sell), of the quote asset with the highest fee (buy)."""
    clearing = accounts.clearing[np.uint64(instrument)]
    if is_sell:
        return leaves_lots * np.int64(clearing["lot_units"])
    value = bound_ticks * leaves_lots * np.int64(clearing["tick_value"])
    return value + fee_of(value, max(np.int64(clearing["maker_millionths"]), np.int64(clearing["taker_millionths"])))


@inner_kernel
def exposure_of(net_lots, open_buy_lots, open_sell_lots):
    """The larger of the positions that the open orders could lead to, lots."""
    return max(abs(net_lots + open_buy_lots), abs(net_lots - open_sell_lots))


@inner_kernel
def within_result(amount):
    """A result of a day, kept within ±RESULT_MAX."""
    return max(np.int64(-RESULT_MAX), min(np.int64(RESULT_MAX), amount))


@inner_kernel
def result_of(net_lots, ticks, tick_value):
    """What a position gains when the price rises by `ticks`, minor units, within ±RESULT_MAX."""
    of_a_lot = ticks * tick_value
    if abs(net_lots) < 1 << 31 and abs(of_a_lot) < 1 << 31:
        return net_lots * of_a_lot
    return large_result(net_lots, of_a_lot)


@kernel
def large_result(net_lots, of_a_lot):
    """The product of two numbers, within ±RESULT_MAX."""
    if of_a_lot == 0:
        return np.int64(0)
    if abs(net_lots) > np.int64(RESULT_MAX) // abs(of_a_lot):
        return np.int64(RESULT_MAX) if (net_lots > 0) == (of_a_lot > 0) else np.int64(-RESULT_MAX)
    return net_lots * of_a_lot
