"""What the loop remembers of sessions by the clock; no replay has it."""

from __future__ import annotations

import numpy as np

from appliance.config import Config
from native.arrays import Arrays

# indexes of `Watch.handshakes`, a token bucket in nanoseconds
BUCKET_FILLED = 0
BUCKET_TIME = 1
BUCKET_EACH = 2
"""What a handshake takes."""
BUCKET_MAX = 3
"""0: there is no limit."""
BUCKET_COUNT = 4


class Watch(Arrays):
    """Of every session by its index."""

    heard_ns: np.ndarray
    """int64[sessions]: when something came of it, UTC; 0: nothing yet"""
    told_ns: np.ndarray
    """int64[sessions]: when something was sent to it"""
    next_session: np.ndarray
    """int64[1]: where the look at a few sessions a turn has come to"""
    handshakes: np.ndarray
    """int64[BUCKET_COUNT]: how many handshakes may go to the gateway"""


def allocate_watch(config: Config) -> Watch:
    """Nothing was heard of anyone; the bucket is full."""
    sessions = len(config.sessions)
    handshakes = np.zeros(BUCKET_COUNT, np.int64)
    rate = config.order_entry.handshakes_a_second
    if rate:
        each = 1_000_000_000 // rate
        handshakes[BUCKET_EACH] = each
        handshakes[BUCKET_MAX] = handshakes[BUCKET_FILLED] = each * config.order_entry.handshakes_at_once
    return Watch(np.zeros(sessions, np.int64), np.zeros(sessions, np.int64), np.zeros(1, np.int64), handshakes)
