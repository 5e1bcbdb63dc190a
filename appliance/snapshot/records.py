"""What a snapshot is made from: one SNAPSHOT_HEAD an instrument, and its entries in queue order."""

from __future__ import annotations

from typing import Final

import numpy as np

STATUS_NOT_TOLD: Final = 255
"""`trading_status` of an instrument whose status no message has told: TradingStatus_NULL of SnapshotStart."""

SNAPSHOT_HEAD = np.dtype(
    [
        ("as_of_sequence", "i8"),  # number of the channel's last message that is reflected; 0: none was
        ("sending_time_ns", "i8"),  # of the packets
        ("transact_time_ns", "i8"),  # of the instrument's last message
        ("epoch", "i4"),
        ("instrument_id", "i4"),
        ("instr_sequence", "u4"),  # of the instrument's last message
        ("channel_id", "u2"),  # of the channel that the packets come on
        ("trading_session_date", "u2"),
        ("trading_status", "u1"),
        ("is_levels", "u1"),  # entries are price levels, else orders
        ("reserved", "u1", 6),
    ]
)
SNAPSHOT_ENTRY = np.dtype(
    [
        ("order_id", "i8"),  # levels: 0
        ("price_nanos", "i8"),
        ("priority", "i8"),  # rank in the price level, lower is first; levels: 0
        ("transact_time_ns", "i8"),  # of the order's last message; levels: 0
        ("qty_lots", "i8"),
        ("orders", "u4"),  # at the price level; 1 for an order
        ("side", "i4"),  # 1: buy, -1: sell
    ]
)
assert SNAPSHOT_HEAD.itemsize == 48
assert SNAPSHOT_ENTRY.itemsize == 48
