"""Candles of the kernels against those of the slow twin; hypothesis draws the trades, the rings' sizes, the packets."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.candles.book import CandleBook, CandleError, with_empty_ones
from appliance.candles.calendar import interval_end, interval_start
from appliance.candles.records import CANDLE, INTERVAL_NAMES, INTERVALS, interval_index, turnover, vwap_nanos
from appliance.recovery.store import FeedStore
from tests.naive import candles as naive
from tests.naive.feed_writer import FeedWriter, deletes, message, packet

START_NS = 1_763_683_200 * 10**9  # 2025-11-21
SIZES = (4, 3, 2, 2, 2, 2, 2, 2)
PAUSES_NS = st.sampled_from(
    [0, 1, 10**8, 999_999_999, 10**9, 59 * 10**9, 3600 * 10**9, 86_400 * 10**9, 8 * 86_400 * 10**9, 40 * 86_400 * 10**9]
)
PRICES = st.one_of(st.integers(-1000, 1000), st.integers(-(1 << 62), 1 << 62))
TRADES = st.lists(
    st.tuples(st.integers(1, 3), PAUSES_NS, PRICES, st.one_of(st.integers(1, 9), st.integers(1, (1 << 31) - 1))),
    max_size=80,
)


def trade(security_id: int, time_ns: int, price: int, lots: int) -> bytes:
    return message("Trade", InstrumentId=security_id, TransactTime=time_ns, Price=price, Quantity=lots)


def plain(rows: np.ndarray) -> list[naive.NaiveCandle]:
    names = ("start_ns", "open_nanos", "high_nanos", "low_nanos", "close_nanos", "volume_lots")
    return [naive.NaiveCandle(*(int(row[name]) for name in names), turnover(row), int(row["trades"])) for row in rows]


def published(path, frames: list[bytes], sizes: list[int]) -> FeedStore:
    writer = FeedWriter(path, capacity_bytes=1 << 18)
    at = 0
    while at < len(frames):
        size = sizes[at % len(sizes)] if sizes else 1
        part = frames[at : at + size]
        writer.append(packet(at + 1, part), len(part))
        at += len(part)
    return FeedStore(path)


@settings(deadline=None, max_examples=100)
@given(steps=TRADES, sizes=st.lists(st.integers(1, 12), max_size=5), begin=st.integers(0, 400 * 86_400))
def test_as_the_twin_says(tmp_path_factory, steps, sizes, begin):
    now_ns = START_NS + begin * 10**9
    trades: dict[int, list[tuple[int, int, int]]] = {}
    frames = deletes(1, 2)
    for security_id, pause_ns, price, lots in steps:
        now_ns += pause_ns
        trades.setdefault(security_id, []).append((now_ns, price, lots))
        frames.append(trade(security_id, now_ns, price, lots))
        frames += deletes(3, len(frames) % 2)
    store = published(tmp_path_factory.mktemp("feed") / "feed", frames, sizes)
    handed: dict[tuple[int, int], list[naive.NaiveCandle]] = {}

    def take(security_id: int, interval: int, rows: np.ndarray) -> None:
        handed.setdefault((security_id, interval), []).extend(plain(rows))

    book = CandleBook(3, take, SIZES)
    book.advance(store.entries, store.indexed_bytes)
    book.hand_on()
    without_sink = CandleBook(3, capacities=SIZES)
    without_sink.advance(store.entries, store.indexed_bytes)
    assert book.trades == without_sink.trades == len(steps)
    assert book.security_ids == sorted(trades)
    for security_id, some in trades.items():
        for interval, name in enumerate(INTERVAL_NAMES):
            expected = naive.candles(some, name)
            kept = plain(without_sink.candles(security_id, interval))
            assert kept == expected[-SIZES[interval] :]
            assert handed.get((security_id, interval), []) + plain(book.candles(security_id, interval, 1)) == expected
            for row in without_sink.candles(security_id, interval):
                assert vwap_nanos(row) * int(row["volume_lots"]) <= turnover(row)
                assert (vwap_nanos(row) + 1) * int(row["volume_lots"]) > turnover(row)


@settings(deadline=None, max_examples=400)
@given(time_ns=st.integers(-(1 << 60), 1 << 62))
def test_the_calendar_is_that_of_python(time_ns):
    for interval in INTERVALS:
        start = int(interval_start(np.int64(time_ns), np.int64(interval.length_ns)))
        assert start == naive.start_ns(time_ns, interval.name)
        end = int(interval_end(np.int64(start), np.int64(interval.length_ns)))
        assert start <= time_ns < end == naive.start_ns(end, interval.name)


@pytest.mark.parametrize(
    ("name", "time", "start"),
    [
        ("1w", "2026-11-22T23:59:59", "2026-11-16"),
        ("1w", "2026-11-23T00:00:00", "2026-11-23"),
        ("1mo", "2024-02-29T12:00:00", "2024-02-01"),
        ("1mo", "2024-03-01T00:00:00", "2024-03-01"),
        ("1d", "2023-12-31T23:59:59", "2023-12-31"),
        ("15m", "2023-12-31T23:59:59", "2023-12-31T23:45:00"),
    ],
)
def test_where_an_interval_begins(name, time, start):
    at, expected = (int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) for text in (time, start))
    length_ns = INTERVALS[interval_index(name)].length_ns
    assert int(interval_start(np.int64(at * 10**9 + 999), np.int64(length_ns))) == expected * 10**9


def test_empty_intervals_have_the_close_before_them(tmp_path):
    frames = [trade(1, START_NS, 70, 2), trade(1, START_NS + 10**8, 50, 1), trade(1, START_NS + 3 * 10**9, 60, 4)]
    store = published(tmp_path / "feed", frames, [])
    book = CandleBook(1)
    book.advance(store.entries, store.indexed_bytes)
    rows = plain(np.array(list(with_empty_ones(book.candles(1, 0), 0)), CANDLE))
    assert rows == [
        naive.NaiveCandle(START_NS, 70, 70, 50, 50, 3, 190, 2),
        naive.NaiveCandle(START_NS + 10**9, 50, 50, 50, 50, 0, 0, 0),
        naive.NaiveCandle(START_NS + 2 * 10**9, 50, 50, 50, 50, 0, 0, 0),
        naive.NaiveCandle(START_NS + 3 * 10**9, 60, 60, 60, 60, 4, 240, 1),
    ]
    assert [row["trades"] for row in with_empty_ones(book.candles(1, 5), 5)] == [3]


def test_a_trade_that_is_late_counts_in_the_open_candle(tmp_path):
    frames = [trade(1, START_NS + 5 * 10**9, 70, 2), trade(1, START_NS, 90, 1)]
    store = published(tmp_path / "feed", frames, [])
    book = CandleBook(1)
    book.advance(store.entries, store.indexed_bytes)
    assert plain(book.candles(1, 0)) == [naive.NaiveCandle(START_NS + 5 * 10**9, 70, 90, 70, 90, 3, 230, 2)]
    assert book.late == 1


def test_it_goes_on_where_it_was(tmp_path):
    writer = FeedWriter(tmp_path / "feed")
    book = CandleBook(2)
    store = FeedStore(tmp_path / "feed")
    for number in range(5):
        writer.append(packet(number + 1, [trade(1, START_NS + number, 10 + number, 1)]), 1)
        store.poll()
        book.advance(store.entries, store.indexed_bytes)
        [row] = book.candles(1, interval_index("1mo"))
        assert (int(row["trades"]), int(row["close_nanos"])) == (number + 1, 10 + number)


def test_corrections_are_counted_and_change_nothing(tmp_path):
    frames = [trade(1, START_NS, 70, 2), message("TradeBust", InstrumentId=1), message("TradeAmend", InstrumentId=1)]
    store = published(tmp_path / "feed", frames, [])
    book = CandleBook(1)
    book.advance(store.entries, store.indexed_bytes)
    assert book.corrections == 2 and plain(book.candles(1, 0))[0].volume == 2


def _damaged_frame(writer: FeedWriter) -> None:
    broken = bytearray(packet(1, [trade(1, START_NS, 1, 1)]))
    broken[24] = 3
    writer.append(bytes(broken), 1)


def _no_lots(writer: FeedWriter) -> None:
    writer.append(packet(1, [trade(1, START_NS, 1, 0)]), 1)


def _gap(writer: FeedWriter) -> None:
    writer.append(packet(1, [trade(1, START_NS, 1, 1)]), 1)
    writer.append_raw(packet(5, [trade(1, START_NS, 1, 1)]), 1, 5)


def _too_many_instruments(writer: FeedWriter) -> None:
    writer.append(packet(1, [trade(number, START_NS, 1, 1) for number in range(1, 4)]), 3)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (_damaged_frame, "damaged"),
        (_no_lots, "damaged"),
        (_gap, "missing"),
        (_too_many_instruments, "more instruments than"),
    ],
)
def test_what_cannot_be_counted_is_said(tmp_path, fault, words):
    writer = FeedWriter(tmp_path / "feed")
    fault(writer)
    entries = np.fromfile(tmp_path / "feed", np.uint8)[4096:]
    with pytest.raises(CandleError, match=words):
        CandleBook(2).advance(entries, int(writer.header[0]["committed_bytes"]))


def test_sizes_that_make_no_sense_are_refused():
    for bad in (0, 1 << 40):
        with pytest.raises(ValueError, match="instruments_max"):
            CandleBook(bad)
    with pytest.raises(ValueError, match="capacities"):
        CandleBook(1, capacities=(1,) * len(INTERVALS))
    with pytest.raises(ValueError, match="no interval '2s'"):
        interval_index("2s")
