"""Records of the distributor, and the places of its channels. All integers of 64 bits: they are nobody else's."""

from __future__ import annotations

from typing import Final

import numpy as np

from appliance.distributor_config import CHANNELS

L3: Final = CHANNELS.index("l3")
"""Published by the matching core on line A; here it is the input, and line B."""
L2: Final = CHANNELS.index("l2")
L1: Final = CHANNELS.index("l1")
SNAPSHOT: Final = CHANNELS.index("snapshot")
"""Without numbers and without a store."""
FIRST_TIER: Final = len(CHANNELS)
FREE: Final = -1


def _record(*names: str) -> np.dtype:
    return np.dtype([(name, "i8") for name in names])


CHANNEL = _record(
    "channel_id",
    "epoch",
    # the store: entries as in the L3 store
    "store_address",
    "room_bytes",  # bytes of it that have memory
    "reserve_bytes",  # more than one packet of L3 can ever add
    "whole_bytes",  # of whole entries
    "known_bytes",  # were there when this process started: what is made again must be equal
    "committed_address",  # where readers find whole_bytes
    "next_address",  # where readers find next_number
    "next_number",
    # the open packet, in `packets`
    "packet_bytes",  # 0: none is open
    "packet_first",
    "packet_count",
    "last_block",  # of the open transaction's last message; FREE: there is none
    # what was sent of the store
    "sent_bytes",
    "sent_number",  # of the message after it
    "heartbeat_number",  # the number that the last heartbeat told
    "heartbeat_due_ns",
)
PUBLISHED_LEVEL = _record("qty_lots", "orders")
"""What L2 told last of a level of the books; both 0: that there is none."""
TOP = _record("bid_nanos", "offer_nanos", "bid_lots", "offer_lots", "bid_orders", "offer_orders", "is_touched")
"""What L1 told last of an instrument."""
TIER = _record("channel", "depth", "first_row", "first_count")
TIER_LEVEL = _record("key", "qty_lots", "orders")
"""One of the best levels as a tier told it last; `key` rises from the best price to the worst."""

HAND = _record(
    "channel_id",
    "first_destination",
    "line_count",  # multicast lines, which come first
    "destination_count",
    "destination",  # how many of them the packet in hand has gone to
)
"""The way out of a channel, or of the snapshot loop, which comes behind the channels."""
DESTINATION = _record("port", "source_mac", "mac", "source_ip", "ip", "ports", "ttl")
"""`port`: 0 for line A and all unicast, 1 for line B; `ports`: source << 16 | destination."""

DEFINITION = _record(
    "security_id", "tick_nanos", "low_nanos", "high_nanos", "qty_lots_min", "qty_lots_max", "qty_step_lots"
)
