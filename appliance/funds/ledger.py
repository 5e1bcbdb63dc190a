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
    reserve_of_buy,
    result_after,
    result_of,
    signed,
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
from native.lowlevel import load_word, rarely, store_word
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
    _change_holding(accounts, account, instrument, is_sell, -np.int64(state["request_leaves_lots"]))
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
    _change_holding(accounts, account, instrument, is_sell, leaves_lots - old_lots)
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
def _change_holding(accounts, account, instrument, is_sell, more_lots):
    """Leaves of an order rise by `more_lots`: to the positions and limits."""
    holding = account * np.int64(accounts.state[0]["instruments"]) + instrument
    net_lots = np.int64(accounts.holdings[np.uint64(holding)]["net_lots"])
    toward_lots = signed(net_lots, is_sell)  # the net, seen from this side
    open_lots = load_word(accounts.holdings, holding, OPEN_BUY_WORD + is_sell)
    other_lots = load_word(accounts.holdings, holding, OPEN_BUY_WORD + 1 - is_sell)
    was_open = net_lots | open_lots | other_lots != 0
    before_lots = exposure_of(toward_lots, open_lots, other_lots)
    open_lots += more_lots
    store_word(accounts.holdings, holding, OPEN_BUY_WORD + is_sell, open_lots)
    is_open = net_lots | open_lots | other_lots != 0
    # always written, though seldom another value: whether it is would be a question as random as the flow
    more = exposure_of(toward_lots, open_lots, other_lots) - before_lots
    more *= np.int64(accounts.clearing[np.uint64(instrument)]["position_weight"])
    owner = accounts.accounts[np.uint64(account)]
    owner["gross_position"] += more
    accounts.firms[np.uint64(owner["firm"])]["gross_position"] += more
    owner["open_positions"] = np.int64(owner["open_positions"]) + np.int64(is_open) - np.int64(was_open)


@kernel
def _trade(accounts, event, told_at):
    """A fill: one order buys, the other sells, and which of them is the maker is as random as the flow. In an auction
    an order's bound is not the price, and either may be a market order."""
    state = accounts.state[0]
    instrument = np.int64(event["instrument"])
    price_ticks = np.int64(event["price_ticks"])
    lots = np.int64(event["qty_lots"])
    leaves_lots = np.int64(event["leaves_lots"])
    maker_leaves_lots = np.int64(event["maker_leaves_lots"])
    is_sell = _is_sell(event)
    clearing = accounts.clearing[np.uint64(instrument)]
    maker_millionths = np.int64(clearing["maker_millionths"])
    millionths = np.int64(clearing["taker_millionths"])
    order = accounts.open_orders[np.uint64(np.int64(event["order_id"]) & SLOT_MASK)]
    maker_order = accounts.open_orders[np.uint64(np.int64(event["maker_order_id"]) & SLOT_MASK)]
    bound_ticks = np.int64(order["bound_ticks"])
    maker_bound_ticks = price_ticks
    if rarely(np.int64(event["flags"]) & EVENT_FLAG_AUCTION != 0):
        millionths = maker_millionths
        maker_bound_ticks = np.int64(maker_order["bound_ticks"])
    account = account_of_session(accounts, np.int64(event["session"]), np.int64(event["account"]))
    maker_account = account_of_session(accounts, np.int64(event["maker_session"]), np.int64(event["maker_account"]))
    order["leaves_lots"] = leaves_lots
    maker_order["leaves_lots"] = maker_leaves_lots
    has_funds = np.int64(state["has_funds"]) != 0
    value = price_ticks * lots * np.int64(clearing["tick_value"])
    fee = fee_of(value, millionths) if has_funds else np.int64(0)
    maker_fee = fee_of(value, maker_millionths) if has_funds else np.int64(0)
    _fill(accounts, account, instrument, is_sell, leaves_lots, price_ticks, lots, fee)
    _fill(accounts, maker_account, instrument, 1 - is_sell, maker_leaves_lots, price_ticks, lots, maker_fee)
    clearing["reference_ticks"] = price_ticks
    clearing["has_reference"] = 1
    clearing["has_last"] = 1
    if has_funds:
        assets = np.int64(state["assets"])
        quote = np.int64(clearing["quote"])
        place = account * assets
        maker_place = maker_account * assets
        buyer_place = either(is_sell, maker_place, place)
        buyer_leaves_lots = either(is_sell, maker_leaves_lots, leaves_lots)
        buyer_bound_ticks = either(is_sell, maker_bound_ticks, bound_ticks)
        buyer_fee = either(is_sell, maker_fee, fee)
        freed = reserve_of_buy(clearing, buyer_bound_ticks, buyer_leaves_lots + lots)
        freed -= reserve_of_buy(clearing, buyer_bound_ticks, buyer_leaves_lots)
        seller_place = place ^ maker_place ^ buyer_place
        _settle_later(
            accounts, clearing, buyer_place, seller_place, freed, value, lots, buyer_fee, fee ^ maker_fee ^ buyer_fee
        )
        accounts.balances[np.uint64(np.int64(state["fee_account"]) * assets + quote)]["pending_in"] += fee + maker_fee
        nanos = accounts.minor_unit_nanos[np.uint64(quote)]
        amount_max = accounts.minor_units_told_max[np.uint64(quote)]
        owned_now = owned(accounts, place + quote)
        maker_owned_now = owned(accounts, maker_place + quote)
        accounts.told[np.uint64(told_at + FEE_NANOS)] = in_nanos(fee, nanos, amount_max)
        accounts.told[np.uint64(told_at + BALANCE_NANOS)] = in_nanos(owned_now, nanos, amount_max)
        accounts.told[np.uint64(told_at + MAKER_FEE_NANOS)] = in_nanos(maker_fee, nanos, amount_max)
        accounts.told[np.uint64(told_at + MAKER_BALANCE_NANOS)] = in_nanos(maker_owned_now, nanos, amount_max)
    return 0


@inner_kernel
def _settle_later(accounts, clearing, buyer_place, seller_place, freed, value, lots, buyer_fee, seller_fee):
    """What buyer and seller give each other, to the balances of those whose assets begin at these places; `freed`: what
    of the buyer's reserve is not needed any more."""
    base = np.int64(clearing["base"])
    quote = np.int64(clearing["quote"])
    units = lots * np.int64(clearing["lot_units"])
    paid = value + buyer_fee
    balance = accounts.balances[np.uint64(buyer_place + quote)]
    balance["reserved"] -= freed
    balance["available"] += freed - paid
    balance["pending_out"] += paid
    balance["fees_paid"] += buyer_fee
    accounts.balances[np.uint64(buyer_place + base)]["pending_in"] += units
    balance = accounts.balances[np.uint64(seller_place + base)]
    balance["reserved"] -= units
    balance["pending_out"] += units
    balance = accounts.balances[np.uint64(seller_place + quote)]
    balance["pending_in"] += value - seller_fee
    balance["fees_paid"] += seller_fee


@inner_kernel
def in_nanos(amount, nanos, amount_max):
    """Minor units in 1e-9 of the asset; the null of the wire where 64 bits do not hold it."""
    return np.int64(NOTHING_TOLD) if amount > amount_max else amount * nanos


@inner_kernel
def owned(accounts, place):
    """Minor units that are in a balance, pending ones included."""
    balance = accounts.balances[np.uint64(place)]
    return np.int64(balance["available"]) + np.int64(balance["reserved"]) + np.int64(balance["pending_in"])


@inner_kernel
def _fill(accounts, account, instrument, is_sell, leaves_lots, price_ticks, lots, fee):
    """One side of a fill, to its account's position, result and limits; `leaves_lots` are left of its order."""
    clearing = accounts.clearing[np.uint64(instrument)]
    owner = accounts.accounts[np.uint64(account)]
    firm = accounts.firms[np.uint64(owner["firm"])]
    holding = account * np.int64(accounts.state[0]["instruments"]) + instrument
    row = accounts.holdings[np.uint64(holding)]
    net_lots = np.int64(row["net_lots"])
    open_lots = load_word(accounts.holdings, holding, OPEN_BUY_WORD + is_sell)
    other_lots = load_word(accounts.holdings, holding, OPEN_BUY_WORD + 1 - is_sell)
    gained = result_of(net_lots, price_ticks - accounts.marks[np.uint64(holding)], np.int64(clearing["tick_value"]))
    toward_lots = signed(net_lots, is_sell)  # the net, seen from this side
    same_lots = abs(toward_lots + open_lots)  # of `exposure_of`: what is filled was open
    away_lots = toward_lots - other_lots
    more = max(same_lots, abs(away_lots + lots)) - max(same_lots, abs(away_lots))
    more *= np.int64(clearing["position_weight"])
    was_open = net_lots | open_lots | other_lots != 0
    is_open = toward_lots + lots | open_lots - lots | other_lots != 0
    is_gone = np.int64(leaves_lots == 0)
    accounts.marks[np.uint64(holding)] = price_ticks
    row["net_lots"] = net_lots + signed(lots, is_sell)
    store_word(accounts.holdings, holding, OPEN_BUY_WORD + is_sell, open_lots - lots)
    row["traded_lots"] += lots
    # always written, though seldom another value: whether it is would be a question as random as the flow
    owner["open_orders"] = np.int64(owner["open_orders"]) - is_gone
    owner["open_positions"] = np.int64(owner["open_positions"]) + np.int64(is_open) - np.int64(was_open)
    owner["gross_position"] += more
    owner["day_result"] = result_after(np.int64(owner["day_result"]), gained, fee)
    firm["open_orders"] = np.int64(firm["open_orders"]) - is_gone
    firm["gross_position"] += more
    firm["day_result"] = result_after(np.int64(firm["day_result"]), gained, fee)
