"""`record`: count one latency from a kernel, in a few nanoseconds. Layout and percentiles: `appliance.histogram`."""

from __future__ import annotations

from appliance.histogram import (
    HEADER_SLOTS,
    SLOT_COUNT,
    SLOT_MAX_NS,
    SLOT_MIN_NS,
    SLOT_OVER_RANGE,
    SLOT_SUM_NS,
    SUB_BUCKET_BITS,
    SUB_BUCKETS_HALF,
    VALUE_NS_MAX,
    Histogram,
)
from native.jit import kernel  # first: it sets numba's environment
from native.lowlevel import count_leading_zeros64

SHIFT_BASE = 64 - SUB_BUCKET_BITS
SUB_BUCKET_MASK = (1 << SUB_BUCKET_BITS) - 1


@kernel
def record(histogram: Histogram, value_ns: int) -> int:
    """Count `value_ns` (below 0 counts as 0) in `histogram`, an int64 array of `new_histogram`; returns 0.

    A value beyond the range is counted in the last bucket and in SLOT_OVER_RANGE; the maximum stays exact.
    """
    exact = max(value_ns, 0)
    value = exact
    if value > VALUE_NS_MAX:
        value = VALUE_NS_MAX
        histogram[SLOT_OVER_RANGE] += 1
    shift = SHIFT_BASE - count_leading_zeros64(value | SUB_BUCKET_MASK)
    histogram[HEADER_SLOTS + shift * SUB_BUCKETS_HALF + (value >> shift)] += 1
    if histogram[SLOT_COUNT] == 0 or exact < histogram[SLOT_MIN_NS]:
        histogram[SLOT_MIN_NS] = exact
    if exact > histogram[SLOT_MAX_NS]:
        histogram[SLOT_MAX_NS] = exact
    histogram[SLOT_COUNT] += 1
    histogram[SLOT_SUM_NS] += exact
    return 0
