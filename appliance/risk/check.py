"""The checks before the book, in this order; the first that fails is the reject.

Instrument known, account of the session, instrument open, quantity within the instrument's limit, price within the
instrument's band. What the book itself decides (side, type, tick, duplicates, unknown orders) is the book's.
"""

from __future__ import annotations

import numpy as np

from native import codes
from native.jit import kernel
from native.layout import (
    COMMAND_PRICE_OFF_TICK,
    COMMAND_UNKNOWN_SECURITY,
    KIND_CANCEL,
    TRADING_STATUS_OPEN,
)


@kernel
def check(tables, record, limit):
    """0 when `record` (COMMAND) may go to the book, else the code of the reject.

    `limit` is int64[1]: the limit that was hit, in the unit of the field (0: none is meant).
    """
    limit[0] = 0
    if np.int64(record["flags"]) & COMMAND_UNKNOWN_SECURITY:
        return codes.REJECT_UNKNOWN_SYMBOL
    if np.int64(record["kind"]) == KIND_CANCEL:
        return 0  # taking an order out is allowed in every phase
    if np.int64(record["account"]) != np.int64(tables.sessions[np.int64(record["session"])]["account"]):
        return codes.REJECT_UNKNOWN_ACCOUNT
    instrument = tables.instruments[np.int64(record["instrument"])]
    if np.int64(instrument["status"]) != TRADING_STATUS_OPEN:
        return codes.REJECT_EXCHANGE_CLOSED
    qty_lots_max = instrument["qty_lots_max"]
    if record["qty_lots"] > qty_lots_max:
        limit[0] = qty_lots_max
        return codes.REJECT_EXCEEDS_LIMIT
    if np.int64(record["flags"]) & COMMAND_PRICE_OFF_TICK == 0:
        price_ticks = record["price_ticks"]
        if price_ticks < instrument["price_ticks_min"]:
            limit[0] = instrument["price_ticks_min"] * instrument["tick_nanos"]
            return codes.REJECT_PRICE_OUT_OF_BAND
        if price_ticks > instrument["price_ticks_max"]:
            limit[0] = instrument["price_ticks_max"] * instrument["tick_nanos"]
            return codes.REJECT_PRICE_OUT_OF_BAND
    return 0
