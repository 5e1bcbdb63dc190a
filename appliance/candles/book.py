"""Candles for people: a feed store followed, rings read out, and what is closed handed on before it is overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from appliance.candles import apply, rings
from appliance.candles.calendar import interval_end
from appliance.candles.records import CANDLE, INTERVALS

Sink = Callable[[int, int, np.ndarray], None]
"""Gets (SecurityID, place in INTERVALS, CANDLE[n] that are closed, oldest first): every closed candle once."""
_NEVER_FULL: Final = 1 << 62
_SENTENCES: Final = {
    rings.INSTRUMENTS_FULL: "there are more instruments than the configuration has",
    apply.DAMAGED: "a packet or a trade in it is damaged",
    apply.GAP: "messages are missing",
}


class CandleError(Exception):
    """The feed cannot be made candles of; the message is one sentence."""


class CandleBook:
    """The candles of all instruments of a feed. Give what was published to `advance`, ask with `candles`."""

    def __init__(
        self, instruments_max: int, sink: Sink | None = None, capacities: tuple[int, ...] | None = None
    ) -> None:
        """Without a sink a ring forgets its oldest candle for a new one. Raises ValueError for numbers out of range."""
        self._rings = rings.allocate_candles(instruments_max, capacities)
        self._sink = sink
        self._place = np.zeros(apply.PLACE_COUNT, np.int64)
        if sink is None:
            self._rings.taken[:] = _NEVER_FULL

    @property
    def trades(self) -> int:
        """Trades counted."""
        return int(self._rings.state[rings.TRADES])

    @property
    def corrections(self) -> int:
        """TradeAmend and TradeBust messages, which change no candle."""
        return int(self._rings.state[rings.CORRECTIONS])

    @property
    def late(self) -> int:
        """Trades that were older than the candle that they are counted in."""
        return int(self._rings.state[rings.LATE])

    @property
    def security_ids(self) -> list[int]:
        """Instruments with a trade, in rising order."""
        return sorted(self._rings.securities[: int(self._rings.state[rings.INSTRUMENTS_USED])].tolist())

    def advance(self, entries: np.ndarray, whole_bytes: int) -> None:
        """Count the trades up to `whole_bytes` of a feed store's `entries` (uint8) that were not counted yet.

        Raises CandleError; what came before the fault is counted.
        """
        while True:
            code = int(apply.apply_entries(self._rings, entries, whole_bytes, self._place))
            if code == 0:
                return
            if code != rings.FULL:
                at = int(self._place[apply.OFFSET])
                raise CandleError(f"At byte {at} of the entries {_SENTENCES[code]}.")
            self.hand_on()

    def hand_on(self) -> None:
        """Give the sink what was closed since the last time."""
        assert self._sink is not None
        for ring in range(int(self._rings.state[rings.INSTRUMENTS_USED]) * len(INTERVALS)):
            closed = int(self._rings.begun[ring]) - 1
            taken = int(self._rings.taken[ring])
            if closed > taken:
                instrument, interval = divmod(ring, len(INTERVALS))
                self._sink(int(self._rings.securities[instrument]), interval, self._copy(ring, taken, closed))
                self._rings.taken[ring] = closed

    def candles(self, security_id: int, interval: int, last: int | None = None) -> np.ndarray:
        """CANDLE[n], oldest first: what the ring holds of the instrument, the open one last; at most `last`."""
        instrument = int(rings.instrument_of(self._rings, security_id, False))
        if instrument < 0:
            return np.zeros(0, CANDLE)
        ring = instrument * len(INTERVALS) + interval
        begun = int(self._rings.begun[ring])
        held = min(begun, int(self._rings.capacities[interval]), begun if last is None else last)
        return self._copy(ring, begun - held, begun)

    def _copy(self, ring: int, start: int, stop: int) -> np.ndarray:
        instrument, interval = divmod(ring, len(INTERVALS))
        capacity = int(self._rings.capacities[interval])
        base = instrument * int(self._rings.offsets[-1]) + int(self._rings.offsets[interval])
        return self._rings.rows[base + np.arange(start, stop) % capacity]


def with_empty_ones(candles: np.ndarray, interval: int) -> Iterator[np.void]:
    """`candles` of an interval (CANDLE[n], oldest first), and one for each interval without a trade between two.

    All prices of such a one are the close before it, volume and turnover are 0. Before the first and after the last
    candle there are none.
    """
    length_ns = INTERVALS[interval].length_ns
    before: np.void | None = None
    for candle in candles:
        while before is not None:
            start_ns = int(interval_end(np.int64(before["start_ns"]), np.int64(length_ns)))
            if start_ns >= int(candle["start_ns"]):
                break
            empty = np.zeros(1, CANDLE)[0]
            empty["start_ns"] = start_ns
            for price in ("open_nanos", "high_nanos", "low_nanos", "close_nanos"):
                empty[price] = before["close_nanos"]
            yield empty
            before = empty
        yield candle
        before = candle
