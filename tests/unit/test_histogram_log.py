"""Histogram logs against the witness: HdrHistogram's own reader finds our counts, and we find its."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import histogram
from appliance.histogram import HEADER_SLOTS, VALUE_NS_MAX, new_histogram
from appliance.histogram_log import Interval, LogError, decode, encode, read_log, write_log
from appliance.latency import record

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)


def recorded(values: list[int]) -> histogram.Histogram:
    counts = new_histogram()
    for value in values:
        record(counts, value)
    return counts


def counts_of(other: HdrHistogram) -> np.ndarray:
    return np.array([other.get_count_at_index(index) for index in range(other.counts_len)])


VALUES = st.lists(st.one_of(st.integers(0, 5000), st.integers(0, VALUE_NS_MAX)), max_size=60)


@settings(deadline=None, max_examples=50)
@given(values=VALUES, times=st.integers(1, 1 << 40))
def test_the_witness_decodes_every_count(values: list[int], times: int) -> None:
    ours = recorded(values)
    ours[HEADER_SLOTS:] *= times  # counts of every size of number
    theirs = HdrHistogram.decode(encode(ours)) if values else None
    if theirs is not None:
        assert np.array_equal(counts_of(theirs), ours[HEADER_SLOTS:])
    assert np.array_equal(decode(encode(ours))[HEADER_SLOTS:], ours[HEADER_SLOTS:])


def test_we_decode_what_the_witness_encodes() -> None:
    theirs = HdrHistogram(1, VALUE_NS_MAX, 3)
    values = np.random.default_rng(8).lognormal(9, 2, 2000).astype(np.int64).tolist()
    for value in values:
        theirs.record_value(value)
    ours = decode(theirs.encode().decode("ascii"))
    assert np.array_equal(ours[HEADER_SLOTS:], recorded(values)[HEADER_SLOTS:])
    for percentile in PERCENTILES:
        assert histogram.percentile_ns(ours, round(percentile * 10_000)) == theirs.get_value_at_percentile(percentile)


def test_minimum_and_maximum_are_those_of_the_buckets() -> None:
    back = decode(encode(recorded([1500, 2_000_001])))
    assert histogram.min_ns(back) == 1500 and 2_000_001 <= histogram.max_ns(back) <= 2_000_001 * 1.001
    assert histogram.count(back) == 2
    assert histogram.count(decode(encode(new_histogram()))) == 0


def test_a_log_is_read_by_the_witness_interval_by_interval(tmp_path: Path) -> None:
    intervals = [
        Interval(1_790_000_000.25, 0.5, recorded([1000, 2000, 3000])),
        Interval(1_790_000_001.0, 0.75, recorded([5_000_000])),
    ]
    path = tmp_path / "two.hlog"
    with path.open("w", encoding="utf-8") as out:
        write_log(intervals, out, "two\nintervals")
    reader = HistogramLogReader(str(path), HdrHistogram(1, VALUE_NS_MAX, 3))
    for interval in intervals:
        theirs = reader.get_next_interval_histogram()
        assert np.array_equal(counts_of(theirs), interval.histogram[HEADER_SLOTS:])
        assert theirs.get_start_time_stamp() == pytest.approx(interval.start_seconds * 1000, abs=1)
        length_ms = theirs.get_end_time_stamp() - theirs.get_start_time_stamp()
        assert length_ms == pytest.approx(interval.length_seconds * 1000, abs=1)
    assert reader.get_next_interval_histogram() is None
    reader.close()
    with path.open(encoding="utf-8") as source:
        back = read_log(source)
    assert [round(one.start_seconds, 3) for one in back] == [1_790_000_000.25, 1_790_000_001.0]
    assert all(
        np.array_equal(one.histogram[HEADER_SLOTS:], other.histogram[HEADER_SLOTS:])
        for one, other in zip(back, intervals, strict=True)
    )


def test_each_row_of_the_text_form_is_the_witness_value_at_its_count() -> None:
    values = np.random.default_rng(9).lognormal(8, 1, 3000).astype(np.int64).tolist()
    ours, theirs = recorded(values), HdrHistogram(1, VALUE_NS_MAX, 3)
    for value in values:
        theirs.record_value(value)
    cumulative = {}
    running = 0
    for item in theirs.get_recorded_iterator():
        running += item.count_at_value_iterated_to
        cumulative[running] = item.value_iterated_to
    out = io.StringIO()
    histogram.write_hgrm(ours, out)
    rows = [line.split() for line in out.getvalue().splitlines() if line[:1] == " " and "Value" not in line]
    assert len(rows) > 50
    for value_us, _, covered, *_ in rows[:-1]:  # ours never says more than the exact maximum
        assert round(float(value_us) * 1000) == min(cumulative[int(covered)], max(values))
    assert round(float(rows[-1][0]) * 1000) == max(values)


@pytest.mark.parametrize(
    "text",
    ["", "no base64 at all", "AAAA", encode(new_histogram())[:-8], encode(recorded([5, 9]))[:20] + "AAAA"],
    ids=["empty", "text", "short", "cut", "spoilt"],
)
def test_what_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(LogError):
        decode(text)


def test_a_histogram_with_other_buckets_is_refused() -> None:
    other = HdrHistogram(1, 3_600_000, 2)
    other.record_value(5)
    with pytest.raises(LogError, match="other buckets"):
        decode(other.encode().decode("ascii"))
    with pytest.raises(LogError, match="four columns"):
        read_log(io.StringIO("0.1,0.2,HISTF\n"))
