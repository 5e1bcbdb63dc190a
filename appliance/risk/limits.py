"""The checks of docs/RISK.md section 2 from the second on, in their order; the first that fails is the reject.

`accounts.state[0]` takes what later steps of the same request need: the limit that was hit, the account, the bound.
"""

from __future__ import annotations

import numpy as np

from appliance.accounts.amounts import asset_of, exposure_of, reserve_of, result_of, signed
from appliance.accounts.state import NOT_KNOWN, OPEN_BUY_WORD
from native import codes
from native.account_layout import (
    HOLDING,
    HOLDING_ALL_FLAGS,
    HOLDING_ENTITLED,
    HOLDING_RESTRICTED,
    HOLDING_RESTRICTED_FIRM,
    KILL_BUT_REDUCING,
    KILL_NONE,
    ORDER_RATE_MAX,
    SERIES,
    SERIES_PLACES,
    STATUS_ACTIVE,
    STATUS_PENDING_KYC,
    STATUS_SUSPENDED,
)
from native.jit import inner_kernel, outer_kernel
from native.layout import (
    COMMAND_PRICE_MISSING,
    COMMAND_PRICE_OFF_TICK,
    COMMAND_QTY_OUT_OF_RANGE,
)
from native.lowlevel import load_word, prefetch, rarely, store_word
from wire.gen import order_entry as oe

LOW_31 = (1 << 31) - 1
SERIES_BYTES = SERIES.itemsize
HOLDING_BYTES = HOLDING.itemsize


@inner_kernel
def has_limit_price(ord_type):
    return ord_type in (oe.OrdType_Limit, oe.OrdType_StopLimit, oe.OrdType_LimitIfTouched)


@inner_kernel
def _is_known_type(ord_type):
    return has_limit_price(ord_type) or ord_type in (
        oe.OrdType_Market, oe.OrdType_Stop, oe.OrdType_MarketIfTouched, oe.OrdType_MarketToLimit,
    )  # fmt: skip


@inner_kernel
def _is_known_side(side):
    return side in (oe.Side_Buy, oe.Side_Sell, oe.Side_SellShort, oe.Side_SellShortExempt)


@inner_kernel
def _fail(accounts, reason, limit_value):
    accounts.state[0]["limit_value"] = limit_value
    return np.int64(reason)


@inner_kernel
def check_order(
    accounts, record, account, instrument, is_sell, is_new, has_price, bound_ticks, leaves_lots, old_ticks, old_lots,
    session_kill,
):  # fmt: skip
    """Checks 2 to 17 of a new order, or of a replace of one with `old_lots` open at the bound `old_ticks` (of a
    new order 0 both). `record` is the request (COMMAND), which has passed check 1; bound and leaves are what they would
    be; `session_kill`: KILL_* of its session. Returns 0, or the code of the reject, whose limit is
    `state[0]["limit_value"]`.

    A new order that passes them is held from then on: counted, reserved, a part of the positions that it could lead
    to; the ledger gives that back where the book refuses it. What else the ledger will need of a request that the book
    takes stays in `state[0]`."""
    state = accounts.state[0]
    state["request_account"] = account
    state["bound_ticks"] = bound_ticks
    state["old_bound_ticks"] = old_ticks
    state["old_leaves_lots"] = old_lots
    state["request_leaves_lots"] = NOT_KNOWN
    owner = accounts.accounts[np.uint64(account)]
    firm = accounts.firms[np.uint64(owner["firm"])]
    holding = account * np.int64(state["instruments"]) + instrument
    row = accounts.holdings[np.uint64(holding)]
    clearing = accounts.clearing[np.uint64(instrument)]
    flags = np.int64(row["flags"])
    # one question, and not six: they are answered in their order where one of them is answered with no
    hindrances = np.int64(owner["status"]) ^ STATUS_ACTIVE
    hindrances |= (flags & HOLDING_ALL_FLAGS) ^ HOLDING_ENTITLED
    hindrances |= np.int64(owner["kill"]) | np.int64(firm["kill"]) | session_kill | np.int64(clearing["is_restricted"])
    if rarely(hindrances != 0):
        reason = np.int64(
            _check_rights(accounts, account, instrument, holding, is_sell, leaves_lots, old_lots, session_kill)
        )
        if reason != 0:
            return reason
    if not _has_numbers(clearing, record, is_new, has_price):
        return np.int64(0)
    reason = _check_order_limits(
        accounts, clearing, owner, firm, row, is_sell, has_price, bound_ticks, np.int64(record["qty_lots"])
    )
    if reason != 0:
        return reason
    net_lots = np.int64(row["net_lots"])
    toward_lots = signed(net_lots, is_sell)  # the net, seen from this side: what the order would make larger
    open_lots = load_word(accounts.holdings, holding, OPEN_BUY_WORD + is_sell)
    other_lots = load_word(accounts.holdings, holding, OPEN_BUY_WORD + 1 - is_sell)
    more_lots = leaves_lots - old_lots
    gross = exposure_of(toward_lots, open_lots + more_lots, other_lots)
    gross -= exposure_of(toward_lots, open_lots, other_lots)
    gross *= np.int64(clearing["position_weight"])
    is_first = net_lots | open_lots | other_lots == 0
    if more_lots > 0:
        largest_lots = toward_lots + open_lots + more_lots
        reason = _check_more(
            accounts, clearing, owner, firm, row, largest_lots, open_lots + other_lots + more_lots, gross
        )
        if reason != 0:
            return reason
    if is_new:
        reason = _check_counts(accounts, owner, firm, is_first)
        if reason != 0:
            return reason
    reason = _check_loss(accounts, clearing, owner, firm, holding, net_lots, is_sell, leaves_lots, old_lots)
    if reason != 0:
        return reason
    reason = _check_window(accounts, record, owner, account, is_new)
    if reason != 0:
        return reason
    has_funds = np.int64(state["has_funds"])
    more = np.int64(0)
    balance_place = np.int64(0)
    if has_funds:
        balance_place = account * np.int64(state["assets"]) + asset_of(accounts, instrument, is_sell)
        more = reserve_of(accounts, instrument, is_sell, bound_ticks, leaves_lots)
        if not is_new:
            more -= reserve_of(accounts, instrument, is_sell, old_ticks, old_lots)
        available = np.int64(accounts.balances[np.uint64(balance_place)]["available"])
        if more > available:
            short = codes.REJECT_INSUFFICIENT_UNITS if is_sell else codes.REJECT_INSUFFICIENT_FUNDS
            return _fail(accounts, short, available)
    state["request_leaves_lots"] = leaves_lots
    state["request_more"] = more
    if is_new:
        # held from here on: the ledger gives it back where the book refuses the order
        state["is_held"] = 1
        owner["open_orders"] = np.int64(owner["open_orders"]) + 1
        firm["open_orders"] = np.int64(firm["open_orders"]) + 1
        owner["open_positions"] = np.int64(owner["open_positions"]) + np.int64(is_first)
        owner["gross_position"] += gross
        firm["gross_position"] += gross
        store_word(accounts.holdings, holding, OPEN_BUY_WORD + is_sell, open_lots + more_lots)
        if has_funds:
            balance = accounts.balances[np.uint64(balance_place)]
            balance["available"] -= more
            balance["reserved"] += more
    return np.int64(0)


@inner_kernel
def _reducible(accounts, holding, is_sell, old_lots):
    """By how much orders of this side, but for one of `old_lots`, may still bring the net nearer to 0."""
    open_lots = load_word(accounts.holdings, holding, OPEN_BUY_WORD + is_sell)
    net_lots = np.int64(accounts.holdings[np.uint64(holding)]["net_lots"])
    return max(np.int64(0), old_lots - open_lots - signed(net_lots, is_sell))


@outer_kernel
def _check_rights(accounts, account, instrument, holding, is_sell, leaves_lots, old_lots, session_kill):
    """Checks 2 to 5, where one of them may say no."""
    owner = accounts.accounts[np.uint64(account)]
    status = np.int64(owner["status"])
    if status != STATUS_ACTIVE:
        if status == STATUS_PENDING_KYC:
            return np.int64(codes.REJECT_ACCOUNT_PENDING)
        is_suspended = status == STATUS_SUSPENDED
        return np.int64(codes.REJECT_ACCOUNT_SUSPENDED if is_suspended else codes.REJECT_ACCOUNT_CLOSED)
    flags = np.int64(accounts.holdings[np.uint64(holding)]["flags"])
    if flags & HOLDING_ENTITLED == 0:
        return np.int64(codes.REJECT_NOT_ENTITLED)
    if flags & (HOLDING_RESTRICTED | HOLDING_RESTRICTED_FIRM):
        return np.int64(codes.REJECT_RESTRICTED)
    if np.int64(accounts.clearing[np.uint64(instrument)]["is_restricted"]):
        return np.int64(codes.REJECT_RESTRICTED)
    kill = np.int64(owner["kill"])
    firm_kill = np.int64(accounts.firms[np.uint64(owner["firm"])]["kill"])
    reducible_lots = _reducible(accounts, holding, is_sell, old_lots)
    if kill != KILL_NONE and (kill != KILL_BUT_REDUCING or leaves_lots > reducible_lots):
        return _fail(
            accounts, codes.REJECT_ACCOUNT_KILLED, reducible_lots if kill == KILL_BUT_REDUCING else np.int64(0)
        )
    if firm_kill != KILL_NONE and (firm_kill != KILL_BUT_REDUCING or leaves_lots > reducible_lots):
        return _fail(
            accounts, codes.REJECT_FIRM_KILLED, reducible_lots if firm_kill == KILL_BUT_REDUCING else np.int64(0)
        )
    if session_kill == KILL_BUT_REDUCING and leaves_lots > reducible_lots:  # KILL_ALL went no further than the session
        return _fail(accounts, codes.REJECT_SESSION_KILLED, reducible_lots)
    return np.int64(0)


@inner_kernel
def _has_numbers(clearing, record, is_new, has_price):
    """Whether the book could take side, type, quantity and price; it refuses what cannot be counted."""
    flags = np.int64(record["flags"])
    qty_lots = np.int64(record["qty_lots"])
    if qty_lots < 1 or qty_lots > np.int64(clearing["qty_lots_max"]) or flags & COMMAND_QTY_OUT_OF_RANGE:
        return False
    if is_new and not (_is_known_side(np.int64(record["side"])) and _is_known_type(np.int64(record["ord_type"]))):
        return False
    if not has_price:
        return True
    if flags & COMMAND_PRICE_MISSING:
        return not is_new
    if flags & COMMAND_PRICE_OFF_TICK:
        return False
    price_ticks = np.int64(record["price_ticks"])
    return np.int64(clearing["price_ticks_min"]) <= price_ticks <= np.int64(clearing["price_ticks_max"])


@inner_kernel
def _check_order_limits(accounts, clearing, owner, firm, row, is_sell, has_price, bound_ticks, qty_lots):
    """Checks 6 to 8: what the order is by itself."""
    if has_price and np.int64(clearing["has_reference"]):
        reference_ticks = np.int64(clearing["reference_ticks"])
        collar_ticks = np.int64(clearing["collar_ticks"])
        if signed(bound_ticks - reference_ticks, is_sell) > collar_ticks:
            return _fail(accounts, codes.REJECT_PRICE_COLLAR, reference_ticks + signed(collar_ticks, is_sell))
    lots_max = min(
        min(np.int64(clearing["order_lots_max"]), np.int64(row["order_lots_max"])),
        min(np.int64(owner["order_lots_max"]), np.int64(firm["order_lots_max"])),
    )
    if qty_lots > lots_max:
        return _fail(accounts, codes.REJECT_ORDER_LOTS, lots_max)
    value_max = min(
        min(np.int64(clearing["order_value_max"]), np.int64(row["order_value_max"])),
        min(np.int64(owner["order_value_max"]), np.int64(firm["order_value_max"])),
    )
    if abs(bound_ticks) * qty_lots * np.int64(clearing["tick_value"]) > value_max:
        return _fail(accounts, codes.REJECT_ORDER_VALUE, value_max)
    return np.int64(0)


@inner_kernel
def _check_more(accounts, clearing, owner, firm, row, largest_lots, open_lots, gross):
    """Checks 9 to 11: what an order that makes more of it would bring the account to. `largest_lots`: the net if all
    open orders of its side were filled; `open_lots`: of both sides; `gross`: by what the gross position rises."""
    traded_max = min(np.int64(row["traded_lots_max"]), np.int64(clearing["traded_lots_max"]))
    if np.int64(row["traded_lots"]) + open_lots > traded_max:
        return _fail(accounts, codes.REJECT_TRADED_LOTS, traded_max)
    net_max = min(np.int64(row["net_lots_max"]), np.int64(clearing["net_lots_max"]))
    if largest_lots > net_max:
        return _fail(accounts, codes.REJECT_NET_POSITION, net_max)
    # whether `gross` is above 0 is as random as the flow: a reject must not hang on that
    if gross > max(np.int64(0), np.int64(owner["gross_position_max"]) - np.int64(owner["gross_position"])):
        return _fail(accounts, codes.REJECT_GROSS_POSITION, np.int64(owner["gross_position_max"]))
    if gross > max(np.int64(0), np.int64(firm["gross_position_max"]) - np.int64(firm["gross_position"])):
        return _fail(accounts, codes.REJECT_GROSS_POSITION, np.int64(firm["gross_position_max"]))
    return np.int64(0)


@inner_kernel
def _check_counts(accounts, owner, firm, is_first):
    """Checks 12 and 13 of a new order; `is_first`: it would open a position."""
    if np.int64(owner["open_orders"]) >= np.int64(owner["open_orders_max"]):
        return _fail(accounts, codes.REJECT_OPEN_ORDERS, np.int64(owner["open_orders_max"]))
    if np.int64(firm["open_orders"]) >= np.int64(firm["open_orders_max"]):
        return _fail(accounts, codes.REJECT_OPEN_ORDERS, np.int64(firm["open_orders_max"]))
    if is_first and np.int64(owner["open_positions"]) >= np.int64(owner["open_positions_max"]):
        return _fail(accounts, codes.REJECT_OPEN_POSITIONS, np.int64(owner["open_positions_max"]))
    return np.int64(0)


@inner_kernel
def _check_loss(accounts, clearing, owner, firm, holding, net_lots, is_sell, leaves_lots, old_lots):
    """Check 14."""
    result_now = np.int64(0)
    if net_lots != 0 and np.int64(clearing["has_last"]):
        ticks = np.int64(clearing["reference_ticks"]) - accounts.marks[np.uint64(holding)]
        result_now = result_of(net_lots, ticks, np.int64(clearing["tick_value"]))
    loss_max = np.int64(owner["daily_loss_max"])
    is_lost = np.int64(owner["day_result"]) + result_now < -loss_max
    if not is_lost:
        loss_max = np.int64(firm["daily_loss_max"])
        is_lost = np.int64(firm["day_result"]) + result_now < -loss_max
    if is_lost and leaves_lots > _reducible(accounts, holding, is_sell, old_lots):
        return _fail(accounts, codes.REJECT_DAILY_LOSS, loss_max)
    return np.int64(0)


@inner_kernel
def _check_window(accounts, record, owner, account, is_new):
    """Checks 15 and 16: what came of late."""
    rate_max = np.int64(owner["rate_max"])
    if rate_max != 0:
        now_ns = np.int64(record["time_ns"])
        requests = np.int64(owner["rate_requests"])
        ring = account * ORDER_RATE_MAX
        oldest_ns = accounts.request_times[np.uint64(ring + ((requests - rate_max) & (ORDER_RATE_MAX - 1)))]
        if now_ns - oldest_ns < np.int64(owner["rate_window_ns"]):
            return _fail(accounts, codes.REJECT_ORDER_RATE, rate_max)
        accounts.request_times[np.uint64(ring + (requests & (ORDER_RATE_MAX - 1)))] = now_ns
        owner["rate_requests"] = requests + 1
    if is_new and np.int64(owner["duplicates_max"]) != 0:
        return np.int64(_check_series(accounts, record, owner, account))
    return np.int64(0)


@inner_kernel
def _series_place(account, instrument, price_ticks, qty_lots, side):
    mixed = (price_ticks & LOW_31) * 0x9E3779B1 ^ qty_lots * 0x85EBCA6B ^ account * 0xC2B2AE35 ^ instrument * 0x27D4EB2F
    return (mixed ^ (mixed >> 29) ^ side) & (SERIES_PLACES - 1)


@inner_kernel
def prefetch_checks(accounts, record):
    """Start to fetch the lines that `check_order` will look at for the new order `record` (COMMAND) and no other order
    of late may have looked at. A guess: its account may be another than the session's own. Changes nothing."""
    account = accounts.session_accounts[np.uint64(record["session"])]
    instrument = np.int64(record["instrument"])
    place = _series_place(
        account, instrument, np.int64(record["price_ticks"]), np.int64(record["qty_lots"]), np.int64(record["side"])
    )
    prefetch(np.int64(accounts.series.ctypes.data) + place * SERIES_BYTES)
    holding = account * np.int64(accounts.state[0]["instruments"]) + instrument
    prefetch(np.int64(accounts.holdings.ctypes.data) + holding * HOLDING_BYTES)


@inner_kernel
def _check_series(accounts, record, owner, account):
    """Check 16."""
    now_ns = np.int64(record["time_ns"])
    instrument = np.int64(record["instrument"])
    price_ticks = np.int64(record["price_ticks"])
    qty_lots = np.int64(record["qty_lots"])
    side = np.int64(record["side"])
    terms = side | np.int64(record["ord_type"]) << 8 | np.int64(record["time_in_force"]) << 16
    place = _series_place(account, instrument, price_ticks, qty_lots, side)
    series = accounts.series[np.uint64(place)]
    orders = np.int64(series["orders"])
    # one question, and not seven: each by itself would be as random as the flow
    differences = (
        np.int64(orders == 0)
        | (np.int64(series["price_ticks"]) ^ price_ticks)
        | (np.int64(series["stop_price_ticks"]) ^ np.int64(record["stop_price_ticks"]))
        | (np.int64(series["account"]) ^ account)
        | (np.int64(series["instrument"]) ^ instrument)
        | (np.int64(series["qty_lots"]) ^ qty_lots)
        | (np.int64(series["terms"]) ^ terms)
    )
    if differences == 0 and now_ns - np.int64(series["first_ns"]) < np.int64(owner["duplicate_window_ns"]):
        if orders >= np.int64(owner["duplicates_max"]):
            return _fail(accounts, codes.REJECT_DUPLICATE_IN_WINDOW, np.int64(owner["duplicates_max"]))
        series["orders"] = orders + 1
        return np.int64(0)
    series["price_ticks"] = price_ticks
    series["stop_price_ticks"] = record["stop_price_ticks"]
    series["first_ns"] = now_ns
    series["account"] = account
    series["instrument"] = instrument
    series["qty_lots"] = qty_lots
    series["orders"] = 1
    series["terms"] = terms
    return np.int64(0)
