"""The last stage: finished frames from the outbox into the port's buffers, and out.

A port that is full for a moment is asked again, a bounded number of times; then the frame is given up and counted.
Nothing is lost for good by that: both streams are numbered and can be asked for again.
"""

from __future__ import annotations

import numpy as np

from appliance.state import OUTBOX_FRAMES, empty_outbox
from native import counters
from native.copying import copy_written
from native.jit import inner_kernel, outer_kernel
from native.layout import PKT
from native.limits import TX_BURST_MAX
from native.lowlevel import bytes_at, copy_words, load_u16, load_u32, rarely, store_u16, store_u32
from native.rim import port_service, port_tx_alloc, port_tx_burst, port_tx_flush
from wire.net.udp4 import HEADERS_BYTES

TRIES_MAX = 20_000
"""Times that a full port is asked again, with a flush in between: some tens of milliseconds."""
_SERVICE_BUDGET = 256
_PKT_BYTES = PKT.itemsize
_HEADER_WORDS = HEADERS_BYTES // 8


@inner_kernel
def send_all(tables, outbox, tx, port, time_ns):
    """Give every finished frame of the outbox to `port`, in order, and empty the outbox. Returns frames sent."""
    waiting = outbox.scalars[OUTBOX_FRAMES]
    sent = np.int64(0)
    slot = np.int64(0)
    while waiting > 0:
        got = get_buffers(tables, tx, port, waiting)
        if got == 0:
            tables.counters[counters.TX_DROPPED] += waiting
            break
        bytes_out = np.int64(0)
        for i in range(got):
            while outbox.slots[slot]["frame_bytes"] == 0:
                slot += 1
            bytes_out += _fill(outbox, slot, tx, i, time_ns)
            slot += 1
        waiting -= got
        taken = offer(tables, tx, port, got)
        sent += taken
        if rarely(taken < got):
            bytes_out = np.int64(0)
            for i in range(taken):
                bytes_out += np.int64(tx[i]["len"])
            tables.counters[counters.BYTES_OUT] += bytes_out
            tables.counters[counters.TX_DROPPED] += got - taken + waiting
            break
        tables.counters[counters.BYTES_OUT] += bytes_out
    flush(tables, port)
    empty_outbox(outbox)
    tables.counters[counters.PACKETS_OUT] += sent
    return sent


@outer_kernel
def get_buffers(tables, tx, port, wanted):
    """Buffers for up to `wanted` frames, in `tx`; a full port is asked again. Returns how many; 0: it stayed full."""
    base = tx.ctypes.data
    for _ in range(TRIES_MAX):
        got = np.int64(port_tx_alloc(port, base, min(wanted, TX_BURST_MAX)))
        if got > 0:
            return got
        tables.counters[counters.TX_RETRIES] += 1
        port_tx_flush(port)
        port_service(port, _SERVICE_BUDGET)
    return np.int64(0)


@inner_kernel
def _fill(outbox, slot, tx, i, time_ns):
    frame_at = outbox.slots[slot]["frame_at"]
    frame_bytes = outbox.slots[slot]["frame_bytes"]
    room = bytes_at(np.int64(tx[i]["data"]), np.int64(tx[i]["len"]))
    assert frame_bytes + 8 <= room.size  # every port has room for FRAME_BYTES_MAX
    # The words of a frame are those that its payload starts with one of: before the first one are 2 bytes, or 6.
    octets = outbox.octets
    store_u16(room, 0, load_u16(octets, frame_at))
    head = np.int64(2)
    if frame_at & 7 == 2:
        store_u32(room, 2, load_u32(octets, frame_at + 2))
        head = np.int64(6)
    copy_words(room, head, octets, frame_at + head, _HEADER_WORDS)
    head += 8 * _HEADER_WORDS
    copy_written(room, head, octets, frame_at + head, frame_bytes - head)
    tx[i]["len"] = frame_bytes
    tx[i]["ts_ns"] = time_ns
    return frame_bytes


@outer_kernel
def offer(tables, tx, port, count):
    """Hand `tx[:count]` to the port; what it never takes is given back unsent. Returns how many it took."""
    base = tx.ctypes.data
    taken = np.int64(0)
    for _ in range(TRIES_MAX):
        took = np.int64(port_tx_burst(port, base + taken * _PKT_BYTES, count - taken))
        if took > 0:
            taken += took
        if taken >= count:
            return taken
        tables.counters[counters.TX_RETRIES] += 1
        port_tx_flush(port)
        port_service(port, _SERVICE_BUDGET)
    for i in range(taken, count):
        tx[i]["len"] = 0
    port_tx_burst(port, base + taken * _PKT_BYTES, count - taken)
    return taken


@outer_kernel
def flush(tables, port):
    """Have the port send everything that it took."""
    for _ in range(TRIES_MAX):
        if np.int64(port_tx_flush(port)) <= 0:
            return 0
        tables.counters[counters.TX_RETRIES] += 1
        port_service(port, _SERVICE_BUDGET)
    return 0
