"""What the book's events do to accounts: open orders and what they reserve, fills, positions (docs/RISK.md).

`take_events` is called for the events of each step of the book, before their reports are written. A new order is
counted and reserved when it gets here: the check that let it through has held what it needs (`risk.limits`), and what
the book refuses is given back. Of an order with a limit price the event tells bound and leaves, so that `open_orders`
need not be read for its cancel, nor for a maker.
"""

from __future__ import annotations

import numpy as np

from appliance.accounts.amounts import (
    asset_of,
    either,
    exposure_of,
    fee_of,
    reserve_of,
    result_of,
    signed,
    within_result,
)
from appliance.accounts.state import (
    BALANCE_NANOS,
    FEE_NANOS,
    MAKER_BALANCE_NANOS,
    MAKER_FEE_NANOS,
    NOTHING_TOLD,
    OPEN_BUY_WORD,
    TOLD_COUNT,
    account_of_session,
)
from native.jit import inner_kernel, kernel, outer_kernel
from native.layout import (
    EVENT_ACCEPTED,
    EVENT_CANCELED,
    EVENT_FLAG_AUCTION,
    EVENT_REJECTED,
    EVENT_REPLACED,
    EVENT_RESTATED,
    EVENT_RESTED,
    EVENT_TRADE,
    EVENT_TRIGGERED,
)
from native.limits import ORDER_SLOT_BITS
from native.lowlevel import load_word, store_word
from wire.gen import order_entry as oe

SLOT_MASK = (1 << ORDER_SLOT_BITS) - 1


@inner_kernel
def take_events(accounts, events, count):
    """What `events[:count]` do to their accounts; `told` says what their reports tell of it. Returns 0."""
    for at in range(count):
        event = events[np.uint64(at)]
        kind = np.int64(event["kind"])
        if kind == EVENT_TRADE:
            _trade(accounts, event, at * TOLD_COUNT)
        elif kind == EVENT_RESTED:
            if not _is_as_told(accounts, event):
                _take_order_event(accounts, event)
        else:
            _take_order_event(accounts, event)
    return np.int64(0)


@inner_kernel
def _is_as_told(accounts, event):
    """Whether the order rests with the bound and the leaves that it has: so nothing changes."""
    order = accounts.open_orders[np.uint64(np.int64(event["order_id"]) & SLOT_MASK)]
    return (
        (np.int64(order["bound_ticks"]) == np.int64(event["price_ticks"]))
        & (np.int64(order["leaves_lots"]) == np.int64(event["leaves_lots"]))
        & _has_limit_price(np.int64(event["ord_type"]))
    )


@inner_kernel
def _take_order_event(accounts, event):
    kind = np.int64(event["kind"])
    if kind == EVENT_ACCEPTED:
        _accept(accounts, event)
    elif kind == EVENT_REJECTED:
        if np.int64(accounts.state[0]["is_held"]):
            _give_back(accounts, event)
    elif kind in (EVENT_CANCELED, EVENT_RESTED, EVENT_REPLACED, EVENT_RESTATED, EVENT_TRIGGERED):
        _change_order(accounts, event, kind)


@inner_kernel
def _accept(accounts, event):
    """A new order: risk holds already what it needs, with the leaves that it came with."""
    state = accounts.state[0]
    order = accounts.open_orders[np.uint64(np.int64(event["order_id"]) & SLOT_MASK)]
    assert np.int64(state["is_held"]) and np.int64(event["leaves_lots"]) == np.int64(state["request_leaves_lots"])
    state["is_held"] = 0
    order["bound_ticks"] = np.int64(state["bound_ticks"])
    order["leaves_lots"] = np.int64(event["leaves_lots"])


@outer_kernel
def _give_back(accounts, event):
    """The book refuses a new order that has passed all checks: as if it had never come."""
    state = accounts.state[0]
    state["is_held"] = 0
    account = np.int64(state["request_account"])
    instrument = np.int64(event["instrument"])
    is_sell = _is_sell(event)
    _count_order(accounts, account, np.int64(-1))
    _change_holding(accounts, account, instrument, is_sell, np.int64(0), -np.int64(state["request_leaves_lots"]))
    if np.int64(state["has_funds"]):
        asset = asset_of(accounts, instrument, is_sell)
        balance = accounts.balances[np.uint64(account * np.int64(state["assets"]) + asset)]
        balance["available"] += np.int64(state["request_more"])
        balance["reserved"] -= np.int64(state["request_more"])
    return 0


@kernel
def _change_order(accounts, event, kind):
    """What is open of an order is another number now, or its bound is."""
    state = accounts.state[0]
    order = accounts.open_orders[np.uint64(np.int64(event["order_id"]) & SLOT_MASK)]
    has_price = _has_limit_price(np.int64(event["ord_type"]))
    bound_ticks = np.int64(event["price_ticks"])
    leaves_lots = np.int64(event["leaves_lots"])
    account = account_of_session(accounts, np.int64(event["session"]), np.int64(event["account"]))
    if kind == EVENT_CANCELED:
        old_lots = np.int64(event["qty_lots"])
        old_bound_ticks = bound_ticks if has_price else np.int64(order["bound_ticks"])
        _count_order(accounts, account, np.int64(-1))
    elif kind == EVENT_REPLACED:
        old_lots = np.int64(state["old_leaves_lots"])
        old_bound_ticks = np.int64(state["old_bound_ticks"])
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
    if np.int64(state["has_funds"]):
        asset = asset_of(accounts, instrument, is_sell)
        balance = accounts.balances[np.uint64(account * np.int64(state["assets"]) + asset)]
        is_checked = (kind == EVENT_REPLACED) & (leaves_lots == np.int64(state["request_leaves_lots"]))
        if is_checked & (bound_ticks == np.int64(state["bound_ticks"])):
            more = np.int64(state["request_more"])  # risk has computed it a moment ago
        else:
            more = reserve_of(accounts, instrument, is_sell, bound_ticks, leaves_lots)
            more -= reserve_of(accounts, instrument, is_sell, old_bound_ticks, old_lots)
        balance["available"] -= more
        balance["reserved"] += more
    return 0


@inner_kernel
def _has_limit_price(ord_type):
    return ord_type in (oe.OrdType_Limit, oe.OrdType_StopLimit, oe.OrdType_LimitIfTouched)


@inner_kernel
def _is_sell(event):
    return np.int64(np.int64(event["side"]) != oe.Side_Buy)


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
    holding = account * np.int64(accounts.state[0]["instruments"]) + instrument
    row = accounts.holdings[np.uint64(holding)]
    net_lots = np.int64(row["net_lots"])
    toward_lots = signed(net_lots, is_sell)  # the net, seen from this side
    open_lots = load_word(accounts.holdings, holding, OPEN_BUY_WORD + is_sell)
    other_lots = load_word(accounts.holdings, holding, OPEN_BUY_WORD + 1 - is_sell)
    was_open = net_lots | open_lots | other_lots != 0
    before_lots = exposure_of(toward_lots, open_lots, other_lots)
    open_lots += more_lots
    toward_lots += traded_lots
    store_word(accounts.holdings, holding, OPEN_BUY_WORD + is_sell, open_lots)
    if traded_lots != 0:
        row["net_lots"] = signed(toward_lots, is_sell)
    is_open = toward_lots | open_lots | other_lots != 0
    # always written, though seldom another value: whether it is would be a question as random as the flow
    more = exposure_of(toward_lots, open_lots, other_lots) - before_lots
    more *= np.int64(accounts.clearing[np.uint64(instrument)]["position_weight"])
    owner = accounts.accounts[np.uint64(account)]
    owner["gross_position"] += more
    accounts.firms[np.uint64(owner["firm"])]["gross_position"] += more
    owner["open_positions"] = np.int64(owner["open_positions"]) + np.int64(is_open) - np.int64(was_open)


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
        amount_max = accounts.minor_units_told_max[np.uint64(quote)]
        accounts.told[np.uint64(told_at + FEE_NANOS)] = in_nanos(fee, nanos, amount_max)
        owned_now = owned(accounts, account, quote)
        accounts.told[np.uint64(told_at + BALANCE_NANOS)] = in_nanos(owned_now, nanos, amount_max)
        accounts.told[np.uint64(told_at + MAKER_FEE_NANOS)] = in_nanos(maker_fee, nanos, amount_max)
        owned_now = owned(accounts, maker_account, quote)
        accounts.told[np.uint64(told_at + MAKER_BALANCE_NANOS)] = in_nanos(owned_now, nanos, amount_max)
    return 0


@inner_kernel
def in_nanos(amount, nanos, amount_max):
    """Minor units in 1e-9 of the asset; the null of the wire where 64 bits do not hold it."""
    return np.int64(NOTHING_TOLD) if amount > amount_max else amount * nanos


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
        quote_asset = np.int64(clearing["quote"])
        paid_asset = asset_of(accounts, instrument, is_sell)
        got_asset = np.int64(clearing["base"]) ^ quote_asset ^ paid_asset
        freed = reserve_of(accounts, instrument, is_sell, bound_ticks, leaves_lots + lots)
        freed -= reserve_of(accounts, instrument, is_sell, bound_ticks, leaves_lots)
        paid = either(is_sell, freed, value + fee)
        got = either(is_sell, value - fee, lots * np.int64(clearing["lot_units"]))
        balance = accounts.balances[np.uint64(first + paid_asset)]
        balance["reserved"] -= freed
        balance["available"] += freed - paid
        balance["pending_out"] += paid
        accounts.balances[np.uint64(first + got_asset)]["pending_in"] += got
        accounts.balances[np.uint64(first + quote_asset)]["fees_paid"] += fee
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
