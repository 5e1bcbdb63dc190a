"""What a plain order is: a limit order without extras. It needs no TERMS; `appliance/book/plain_requests.py` has a
short way for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.words import DAY, FOK, GTC, IOC, LIMIT
from native.jit import inner_kernel
from native.layout import COMMAND_FIRST_OF_BURST, COMMAND_STOP_PRICE_MISSING

FLAGS_OF_INTEREST = 0xFFFF & ~(COMMAND_FIRST_OF_BURST | COMMAND_STOP_PRICE_MISSING)
"""A plain order has no stop price: that it is missing says nothing."""


@inner_kernel
def is_plain(commands: Any, index: int) -> bool:
    """Whether a new order is plain, by its own terms."""
    command = commands[index]
    extras = (
        np.int64(command["display_qty_lots"])
        | np.int64(command["min_qty_lots"])
        | np.int64(command["self_match_prevention_id"])
        | np.int64(command["cancel_group"])
        | np.int64(command["risk_group"])
        | np.int64(command["stp_instruction"])
        | np.int64(command["exec_inst"])
        | (np.int64(command["flags"]) & FLAGS_OF_INTEREST)
    )
    time_in_force = np.int64(command["time_in_force"])
    return extras == 0 and np.int64(command["ord_type"]) == LIMIT and time_in_force in (DAY, GTC, IOC, FOK)
