"""What a candle is, the intervals that there are, and the calendar: UTC, no leap seconds, weeks from Monday."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS


class Interval(NamedTuple):
    """A kind of candle: its name, its length (0: a calendar month) and how many of an instrument a ring holds."""

    name: str
    length_ns: int
    capacity: int


INTERVALS: Final = (
    Interval("1s", SECOND_NS, 3600),
    Interval("1m", 60 * SECOND_NS, 1440),
    Interval("5m", 300 * SECOND_NS, 2016),
    Interval("15m", 900 * SECOND_NS, 2016),
    Interval("1h", 3600 * SECOND_NS, 2208),
    Interval("1d", DAY_NS, 732),
    Interval("1w", 7 * DAY_NS, 522),
    Interval("1mo", 0, 240),
)
INTERVAL_NAMES: Final = tuple(interval.name for interval in INTERVALS)

CANDLE = np.dtype(
    [
        ("start_ns", "i8"),  # UTC, since 1970
        ("open_nanos", "i8"),  # prices in 1e-9
        ("high_nanos", "i8"),
        ("low_nanos", "i8"),
        ("close_nanos", "i8"),
        ("volume_lots", "i8"),
        # sum of price * lots, exact: top * 2**64 + middle * 2**32 + low
        ("turnover_top", "i8"),
        ("turnover_middle", "u4"),
        ("turnover_low", "u4"),
        ("trades", "i8"),
    ]
)
assert CANDLE.itemsize == 72


def turnover(candle: np.void) -> int:
    """Sum of price * lots over the trades of a candle, in 1e-9 of the currency: exact."""
    top, middle, low = (int(candle[f"turnover_{part}"]) for part in ("top", "middle", "low"))
    return (top << 64) + (middle << 32) + low


def vwap_nanos(candle: np.void) -> int:
    """Average price of a candle by lots, in 1e-9, rounded down to a whole one; that of no trades is its close."""
    volume_lots = int(candle["volume_lots"])
    return turnover(candle) // volume_lots if volume_lots else int(candle["close_nanos"])


def interval_index(name: str) -> int:
    """Place of the interval in INTERVALS. Raises ValueError."""
    try:
        return INTERVAL_NAMES.index(name)
    except ValueError:
        raise ValueError(f"There is no interval {name!r}: give one of {', '.join(INTERVAL_NAMES)}.") from None
