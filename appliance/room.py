"""Whether an input has room: in the journal, to be written down, and in the feed store, for what it causes. And where
that room is, for those who have much to write."""

from __future__ import annotations

import numpy as np

from appliance.publisher import store
from appliance.publisher.packet import STORE_USED
from appliance.sequencer import journal
from appliance.state import OUTBOX_USED, payload_start
from native.jit import inner_kernel, outer_kernel
from native.limits import OUTBOX_SLOTS_MAX
from native.lowlevel import prefetch_to_write, rarely, usually

RECORDS_AT_ONCE = 64
"""For how many records the tables are asked at once."""
_EVENTS_OF_A_SWEEP = 4
_LINE_BYTES = 64
_LINES_A_DATAGRAM = 6
_DATAGRAMS_MAX = 6
_FILLS_MAX = 12
_FEED_BYTES_A_FILL = 104
"""What is told of a fill: a Trade, and an OrderDelete."""


@inner_kernel
def has_room(exchange, instruments):
    """Whether an input (and the SESSION_PEER that may go before it) can be written down and published whole, with the
    phase and the auction of so many `instruments`."""
    return _has_room(exchange, np.int64(1), instruments)


@inner_kernel
def has_room_for_message(exchange):
    """`has_room` of a client's message. Where there is plenty, one look holds for many messages of a turn."""
    if usually(journal.next_index(exchange.journal) < exchange.room_until[0]):
        return True
    return _look(exchange) != 0


@inner_kernel
def begin_turn(exchange):
    """In a new turn the tables are asked again."""
    exchange.room_until[0] = 0


@outer_kernel
def _look(exchange):
    """As `has_room_for_message`: 1 or 0. Each message may add an order to those that the last one cancels."""
    if _has_room(exchange, np.int64(RECORDS_AT_ONCE), np.int64(RECORDS_AT_ONCE * (store.MESSAGES_RESERVE + 1))):
        exchange.room_until[0] = journal.next_index(exchange.journal) + RECORDS_AT_ONCE
        return np.int64(1)
    return np.int64(has_room(exchange, np.int64(0)))


@inner_kernel
def _has_room(exchange, inputs, told):
    """Whether so many inputs have room that publish, beside what becomes of open orders, as much as of one input, and
    of `told` instruments or orders more."""
    open_orders = np.int64(exchange.book.state[0]["open_orders"])
    unsent_packets = exchange.outbox.scalars[OUTBOX_USED]  # at most: reports are among them
    return journal.has_room(exchange.journal, inputs + 1) and store.has_room(
        exchange.feed, open_orders, told, unsent_packets
    )


@inner_kernel
def fetch_room(exchange, count):
    """Start to fetch where the reports and the market data of `count` events will be written, if they are a sweep's: it
    seldom is so much, so that nobody was there of late. Changes nothing."""
    if rarely(count >= _EVENTS_OF_A_SWEEP):
        _fetch_room(exchange, count)


@outer_kernel
def _fetch_room(exchange, count):
    outbox, feed = exchange.outbox, exchange.feed
    octets = np.int64(outbox.octets.ctypes.data)
    first = outbox.scalars[OUTBOX_USED]
    for slot in range(first, min(first + min(count, _DATAGRAMS_MAX), OUTBOX_SLOTS_MAX)):
        for line in range(_LINES_A_DATAGRAM):
            prefetch_to_write(octets + payload_start(slot) + line * _LINE_BYTES)
    stored = np.int64(feed.store.ctypes.data) + feed.scalars[STORE_USED]
    for line in range(min(count, _FILLS_MAX) * _FEED_BYTES_A_FILL // _LINE_BYTES):
        prefetch_to_write(stored + line * _LINE_BYTES)
    return 0
