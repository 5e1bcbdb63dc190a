"""The arithmetic of docs/RISK.md at its edges: against Python's integers, and through the venue with the largest order
that a configuration allows."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.accounts.amounts import FEE_DIRECT_MAX, fee_of, large_result, result_after, result_of
from appliance.accounts.state import allocate_accounts
from native import account_layout as layout
from native import codes
from native.jit import INTERPRETED, kernel
from tests.naive.accounts.state import Books, within
from tests.table.test_account_checks import Desk, refused
from tests.venue_rig import VenueRig, demo_sessions, small_config

VALUES = st.integers(0, (1 << 50) - 1) | st.sampled_from(
    [0, 1, 999_999, 1_000_000, FEE_DIRECT_MAX - 1, FEE_DIRECT_MAX, FEE_DIRECT_MAX + 1, (1 << 50) - 1]
)
RATES = st.integers(0, 1_000_000)
WHOLE = st.integers(-(1 << 53), 1 << 53) | st.sampled_from(
    [0, 1, -1, (1 << 30) - 1, 1 << 30, -(1 << 30), -(1 << 30) - 1, 1 << 52]
)


@kernel
def fee(value: int, millionths: int) -> int:
    return fee_of(value, millionths)


@kernel
def result(net_lots: int, ticks: int, tick_value: int) -> int:
    return result_of(net_lots, ticks, tick_value)


@kernel
def after(result: int, gained: int, fee: int) -> int:
    return result_after(result, gained, fee)


@settings(max_examples=200 if INTERPRETED else 1000, deadline=None)
@given(one=VALUES, other=VALUES, rate=RATES)
def test_fees_round_down_and_parts_cost_no_more(one: int, other: int, rate: int) -> None:
    assert fee(one, rate) == one * rate // 1_000_000 <= one
    assert fee(one, 1_000_000) == one
    if one + other < 1 << 50:
        assert fee(one, rate) + fee(other, rate) <= fee(one + other, rate)


@settings(max_examples=200 if INTERPRETED else 1000, deadline=None)
@given(net=WHOLE, ticks=st.integers(-(1 << 20), 1 << 20), tick_value=st.integers(1, 1 << 32))
def test_results_stay_within_their_range(net: int, ticks: int, tick_value: int) -> None:
    assert result(net, ticks, tick_value) == within(net * ticks * tick_value)
    assert large_result(net, ticks * tick_value) == within(net * ticks * tick_value)


RESULTS = st.integers(-layout.RESULT_MAX, layout.RESULT_MAX) | st.sampled_from(
    [-layout.RESULT_MAX, -layout.RESULT_MAX + 1, 0, layout.RESULT_MAX - 1, layout.RESULT_MAX]
)


@settings(max_examples=200 if INTERPRETED else 1000, deadline=None)
@given(before=RESULTS, gained=RESULTS, paid=VALUES)
def test_a_result_is_kept_at_the_edge(before: int, gained: int, paid: int) -> None:
    assert after(before, gained, paid) == within(within(before + gained) - paid)


LARGEST_TICKS, LARGEST_LOTS = 1 << 18, (1 << 31) - 1
"""Times 1 minor unit: just below 2^50, with a tick to spare."""


def largest_config() -> Any:
    clearing = {"base": "UNIT", "quote": "CASH", "lot_units": 1 << 18, "maker_millionths": 1_000_000,
                "taker_millionths": 1_000_000, "position_weight": 1024}  # fmt: skip
    money = {"UNIT": 1 << 60, "CASH": 1 << 60}
    return small_config(
        instruments=[{"security_id": 1, "symbol": "MOST", "price_ticks_max": LARGEST_TICKS, "clearing": clearing}],
        sessions=demo_sessions(2),
        firms=[{"id": 7}],
        accounts=[{"id": number, "firm": 7, "balances": money} for number in (1, 2)],
        assets=[{"code": "UNIT", "decimals": 0}, {"code": "CASH", "decimals": 0}],
        funds={"enabled": True, "fee_account": 2},
    )


def test_the_largest_orders_there_can_be() -> None:
    with VenueRig(largest_config()) as rig:
        desk = Desk(rig)
        for _ in range(8):
            desk.sell(LARGEST_LOTS, LARGEST_TICKS, session=2)
            name, report = desk.buy(LARGEST_LOTS, LARGEST_TICKS)
            assert name == "ExecutionReportTrade"
            assert report["FeeAmount"] is None  # 2^49 units of CASH are more than 1e-9 of them in 64 bits
        for _ in range(3):
            desk.sell(LARGEST_LOTS, 1)
            desk.buy(LARGEST_LOTS, 1, session=2)
        result_now = int(rig.exchange.accounts.accounts[0]["day_result"])
        assert -layout.RESULT_MAX < result_now < -(1 << 51)
        assert desk.admin(layout.ADMIN_DEPOSIT, account=1, asset=2, value=(1 << 61) - 1) == 0
        assert desk.admin(layout.ADMIN_DEPOSIT, account=1, asset=2, value=1) == codes.REFUSAL_SUPPLY_FULL
        assert desk.admin(layout.ADMIN_SETTLE) == 0


def test_no_position_passes_the_largest() -> None:
    """Without any limit set, positions end at 2^40 lots and gross positions at 2^50: int64 sums hold all of them."""
    with VenueRig(largest_config()) as rig:
        desk = Desk(rig)
        rows, its = rig.exchange.accounts, desk.twin.books
        rows.holdings[0]["net_lots"] = its.net[1, 0] = layout.LOTS_MAX - 10
        gross = (layout.LOTS_MAX - 10) * 1024
        rows.accounts[0]["gross_position"] = rows.firms[0]["gross_position"] = gross
        rows.accounts[0]["open_positions"] = 1
        assert refused(desk.buy(11)) == (codes.REJECT_NET_POSITION, layout.LOTS_MAX)
        assert refused(desk.buy(10)) is None
        assert refused(desk.buy(1)) == (codes.REJECT_NET_POSITION, layout.LOTS_MAX)
        assert int(rows.accounts[0]["gross_position"]) == layout.GROSS_POSITION_MAX


def test_a_fresh_day_of_a_large_venue_fits_its_types() -> None:
    accounts = allocate_accounts(largest_config())
    assert int(accounts.clearing[0]["price_ticks_max"]) * LARGEST_LOTS < layout.ORDER_VALUE_MAX
    assert Books(largest_config()).reserve(0, False, LARGEST_TICKS, LARGEST_LOTS) < np.iinfo(np.int64).max
