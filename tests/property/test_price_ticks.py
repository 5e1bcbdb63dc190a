"""A price in ticks, without a division where it lies on one: what Python's integers say, for any tick and any int64."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.config import parse
from appliance.session.decode import in_ticks
from appliance.state import allocate_tables
from native import counters
from native.jit import INTERPRETED, kernel

TICKS = [1, 2, 3, 4, 5, 7, 10, 64, 100, 15_625, 10**6, 25 * 10**7, (1 << 32) - 1, 1 << 32, (1 << 49) + 1, 10**15 - 1]
TICKS += [1 << 49, 10**15]
INSTRUMENTS = allocate_tables(
    parse({"instruments": [{"security_id": i + 1, "symbol": f"T{i}", "tick_nanos": t} for i, t in enumerate(TICKS)]}),
    np.zeros(counters.COUNTERS_COUNT, np.int64),
).instruments
LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1
ENDS = [LOWEST, LOWEST + 1, LOWEST + 2, -(1 << 62), -1, 0, 1, 1 << 62, HIGHEST - 1, HIGHEST]
PRICES = st.integers(LOWEST, HIGHEST) | st.sampled_from(ENDS) | st.integers(-(10**18), 10**18)


@kernel
def _told(instruments: Any, at: int, price_nanos: int, told: Any) -> int:
    row = instruments[at]
    tick = (np.int64(row["tick_nanos"]), np.int64(row["tick_inverse"]), np.int64(row["price_ticks_max"]))
    ticks, is_off_tick = in_ticks(price_nanos, tick)
    told[0] = ticks
    told[1] = np.int64(is_off_tick)
    return 0


@settings(max_examples=1000 if INTERPRETED else 20_000, deadline=None)
@given(at=st.integers(0, len(TICKS) - 1), price=PRICES, snaps=st.sampled_from([0, 0, 1, -1]) | st.none())
@example(at=2, price=LOWEST, snaps=None)
@example(at=0, price=LOWEST, snaps=None)
def test_ticks_of_a_price(at: int, price: int, snaps: int | None) -> None:
    """`snaps`: how far from a tick the price is moved; None: it stays where it is."""
    tick = TICKS[at]
    if snaps is not None:
        price = min(max(price - price % tick + snaps, LOWEST), HIGHEST)
    told = np.zeros(2, np.int64)
    _told(INSTRUMENTS, at, price, told)
    assert (int(told[0]), bool(told[1])) == (price // tick, price % tick != 0)
