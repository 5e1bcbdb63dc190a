"""The average price of a sweep is exact over the whole range of prices, quantities and ticks."""

from __future__ import annotations

import pytest

from appliance.config import ConfigError
from native.limits import QTY_LOTS_MAX
from tests.naive.venue import Venue
from tests.venue_rig import START_NS, Client, VenueRig, new, run_twin, small_config


@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize(
    ("tick_nanos", "makers"),
    [
        (1, [(100, 1), (101, 1)]),  # half of the smallest unit
        (3, [(100, 1), (101, 1), (103, 5)]),
        (1_000_000, [(100, 1), (101, 1), (110, 1)]),  # thirds of a tick
        (1, [(-(1 << 62), 1), ((1 << 62) - 1, QTY_LOTS_MAX - 1)]),  # as far apart as prices can be
        (1, [(-(1 << 62), QTY_LOTS_MAX - 1), ((1 << 62) - 1, 1)]),
        (10**9, [(-(10**9), QTY_LOTS_MAX // 2), (10**9, QTY_LOTS_MAX // 2)]),
        (10**15, [(1, 2), (9_000, 1)]),
        (7, [(5, QTY_LOTS_MAX)]),
    ],
)
def test_sweep(side: int, tick_nanos: int, makers: list[tuple[int, int]]) -> None:
    prices = [ticks for ticks, _ in makers]
    instrument = {
        "security_id": 1,
        "symbol": "WIDE",
        "tick_nanos": tick_nanos,
        "price_ticks_min": min(prices),
        "price_ticks_max": max(prices),
    }
    config, client = small_config(instruments=[instrument]), Client(1)
    twin = Venue(config)
    twin.open_day(START_NS)
    lots = sum(qty for _, qty in makers)
    limit = max(prices) if side == 1 else min(prices)
    orders = [
        new(i, 3 - side, qty, Price=ticks * tick_nanos)
        for i, (ticks, qty) in enumerate(sorted(makers, reverse=side == 2), 1)
    ]
    with VenueRig(config) as rig:
        for message in [*orders, new(99, side, lots, Price=limit * tick_nanos)]:
            frame = client.frame(message)
            rig.send(frame)
            run_twin(twin, [frame], rig.now_ns)
        rig.compare(twin)
        (summary,) = (fields for _, name, fields in rig.sent.feed if name == "TradeSummary")
        exact = sum(ticks * qty for ticks, qty in makers) * tick_nanos
        assert abs(summary["VwapPrice"] * lots - exact) < lots  # within the wire's unit of the true average


def test_prices_further_apart_are_refused_by_the_configuration() -> None:
    wide = {"security_id": 1, "symbol": "WIDE", "tick_nanos": 1, "price_ticks_min": -(1 << 62)}
    small_config(instruments=[wide | {"price_ticks_max": (1 << 62) - 1}])
    with pytest.raises(ConfigError, match="further apart"):
        small_config(instruments=[wide | {"price_ticks_max": 1 << 62}])
