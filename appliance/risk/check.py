"""The checks before the book, in this order; the first that fails is the reject.

Instrument known; account of the session; of a mass action, that it is one that there is. With [[accounts]] those of
`limits` follow. All else (phase, type, tick, lot, duplicates, unknown orders) is the book's: docs/MATCHING.md.
"""

from __future__ import annotations

import numpy as np

from appliance.accounts.state import FREE, account_of_session
from native import codes
from native.jit import inner_kernel, kernel
from native.layout import (
    COMMAND_PRICE_MISSING,
    COMMAND_STOP_PRICE_MISSING,
    COMMAND_UNKNOWN_SECURITY,
    KIND_CANCEL,
    KIND_MASS_CANCEL,
    NO_INDEX,
)
from wire.gen import order_entry as oe


@inner_kernel
def check(tables, accounts, record):
    """0 when `record` (COMMAND) may go on to the book, or to the checks of its account, else the code of the
    reject."""
    if np.int64(record["flags"]) & COMMAND_UNKNOWN_SECURITY:
        return codes.REJECT_UNKNOWN_SYMBOL
    kind = np.int64(record["kind"])
    if kind == KIND_CANCEL:
        return 0
    session = np.int64(record["session"])
    account = np.int64(record["account"])
    is_own = account == np.int64(tables.sessions[session]["account"])
    if not is_own and np.int64(accounts.state[0]["is_enabled"]):
        is_own = account_of_session(accounts, session, account) != FREE
    if kind == KIND_MASS_CANCEL:
        if not is_own and account != NO_INDEX:
            return codes.REJECT_UNKNOWN_ACCOUNT
        return _check_mass_action(record)
    return 0 if is_own else codes.REJECT_UNKNOWN_ACCOUNT


@kernel
def _check_mass_action(record):
    """The fields in which a COMMAND has type, scope, style and lockout are named in appliance/session/decode.py."""
    scope = np.int64(record["time_in_force"])
    if (
        np.int64(record["ord_type"]) != oe.MassActionType_CancelOrders
        or scope not in (oe.MassActionScope_Instrument, oe.MassActionScope_All, oe.MassActionScope_Group)
        or np.int64(record["stp_instruction"]) > oe.AckStyle_Both
        or np.int64(record["exec_inst"]) not in (oe.Boolean_False, oe.OrderMassActionRequest_Lockout_NULL)
    ):
        return codes.REJECT_MASS_ACTION_UNSUPPORTED
    flags = np.int64(record["flags"])
    has_band = flags & COMMAND_PRICE_MISSING == 0 or flags & COMMAND_STOP_PRICE_MISSING == 0
    if (scope == oe.MassActionScope_Instrument or has_band) and np.int64(record["instrument"]) == NO_INDEX:
        return codes.REJECT_MASS_ACTION_INCOMPLETE
    if scope == oe.MassActionScope_Group and np.int64(record["cancel_group"]) == 0:
        return codes.REJECT_MASS_ACTION_INCOMPLETE
    return 0
