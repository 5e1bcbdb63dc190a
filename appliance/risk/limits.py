"""The checks of docs/RISK.md section 2 from the second on, in their order; the first that fails is the reject.

`accounts.state[0]` takes what later steps of the same request need: the limit that was hit, the account, the bound.
"""

from __future__ import annotations

import numpy as np

from appliance.accounts.amounts import exposure_of, reserve_of, result_of
from appliance.accounts.state import account_of_session
from native import codes
from native.account_layout import (
    HOLDING_ENTITLED,
    HOLDING_RESTRICTED,
    HOLDING_RESTRICTED_FIRM,
    KILL_BUT_REDUCING,
    KILL_NONE,
    ORDER_RATE_MAX,
    SERIES_PLACES,
    STATUS_ACTIVE,
    STATUS_PENDING_KYC,
    STATUS_SUSPENDED,
)
from native.jit import inner_kernel, kernel
from native.layout import (
    COMMAND_PRICE_MISSING,
    COMMAND_PRICE_OFF_TICK,
    COMMAND_QTY_OUT_OF_RANGE,
    KIND_NEW_ORDER,
)
from wire.gen import order_entry as oe

LOW_31 = (1 << 31) - 1


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


@kernel
def check_new(accounts, records, index, bound_ticks):
    """0 when the new order `records[index]` (COMMAND; check 1 is passed) may go to the book, else the code of the
    reject, with the limit in `state[0]["limit_value"]`. bound_ticks: the bound of the order."""
    record = records[index]
    state = accounts.state[0]
    account = account_of_session(accounts, np.int64(record["session"]), np.int64(record["account"]))
    is_sell = np.int64(0) if np.int64(record["side"]) == oe.Side_Buy else np.int64(1)
    has_price = has_limit_price(np.int64(record["ord_type"]))
    state["limit_value"] = 0
    state["request_account"] = account
    state["bound_ticks"] = bound_ticks
    return _check(
        accounts, record, account, np.int64(record["instrument"]), is_sell, has_price, bound_ticks,
        np.int64(record["qty_lots"]), np.int64(0), np.int64(0),
    )  # fmt: skip


@kernel
def check_replace(accounts, records, index, orders, slot):
    """The same for a replace of the open order `orders[slot]` (ORDER); a slot below 0: it names none."""
    if slot < 0:
        return np.int64(0)
    record = records[index]
    order = orders[slot]
    leaves_lots = np.int64(record["qty_lots"]) - np.int64(order["cum_lots"])
    if leaves_lots <= 0:
        return np.int64(0)
    state = accounts.state[0]
    account = account_of_session(accounts, np.int64(order["session"]), np.int64(order["account"]))
    is_sell = np.int64(0) if np.int64(order["side"]) == oe.Side_Buy else np.int64(1)
    has_price = has_limit_price(np.int64(order["ord_type"]))
    old_lots = np.int64(order["leaves_lots"])
    old_bound_ticks = np.int64(order["price_ticks"])
    if not has_price:
        old_bound_ticks = np.int64(accounts.open_orders[slot]["bound_ticks"])
    bound_ticks = old_bound_ticks
    if has_price and np.int64(record["flags"]) & COMMAND_PRICE_MISSING == 0:
        bound_ticks = np.int64(record["price_ticks"])
    state["limit_value"] = 0
    state["old_bound_ticks"] = old_bound_ticks
    state["old_leaves_lots"] = old_lots
    return _check(
        accounts, record, account, np.int64(order["instrument"]), is_sell, has_price, bound_ticks, leaves_lots,
        old_bound_ticks, old_lots,
    )  # fmt: skip


@inner_kernel
def _check(
    accounts, record, account, instrument, is_sell, has_price, bound_ticks, leaves_lots, old_bound_ticks, old_lots
):
    """Checks 2 to 17; with `old_lots` of 0 of a new order."""
    is_new = np.int64(record["kind"]) == KIND_NEW_ORDER
    qty_lots = np.int64(record["qty_lots"])
    holding = account * np.int64(accounts.state[0]["instruments"]) + instrument
    reason = _check_rights(accounts, account, instrument, holding, is_sell, leaves_lots, old_lots)
    if reason != 0:
        return reason
    if not _has_numbers(accounts, record, instrument, is_new, has_price):
        return np.int64(0)
    reason = _check_order_limits(accounts, account, instrument, holding, is_sell, has_price, bound_ticks, qty_lots)
    if reason != 0:
        return reason
    reason = _check_positions(accounts, account, instrument, holding, is_sell, is_new, leaves_lots, old_lots)
    if reason != 0:
        return reason
    reason = _check_window(accounts, record, account, is_new)
    if reason != 0 or np.int64(accounts.state[0]["has_funds"]) == 0:
        return reason
    held = np.int64(0)
    if not is_new:
        held = reserve_of(accounts, instrument, is_sell, old_bound_ticks, old_lots)
    return _check_funds(accounts, account, instrument, is_sell, bound_ticks, leaves_lots, held)


@inner_kernel
def _reducible(accounts, holding, is_sell, old_lots):
    """By how much orders of this side, but for one of `old_lots`, may still bring the net nearer to 0."""
    row = accounts.holdings[np.uint64(holding)]
    net_lots = np.int64(row["net_lots"])
    if is_sell:
        return max(np.int64(0), net_lots - np.int64(row["open_sell_lots"]) + old_lots)
    return max(np.int64(0), -net_lots - np.int64(row["open_buy_lots"]) + old_lots)


@inner_kernel
def _check_rights(accounts, account, instrument, holding, is_sell, leaves_lots, old_lots):
    """Checks 2 to 5."""
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
    if kill | firm_kill == KILL_NONE:
        return np.int64(0)
    reducible_lots = _reducible(accounts, holding, is_sell, old_lots)
    if kill != KILL_NONE and (kill != KILL_BUT_REDUCING or leaves_lots > reducible_lots):
        return _fail(
            accounts, codes.REJECT_ACCOUNT_KILLED, reducible_lots if kill == KILL_BUT_REDUCING else np.int64(0)
        )
    if firm_kill != KILL_NONE and (firm_kill != KILL_BUT_REDUCING or leaves_lots > reducible_lots):
        return _fail(
            accounts, codes.REJECT_FIRM_KILLED, reducible_lots if firm_kill == KILL_BUT_REDUCING else np.int64(0)
        )
    return np.int64(0)


@inner_kernel
def _has_numbers(accounts, record, instrument, is_new, has_price):
    """Whether the book could take side, type, quantity and price; it refuses what cannot be counted."""
    clearing = accounts.clearing[np.uint64(instrument)]
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
def _check_order_limits(accounts, account, instrument, holding, is_sell, has_price, bound_ticks, qty_lots):
    """Checks 6 to 8: what the order is by itself."""
    clearing = accounts.clearing[np.uint64(instrument)]
    owner = accounts.accounts[np.uint64(account)]
    firm = accounts.firms[np.uint64(owner["firm"])]
    row = accounts.holdings[np.uint64(holding)]
    if has_price and np.int64(clearing["has_reference"]):
        reference_ticks = np.int64(clearing["reference_ticks"])
        collar_ticks = np.int64(clearing["collar_ticks"])
        beyond_ticks = reference_ticks - bound_ticks if is_sell else bound_ticks - reference_ticks
        if beyond_ticks > collar_ticks:
            furthest_ticks = reference_ticks - collar_ticks if is_sell else reference_ticks + collar_ticks
            return _fail(accounts, codes.REJECT_PRICE_COLLAR, furthest_ticks)
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
def _check_positions(accounts, account, instrument, holding, is_sell, is_new, leaves_lots, old_lots):
    """Checks 9 to 14: what the account would come to."""
    clearing = accounts.clearing[np.uint64(instrument)]
    owner = accounts.accounts[np.uint64(account)]
    firm = accounts.firms[np.uint64(owner["firm"])]
    row = accounts.holdings[np.uint64(holding)]
    net_lots = np.int64(row["net_lots"])
    buy_lots = np.int64(row["open_buy_lots"])
    sell_lots = np.int64(row["open_sell_lots"])
    more_lots = leaves_lots - old_lots
    if more_lots > 0:
        traded_max = min(np.int64(row["traded_lots_max"]), np.int64(clearing["traded_lots_max"]))
        if np.int64(row["traded_lots"]) + buy_lots + sell_lots + more_lots > traded_max:
            return _fail(accounts, codes.REJECT_TRADED_LOTS, traded_max)
        net_max = min(np.int64(row["net_lots_max"]), np.int64(clearing["net_lots_max"]))
        if (sell_lots - net_lots if is_sell else net_lots + buy_lots) + more_lots > net_max:
            return _fail(accounts, codes.REJECT_NET_POSITION, net_max)
        before_lots = exposure_of(net_lots, buy_lots, sell_lots)
        if is_sell:
            after_lots = exposure_of(net_lots, buy_lots, sell_lots + more_lots)
        else:
            after_lots = exposure_of(net_lots, buy_lots + more_lots, sell_lots)
        more = (after_lots - before_lots) * np.int64(clearing["position_weight"])
        if more > 0:
            if np.int64(owner["gross_position"]) + more > np.int64(owner["gross_position_max"]):
                return _fail(accounts, codes.REJECT_GROSS_POSITION, np.int64(owner["gross_position_max"]))
            if np.int64(firm["gross_position"]) + more > np.int64(firm["gross_position_max"]):
                return _fail(accounts, codes.REJECT_GROSS_POSITION, np.int64(firm["gross_position_max"]))
    if is_new:
        if np.int64(owner["open_orders"]) >= np.int64(owner["open_orders_max"]):
            return _fail(accounts, codes.REJECT_OPEN_ORDERS, np.int64(owner["open_orders_max"]))
        if np.int64(firm["open_orders"]) >= np.int64(firm["open_orders_max"]):
            return _fail(accounts, codes.REJECT_OPEN_ORDERS, np.int64(firm["open_orders_max"]))
        is_first = net_lots | buy_lots | sell_lots == 0
        if is_first and np.int64(owner["open_positions"]) >= np.int64(owner["open_positions_max"]):
            return _fail(accounts, codes.REJECT_OPEN_POSITIONS, np.int64(owner["open_positions_max"]))
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
def _check_window(accounts, record, account, is_new):
    """Checks 15 and 16: what came of late."""
    owner = accounts.accounts[np.uint64(account)]
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
        return np.int64(_check_series(accounts, record, account))
    return np.int64(0)


@kernel
def _check_series(accounts, record, account):
    """Check 16."""
    owner = accounts.accounts[account]
    now_ns = np.int64(record["time_ns"])
    instrument = np.int64(record["instrument"])
    price_ticks = np.int64(record["price_ticks"])
    qty_lots = np.int64(record["qty_lots"])
    mixed = (price_ticks & LOW_31) * 0x9E3779B1 ^ qty_lots * 0x85EBCA6B ^ account * 0xC2B2AE35 ^ instrument * 0x27D4EB2F
    series = accounts.series[(mixed ^ (mixed >> 29) ^ np.int64(record["side"])) & (SERIES_PLACES - 1)]
    is_like_them = (
        np.int64(series["orders"]) != 0
        and np.int64(series["price_ticks"]) == price_ticks
        and np.int64(series["stop_price_ticks"]) == np.int64(record["stop_price_ticks"])
        and np.int64(series["account"]) == account
        and np.int64(series["instrument"]) == instrument
        and np.int64(series["qty_lots"]) == qty_lots
        and np.int64(series["side"]) == np.int64(record["side"])
        and np.int64(series["ord_type"]) == np.int64(record["ord_type"])
        and np.int64(series["time_in_force"]) == np.int64(record["time_in_force"])
    )
    if is_like_them and now_ns - np.int64(series["first_ns"]) < np.int64(owner["duplicate_window_ns"]):
        if np.int64(series["orders"]) >= np.int64(owner["duplicates_max"]):
            return _fail(accounts, codes.REJECT_DUPLICATE_IN_WINDOW, np.int64(owner["duplicates_max"]))
        series["orders"] += 1
        return np.int64(0)
    series["price_ticks"] = price_ticks
    series["stop_price_ticks"] = record["stop_price_ticks"]
    series["first_ns"] = now_ns
    series["account"] = account
    series["instrument"] = instrument
    series["qty_lots"] = qty_lots
    series["orders"] = 1
    series["side"] = record["side"]
    series["ord_type"] = record["ord_type"]
    series["time_in_force"] = record["time_in_force"]
    return np.int64(0)


@inner_kernel
def _check_funds(accounts, account, instrument, is_sell, bound_ticks, leaves_lots, held):
    """Check 17."""
    clearing = accounts.clearing[np.uint64(instrument)]
    asset = np.int64(clearing["base"]) if is_sell else np.int64(clearing["quote"])
    balance = accounts.balances[np.uint64(account * np.int64(accounts.state[0]["assets"]) + asset)]
    available = np.int64(balance["available"])
    if reserve_of(accounts, instrument, is_sell, bound_ticks, leaves_lots) - held > available:
        reason = codes.REJECT_INSUFFICIENT_UNITS if is_sell else codes.REJECT_INSUFFICIENT_FUNDS
        return _fail(accounts, reason, available)
    return np.int64(0)
