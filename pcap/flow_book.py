"""The generator's own view of one book, by price and time: who is first, who is filled, what is open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from pcap.messages import SIDE_BUY


@dataclass(slots=True, eq=False)
class Order:
    """An order that is, or was, in the book."""

    serial: int  # names the order through all its ClOrdIDs
    session: int
    instrument: int
    side: int
    price_steps: int
    qty_lots: int
    leaves_lots: int
    cl_ord_id: int
    is_canceled: bool = False

    @property
    def is_open(self) -> bool:
        return self.leaves_lots > 0


class _Side:
    """One side: orders of a level in a dict, which keeps their time order; best prices in a heap, cleaned when read."""

    def __init__(self, sign: int) -> None:
        self.sign = sign  # heap key is sign * price: the best is the least
        self.levels: dict[int, dict[int, Order]] = {}
        self.keys: list[int] = []

    def add(self, order: Order) -> None:
        level = self.levels.get(order.price_steps)
        if level is None:
            level = self.levels[order.price_steps] = {}
            heappush(self.keys, self.sign * order.price_steps)
        level[order.serial] = order

    def remove(self, order: Order) -> None:
        level = self.levels[order.price_steps]
        del level[order.serial]
        if not level:
            del self.levels[order.price_steps]

    def best(self) -> Order | None:
        while self.keys:
            level = self.levels.get(self.sign * self.keys[0])
            if level:
                return next(iter(level.values()))
            heappop(self.keys)
        return None


class FlowBook:
    """Two sides of one instrument, prices in steps."""

    def __init__(self) -> None:
        self._bids = _Side(-1)
        self._asks = _Side(1)

    def _side(self, side: int) -> _Side:
        return self._bids if side == SIDE_BUY else self._asks

    def best(self, side: int) -> Order | None:
        """The order that would trade first on `side`."""
        return self._side(side).best()

    def insert(self, order: Order) -> None:
        """Rest an order behind those of its price."""
        self._side(order.side).add(order)

    def remove(self, order: Order) -> None:
        """Take a resting order off; its leaves stay as they are."""
        self._side(order.side).remove(order)

    def match(self, side: int, price_steps: int, qty_lots: int) -> Iterator[tuple[Order, int]]:
        """Fill an aggressor on `side`: gives (maker, lots) as long as the price allows and something is left."""
        makers = self._asks if side == SIDE_BUY else self._bids
        while qty_lots:
            maker = makers.best()
            # both prices as heap keys: the maker's must not be above the limit's
            if maker is None or makers.sign * maker.price_steps > makers.sign * price_steps:
                return
            lots = min(qty_lots, maker.leaves_lots)
            qty_lots -= lots
            maker.leaves_lots -= lots
            if not maker.leaves_lots:
                makers.remove(maker)
            yield maker, lots
