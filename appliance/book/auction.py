"""Call auctions: the price of most volume, the uncross, what is left of it (docs/MATCHING.md section 6).

The search for the price lets both sides trade on paper: best buy level against best sell level, until they no longer
cross. What traded is the most that can, and every price from the worst sell to the worst buy that took part gives it.
There, what is left of the buys stands strictly below what is left of the sells, so the surplus of a price follows from
the two levels at which the search ended, and only they and the worst two that took part can be the price. A step looks
at one level.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.events import tell_market, tell_trade
from appliance.book.ladder import next_level
from appliance.book.queue import remove, set_leaves
from appliance.book.resting import note_fill, reduce_resting
from appliance.book.state import INT64_MAX, INT64_MIN, Book
from appliance.book.words import REDUCE_ONLY
from native.jit import inner_kernel, kernel
from native.layout import (
    EVENT_AUCTION,
    EVENT_FLAG_AUCTION,
    EVENT_FLAG_FROZEN,
    EVENT_FLAG_PRICE,
    EVENT_FLAG_WAS_RESTING,
    NO_INDEX,
)


@inner_kernel
def level_lots(book: Book, level: int) -> int:
    """Everything that is open at a level."""
    return np.int64(book.levels[level]["qty_lots"]) + np.int64(book.level_hidden[level]["hidden_lots"])


@inner_kernel
def buy_ticks(book: Book, level: int) -> int:
    return ~np.int64(book.levels[level]["key"])


@inner_kernel
def sell_ticks(book: Book, level: int) -> int:
    return np.int64(book.levels[level]["key"])


@kernel
def begin_search(book: Book, instrument: int) -> int:
    """Start to seek the price of the instrument's auction. Returns 0."""
    state = book.state[0]
    buy = np.int64(book.sides[2 * instrument]["best"])
    sell = np.int64(book.sides[2 * instrument + 1]["best"])
    state["auction_instrument"] = instrument
    state["auction_has_price"] = 0
    state["auction_price_ticks"] = 0
    state["auction_surplus_lots"] = 0
    state["auction_lots"] = 0
    state["auction_buy"] = buy
    state["auction_sell"] = sell
    state["auction_buy_lots"] = 0 if buy == NO_INDEX else level_lots(book, buy)
    state["auction_sell_lots"] = 0 if sell == NO_INDEX else level_lots(book, sell)
    state["auction_buy_ticks"] = INT64_MAX
    state["auction_sell_ticks"] = INT64_MIN
    return 0


@kernel
def search_step(book: Book) -> int:
    """Match the best buy and sell level on paper. Returns 1 when the price is found (or there is none), else 0."""
    state = book.state[0]
    buy = np.int64(state["auction_buy"])
    sell = np.int64(state["auction_sell"])
    if buy == NO_INDEX or sell == NO_INDEX or buy_ticks(book, buy) < sell_ticks(book, sell):
        if np.int64(state["auction_lots"]) > 0:
            choose_price(book)
        return 1
    buy_lots = np.int64(state["auction_buy_lots"])
    sell_lots = np.int64(state["auction_sell_lots"])
    lots = min(buy_lots, sell_lots)
    state["auction_lots"] += lots
    state["auction_buy_ticks"] = buy_ticks(book, buy)
    state["auction_sell_ticks"] = sell_ticks(book, sell)
    state["auction_buy_lots"] = buy_lots - lots
    state["auction_sell_lots"] = sell_lots - lots
    if buy_lots == lots:
        behind = next_level(book, buy)
        state["auction_buy"] = NO_INDEX if behind < 0 else behind
        state["auction_buy_lots"] = 0 if behind < 0 else level_lots(book, behind)
    if sell_lots == lots:
        behind = next_level(book, sell)
        state["auction_sell"] = NO_INDEX if behind < 0 else behind
        state["auction_sell_lots"] = 0 if behind < 0 else level_lots(book, behind)
    return 0


@kernel
def choose_price(book: Book) -> int:
    """The search is over and something trades: which price. Returns 0.

    `worst_buy`, `worst_sell`: the worst prices that took part; `next_buy`, `next_sell`: the best ones that are left,
    with the lots that are left there. The two best possible prices are no candidates: market orders stand there.
    """
    state = book.state[0]
    worst_buy = np.int64(state["auction_buy_ticks"])
    worst_sell = np.int64(state["auction_sell_ticks"])
    buy = np.int64(state["auction_buy"])
    sell = np.int64(state["auction_sell"])
    buy_lots = np.int64(state["auction_buy_lots"])
    sell_lots = np.int64(state["auction_sell_lots"])
    has_worst_buy = worst_buy != INT64_MAX
    has_worst_sell = worst_sell != INT64_MIN

    # prices without a surplus: the worst ones that took part, where nothing left reaches them
    buy_is_clean = has_worst_buy and not reached_by_rest(book, buy, sell, worst_buy)
    sell_is_clean = has_worst_sell and not reached_by_rest(book, buy, sell, worst_sell)
    if buy_is_clean or sell_is_clean:
        low = worst_sell if sell_is_clean else worst_buy
        high = worst_buy if buy_is_clean else worst_sell
        return set_price(book, nearest_to_reference(book, low, high), np.int64(0))

    # the highest price with buys left over
    above = np.int64(0)  # 1: there is one
    above_ticks = np.int64(0)
    above_low_ticks = np.int64(0)  # the lowest with the same surplus
    above_lots = np.int64(0)
    if buy != NO_INDEX:
        at_level = buy
        above_lots = buy_lots
        if buy_ticks(book, buy) == INT64_MAX:  # market orders are left: they are in the surplus of every price
            behind = next_level(book, buy)
            at_level = np.int64(NO_INDEX) if behind < 0 else behind
            if at_level != NO_INDEX and buy_ticks(book, at_level) >= worst_sell:
                above_lots += level_lots(book, at_level)
        if at_level != NO_INDEX and buy_ticks(book, at_level) >= worst_sell:
            above = np.int64(1)
            above_ticks = buy_ticks(book, at_level)
            above_low_ticks = above_ticks
            behind = next_level(book, at_level)
            if has_worst_sell and (behind < 0 or buy_ticks(book, behind) < worst_sell):
                above_low_ticks = worst_sell
        elif has_worst_sell and buy_ticks(book, buy) == INT64_MAX:
            above = np.int64(1)
            above_ticks = worst_sell
            above_low_ticks = worst_sell

    # the lowest price with sells left over
    below = np.int64(0)
    below_ticks = np.int64(0)
    below_high_ticks = np.int64(0)
    below_lots = np.int64(0)
    if sell != NO_INDEX:
        at_level = sell
        below_lots = sell_lots
        if sell_ticks(book, sell) == INT64_MIN:
            behind = next_level(book, sell)
            at_level = np.int64(NO_INDEX) if behind < 0 else behind
            if at_level != NO_INDEX and sell_ticks(book, at_level) <= worst_buy:
                below_lots += level_lots(book, at_level)
        if at_level != NO_INDEX and sell_ticks(book, at_level) <= worst_buy:
            below = np.int64(1)
            below_ticks = sell_ticks(book, at_level)
            below_high_ticks = below_ticks
            behind = next_level(book, at_level)
            if has_worst_buy and (behind < 0 or sell_ticks(book, behind) > worst_buy):
                below_high_ticks = worst_buy
        elif has_worst_buy and sell_ticks(book, sell) == INT64_MIN:
            below = np.int64(1)
            below_ticks = worst_buy
            below_high_ticks = worst_buy

    if above and below and above_lots == below_lots:
        price_ticks = nearest_to_reference(book, above_low_ticks, below_high_ticks)
        surplus_lots = np.int64(0)
        if price_ticks <= above_ticks:
            surplus_lots = above_lots
        elif price_ticks >= below_ticks:
            surplus_lots = -below_lots
        return set_price(book, price_ticks, surplus_lots)
    if above and (below == 0 or above_lots < below_lots):
        return set_price(book, above_ticks, above_lots)
    if below:
        return set_price(book, below_ticks, -below_lots)
    return choose_reference(book, buy_lots, sell_lots)


@kernel
def reached_by_rest(book: Book, buy: int, sell: int, price_ticks: int) -> bool:
    """Whether a buy or a sell that the search left over reaches a price."""
    if buy != NO_INDEX and buy_ticks(book, buy) >= price_ticks:
        return True
    return sell != NO_INDEX and sell_ticks(book, sell) <= price_ticks


@kernel
def choose_reference(book: Book, buy_lots: int, sell_lots: int) -> int:
    """Market orders alone trade with each other: at the reference price, or not at all. Returns 0."""
    market = book.instruments[np.int64(book.state[0]["auction_instrument"])]
    if np.int64(market["has_last"]) == 0 and np.int64(market["has_static_reference"]) == 0:
        book.state[0]["auction_lots"] = 0
        return 0
    return set_price(book, nearest_to_reference(book, np.int64(INT64_MIN), np.int64(INT64_MAX)), buy_lots - sell_lots)


@kernel
def nearest_to_reference(book: Book, low_ticks: int, high_ticks: int) -> int:
    """The reference price, or the end of the range that is nearest to it; the lowest price without a reference."""
    market = book.instruments[np.int64(book.state[0]["auction_instrument"])]
    reference = low_ticks
    if np.int64(market["has_last"]):
        reference = np.int64(market["last_ticks"])
    elif np.int64(market["has_static_reference"]):
        reference = np.int64(market["static_reference_ticks"])
    return max(low_ticks, min(high_ticks, reference))


@kernel
def set_price(book: Book, price_ticks: int, surplus_lots: int) -> int:
    state = book.state[0]
    state["auction_has_price"] = 1
    state["auction_price_ticks"] = price_ticks
    state["auction_surplus_lots"] = surplus_lots
    return 0


@kernel
def best_pair_reaches(book: Book, instrument: int, price_ticks: int) -> bool:
    """Whether the best buy and the best sell both reach a price."""
    buy = np.int64(book.sides[2 * instrument]["best"])
    sell = np.int64(book.sides[2 * instrument + 1]["best"])
    if buy == NO_INDEX or sell == NO_INDEX:
        return False
    return buy_ticks(book, buy) >= price_ticks and sell_ticks(book, sell) <= price_ticks


@kernel
def is_crossed(book: Book, instrument: int) -> bool:
    buy = np.int64(book.sides[2 * instrument]["best"])
    sell = np.int64(book.sides[2 * instrument + 1]["best"])
    return buy != NO_INDEX and sell != NO_INDEX and buy_ticks(book, buy) >= sell_ticks(book, sell)


@kernel
def first_order(book: Book, level: int) -> int:
    slot = np.int64(book.levels[level]["head"])
    return np.int64(book.level_hidden[level]["head"]) if slot == NO_INDEX else slot


@kernel
def cross_step(book: Book, events: Any, at: int) -> int:
    """The best buy and the best sell, which both reach the auction's price, trade at it; or ReduceOnly takes something
    off one of them. Returns the place behind the event."""
    state = book.state[0]
    instrument = np.int64(state["auction_instrument"])
    price_ticks = np.int64(state["auction_price_ticks"])
    buy = first_order(book, np.int64(book.sides[2 * instrument]["best"]))
    sell = first_order(book, np.int64(book.sides[2 * instrument + 1]["best"]))
    if np.int64(book.orders[buy]["traits"]) & REDUCE_ONLY:
        after = reduce_resting(book, buy, 0, events, at)
        if after != at:
            return after
    if np.int64(book.orders[sell]["traits"]) & REDUCE_ONLY:
        after = reduce_resting(book, sell, 1, events, at)
        if after != at:
            return after
    buy_lots = np.int64(book.orders[buy]["leaves_lots"])
    sell_lots = np.int64(book.orders[sell]["leaves_lots"])
    lots = min(buy_lots, sell_lots)
    for slot in (buy, sell):
        set_leaves(book, slot, np.int64(book.orders[slot]["leaves_lots"]) - lots)
        book.orders[slot]["cum_lots"] += lots
    note_fill(book, buy, sell, price_ticks, lots)
    state["auction_traded_lots"] += lots
    state["auction_traded_ticks"] = price_ticks
    rest_ticks = np.int64(0)
    if buy_lots > lots:
        rest_ticks = np.int64(book.orders[buy]["price_ticks"])
    elif sell_lots > lots:
        rest_ticks = np.int64(book.orders[sell]["price_ticks"])
    flags = np.int64(EVENT_FLAG_AUCTION | EVENT_FLAG_WAS_RESTING)
    at = tell_trade(book, buy, sell, events, at, flags, price_ticks, lots, rest_ticks)
    if sell_lots == lots:
        remove(book, sell)
    if buy_lots == lots:
        remove(book, buy)
    return at


@kernel
def begin_rest(book: Book) -> int:
    """Nothing trades any more: sum up what is left that reaches the last price of a trade. Returns 0."""
    state = book.state[0]
    instrument = np.int64(state["auction_instrument"])
    state["auction_has_price"] = 1 if np.int64(state["auction_traded_lots"]) > 0 else 0
    state["auction_price_ticks"] = state["auction_traded_ticks"]
    state["auction_lots"] = state["auction_traded_lots"]
    state["auction_surplus_lots"] = 0
    state["auction_buy"] = book.sides[2 * instrument]["best"]
    state["auction_sell"] = book.sides[2 * instrument + 1]["best"]
    return 0


@kernel
def rest_step(book: Book) -> int:
    """Add a level's lots to the surplus. Returns 1 when there is no more that reaches the price, else 0."""
    state = book.state[0]
    if np.int64(state["auction_has_price"]) == 0:
        return 1
    price_ticks = np.int64(state["auction_price_ticks"])
    level = np.int64(state["auction_buy"])
    if level != NO_INDEX and buy_ticks(book, level) >= price_ticks:
        state["auction_surplus_lots"] += level_lots(book, level)
        behind = next_level(book, level)
        state["auction_buy"] = NO_INDEX if behind < 0 else behind
        return 0
    level = np.int64(state["auction_sell"])
    if level != NO_INDEX and sell_ticks(book, level) <= price_ticks:
        state["auction_surplus_lots"] -= level_lots(book, level)
        behind = next_level(book, level)
        state["auction_sell"] = NO_INDEX if behind < 0 else behind
        return 0
    return 1


@kernel
def tell_auction(book: Book, instrument: int, events: Any, at: int, flags: int) -> int:
    """EVENT_AUCTION of the price that was found. Returns the place behind it."""
    state = book.state[0]
    market = book.instruments[instrument]
    market["auction_changed"] = 0
    if np.int64(market["frozen"]):
        flags |= EVENT_FLAG_FROZEN
    if np.int64(state["auction_has_price"]):
        flags |= EVENT_FLAG_PRICE
    return tell_market(
        book, instrument, events, at, np.int64(EVENT_AUCTION), flags, np.int64(market["phase"]),
        np.int64(state["auction_price_ticks"]), np.int64(market["extension_number"]), np.int64(state["auction_lots"]),
        np.int64(state["auction_surplus_lots"]),
    )  # fmt: skip
