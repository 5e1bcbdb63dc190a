"""Books as numpy arrays, and as pandas or Arrow tables for those who have installed them.

Prices stay what they are on the feed, integers in 1e-9 of the currency: a float would round them. Everything here reads
a book as it is now; it is right when the subscriber's state says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from appliance.client.book import SIDE_BUY, SIDE_SELL
from appliance.client.feed_words import Books

DEPTH = np.dtype([("price_nanos", "i8"), ("lots", "i8"), ("orders", "i8")])
ORDERS = np.dtype([("order_id", "i8"), ("side", "i1"), ("price_nanos", "i8"), ("lots", "i8"), ("priority", "u8")])


def depth(books: Books, security_id: int, side: int, levels_max: int = 10) -> npt.NDArray[np.void]:
    """The best levels of a side (1 buy, 2 sell), best first: DEPTH[n], n <= levels_max. Of an L1 book its top."""
    if books.level == 1:
        top = books.top(security_id)
        best = top[:3] if side == SIDE_BUY else top[3:]
        return np.array([] if best[0] is None else [best], DEPTH)
    return np.array(books.levels(security_id, side, levels_max), DEPTH)


def orders(books: Books, security_id: int) -> npt.NDArray[np.void]:
    """Every resting order, ORDERS[n]: bids best first, then offers best first, in queue order."""
    rows = books.orders(security_id)
    return np.array([(row.order_id, row.side, row.price_nanos, row.qty_lots, row.priority) for row in rows], ORDERS)


def cumulative_lots(levels: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """Lots at each of DEPTH[n] and better ones: int64[n]."""
    return np.cumsum(levels["lots"], dtype=np.int64)


def imbalance(books: Books, security_id: int, levels_max: int = 10) -> npt.NDArray[np.float64]:
    """(bid lots - offer lots) / (bid lots + offer lots) over the best 1, 2, ..., levels_max levels: float64[levels_max]
    from -1 to 1, NaN where both sides are empty. A side with fewer levels counts with what it has."""
    sides = []
    for side in (SIDE_BUY, SIDE_SELL):
        lots = np.zeros(levels_max, np.int64)
        found = depth(books, security_id, side, levels_max)["lots"]
        lots[: found.size] = found
        sides.append(np.cumsum(lots))
    bid_lots, offer_lots = sides
    total = (bid_lots + offer_lots).astype(np.float64)
    ratio = np.full(levels_max, np.nan)
    np.divide(bid_lots - offer_lots, total, out=ratio, where=total != 0)
    return ratio


def micro_price_nanos(books: Books, security_id: int) -> float:
    """Best bid and offer, each weighted by the lots of the other side, in 1e-9; NaN while a side is empty."""
    top = books.top(security_id)
    if top.bid_price_nanos is None or top.offer_price_nanos is None:
        return float("nan")
    lots = top.bid_lots + top.offer_lots
    return (top.bid_price_nanos * top.offer_lots + top.offer_price_nanos * top.bid_lots) / lots


def as_columns(rows: npt.NDArray[np.void]) -> dict[str, npt.NDArray[Any]]:
    """A structured array as one contiguous array a field."""
    assert rows.dtype.names is not None
    return {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names}


def to_pandas(rows: npt.NDArray[np.void]) -> Any:
    """`depth` or `orders` as a pandas DataFrame. Raises ImportError, saying what to install, without pandas."""
    try:
        import pandas
    except ImportError:
        raise ImportError("pandas is not installed: pip install 'pitwire[frames]'.") from None
    return pandas.DataFrame(as_columns(rows))


def to_arrow(rows: npt.NDArray[np.void]) -> Any:
    """`depth` or `orders` as a pyarrow Table. Raises ImportError, saying what to install, without pyarrow."""
    try:
        import pyarrow
    except ImportError:
        raise ImportError("pyarrow is not installed: pip install 'pitwire[frames]'.") from None
    return pyarrow.table(as_columns(rows))
