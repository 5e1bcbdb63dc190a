"""Latency histograms as int64 arrays: their layout, percentiles and text form. Free of numba.

The buckets are those of HdrHistogram with a lowest value of 1 and three significant digits (the public domain
design by Gil Tene): up to 2047 ns every nanosecond has its own, above that each power of two is cut into 1024, so
that a value is known to better than 0.1 %. `appliance.latency.record` counts into such an array from a kernel.

The array: HEADER_SLOTS facts (count, min, max, sum, values over range), then one counter a bucket. All in ns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TextIO

import numpy as np
import numpy.typing as npt

SUB_BUCKET_BITS: Final = 11
SUB_BUCKETS_HALF: Final = 1 << (SUB_BUCKET_BITS - 1)
VALUE_BITS_MAX: Final = 42
"""Values from 2^42 ns (73 minutes) on are counted in the last bucket and in SLOT_OVER_RANGE."""
VALUE_NS_MAX: Final = (1 << VALUE_BITS_MAX) - 1

HEADER_SLOTS: Final = 8
SLOT_COUNT: Final = 0
SLOT_MIN_NS: Final = 1
SLOT_MAX_NS: Final = 2
SLOT_SUM_NS: Final = 3
SLOT_OVER_RANGE: Final = 4

BUCKETS_COUNT: Final = (VALUE_BITS_MAX - SUB_BUCKET_BITS + 2) * SUB_BUCKETS_HALF
HISTOGRAM_SLOTS: Final = HEADER_SLOTS + BUCKETS_COUNT

Histogram = npt.NDArray[np.int64]


def new_histogram() -> Histogram:
    """An empty histogram: int64[HISTOGRAM_SLOTS]."""
    return np.zeros(HISTOGRAM_SLOTS, dtype=np.int64)


def bucket_of(value_ns: int) -> int:
    """Index of the bucket that holds `value_ns`, from 0."""
    value = min(max(value_ns, 0), VALUE_NS_MAX)
    shift = max(value.bit_length() - SUB_BUCKET_BITS, 0)
    return shift * SUB_BUCKETS_HALF + (value >> shift)


def highest_of(bucket: int) -> int:
    """The largest value, ns, that falls into `bucket`."""
    shift = max(bucket // SUB_BUCKETS_HALF - 1, 0)
    sub = bucket - shift * SUB_BUCKETS_HALF
    return ((sub + 1) << shift) - 1


def count(histogram: Histogram) -> int:
    """How many values were recorded."""
    return int(histogram[SLOT_COUNT])


def max_ns(histogram: Histogram) -> int:
    """The largest value recorded, exact; 0 when there is none."""
    return int(histogram[SLOT_MAX_NS])


def min_ns(histogram: Histogram) -> int:
    """The smallest value recorded, exact; 0 when there is none."""
    return int(histogram[SLOT_MIN_NS])


def mean_ns(histogram: Histogram) -> int:
    """The mean, rounded down; 0 when there is none."""
    total = count(histogram)
    return int(histogram[SLOT_SUM_NS]) // total if total else 0


def percentile_ns(histogram: Histogram, parts_per_million: int) -> int:
    """The value that `parts_per_million` of all values do not exceed (990_000: p99), at most 0.1 % too high.

    0 when nothing was recorded; never above the exact maximum.
    """
    return percentiles_ns(histogram, (parts_per_million,))[0]


def percentiles_ns(histogram: Histogram, parts_per_million: Sequence[int]) -> list[int]:
    """`percentile_ns` for each of `parts_per_million`, in one pass over the buckets."""
    total = count(histogram)
    if total == 0:
        return [0] * len(parts_per_million)
    cumulative = np.cumsum(histogram[HEADER_SLOTS:])
    values = []
    for parts in parts_per_million:
        if not 0 <= parts <= 1_000_000:
            raise ValueError(f"{parts} parts per million is outside 0..1000000")
        rank = max(-(-total * parts // 1_000_000), 1)
        bucket = int(np.searchsorted(cumulative, rank, side="left"))
        values.append(min(highest_of(bucket), max_ns(histogram)))
    return values


def add(into: Histogram, other: Histogram) -> None:
    """Count everything in `other` into `into` as well."""
    if count(other) == 0:
        return
    first = count(into) == 0
    low = min_ns(other) if first else min(min_ns(into), min_ns(other))
    high = max(max_ns(into), max_ns(other))
    into += other
    into[SLOT_MIN_NS], into[SLOT_MAX_NS] = low, high


def _steps() -> Iterator[int]:
    """Parts per million: five steps in each halving of the distance to 1, then 1."""
    distance = 1_000_000
    while distance >= 2:
        for fifth in range(5):
            yield 1_000_000 - distance + distance * fifth // 10
        distance //= 2
    yield 1_000_000


def write_hgrm(histogram: Histogram, out: TextIO) -> None:
    """The percentile distribution as the text that HdrHistogram's plotters read (`.hgrm`), values in microseconds."""
    total = count(histogram)
    out.write(f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n\n")
    cumulative = np.cumsum(histogram[HEADER_SLOTS:])
    parts_all = list(_steps())
    for parts, value_ns in zip(parts_all, percentiles_ns(histogram, parts_all), strict=True):
        covered = int(cumulative[bucket_of(value_ns)]) if total else 0
        inverse = f" {1_000_000 / (1_000_000 - parts):14.2f}" if parts < 1_000_000 else ""
        out.write(f"{value_ns / 1000:12.3f} {parts / 1_000_000:2.12f} {covered:10d}{inverse}\n")
    mean = mean_ns(histogram)
    used = np.flatnonzero(histogram[HEADER_SLOTS:])
    values = np.array([highest_of(int(bucket)) for bucket in used], dtype=np.float64)
    weights = histogram[HEADER_SLOTS:][used]
    deviation = float(np.sqrt(np.average((values - mean) ** 2, weights=weights))) if total else 0.0
    out.write(f"#[Mean    = {mean / 1000:12.3f}, StdDeviation   = {deviation / 1000:12.3f}]\n")
    out.write(f"#[Max     = {max_ns(histogram) / 1000:12.3f}, Total count    = {total:12d}]\n")
    out.write(f"#[Buckets = {VALUE_BITS_MAX - SUB_BUCKET_BITS + 1:12d}, SubBuckets     = {2 * SUB_BUCKETS_HALF:12d}]\n")
