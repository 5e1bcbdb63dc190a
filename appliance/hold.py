"""Where finished frames wait until what they tell of is safe on disk; and the way out for those that need not wait.

With durability `disk` nothing is said of an input before its record is safe. The loop does not wait for that: it goes
on deciding, and each finished frame goes into a ring with the number of the newest record that it may tell of. Every
turn, the frames leave for which the disk writer has come so far, in the order in which they were made. The feed store,
from which lost market data is given again, is made public in step with them.

While the ring is fuller than `is_crowded` allows, no input is taken. One single input can have more to say than the
whole ring holds (a mass cancel of a million orders): then, and only then, the loop waits for the disk, and counts it.
"""

from __future__ import annotations

import numpy as np

from appliance.publisher import store
from appliance.publisher.packet import STORE_NEXT_NUMBER, STORE_WHOLE_BYTES, Feed
from appliance.state import OUTBOX_USED, Outbox, Tables, empty_outbox
from appliance.transmit import flush, get_buffers, offer, send_all
from native import counters
from native.arrays import Arrays
from native.jit import inner_kernel, outer_kernel
from native.limits import FRAME_BYTES_MAX, TX_BURST_MAX
from native.log_layout import HELD, JOURNAL_WRITER_ENDED, JOURNAL_WRITER_FAILED
from native.lowlevel import bytes_at, copy_bytes, getter, load_acquire64, pause, setter

HELD_BYTES = HELD.itemsize
_FILLER = 0
"""frame_bytes of an entry that only fills the end of the ring."""

# indexes of `Hold.scalars`
DURABLE_ADDRESS = 0
"""Where the sequence of the last safe record is told (JOURNAL_CONTROL); 0: nothing has to wait."""
WRITER_STATE_ADDRESS = 1
PUT_BYTES = 2
"""Bytes of the ring ever filled."""
TAKEN_BYTES = 3
"""Bytes of the ring ever emptied."""
SCALARS_COUNT = 4

_get_depends_on = getter("u64", HELD.fields["depends_on"][1])  # type: ignore[index]
_get_frame_bytes = getter("u32", HELD.fields["frame_bytes"][1])  # type: ignore[index]
_get_store_bytes = getter("u64", HELD.fields["store_bytes"][1])  # type: ignore[index]
_get_store_next = getter("u64", HELD.fields["store_next"][1])  # type: ignore[index]
_put_depends_on = setter("u64", HELD.fields["depends_on"][1])  # type: ignore[index]
_put_frame_bytes = setter("u32", HELD.fields["frame_bytes"][1])  # type: ignore[index]
_put_store_bytes = setter("u64", HELD.fields["store_bytes"][1])  # type: ignore[index]
_put_store_next = setter("u64", HELD.fields["store_next"][1])  # type: ignore[index]


class Hold(Arrays):
    """The ring."""

    octets: np.ndarray
    """uint8[a multiple of HELD_BYTES]: entries, each a HELD and the frame, padded to HELD_BYTES"""
    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""


def allocate_hold(hold_bytes: int = 0) -> Hold:
    """A ring of `hold_bytes`; until `begin_to_hold` nothing waits, and where nothing ever will no ring is needed."""
    size = max(hold_bytes, HELD_BYTES) // HELD_BYTES * HELD_BYTES
    octets = np.zeros(size, np.uint8)
    octets[::4096] = 0  # every page is there before the loop runs
    return Hold(octets, np.zeros(SCALARS_COUNT, np.int64))


def begin_to_hold(hold: Hold, durable_address: int, writer_state_address: int) -> None:
    """From now on frames wait for what is told at `durable_address` (the sequence of the last safe record)."""
    hold.scalars[WRITER_STATE_ADDRESS] = writer_state_address
    hold.scalars[DURABLE_ADDRESS] = durable_address


@outer_kernel
def is_empty(hold):
    """Whether no frame waits."""
    return hold.scalars[PUT_BYTES] == hold.scalars[TAKEN_BYTES]


@outer_kernel
def is_crowded(hold):
    """Whether no further input should be taken: less than a quarter of the ring is free."""
    return 4 * (hold.scalars[PUT_BYTES] - hold.scalars[TAKEN_BYTES]) > 3 * hold.octets.size


@inner_kernel
def let_out(tables: Tables, outbox: Outbox, feed: Feed, hold: Hold, tx, port, depends_on, time_ns):
    """Send the finished frames of the outbox, or have them wait until record `depends_on` is safe; the outbox is empty
    then. Returns the frames sent, waiting ones of earlier turns among them."""
    if hold.scalars[DURABLE_ADDRESS] == 0:
        store.publish(feed, feed.scalars[STORE_WHOLE_BYTES], feed.scalars[STORE_NEXT_NUMBER])
        return send_all(tables, outbox, tx, port, time_ns)
    return np.int64(_let_wait(tables, outbox, feed, hold, tx, port, depends_on, time_ns))


@outer_kernel
def _let_wait(tables, outbox, feed, hold, tx, port, depends_on, time_ns):
    sent = np.int64(0)
    for slot in range(outbox.scalars[OUTBOX_USED]):
        if outbox.slots[slot]["frame_bytes"] == 0:
            continue
        while not _put(feed, hold, outbox, slot, depends_on):
            tables.counters[counters.HOLD_WAITS] += 1
            sent += release(tables, feed, hold, tx, port, time_ns)
            if is_lost(hold):
                _discard(tables, hold)
            pause()
    empty_outbox(outbox)
    return sent + release(tables, feed, hold, tx, port, time_ns)


@outer_kernel
def is_lost(hold):
    """Whether the disk writer has ended: nothing will become safe any more."""
    if hold.scalars[WRITER_STATE_ADDRESS] == 0:
        return False
    state = load_acquire64(hold.scalars[WRITER_STATE_ADDRESS]) & 0xFFFFFFFF
    return state in (JOURNAL_WRITER_FAILED, JOURNAL_WRITER_ENDED)


@outer_kernel
def _discard(tables, hold):
    """Nothing of what waits may ever be said."""
    tables.counters[counters.HOLD_DISCARDED_BYTES] += hold.scalars[PUT_BYTES] - hold.scalars[TAKEN_BYTES]
    hold.scalars[TAKEN_BYTES] = hold.scalars[PUT_BYTES]
    return 0


@outer_kernel
def _padded(frame_bytes):
    return HELD_BYTES + (frame_bytes + HELD_BYTES - 1) // HELD_BYTES * HELD_BYTES


@outer_kernel
def _put(feed, hold, outbox, slot, depends_on):
    """Put the frame in `slot` into the ring. False: there is no room."""
    octets = hold.octets
    size = octets.size
    frame_bytes = outbox.slots[slot]["frame_bytes"]
    needed = _padded(frame_bytes)
    put = hold.scalars[PUT_BYTES]
    free = size - (put - hold.scalars[TAKEN_BYTES])
    at = put % size
    to_end = size - at
    filler = to_end if needed > to_end else 0
    if filler + needed > free:
        return False
    if filler > 0:
        _put_frame_bytes(octets, at, _FILLER)
        _put_depends_on(octets, at, 0)
        put += filler
        at = 0
    _put_depends_on(octets, at, depends_on)
    _put_frame_bytes(octets, at, frame_bytes)
    _put_store_bytes(octets, at, feed.scalars[STORE_WHOLE_BYTES])
    _put_store_next(octets, at, feed.scalars[STORE_NEXT_NUMBER])
    copy_bytes(octets, at + HELD_BYTES, outbox.octets, outbox.slots[slot]["frame_at"], frame_bytes)
    outbox.slots[slot]["frame_bytes"] = 0
    hold.scalars[PUT_BYTES] = put + needed
    return True


@outer_kernel
def release(tables, feed, hold, tx, port, time_ns):
    """Send every waiting frame whose record is safe. Returns the frames sent."""
    if hold.scalars[DURABLE_ADDRESS] == 0 or is_empty(hold):
        return 0
    durable = load_acquire64(hold.scalars[DURABLE_ADDRESS])
    sent = np.int64(0)
    while True:
        ready = _skip_filler_and_count(hold, durable)
        if ready == 0:
            break
        got = get_buffers(tables, tx, port, ready)
        if got == 0:  # the port stayed full: as without a ring, what it does not take is given up
            _drop(hold, ready)
            tables.counters[counters.TX_DROPPED] += ready
            continue
        for i in range(got):
            _take(tables, feed, hold, tx, i, time_ns)
        taken = offer(tables, tx, port, got)
        for i in range(taken):
            tables.counters[counters.BYTES_OUT] += np.int64(tx[i]["len"])
        tables.counters[counters.TX_DROPPED] += got - taken
        sent += taken
    if sent > 0:
        flush(tables, port)
        tables.counters[counters.PACKETS_OUT] += sent
    return sent


@outer_kernel
def _skip_filler_and_count(hold, durable):
    """How many of the next TX_BURST_MAX entries may leave."""
    octets = hold.octets
    size = octets.size
    if not is_empty(hold) and _get_frame_bytes(octets, hold.scalars[TAKEN_BYTES] % size) == _FILLER:
        hold.scalars[TAKEN_BYTES] += size - hold.scalars[TAKEN_BYTES] % size
    taken = hold.scalars[TAKEN_BYTES]
    ready = np.int64(0)
    while ready < TX_BURST_MAX and taken < hold.scalars[PUT_BYTES]:
        at = taken % size
        frame_bytes = _get_frame_bytes(octets, at)
        if frame_bytes == _FILLER or _get_depends_on(octets, at) > durable:
            break
        assert frame_bytes <= FRAME_BYTES_MAX
        taken += _padded(frame_bytes)
        ready += 1
    return ready


@outer_kernel
def _take(tables, feed, hold, tx, i, time_ns):
    """Move the oldest frame into the buffer `tx[i]`; the feed store is public up to it then."""
    octets = hold.octets
    at = hold.scalars[TAKEN_BYTES] % octets.size
    frame_bytes = _get_frame_bytes(octets, at)
    store.publish(feed, _get_store_bytes(octets, at), _get_store_next(octets, at))
    room = bytes_at(np.int64(tx[i]["data"]), np.int64(tx[i]["len"]))
    assert frame_bytes <= room.size  # every port has room for FRAME_BYTES_MAX
    copy_bytes(room, 0, octets, at + HELD_BYTES, frame_bytes)
    tx[i]["len"] = frame_bytes
    tx[i]["ts_ns"] = time_ns
    hold.scalars[TAKEN_BYTES] += _padded(frame_bytes)
    return frame_bytes


@outer_kernel
def _drop(hold, count):
    for _ in range(count):
        hold.scalars[TAKEN_BYTES] += _padded(
            _get_frame_bytes(hold.octets, hold.scalars[TAKEN_BYTES] % hold.octets.size)
        )
    return count
