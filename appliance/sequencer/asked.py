"""What an operator may ask for: checked before it gets a number, so that every number stands for something."""

from __future__ import annotations

import numpy as np

from native.codes import ERROR_DAY_IS_OVER, ERROR_INVALID_ARGUMENT
from native.jit import kernel
from native.layout import (
    KIND_ADMIN,
    KIND_DAY_END,
    KIND_PHASE,
    PHASE_CLOSED,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PHASE_FREEZE,
    PHASE_HALT,
    PHASE_OPENING_AUCTION,
    PHASE_PRE_OPEN,
    PHASE_VOLATILITY_AUCTION,
)


@kernel
def refusal(tables, record, day_is_over):
    """0, or the ERROR_* for which this record (SEQUENCED) of an operator is not sequenced. A row a kind."""
    kind = np.int64(record["kind"])
    if kind == KIND_PHASE:
        if day_is_over:
            return np.int64(ERROR_DAY_IS_OVER)
        if is_phase(np.int64(record["qty_lots"])) and np.int64(record["instrument"]) < tables.instruments.size:
            return np.int64(0)
    if kind in (KIND_DAY_END, KIND_ADMIN):  # what an ADMIN asks is checked where it is carried out
        return np.int64(0)
    return np.int64(ERROR_INVALID_ARGUMENT)


@kernel
def is_phase(value):
    """Whether `value` is a PHASE_* that can be asked for."""
    return value in (
        PHASE_PRE_OPEN,
        PHASE_CONTINUOUS,
        PHASE_HALT,
        PHASE_VOLATILITY_AUCTION,
        PHASE_CLOSED,
        PHASE_FREEZE,
        PHASE_OPENING_AUCTION,
        PHASE_CLOSING_AUCTION,
    )
