"""The feed store: every published packet of the day in shared memory, for the process that gives them again.

An entry (FEED_ENTRY, the packet, padding to 8) is whole before `committed_bytes` covers it, and that is when the packet
itself leaves: what waits for the disk cannot be asked for either.
"""

from __future__ import annotations

import numpy as np

from appliance.publisher.packet import (
    NEXT_NUMBER,
    SCALARS_COUNT,
    STORE_NEXT_NUMBER,
    STORE_USED,
    STORE_WHOLE_BYTES,
    Feed,
)
from native.copying import copy_written
from native.jit import inner_kernel, kernel
from native.layout import FEED_ENTRY, FEED_HEADER
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX, FEED_HEADER_BYTES
from native.lowlevel import prefetch_to_write, setter, store_release64

ENTRY_BYTES = FEED_ENTRY.itemsize
_COMMITTED_BYTES = 0
_NEXT_SEQUENCE = 1

_put_first_sequence = setter("u64", FEED_ENTRY.fields["first_sequence"][1])  # type: ignore[index]
_put_message_count_and_payload_bytes = setter("u64", FEED_ENTRY.fields["message_count"][1])  # type: ignore[index]

MESSAGES_RESERVE = 64
BYTES_A_MESSAGE_MAX = 136
"""The longest message and its share of packet and entry headers, rounded up."""
PACKET_ENTRY_BYTES_MAX = ENTRY_BYTES + DATAGRAM_PAYLOAD_BYTES_MAX


def map_feed(memory: np.ndarray) -> Feed:
    """Views over `memory` (uint8[FEED_HEADER_BYTES + capacity]); the header is left as it is."""
    header = memory[:FEED_HEADER_BYTES].view(FEED_HEADER)
    base = header.ctypes.data
    fields = FEED_HEADER.fields
    assert fields is not None
    addresses = np.array([base + fields["committed_bytes"][1], base + fields["next_sequence"][1]], np.int64)
    scalars = np.zeros(SCALARS_COUNT, np.int64)
    scalars[NEXT_NUMBER] = scalars[STORE_NEXT_NUMBER] = 1
    return Feed(scalars, header, memory[FEED_HEADER_BYTES:], addresses)


@kernel
def has_room(feed, open_orders, instruments, unsent_packets):
    """Whether any one input can still be published whole: at worst it trades with, or cancels, every open order there
    is, and tells the phase and the auction of `instruments` of them.

    `unsent_packets` are still in the outbox: they come into the store when they are sent. Icebergs can give more than
    is counted here, a few messages for each part that they show: what does not fit is published and not stored.
    """
    needed = (open_orders + instruments + MESSAGES_RESERVE) * 2 * BYTES_A_MESSAGE_MAX
    needed += unsent_packets * PACKET_ENTRY_BYTES_MAX
    return feed.scalars[STORE_USED] + needed <= feed.store.size


@inner_kernel
def append(feed, octets, at, payload_bytes, first_number, message_count):
    """Store the packet `octets[at:at + payload_bytes]`, which is whole words long, as messages are. Returns 1; 0 where
    it does not fit: then this packet and all after it are published only."""
    assert payload_bytes & 7 == 0
    used = feed.scalars[STORE_USED]
    store = feed.store
    if used + ENTRY_BYTES + payload_bytes > store.size:
        feed.scalars[STORE_USED] = store.size
        return 0
    _put_first_sequence(store, used, first_number)
    _put_message_count_and_payload_bytes(store, used, message_count | (payload_bytes << 32))
    start = used + ENTRY_BYTES
    address = np.int64(store.ctypes.data) + start
    for line in range((payload_bytes >> 6) + 1):
        prefetch_to_write(address + (line << 6))
    copy_written(store, start, octets, at, payload_bytes)
    used = start + payload_bytes
    feed.scalars[STORE_USED] = used
    feed.scalars[STORE_WHOLE_BYTES] = used
    feed.scalars[STORE_NEXT_NUMBER] = first_number + message_count
    return 1


@kernel
def publish(feed, whole_bytes, next_number):
    """Show the first `whole_bytes` of the store to the process that gives lost packets again."""
    store_release64(feed.addresses[_COMMITTED_BYTES], whole_bytes)
    store_release64(feed.addresses[_NEXT_SEQUENCE], next_number)
    return 0
