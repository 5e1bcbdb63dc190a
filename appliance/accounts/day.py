"""A new trading day."""

from __future__ import annotations

import numpy as np

from native.jit import kernel


@kernel
def begin_day(accounts):
    """What counts by the day begins at 0; positions count from the last trade prices on. Returns 0."""
    state = accounts.state[0]
    if np.int64(state["is_enabled"]) == 0:
        return 0
    for place in range(np.int64(state["accounts"])):
        accounts.accounts[place]["day_result"] = 0
    for place in range(accounts.firms.size):
        accounts.firms[place]["day_result"] = 0
    instruments = np.int64(state["instruments"])
    for place in range(accounts.holdings.size):
        accounts.holdings[place]["traded_lots"] = 0
        clearing = accounts.clearing[place % instruments]
        if np.int64(clearing["has_last"]):
            accounts.marks[place] = np.int64(clearing["reference_ticks"])
    return 0
