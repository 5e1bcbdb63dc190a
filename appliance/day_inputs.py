"""What the inputs do with which a day begins and ends, to everything but the market."""

from __future__ import annotations

import numpy as np

from appliance.accounts import day
from appliance.report.log import take_firm_numbers
from appliance.session import requests
from appliance.state import DAY_IS_OVER
from native.codes import ERROR_NOT_CLOSED
from native.jit import outer_kernel
from native.layout import PHASE_CLOSED


@outer_kernel
def begin_day(exchange):
    """KIND_NEW_DAY, for sessions, accounts and the drop copies. Returns 0."""
    requests.begin_day(exchange.tables)
    day.begin_day(exchange.accounts)
    take_firm_numbers(exchange.tables, exchange.reports)
    return 0


@outer_kernel
def end_day(exchange):
    """KIND_DAY_END: the day is over where every instrument is closed. Returns 0 or ERROR_NOT_CLOSED."""
    markets = exchange.book.instruments
    for instrument in range(markets.size):
        if np.int64(markets[instrument]["phase"]) != PHASE_CLOSED:
            return np.int64(ERROR_NOT_CLOSED)
    exchange.tables.clock[DAY_IS_OVER] = 1
    return np.int64(0)
