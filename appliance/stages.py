"""The stages that the loop times, as they lie in shared memory. Free of numba; `appliance.stage_clock` writes them.

    receive    from the port's stamp of a frame (NIC, XDP or kernel) to when the loop has it; none where it has no stamp
    decode     of each message: proving the frame's bounds, finding the session, reading the fields
    sequence   number, time, checksum, publication to the readers of the journal
    match      everything that a sequenced input causes: risk, book, reports and market data into the outbox
    send       from the last message of a turn until the port has taken its frames
    whole      of each frame: from its stamp (without one: from when the loop has it) until the answers are sent

The file is int64[SLOTS]: a histogram a stage (`appliance.histogram`), then how many busy turns took 0, 1, ... frames.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from appliance.histogram import HEADER_SLOTS, HISTOGRAM_SLOTS, SLOT_COUNT, SLOT_MAX_NS, Histogram, highest_of
from native.limits import RX_BURST_MAX

STAGES: Final = ("receive", "decode", "sequence", "match", "send", "whole")
RECEIVE, DECODE, SEQUENCE, MATCH, SEND, WHOLE = range(len(STAGES))
TURN_SLOTS: Final = RX_BURST_MAX + 1
SLOTS: Final = len(STAGES) * HISTOGRAM_SLOTS + TURN_SLOTS


def split(memory: npt.NDArray[np.int64]) -> tuple[dict[str, Histogram], npt.NDArray[np.int64]]:
    """Views of `memory` (int64[SLOTS]): the histogram of each stage, and turns by frames taken."""
    histograms = {
        name: memory[place * HISTOGRAM_SLOTS : (place + 1) * HISTOGRAM_SLOTS] for place, name in enumerate(STAGES)
    }
    return histograms, memory[len(STAGES) * HISTOGRAM_SLOTS : SLOTS]


def settled(histogram: Histogram) -> Histogram:
    """A copy of a histogram that is being written, with the count that its buckets have."""
    copy = np.array(histogram)
    copy[SLOT_COUNT] = copy[HEADER_SLOTS:].sum()
    return copy


def since(before: Histogram, after: Histogram) -> Histogram:
    """What was counted between two settled copies; its maximum is known to the bucket."""
    grown = after - before
    used = np.flatnonzero(grown[HEADER_SLOTS:])
    grown[SLOT_MAX_NS] = min(highest_of(int(used[-1])), int(after[SLOT_MAX_NS])) if used.size else 0
    return grown
