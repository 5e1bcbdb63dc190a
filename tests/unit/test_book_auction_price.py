"""The price of an auction against the rule said plainly: try every candidate."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.book.auction import begin_search, search_step
from appliance.book.check import check_book
from appliance.book.match import apply
from appliance.book.state import INT64_MAX, INT64_MIN, InstrumentRules, allocate_book
from native.layout import EVENT, PHASE_OPENING_AUCTION
from tests.naive.twins import command_record

Orders = list[tuple[int, int, int]]
"""(side, price, lots); None: a market order."""


def best_price(orders: Orders, reference: int | None) -> tuple[int, int, int] | None:
    """(price, lots, surplus), or None: docs/MATCHING.md section 6, `Price of an auction`."""

    def at(price: int) -> tuple[int, int]:
        buys = sum(lots for side, limit, lots in orders if side == 1 and limit >= price)
        sells = sum(lots for side, limit, lots in orders if side == 2 and limit <= price)
        return min(buys, sells), buys - sells

    market = {1: INT64_MAX, 2: INT64_MIN}
    candidates = sorted({limit for side, limit, _ in orders if limit != market[side]})
    if not candidates:
        if reference is None or not at(reference)[0]:
            return None
        return reference, *at(reference)
    most = max(at(price)[0] for price in candidates)
    if most == 0:
        return None
    left = [price for price in candidates if at(price)[0] == most]
    least = min(abs(at(price)[1]) for price in left)
    left = [price for price in left if abs(at(price)[1]) == least]
    if all(at(price)[1] > 0 for price in left):
        price = left[-1]
    elif all(at(price)[1] < 0 for price in left):
        price = left[0]
    else:
        price = left[0] if reference is None else max(left[0], min(left[-1], reference))
    return price, *at(price)


prices = st.one_of(st.integers(-4, 4), st.sampled_from([INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX]))
drawn_orders = st.lists(st.tuples(st.integers(1, 2), prices, st.integers(1, 4)), max_size=14)


@settings(max_examples=400, deadline=None)
@given(drawn_orders, st.one_of(st.none(), prices), st.integers(0, 2**14 - 1), st.integers(0, 2**14 - 1))
def test_against_every_candidate(orders: Orders, reference: int | None, icebergs: int, hidden: int) -> None:
    rules = InstrumentRules(phase=PHASE_OPENING_AUCTION, static_reference_ticks=reference)
    book = allocate_book([rules], 20, 20)
    events = np.zeros(4, dtype=EVENT)
    for number, (side, price, lots) in enumerate(orders):
        is_market = price == (INT64_MAX if side == 1 else INT64_MIN)
        fields = {"ord_type": ord("1")} if is_market else {"price_ticks": price}
        if not is_market and icebergs >> number & 1:
            fields["display_qty_lots"] = 1
        elif not is_market and hidden >> number & 1:
            fields["exec_inst"] = 16
        assert apply(book, command_record(side=side, qty_lots=lots, cl_ord_id=number, **fields), 0, events, 0) == 2
    assert check_book(book) == []
    begin_search(book, 0)
    steps = 0
    while not search_step(book):
        steps += 1
    assert steps <= len(orders)
    state = book.state[0]
    expected = best_price(orders, reference)
    if expected is None:
        assert not state["auction_has_price"] and state["auction_lots"] == 0
    else:
        found = state["auction_price_ticks"], state["auction_lots"], state["auction_surplus_lots"]
        assert state["auction_has_price"] and tuple(map(int, found)) == expected
