"""Histograms against sorted values, and against HdrHistogram's own counts."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import histogram
from appliance.histogram import HEADER_SLOTS, VALUE_NS_MAX, bucket_of, highest_of, new_histogram
from appliance.latency import record
from native.jit import kernel


@kernel
def record_all(counts, values):
    for i in range(values.size):
        record(counts, values[i])
    return 0


def recorded(values) -> histogram.Histogram:
    counts = new_histogram()
    record_all(counts, np.asarray(values, np.int64))
    return counts


@settings(deadline=None, max_examples=100)
@given(
    values=st.lists(
        st.one_of(st.integers(0, 5000), st.integers(0, VALUE_NS_MAX), st.integers(0, 42).map(lambda n: (1 << n) - 1)),
        min_size=1,
        max_size=200,
    ),
    parts=st.integers(0, 1_000_000),
)
def test_a_percentile_is_the_sorted_value_within_the_bucket_error(values, parts):
    counts = recorded(values)
    ordered = np.sort(values)
    exact = int(ordered[max(-(-len(values) * parts // 1_000_000), 1) - 1])
    found = histogram.percentile_ns(counts, parts)
    assert exact <= found <= max(exact + exact // 1024, exact)
    assert (histogram.count(counts), histogram.min_ns(counts), histogram.max_ns(counts)) == (
        len(values),
        min(values),
        max(values),
    )
    assert histogram.mean_ns(counts) == sum(values) // len(values)


@given(value=st.integers(0, VALUE_NS_MAX))
def test_a_bucket_holds_its_value(value):
    bucket = bucket_of(value)
    assert (highest_of(bucket - 1) if bucket else -1) < value <= highest_of(bucket)
    assert highest_of(bucket) - value <= value // 1024


def test_the_counts_are_those_of_hdrhistogram():
    values = np.random.default_rng(3).lognormal(9, 3, 3000).astype(np.int64)
    other = HdrHistogram(1, 1 << 41, 3)
    for value in values.tolist():
        other.record_value(value)
    ours = recorded(values)[HEADER_SLOTS:]
    theirs = np.array(other.counts[: other.counts_len])
    used = min(len(ours), len(theirs))
    assert np.array_equal(ours[:used], theirs[:used])
    assert not ours[used:].any() and not theirs[used:].any()


def test_values_out_of_range_are_counted_and_the_maximum_stays_exact():
    counts = recorded([-5, 1 << 50])
    assert histogram.min_ns(counts) == 0 and histogram.max_ns(counts) == 1 << 50
    assert counts[histogram.SLOT_OVER_RANGE] == 1
    assert histogram.percentile_ns(counts, 1_000_000) == VALUE_NS_MAX


def test_an_empty_histogram_is_all_zero():
    counts = new_histogram()
    assert histogram.percentiles_ns(counts, (0, 500_000, 1_000_000)) == [0, 0, 0]
    assert histogram.mean_ns(counts) == 0
    histogram.write_hgrm(counts, io.StringIO())
    with pytest.raises(ValueError):
        histogram.percentile_ns(recorded([1]), 1_000_001)


def test_adding_two_is_recording_both():
    one, other = [5, 900, 70_000], [1, 10**9]
    total = recorded(one)
    histogram.add(total, recorded(other))
    assert np.array_equal(total, recorded(one + other))
    histogram.add(total, new_histogram())
    assert np.array_equal(total, recorded(one + other))
    empty = new_histogram()
    histogram.add(empty, recorded(one))
    assert np.array_equal(empty, recorded(one))


def test_the_text_form_has_every_value_and_ends_at_the_maximum():
    out = io.StringIO()
    histogram.write_hgrm(recorded(range(1000, 2000)), out)
    lines = out.getvalue().splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    rows = [line.split() for line in lines[2:] if not line.startswith("#")]
    assert [float(row[0]) for row in rows] == sorted(float(row[0]) for row in rows)
    assert rows[0][:3] == ["1.000", "0.000000000000", "1"] and rows[-1][:3] == ["1.999", "1.000000000000", "1000"]
    assert "Total count    =         1000" in lines[-2]
