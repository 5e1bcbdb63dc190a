"""Depth, orders and imbalance of a book as arrays and tables."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from appliance.client.arrays import (
    as_columns,
    cumulative_lots,
    depth,
    imbalance,
    micro_price_nanos,
    orders,
    to_arrow,
    to_pandas,
)
from appliance.client.book import FeedBook
from appliance.client.feed import FeedHandler
from appliance.client.kernel_book import KernelBook
from tests.naive.feed_writer import message, packet

ROWS = [(1, 1, 100, 5), (2, 1, 100, 2), (3, 1, 90, 4), (4, -1, 110, 3), (5, -1, 120, 10), (6, -1, 130, 1)]


@pytest.fixture(params=[FeedBook, lambda: KernelBook(3, 4, 64, 64)], ids=["plain", "kernels"])
def book(request: pytest.FixtureRequest) -> Any:
    made = request.param()
    frames = [
        message("OrderPut", InstrFlags=3, InstrSide=side, InstrumentId=7, InstrSeqNum=n, OrderId=n, Price=price,
                Quantity=lots, ExtPriority=n)
        for n, side, price, lots in ROWS
    ]  # fmt: skip
    for told in FeedHandler().receive(packet(1, frames)):
        made.apply(told)
    return made


def test_depth_and_orders(book: Any) -> None:
    assert depth(book, 7, 1).tolist() == [(100, 7, 2), (90, 4, 1)]
    assert depth(book, 7, 2, 2).tolist() == [(110, 3, 1), (120, 10, 1)]
    assert depth(book, 8, 1).size == 0
    assert orders(book, 7)["order_id"].tolist() == [1, 2, 3, 4, 5, 6]
    assert cumulative_lots(depth(book, 7, 2)).tolist() == [3, 13, 14]


def test_imbalance_by_depth(book: Any) -> None:
    ratio = imbalance(book, 7, 4)
    assert np.allclose(ratio, [(7 - 3) / 10, (11 - 13) / 24, (11 - 14) / 25, (11 - 14) / 25])
    assert np.isnan(imbalance(book, 99, 2)).all()
    assert micro_price_nanos(book, 7) == (100 * 3 + 110 * 7) / 10
    assert np.isnan(micro_price_nanos(book, 99))


def test_the_top_of_an_l1_book_is_its_depth() -> None:
    top = message("TopOfBook", InstrFlags=3, InstrumentId=1, InstrSeqNum=1, BidPx=5, BidQty=3, BidOrders=1)
    for books in (FeedBook(1), KernelBook(1, 4, 8, 8)):
        for told in FeedHandler().receive(packet(1, [top])):
            books.apply(told)
        assert depth(books, 1, 1).tolist() == [(5, 3, 1)] and depth(books, 1, 2).size == 0


def test_columns_are_contiguous(book: Any) -> None:
    columns = as_columns(depth(book, 7, 1))
    assert list(columns) == ["price_nanos", "lots", "orders"]
    assert all(column.flags.c_contiguous for column in columns.values())


@pytest.mark.parametrize(("name", "convert"), [("pandas", to_pandas), ("pyarrow", to_arrow)])
def test_tables_on_request(book: Any, name: str, convert: Any) -> None:
    if importlib.util.find_spec(name) is None:
        with pytest.raises(ImportError, match="pip install"):
            convert(depth(book, 7, 1))
        return
    table = convert(depth(book, 7, 1))
    column = table["price_nanos"]
    assert (column.to_pylist() if name == "pyarrow" else column.tolist()) == [100, 90]
