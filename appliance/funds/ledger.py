"""What the book's events do to accounts: open orders and what they reserve, fills, positions (docs/RISK.md).

`take_events` is called for the events of each step of the book, before their reports are written. Of an order with a
limit price the event tells bound and leaves, so that `open_orders` need not be read for its cancel, nor for a maker.
"""

from __future__ import annotations

import numpy as np

from appliance.accounts.amounts import exposure_of, fee_of, reserve_of, result_of, within_result
from appliance.accounts.state import (
    BALANCE_NANOS,
    FEE_NANOS,
    MAKER_BALANCE_NANOS,
    MAKER_FEE_NANOS,
    NOTHING_TOLD,
    TOLD_COUNT,
    account_of_session,
)
from native.jit import inner_kernel, kernel
from native.layout import (
    EVENT_ACCEPTED,
    EVENT_CANCELED,
    EVENT_FLAG_AUCTION,
    EVENT_REPLACED,
    EVENT_RESTATED,
    EVENT_RESTED,
    EVENT_TRADE,
    EVENT_TRIGGERED,
)
from native.limits import ORDER_SLOT_BITS
from wire.gen import order_entry as oe

SLOT_MASK = (1 << ORDER_SLOT_BITS) - 1
NANOS_MAX = (1 << 63) - 1


@kernel
def take_events(accounts, events, count):
    """What `events[:count]` do to their accounts; `told` says what their reports tell of it. Returns 0."""
    for at in range(count):
        if np.int64(events[at]["kind"]) == EVENT_TRADE:
            _trade(accounts, events[at], at * TOLD_COUNT)
        else:
            _take_order_event(accounts, events[at])
    return 0


@inner_kernel
def _take_order_event(accounts, event):
    kind = np.int64(event["kind"])
    if kind not in (EVENT_ACCEPTED, EVENT_CANCELED, EVENT_RESTED, EVENT_REPLACED, EVENT_RESTATED, EVENT_TRIGGERED):
        return 0
    slot = np.uint64(np.int64(event["order_id"]) & SLOT_MASK)
    order = accounts.open_orders[slot]
    has_price = _has_limit_price(np.int64(event["ord_type"]))
    bound_ticks = np.int64(event["price_ticks"])
    leaves_lots = np.int64(event["leaves_lots"])
    old_lots = np.int64(0)
    old_bound_ticks = np.int64(0)
    account = np.int64(0)
    if kind == EVENT_ACCEPTED:
        account = np.int64(accounts.state[0]["request_account"])
        if not has_price:
            bound_ticks = np.int64(accounts.state[0]["bound_ticks"])
        _count_order(accounts, account, np.int64(1))
    else:
        account = account_of_session(accounts, np.int64(event["session"]), np.int64(event["account"]))
        if kind == EVENT_CANCELED:
            old_lots = np.int64(event["qty_lots"])
            old_bound_ticks = bound_ticks if has_price else np.int64(order["bound_ticks"])
            _count_order(accounts, account, np.int64(-1))
        elif kind == EVENT_REPLACED:
            old_lots = np.int64(accounts.state[0]["old_leaves_lots"])
            old_bound_ticks = np.int64(accounts.state[0]["old_bound_ticks"])
        else:
            old_lots = np.int64(order["leaves_lots"])
            old_bound_ticks = np.int64(order["bound_ticks"])
        if not has_price:
            bound_ticks = old_bound_ticks
        if bound_ticks == old_bound_ticks and leaves_lots == old_lots:
            return 0
    order["bound_ticks"] = bound_ticks
    order["leaves_lots"] = leaves_lots
    instrument = np.int64(event["instrument"])
    is_sell = _is_sell(event)
    _change_holding(accounts, account, instrument, is_sell, np.int64(0), leaves_lots - old_lots)
    if np.int64(accounts.state[0]["has_funds"]):
        clearing = accounts.clearing[np.uint64(instrument)]
        asset = np.int64(clearing["base"]) if is_sell else np.int64(clearing["quote"])
        balance = accounts.balances[np.uint64(account * np.int64(accounts.state[0]["assets"]) + asset)]
        more = reserve_of(accounts, instrument, is_sell, bound_ticks, leaves_lots)
        if old_lots != 0:
            more -= reserve_of(accounts, instrument, is_sell, old_bound_ticks, old_lots)
        balance["available"] -= more
        balance["reserved"] += more
    return 0


@inner_kernel
def _has_limit_price(ord_type):
    return ord_type in (oe.OrdType_Limit, oe.OrdType_StopLimit, oe.OrdType_LimitIfTouched)


@inner_kernel
def _is_sell(event):
    return np.int64(0) if np.int64(event["side"]) == oe.Side_Buy else np.int64(1)


@inner_kernel
def _count_order(accounts, account, more):
    """An order is open now (1), or is gone (-1)."""
    owner = accounts.accounts[np.uint64(account)]
    firm = accounts.firms[np.uint64(owner["firm"])]
    owner["open_orders"] = np.int64(owner["open_orders"]) + more
    firm["open_orders"] = np.int64(firm["open_orders"]) + more


@inner_kernel
def _change_holding(accounts, account, instrument, is_sell, traded_lots, more_lots):
    """Leaves of an order rise by `more_lots`, `traded_lots` of it are bought or sold: to the positions and limits."""
    row = accounts.holdings[np.uint64(account * np.int64(accounts.state[0]["instruments"]) + instrument)]
    net_lots = np.int64(row["net_lots"])
    buy_lots = np.int64(row["open_buy_lots"])
    sell_lots = np.int64(row["open_sell_lots"])
    was_open = net_lots | buy_lots | sell_lots != 0
    before_lots = exposure_of(net_lots, buy_lots, sell_lots)
    if is_sell:
        sell_lots += more_lots
        net_lots -= traded_lots
        row["open_sell_lots"] = sell_lots
    else:
        buy_lots += more_lots
        net_lots += traded_lots
        row["open_buy_lots"] = buy_lots
    if traded_lots != 0:
        row["net_lots"] = net_lots
    is_open = net_lots | buy_lots | sell_lots != 0
    more = exposure_of(net_lots, buy_lots, sell_lots) - before_lots
    if more != 0 or was_open != is_open:
        owner = accounts.accounts[np.uint64(account)]
        more *= np.int64(accounts.clearing[np.uint64(instrument)]["position_weight"])
        owner["gross_position"] += more
        accounts.firms[np.uint64(owner["firm"])]["gross_position"] += more
        if is_open and not was_open:
            owner["open_positions"] += 1
        elif was_open and not is_open:
            owner["open_positions"] -= 1


@kernel
def _trade(accounts, event, told_at):
    """A fill of two orders. In an auction an order's bound is not the price, and either may be a market order."""
    instrument = np.int64(event["instrument"])
    price_ticks = np.int64(event["price_ticks"])
    lots = np.int64(event["qty_lots"])
    clearing = accounts.clearing[np.uint64(instrument)]
    maker_millionths = np.int64(clearing["maker_millionths"])
    millionths = np.int64(clearing["taker_millionths"])
    slot = np.int64(event["order_id"]) & SLOT_MASK
    maker_slot = np.int64(event["maker_order_id"]) & SLOT_MASK
    is_sell = _is_sell(event)
    bound_ticks = np.int64(accounts.open_orders[np.uint64(slot)]["bound_ticks"])
    maker_bound_ticks = price_ticks
    if np.int64(event["flags"]) & EVENT_FLAG_AUCTION:
        millionths = maker_millionths
        maker_bound_ticks = np.int64(accounts.open_orders[np.uint64(maker_slot)]["bound_ticks"])
    account = account_of_session(accounts, np.int64(event["session"]), np.int64(event["account"]))
    maker_account = account_of_session(accounts, np.int64(event["maker_session"]), np.int64(event["maker_account"]))
    fee = np.int64(
        _fill(
            accounts, slot, account, instrument, is_sell, bound_ticks, np.int64(event["leaves_lots"]), price_ticks,
            lots, millionths,
        )
    )  # fmt: skip
    maker_fee = np.int64(
        _fill(
            accounts, maker_slot, maker_account, instrument, 1 - is_sell, maker_bound_ticks,
            np.int64(event["maker_leaves_lots"]), price_ticks, lots, maker_millionths,
        )
    )  # fmt: skip
    clearing["reference_ticks"] = price_ticks
    clearing["has_reference"] = 1
    clearing["has_last"] = 1
    if np.int64(accounts.state[0]["has_funds"]):
        quote = np.int64(clearing["quote"])
        balance_place = np.int64(accounts.state[0]["fee_account"]) * np.int64(accounts.state[0]["assets"]) + quote
        accounts.balances[np.uint64(balance_place)]["pending_in"] += fee + maker_fee
        nanos = accounts.minor_unit_nanos[np.uint64(quote)]
        accounts.told[told_at + FEE_NANOS] = in_nanos(fee, nanos)
        accounts.told[told_at + BALANCE_NANOS] = in_nanos(owned(accounts, account, quote), nanos)
        accounts.told[told_at + MAKER_FEE_NANOS] = in_nanos(maker_fee, nanos)
        accounts.told[told_at + MAKER_BALANCE_NANOS] = in_nanos(owned(accounts, maker_account, quote), nanos)
    return 0


@inner_kernel
def in_nanos(amount, nanos):
    """Minor units in 1e-9 of the asset; the null of the wire where 64 bits do not hold it."""
    return np.int64(NOTHING_TOLD) if amount > NANOS_MAX // nanos else amount * nanos


@inner_kernel
def owned(accounts, account, asset):
    """Minor units that an account owns, pending ones included."""
    balance = accounts.balances[np.uint64(account * np.int64(accounts.state[0]["assets"]) + asset)]
    return np.int64(balance["available"]) + np.int64(balance["reserved"]) + np.int64(balance["pending_in"])


@kernel
def _fill(accounts, slot, account, instrument, is_sell, bound_ticks, leaves_lots, price_ticks, lots, millionths):
    """One side of a fill; `leaves_lots` are left of its order. Returns its fee, minor units of the quote asset."""
    state = accounts.state[0]
    clearing = accounts.clearing[np.uint64(instrument)]
    tick_value = np.int64(clearing["tick_value"])
    order = accounts.open_orders[np.uint64(slot)]
    order["leaves_lots"] = leaves_lots
    if leaves_lots == 0:
        _count_order(accounts, account, np.int64(-1))
    fee = np.int64(0)
    if np.int64(state["has_funds"]):
        value = price_ticks * lots * tick_value
        fee = fee_of(value, millionths)
        first = account * np.int64(state["assets"])
        base = accounts.balances[np.uint64(first + np.int64(clearing["base"]))]
        quote = accounts.balances[np.uint64(first + np.int64(clearing["quote"]))]
        freed = reserve_of(accounts, instrument, is_sell, bound_ticks, leaves_lots + lots)
        freed -= reserve_of(accounts, instrument, is_sell, bound_ticks, leaves_lots)
        if is_sell:
            base["reserved"] -= freed
            base["pending_out"] += freed
            quote["pending_in"] += value - fee
        else:
            quote["reserved"] -= freed
            quote["available"] += freed - value - fee
            quote["pending_out"] += value + fee
            base["pending_in"] += lots * np.int64(clearing["lot_units"])
        quote["fees_paid"] += fee
    holding = np.uint64(account * np.int64(state["instruments"]) + instrument)
    row = accounts.holdings[holding]
    ticks = price_ticks - accounts.marks[holding]
    accounts.marks[holding] = price_ticks
    gained = result_of(np.int64(row["net_lots"]), ticks, tick_value)
    if gained != 0 or fee != 0:
        owner = accounts.accounts[np.uint64(account)]
        firm = accounts.firms[np.uint64(owner["firm"])]
        owner["day_result"] = within_result(within_result(np.int64(owner["day_result"]) + gained) - fee)
        firm["day_result"] = within_result(within_result(np.int64(firm["day_result"]) + gained) - fee)
    row["traded_lots"] += lots
    _change_holding(accounts, account, instrument, is_sell, lots, -lots)
    return fee
