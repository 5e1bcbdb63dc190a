"""Operators' commands: docs/RISK.md section 4. What is wrong gets a code and changes nothing."""

from __future__ import annotations

import numpy as np

from appliance.accounts.state import COUNT_MAX, FREE, TICKS_MAX, find_account
from native import codes
from native.account_layout import (
    ADMIN_DEPOSIT,
    ADMIN_ENTITLE,
    ADMIN_KILL,
    ADMIN_RESET,
    ADMIN_RESTRICT,
    ADMIN_SET_LIMIT,
    ADMIN_SET_STATUS,
    ADMIN_SETTLE,
    ADMIN_WITHDRAW,
    FUNDS_MAX,
    GROSS_POSITION_MAX,
    HOLDING_ENTITLED,
    HOLDING_RESTRICTED,
    HOLDING_RESTRICTED_FIRM,
    KILL_ALL,
    KILL_BUT_REDUCING,
    KILL_NONE,
    LIMIT_COLLAR_TICKS,
    LIMIT_DAILY_LOSS,
    LIMIT_DUPLICATES,
    LIMIT_GROSS_POSITION,
    LIMIT_NET_LOTS,
    LIMIT_NONE,
    LIMIT_OPEN_ORDERS,
    LIMIT_OPEN_POSITIONS,
    LIMIT_ORDER_LOTS,
    LIMIT_ORDER_RATE,
    LIMIT_ORDER_VALUE,
    LIMIT_TRADED_LOTS,
    LOTS_MAX,
    ORDER_RATE_MAX,
    ORDER_VALUE_MAX,
    STATUS_ACTIVE,
    STATUS_CLOSED,
    STATUS_PENDING_KYC,
    STATUS_SUSPENDED,
    TRADED_LOTS_MAX,
)
from native.jit import kernel
from native.layout import NO_INDEX
from native.limits import QTY_LOTS_MAX

WINDOW_NS_MAX = 86_400_000_000_000
FIRM_GROSS_MAX = 1 << 62


@kernel
def carry_out(accounts, sessions_count, admins, index):
    """Do the command `admins[index]` (ADMIN), but for the cancels of a kill, and for what is a session's: that is only
    checked. Returns 0 or the code of the refusal, which `state[0]["refusal"]` keeps."""
    state = accounts.state[0]
    if np.int64(admins[index]["session"]) != NO_INDEX:
        refusal = _check_session(accounts, admins[index], sessions_count)
    else:
        refusal = _carry_out(accounts, admins[index])
    state["refusal"] = refusal
    state["commands"] += 1
    if refusal != 0:
        state["refused"] += 1
    return refusal


@kernel
def _check_session(accounts, command, sessions_count):
    """A session can be killed and reset, whether there are accounts or not; what reduces is known with them alone."""
    if np.int64(command["session"]) >= sessions_count:
        return np.int64(codes.REFUSAL_UNKNOWN_SESSION)
    named = min(np.int64(command["account"]), np.int64(command["firm"]), np.int64(command["instrument"]))
    action = np.int64(command["action"])
    if action not in (ADMIN_KILL, ADMIN_RESET) or named != NO_INDEX:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    if action == ADMIN_RESET:
        return np.int64(0)
    kill = np.int64(command["value"])
    if kill not in (KILL_BUT_REDUCING, KILL_ALL) or np.int64(command["value2"]) not in (0, 1):
        return np.int64(codes.REFUSAL_OUT_OF_RANGE)
    if kill == KILL_BUT_REDUCING and np.int64(accounts.state[0]["is_enabled"]) == 0:
        return np.int64(codes.REFUSAL_NO_ACCOUNTS)
    return np.int64(0)


@kernel
def _carry_out(accounts, command):
    """Find what is named; then one function an action."""
    state = accounts.state[0]
    if np.int64(state["is_enabled"]) == 0:
        return np.int64(codes.REFUSAL_NO_ACCOUNTS)
    action = np.int64(command["action"])
    if action < ADMIN_SET_LIMIT or action > ADMIN_SETTLE:
        return np.int64(codes.REFUSAL_UNKNOWN_ACTION)
    account = np.int64(FREE)
    if np.int64(command["account"]) != NO_INDEX:
        account = np.int64(find_account(accounts, np.int64(command["account"])))
        if account == FREE:
            return np.int64(codes.REFUSAL_UNKNOWN_ACCOUNT)
    firm = np.int64(FREE)
    if np.int64(command["firm"]) != NO_INDEX:
        firm = _find_firm(accounts, np.int64(command["firm"]))
        if firm == FREE:
            return np.int64(codes.REFUSAL_UNKNOWN_FIRM)
    instrument = np.int64(FREE)
    if np.int64(command["instrument"]) != NO_INDEX:
        instrument = np.int64(command["instrument"])
        if instrument >= np.int64(state["instruments"]):
            return np.int64(codes.REFUSAL_UNKNOWN_INSTRUMENT)
    value = np.int64(command["value"])
    if action == ADMIN_SET_LIMIT:
        return _set_limit(accounts, command, account, firm, instrument)
    if action == ADMIN_SET_STATUS:
        return _set_status(accounts, account, firm, instrument, value)
    if action == ADMIN_ENTITLE:
        return _entitle(accounts, account, firm, instrument, value)
    if action == ADMIN_RESTRICT:
        return _restrict(accounts, account, firm, instrument, value)
    if action in (ADMIN_KILL, ADMIN_RESET):
        return _kill(accounts, action, account, firm, instrument, value, np.int64(command["value2"]))
    if np.int64(state["has_funds"]) == 0:
        return np.int64(codes.REFUSAL_NO_FUNDS)
    asset = np.int64(FREE)
    if np.int64(command["asset"]) != NO_INDEX:
        asset = np.int64(command["asset"]) - 1
        if asset < 0 or asset >= np.int64(state["assets"]):
            return np.int64(codes.REFUSAL_UNKNOWN_ASSET)
    if action == ADMIN_SETTLE:
        return _settle(accounts, account, firm, instrument, asset)
    if account == FREE or asset == FREE or firm != FREE or instrument != FREE:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    if action == ADMIN_DEPOSIT:
        return _deposit(accounts, account, asset, value)
    assert action == ADMIN_WITHDRAW
    return _withdraw(accounts, account, asset, value)


@kernel
def _find_firm(accounts, number):
    for place in range(accounts.firms.size):
        if np.int64(accounts.firms[place]["firm_id"]) == number:
            return np.int64(place)
    return np.int64(FREE)


# --- limits -----------------------------------------------------------------------------------------------------


@kernel
def _limit_max(limit, is_firm):
    """The largest value of a limit, and what holds where there is none; -1: no such limit."""
    if limit == LIMIT_ORDER_LOTS:
        return np.int64(QTY_LOTS_MAX)
    if limit == LIMIT_ORDER_VALUE:
        return np.int64(ORDER_VALUE_MAX)
    if limit == LIMIT_TRADED_LOTS:
        return np.int64(TRADED_LOTS_MAX)
    if limit == LIMIT_NET_LOTS:
        return np.int64(LOTS_MAX)
    if limit == LIMIT_COLLAR_TICKS:
        return np.int64(TICKS_MAX)
    if limit == LIMIT_GROSS_POSITION:
        return np.int64(FIRM_GROSS_MAX if is_firm else GROSS_POSITION_MAX)
    if limit in (LIMIT_OPEN_ORDERS, LIMIT_OPEN_POSITIONS, LIMIT_DUPLICATES):
        return np.int64(COUNT_MAX)
    if limit == LIMIT_DAILY_LOSS:
        return np.int64(FUNDS_MAX)
    return np.int64(ORDER_RATE_MAX if limit == LIMIT_ORDER_RATE else -1)


@kernel
def _set_limit(accounts, command, account, firm, instrument):
    limit = np.int64(command["limit"])
    value = np.int64(command["value"])
    largest = np.int64(_limit_max(limit, firm != FREE))
    if largest < 0 or (firm != FREE and (account != FREE or instrument != FREE)):
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    if value < LIMIT_NONE or value > largest:
        return np.int64(codes.REFUSAL_OUT_OF_RANGE)
    if limit in (LIMIT_ORDER_RATE, LIMIT_DUPLICATES):
        return _set_window_limit(accounts, account, instrument, limit, value, np.int64(command["value2"]))
    if value == LIMIT_NONE:
        value = largest
    if account != FREE and instrument != FREE:
        return _set_holding_limit(accounts, account, instrument, limit, value)
    if instrument != FREE:
        return _set_instrument_limit(accounts, instrument, limit, value)
    if account != FREE:
        return _set_account_limit(accounts, account, limit, value)
    return _set_firm_limit(accounts, firm, limit, value)


@kernel
def _set_window_limit(accounts, account, instrument, limit, value, window_ns):
    if account == FREE or instrument != FREE:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    if value == 0 or (value != LIMIT_NONE and (window_ns < 1 or window_ns > WINDOW_NS_MAX)):
        return np.int64(codes.REFUSAL_OUT_OF_RANGE)
    owner = accounts.accounts[account]
    number = max(np.int64(0), value)
    if limit == LIMIT_ORDER_RATE:
        owner["rate_max"] = number
        if number != 0:
            owner["rate_window_ns"] = window_ns
    else:
        owner["duplicates_max"] = number
        if number != 0:
            owner["duplicate_window_ns"] = window_ns
    return np.int64(0)


@kernel
def _set_holding_limit(accounts, account, instrument, limit, value):
    row = accounts.holdings[account * np.int64(accounts.state[0]["instruments"]) + instrument]
    if limit == LIMIT_ORDER_LOTS:
        row["order_lots_max"] = value
    elif limit == LIMIT_ORDER_VALUE:
        row["order_value_max"] = value
    elif limit == LIMIT_TRADED_LOTS:
        row["traded_lots_max"] = value
    elif limit == LIMIT_NET_LOTS:
        row["net_lots_max"] = value
    else:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    return np.int64(0)


@kernel
def _set_instrument_limit(accounts, instrument, limit, value):
    clearing = accounts.clearing[instrument]
    if limit == LIMIT_ORDER_LOTS:
        clearing["order_lots_max"] = value
    elif limit == LIMIT_ORDER_VALUE:
        clearing["order_value_max"] = value
    elif limit == LIMIT_TRADED_LOTS:
        clearing["traded_lots_max"] = value
    elif limit == LIMIT_NET_LOTS:
        clearing["net_lots_max"] = value
    elif limit == LIMIT_COLLAR_TICKS:
        clearing["collar_ticks"] = value
    else:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    return np.int64(0)


@kernel
def _set_account_limit(accounts, account, limit, value):
    owner = accounts.accounts[account]
    if limit == LIMIT_ORDER_LOTS:
        owner["order_lots_max"] = value
    elif limit == LIMIT_ORDER_VALUE:
        owner["order_value_max"] = value
    elif limit == LIMIT_GROSS_POSITION:
        owner["gross_position_max"] = value
    elif limit == LIMIT_OPEN_ORDERS:
        owner["open_orders_max"] = value
    elif limit == LIMIT_OPEN_POSITIONS:
        owner["open_positions_max"] = value
    elif limit == LIMIT_DAILY_LOSS:
        owner["daily_loss_max"] = value
    else:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    return np.int64(0)


@kernel
def _set_firm_limit(accounts, firm, limit, value):
    if firm == FREE:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    record = accounts.firms[firm]
    if limit == LIMIT_ORDER_LOTS:
        record["order_lots_max"] = value
    elif limit == LIMIT_ORDER_VALUE:
        record["order_value_max"] = value
    elif limit == LIMIT_GROSS_POSITION:
        record["gross_position_max"] = value
    elif limit == LIMIT_OPEN_ORDERS:
        record["open_orders_max"] = value
    elif limit == LIMIT_DAILY_LOSS:
        record["daily_loss_max"] = value
    else:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    return np.int64(0)


# --- rights -----------------------------------------------------------------------------------------------------


@kernel
def _set_status(accounts, account, firm, instrument, value):
    if account == FREE or firm != FREE or instrument != FREE:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    if value not in (STATUS_PENDING_KYC, STATUS_ACTIVE, STATUS_SUSPENDED, STATUS_CLOSED):
        return np.int64(codes.REFUSAL_OUT_OF_RANGE)
    gets_fees = np.int64(accounts.state[0]["has_funds"]) and account == np.int64(accounts.state[0]["fee_account"])
    if value == STATUS_CLOSED and (gets_fees or not _is_empty(accounts, account)):
        return np.int64(codes.REFUSAL_NOT_EMPTY)
    accounts.accounts[account]["status"] = value
    return np.int64(0)


@kernel
def _is_empty(accounts, account):
    """No open order, no position, no balance."""
    owner = accounts.accounts[account]
    if np.int64(owner["open_orders"]) != 0 or np.int64(owner["open_positions"]) != 0:
        return False
    assets = np.int64(accounts.state[0]["assets"])
    for place in range(account * assets, (account + 1) * assets):
        balance = accounts.balances[place]
        if np.int64(balance["settled"]) != 0 or np.int64(balance["pending_in"]) != 0:
            return False  # settled is 0: available, reserved and pending out are
    return True


@kernel
def _entitle(accounts, account, firm, instrument, value):
    if account == FREE or firm != FREE:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    if value not in (0, 1):
        return np.int64(codes.REFUSAL_OUT_OF_RANGE)
    _set_flag(accounts, account, instrument, np.int64(HOLDING_ENTITLED), value)
    return np.int64(0)


@kernel
def _set_flag(accounts, account, instrument, flag, value):
    """A flag of the account's holding in an instrument (FREE: in all). Returns 0."""
    instruments = np.int64(accounts.state[0]["instruments"])
    first = np.int64(0) if instrument == FREE else instrument
    last = instruments if instrument == FREE else instrument + 1
    for place in range(account * instruments + first, account * instruments + last):
        flags = np.int64(accounts.holdings[place]["flags"]) & ~flag
        accounts.holdings[place]["flags"] = flags | (flag if value else np.int64(0))
    return 0


@kernel
def _restrict(accounts, account, firm, instrument, value):
    if instrument == FREE or (account != FREE and firm != FREE):
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    if value not in (0, 1):
        return np.int64(codes.REFUSAL_OUT_OF_RANGE)
    if account != FREE:
        _set_flag(accounts, account, instrument, np.int64(HOLDING_RESTRICTED), value)
    elif firm != FREE:
        for place in range(np.int64(accounts.state[0]["accounts"])):
            if np.int64(accounts.accounts[place]["firm"]) == firm:
                _set_flag(accounts, np.int64(place), instrument, np.int64(HOLDING_RESTRICTED_FIRM), value)
    else:
        accounts.clearing[instrument]["is_restricted"] = value
    return np.int64(0)


@kernel
def _kill(accounts, action, account, firm, instrument, value, stays):
    if (account == FREE) == (firm == FREE) or instrument != FREE:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    if action == ADMIN_RESET:
        value = np.int64(KILL_NONE)
    elif value not in (KILL_BUT_REDUCING, KILL_ALL) or stays not in (0, 1):
        return np.int64(codes.REFUSAL_OUT_OF_RANGE)
    if account != FREE:
        accounts.accounts[account]["kill"] = value
    else:
        accounts.firms[firm]["kill"] = value
    return np.int64(0)


@kernel
def is_killed_by(accounts, command, account):
    """Whether a kill that has been carried out cancels the orders of the account (index)."""
    is_kill = np.int64(command["action"]) == ADMIN_KILL and np.int64(command["session"]) == NO_INDEX
    if not is_kill or np.int64(command["value2"]) != 0:
        return False
    owner = accounts.accounts[account]
    if np.int64(command["account"]) != NO_INDEX:
        return np.int64(owner["account_id"]) == np.int64(command["account"])
    return np.int64(accounts.firms[np.int64(owner["firm"])]["firm_id"]) == np.int64(command["firm"])


# --- money ------------------------------------------------------------------------------------------------------


@kernel
def _deposit(accounts, account, asset, value):
    if np.int64(accounts.accounts[account]["status"]) == STATUS_CLOSED:
        return np.int64(codes.REFUSAL_STATUS)
    if value < 1 or value > FUNDS_MAX:
        return np.int64(codes.REFUSAL_OUT_OF_RANGE)
    if value > FUNDS_MAX - accounts.supply[asset]:
        return np.int64(codes.REFUSAL_SUPPLY_FULL)
    balance = accounts.balances[account * np.int64(accounts.state[0]["assets"]) + asset]
    balance["available"] += value
    balance["settled"] += value
    accounts.supply[asset] += value
    return np.int64(0)


@kernel
def _withdraw(accounts, account, asset, value):
    if np.int64(accounts.accounts[account]["status"]) in (STATUS_SUSPENDED, STATUS_CLOSED):
        return np.int64(codes.REFUSAL_STATUS)
    if value < 1 or value > FUNDS_MAX:
        return np.int64(codes.REFUSAL_OUT_OF_RANGE)
    balance = accounts.balances[account * np.int64(accounts.state[0]["assets"]) + asset]
    if value > np.int64(balance["available"]):
        return np.int64(codes.REFUSAL_NOT_AVAILABLE)
    balance["available"] -= value
    balance["settled"] -= value
    accounts.supply[asset] -= value
    return np.int64(0)


@kernel
def _settle(accounts, account, firm, instrument, asset):
    """All accounts at once: what one gets, another pays."""
    if account != FREE or firm != FREE or instrument != FREE:
        return np.int64(codes.REFUSAL_WRONG_SCOPE)
    assets = np.int64(accounts.state[0]["assets"])
    for place in range(np.int64(accounts.state[0]["accounts"]) * assets):
        if asset != FREE and place % assets != asset:
            continue
        balance = accounts.balances[place]
        pending_in = np.int64(balance["pending_in"])
        balance["settled"] += pending_in - np.int64(balance["pending_out"])
        balance["available"] += pending_in
        balance["pending_in"] = 0
        balance["pending_out"] = 0
    return np.int64(0)
