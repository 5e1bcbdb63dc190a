"""The kernels' public books against the plain one, message by message, over anything a feed can say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.book.ladder import side_key
from appliance.client.book import SIDE_BUY, SIDE_SELL, FeedBook
from appliance.client.feed import FeedHandler
from appliance.client.kernel_book import KernelBook
from appliance.feed_book.apply import apply_packet
from appliance.feed_book.check import check_feed_books
from appliance.feed_book.read import copy_levels, copy_orders, count_orders
from appliance.feed_book.records import FEED_ROW
from appliance.feed_book.state import FeedBooks, allocate_feed_books, find_instrument
from native.codes import ERROR_FEED_EPOCH, ERROR_FEED_FRAME, ERROR_FEED_GAP, ERROR_FEED_INSTRUMENTS_FULL
from tests.naive.feed_messages import NaiveMarket
from tests.naive.feed_writer import message, packet

PRICES = st.sampled_from([-(1 << 63) + 1, -5, 0, 1_000_000, 2_000_000, 3_000_000, 1 << 40, (1 << 63) - 1])
STARTS, ENDS = 1, 2


def octets(packet_bytes: bytes) -> np.ndarray:
    return np.frombuffer(packet_bytes, np.uint8)


def orders_of(books: FeedBooks, security_id: int) -> list[tuple[int, int, int, int, int]]:
    """(order id, side, price, quantity, priority) in queue order."""
    instrument = int(find_instrument(books, security_id))
    if instrument < 0:
        return []
    rows = np.zeros(int(count_orders(books, instrument)), FEED_ROW)
    assert copy_orders(books, instrument, rows, 0) == rows.size
    return [
        (int(row["order_id"]), 1 if row["side"] == 1 else 2, *map(int, row[["price_nanos", "qty_lots", "priority"]]))
        for row in rows
    ]


def levels_of(books: FeedBooks, security_id: int, depth_max: int) -> list[tuple[int, int, int, int]]:
    """(side, price, lots, orders) of the best levels, bids then offers."""
    rows = np.zeros(2 * depth_max, FEED_ROW)
    count = int(copy_levels(books, int(find_instrument(books, security_id)), depth_max, rows, 0))
    return [
        (1 if row["side"] == 1 else 2, *map(int, row[["price_nanos", "qty_lots", "orders"]])) for row in rows[:count]
    ]


@st.composite
def said(draw: Any) -> tuple[str, int, dict[str, int]]:
    """A message, its InstrumentId, its values without the numbering."""
    name = draw(st.sampled_from(["OrderPut"] * 6 + ["OrderDelete"] * 3 + ["Trade", "TradingStatusUpdate", "BookClear"]))
    values: dict[str, int] = {"InstrSide": draw(st.sampled_from([1, -1, 1, -1, 0]))}
    values["InstrFlags"] = draw(st.integers(0, 3))
    if name in ("OrderPut", "OrderDelete"):
        values["OrderId"] = draw(st.integers(1, 12))
    if name == "OrderPut":
        values["Price"] = draw(PRICES)
        values["Quantity"] = draw(st.sampled_from([1, 2, 7, (1 << 31) - 1, 0]))
        values["ExtPriority"] = draw(st.one_of(st.integers(1, 6), st.just((1 << 64) - 2)))
    if name == "Trade":
        values |= {"MatchId": 9, "Price": draw(PRICES), "Quantity": 3}
    if name == "TradingStatusUpdate":
        values["TradingStatus"] = draw(st.integers(0, 6))
    return name, draw(st.sampled_from([1, 2, 70_000])), values


@settings(max_examples=60, deadline=None)
@given(st.lists(said(), min_size=1, max_size=40), st.integers(0, 20))
def test_kernels_and_plain_book_hold_the_same(messages: list[tuple[str, int, dict[str, int]]], off: int) -> None:
    books = allocate_feed_books(4, 64, 64)
    one_by_one = KernelBook(3, 4, 64, 64)
    handler, plain = FeedHandler(), FeedBook()
    numbers: dict[int, int] = {}
    for place, (name, security_id, values) in enumerate(messages):
        numbers[security_id] = numbers.get(security_id, 0) + (2 if place == off else 1)
        frame = message(name, InstrumentId=security_id, InstrSeqNum=numbers[security_id], **values)
        sent = packet(place + 1, [frame])
        assert apply_packet(books, octets(sent), 0, len(sent)) == 1
        for delivered in handler.receive(sent):
            assert one_by_one.apply(delivered) == plain.apply(delivered)
        assert check_feed_books(books) == [] and check_feed_books(one_by_one.books) == []
        assert int(books.state[0]["faults"]) == plain.faults == one_by_one.faults
        for known in numbers:
            assert orders_of(books, known) == [tuple(order) for order in plain.orders(known)]
            expected = [(side, *level) for side in (SIDE_BUY, SIDE_SELL) for level in plain.levels(known, side, 3)]
            assert levels_of(books, known, 3) == expected
            row = books.instruments[int(find_instrument(books, known))]
            assert int(row["trades"]) == plain.instruments[known].trades
            same_facts(one_by_one, plain, known)


def same_facts(kernels: KernelBook, plain: FeedBook, security_id: int) -> None:
    """Everything that a book can be asked."""
    assert kernels.orders(security_id) == plain.orders(security_id)
    for side in (SIDE_BUY, SIDE_SELL):
        assert kernels.levels(security_id, side, 4) == plain.levels(security_id, side, 4)
    for method in ("top", "trading_status", "instrument_sequence", "hash"):
        assert getattr(kernels, method)(security_id) == getattr(plain, method)(security_id), method
    assert kernels.auction(security_id) == plain.instruments[security_id].auction
    assert kernels.last_trade(security_id) == plain.instruments[security_id].last_trade


@st.composite
def told(draw: Any, level: int) -> tuple[str, dict[str, int | None]]:
    """A message of an L2 or L1 channel, without the numbering."""
    values: dict[str, int | None] = {"InstrSide": draw(st.sampled_from([1, -1, 1, -1, 0]))}
    values["InstrFlags"] = draw(st.integers(0, 3))
    kinds = ["AuctionUpdate", "TradingStatusUpdate", "BookClear", "PriceLevelUpdate"]
    name = draw(st.sampled_from(kinds + [kinds[-1] if level == 2 else "TopOfBook"] * 6))
    lots = st.sampled_from([0, 1, 5, 1 << 40, -1])
    if name == "PriceLevelUpdate":
        values |= {"Price": draw(PRICES), "AggregateQty": draw(lots), "NumberOfOrders": draw(st.integers(0, 3))}
    elif name == "TopOfBook":
        for side in ("Bid", "Offer"):
            price = draw(st.one_of(st.none(), PRICES))
            values |= {f"{side}Px": price, f"{side}Qty": 4 if price else 0, f"{side}Orders": 2 if price else 0}
    elif name == "AuctionUpdate":
        values |= {"IndicativePx": draw(st.one_of(st.none(), PRICES)), "PairedQty": 4, "ImbalanceQty": draw(lots)}
        values |= {"ImbalanceSide": draw(st.sampled_from([0, 1, -1])), "BookFrozen": draw(st.integers(0, 1))}
    elif name == "TradingStatusUpdate":
        values["TradingStatus"] = draw(st.integers(0, 6))
    return name, values


@pytest.mark.parametrize("level", [2, 1])
def test_price_levels_and_tops_are_the_same_too(level: int) -> None:
    @settings(max_examples=40, deadline=None)
    @given(st.lists(told(level), min_size=1, max_size=30))
    def run(messages: list[tuple[str, dict[str, int | None]]]) -> None:
        kernels, plain, handler = KernelBook(level, 4, 64, 64), FeedBook(level), FeedHandler()
        for place, (name, values) in enumerate(messages, 1):
            sent = packet(place, [message(name, InstrumentId=9, InstrSeqNum=place, **values)])
            for delivered in handler.receive(sent):
                plain.apply(delivered)
                kernels.apply(delivered)
            assert check_feed_books(kernels.books) == []
            assert kernels.faults == plain.faults
            same_facts(kernels, plain, 9)

    run()


def test_a_long_seeded_day_equals_the_naive_market() -> None:
    market = NaiveMarket(5, instruments=6).run(2500)
    books = allocate_feed_books(6, 4096, 512)
    for sent in market.packets():
        assert apply_packet(books, octets(sent), 0, len(sent)) >= 0
    assert check_feed_books(books) == []
    for security_id in market.books:
        assert orders_of(books, security_id) == market.orders(security_id)
    assert int(books.state[0]["faults"]) == 0
    assert int(books.state[0]["next_sequence"]) == len(market.frames) + 1
    assert int(books.instruments["trades"].sum()) == len(market.trades)


def test_packets_are_taken_in_order_and_once() -> None:
    market = NaiveMarket(6, instruments=2).run(60)
    books = allocate_feed_books(2, 256, 64)
    frames = market.frames
    late, first = packet(21, frames[20:40]), packet(1, frames[:20])
    assert apply_packet(books, octets(late), 0, len(late)) == ERROR_FEED_GAP
    assert apply_packet(books, octets(first), 0, len(first)) == 20
    assert apply_packet(books, octets(first), 0, len(first)) == 0
    overlapping = packet(11, frames[10:40])
    assert apply_packet(books, octets(overlapping), 0, len(overlapping)) == 20
    other = packet(41, frames[40:], epoch=2)
    assert apply_packet(books, octets(other), 0, len(other)) == ERROR_FEED_EPOCH
    other = packet(41, frames[40:], channel_id=7)
    assert apply_packet(books, octets(other), 0, len(other)) == ERROR_FEED_EPOCH
    rest = packet(41, frames[40:])
    damaged = bytearray(rest)
    damaged[-40:] = b"\xff" * 40
    before = books.state.copy()
    assert apply_packet(books, octets(bytes(damaged[:-3])), 0, len(rest) - 3) == ERROR_FEED_FRAME
    assert (books.state == before).all(), "a packet is taken whole or not at all"
    assert apply_packet(books, octets(rest), 0, len(rest)) == len(frames) - 40
    for security_id in market.books:
        assert orders_of(books, security_id) == market.orders(security_id)


@pytest.mark.parametrize(("orders_max", "levels_max"), [(3, 16), (16, 2)])
def test_full_tables_are_told_and_break_nothing(orders_max: int, levels_max: int) -> None:
    books = allocate_feed_books(1, orders_max, levels_max)
    for n in range(1, 9):
        frame = message(
            "OrderPut", InstrFlags=3, InstrSide=1, InstrumentId=1, InstrSeqNum=n, OrderId=n, Price=n, Quantity=1,
            ExtPriority=n,
        )  # fmt: skip
        sent = packet(n, [frame])
        assert apply_packet(books, octets(sent), 0, len(sent)) == 1
        assert check_feed_books(books) == []
    room = min(orders_max, levels_max)
    assert int(books.state[0]["faults"]) == 8 - room and int(books.state[0]["open_orders"]) == room
    sent = packet(9, [message("OrderDelete", InstrFlags=3, InstrumentId=1, InstrSeqNum=9, OrderId=1)])
    assert apply_packet(books, octets(sent), 0, len(sent)) == 1
    assert check_feed_books(books) == [] and int(books.state[0]["open_orders"]) == room - 1
    sent = packet(10, [message("BookClear", InstrFlags=3, InstrumentId=2, InstrSeqNum=1)])
    assert apply_packet(books, octets(sent), 0, len(sent)) == 1
    assert int(books.state[0]["last_fault_code"]) == ERROR_FEED_INSTRUMENTS_FULL


def test_a_price_that_empties_and_fills_in_one_transaction_is_dirty_once() -> None:
    from appliance.feed_book.apply import apply_block
    from appliance.feed_book.orders import settle
    from wire.gen import market_data_tables as md

    books = allocate_feed_books(1, 8, 8)
    before_block = 34

    def give(name: str, template_id: int, **values: int) -> None:
        sent = packet(1, [message(name, InstrumentId=1, InstrSide=1, **values)])
        assert apply_block(books, octets(sent), before_block, template_id) == 0

    give("OrderPut", md.OrderPut_TEMPLATE_ID, InstrSeqNum=1, OrderId=5, Price=100, Quantity=4, ExtPriority=1)
    settle(books)
    give("OrderDelete", md.OrderDelete_TEMPLATE_ID, InstrSeqNum=2, OrderId=5)
    give("OrderPut", md.OrderPut_TEMPLATE_ID, InstrSeqNum=3, OrderId=5, Price=100, Quantity=9, ExtPriority=2)
    give("OrderPut", md.OrderPut_TEMPLATE_ID, InstrSeqNum=4, OrderId=6, Price=99, Quantity=1, ExtPriority=3)
    give("OrderDelete", md.OrderDelete_TEMPLATE_ID, InstrSeqNum=5, OrderId=6)
    dirty = [books.levels[level] for level in books.dirty[: int(books.state[0]["dirty_count"])]]
    assert [(side_key(int(level["key"]), 0), int(level["qty_lots"])) for level in dirty] == [(100, 9), (99, 0)]
    assert int(books.state[0]["open_levels"]) == 2
    settle(books)
    assert int(books.state[0]["open_levels"]) == 1 and int(books.state[0]["dirty_count"]) == 0
