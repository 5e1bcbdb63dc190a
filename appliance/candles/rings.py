"""The rings: for each instrument and interval the newest candles, in arrays that never grow.

Only intervals with a trade have a candle. A candle is open until a trade of a later interval closes it; the number of a
candle counts those of its ring from 0, and its place is that number modulo the ring's capacity. A ring does not
overwrite what was closed and not yet taken (`taken`): `add_trade` says FULL first and changes nothing.
"""

from __future__ import annotations

import numpy as np

from appliance.candles.calendar import interval_end, interval_start
from appliance.candles.records import CANDLE, INTERVALS
from native.arrays import Arrays
from native.jit import kernel
from native.limits import INSTRUMENTS_MAX

FULL = -1
"""A ring holds nothing but closed candles that were not taken yet."""
INSTRUMENTS_FULL = -2

# indexes of `Candles.state`
NEXT_SEQUENCE = 0
"""Number of the next message of the channel; 0: none was seen."""
INSTRUMENTS_USED = 1
TRADES = 2
CORRECTIONS = 3
"""TradeAmend and TradeBust: counted, not applied."""
LATE = 4
"""Trades with a time before the candle that was open: they count in that one."""
STATE_COUNT = 5

_LOW_32 = 0xFFFFFFFF


class Candles(Arrays):
    """The rings of all instruments. Ring of instrument i and interval k: `i * len(INTERVALS) + k`."""

    state: np.ndarray
    """int64[STATE_COUNT]"""
    securities: np.ndarray
    """int64[instruments_max]: SecurityIDs in the order in which they were first heard of"""
    places: np.ndarray
    """int64[a power of two]: index of an instrument + 1 by SecurityID, open addressing; 0: free"""
    lengths_ns: np.ndarray
    """int64[intervals]"""
    capacities: np.ndarray
    """int64[intervals]"""
    offsets: np.ndarray
    """int64[intervals + 1]: where the ring of an interval begins in `rows`, from that of the instrument on"""
    begun: np.ndarray
    """int64[rings]: candles begun, the open one included"""
    taken: np.ndarray
    """int64[rings]: closed candles that may be overwritten"""
    ends_ns: np.ndarray
    """int64[rings]: end of the open candle"""
    rows: np.ndarray
    """CANDLE[instruments_max * offsets[-1]]"""


def allocate_candles(instruments_max: int, capacities: tuple[int, ...] | None = None) -> Candles:
    """Empty rings for so many instruments: about 960 KB each, of which the pages count that are written to.

    `capacities`: candles of each interval that a ring holds, at least 2; none given: those of INTERVALS.
    Raises ValueError for numbers out of their range.
    """
    sizes = tuple(interval.capacity for interval in INTERVALS) if capacities is None else capacities
    if not 1 <= instruments_max <= INSTRUMENTS_MAX:
        raise ValueError(f"instruments_max is {instruments_max}: give 1 to {INSTRUMENTS_MAX}.")
    if len(sizes) != len(INTERVALS) or min(sizes) < 2:
        raise ValueError(f"capacities are {len(INTERVALS)} numbers of at least 2.")
    rings = instruments_max * len(INTERVALS)
    offsets = np.zeros(len(INTERVALS) + 1, np.int64)
    offsets[1:] = np.cumsum(sizes)
    return Candles(
        state=np.zeros(STATE_COUNT, np.int64),
        securities=np.zeros(instruments_max, np.int64),
        places=np.zeros(2 << (instruments_max - 1).bit_length(), np.int64),
        lengths_ns=np.array([interval.length_ns for interval in INTERVALS], np.int64),
        capacities=np.array(sizes, np.int64),
        offsets=offsets,
        begun=np.zeros(rings, np.int64),
        taken=np.zeros(rings, np.int64),
        ends_ns=np.zeros(rings, np.int64),
        rows=np.zeros(instruments_max * int(offsets[-1]), CANDLE),
    )


@kernel
def instrument_of(candles, security_id, add):
    """Index of an instrument; where it is new it is added, or with `add` false -1; INSTRUMENTS_FULL: no room."""
    mask = np.int64(candles.places.size) - 1
    place = np.int64(security_id) & mask
    while candles.places[place] != 0:  # the table is at most half full
        index = candles.places[place] - 1
        if candles.securities[index] == security_id:
            return np.int64(index)
        place = (place + 1) & mask
    if not add:
        return np.int64(-1)
    index = candles.state[INSTRUMENTS_USED]
    if index >= candles.securities.size:
        return np.int64(INSTRUMENTS_FULL)
    candles.securities[index] = security_id
    candles.places[place] = index + 1
    candles.state[INSTRUMENTS_USED] = index + 1
    return np.int64(index)


@kernel
def row_of(candles, instrument, interval, number):
    """Place in `rows` of candle `number` of the instrument's ring of the interval."""
    intervals = candles.lengths_ns.size
    base = instrument * candles.offsets[intervals] + candles.offsets[interval]
    return base + number - number // candles.capacities[interval] * candles.capacities[interval]


@kernel
def has_room(candles, instrument, time_ns):
    """Whether every ring of the instrument can begin the candle that a trade at `time_ns` would need."""
    intervals = candles.lengths_ns.size
    for interval in range(intervals):
        ring = instrument * intervals + interval
        begun = candles.begun[ring]
        if (begun == 0 or time_ns >= candles.ends_ns[ring]) and begun - candles.taken[ring] >= candles.capacities[
            interval
        ]:
            return False
    return True


@kernel
def add_trade(candles, security_id, time_ns, price_nanos, qty_lots):
    """Count one trade in the candle of every interval. Returns 1, FULL or INSTRUMENTS_FULL; then nothing changed."""
    instrument = instrument_of(candles, security_id, True)
    if instrument < 0:
        return np.int64(INSTRUMENTS_FULL)
    if not has_room(candles, instrument, time_ns):
        return np.int64(FULL)
    intervals = candles.lengths_ns.size
    late = False
    for interval in range(intervals):
        ring = instrument * intervals + interval
        length_ns = candles.lengths_ns[interval]
        if candles.begun[ring] == 0 or time_ns >= candles.ends_ns[ring]:
            _begin(candles, instrument, interval, ring, interval_start(time_ns, length_ns), price_nanos)
        row = candles.rows[row_of(candles, instrument, interval, candles.begun[ring] - 1)]
        if time_ns < np.int64(row["start_ns"]):
            late = True
        row["high_nanos"] = max(np.int64(row["high_nanos"]), price_nanos)
        row["low_nanos"] = min(np.int64(row["low_nanos"]), price_nanos)
        row["close_nanos"] = price_nanos
        row["volume_lots"] += qty_lots
        row["trades"] += 1
        _add_turnover(row, price_nanos, qty_lots)
    candles.state[TRADES] += 1
    if late:
        candles.state[LATE] += 1
    return np.int64(1)


@kernel
def _begin(candles, instrument, interval, ring, start_ns, price_nanos):
    number = candles.begun[ring]
    candles.begun[ring] = number + 1
    candles.ends_ns[ring] = interval_end(start_ns, candles.lengths_ns[interval])
    row = candles.rows[row_of(candles, instrument, interval, number)]
    row["start_ns"] = start_ns
    row["open_nanos"] = price_nanos
    row["high_nanos"] = price_nanos
    row["low_nanos"] = price_nanos
    row["close_nanos"] = price_nanos
    row["volume_lots"] = 0
    row["turnover_top"] = 0
    row["turnover_middle"] = 0
    row["turnover_low"] = 0
    row["trades"] = 0
    return 0


@kernel
def _add_turnover(row, price_nanos, qty_lots):
    """Add price * lots to a sum of 128 bits, for any price of 64 bits and 0 <= lots < 2**31."""
    high = (price_nanos >> 32) * qty_lots  # below 2**62 either way
    low = (price_nanos & _LOW_32) * qty_lots  # below 2**63
    low_sum = np.int64(row["turnover_low"]) + (low & _LOW_32)
    middle_sum = np.int64(row["turnover_middle"]) + (low >> 32) + (high & _LOW_32) + (low_sum >> 32)
    row["turnover_low"] = low_sum & _LOW_32
    row["turnover_middle"] = middle_sum & _LOW_32
    row["turnover_top"] += (high >> 32) + (middle_sum >> 32)
    return 0
