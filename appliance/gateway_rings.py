"""The core's ends of the two rings to the gateway process (native/gateway_layout.py).

Outward: handshakes of strangers, to be verified, and what sessions over TCP are told. Inward: handshakes with good
credentials, and what sessions over TCP say. An empty look costs one load. What does not fit outward is dropped and
counted by the caller: a client sends its handshake again, and what a session was told can be asked for again.

Nothing that the other process writes is believed: positions and lengths are checked before use, each read once, and a
ring that is broken is not looked at any more (`is_broken`).
"""

from __future__ import annotations

import numpy as np

from native.arrays import Arrays
from native.gateway_layout import (
    GATEWAY_ENTRY,
    GATEWAY_ENTRY_BYTES,
    GATEWAY_FILLER,
    GATEWAY_PAYLOAD_BYTES_MAX,
    GATEWAY_RING,
    GATEWAY_RING_MAGIC,
    GATEWAY_RING_VERSION,
)
from native.jit import kernel
from native.lowlevel import copy_bytes, load_acquire64, store_release64

RING_HEADER_BYTES = GATEWAY_RING.itemsize
RING_BYTES_MIN = 4096
"""So that the largest entry always fits into an empty ring, wherever it begins."""
NOTHING = -1
"""There is no entry, or no room for one."""

_PUT = GATEWAY_RING.fields["put_bytes"][1]  # type: ignore[index]
_TAKEN = GATEWAY_RING.fields["taken_bytes"][1]  # type: ignore[index]

# indexes of `Rings.scalars`
OUTWARD_ADDRESS = 0
"""Of the ring's header; 0: there is no gateway."""
INWARD_ADDRESS = 1
OUTWARD_PUT = 2
INWARD_TAKEN = 3
ENTRY_BYTES = 4
"""Of the entry that was opened or found last."""
PAYLOAD_BYTES = 5
BROKEN = 6
"""1: the other process wrote what cannot be."""
SCALARS_COUNT = 7


class Rings(Arrays):
    """Both rings, as the core sees them."""

    outward: np.ndarray
    """uint8[a power of two]"""
    outward_entries: np.ndarray
    """GATEWAY_ENTRY[...]: the same memory; only where entries begin it is one"""
    inward: np.ndarray
    """uint8[a power of two]"""
    inward_entries: np.ndarray
    """GATEWAY_ENTRY[...]: the same memory"""
    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""


def no_rings() -> Rings:
    """Of a venue without a gateway, and of a replay: nothing comes in, nothing has room to go out."""
    outward, inward = np.zeros(GATEWAY_ENTRY_BYTES, np.uint8), np.zeros(GATEWAY_ENTRY_BYTES, np.uint8)
    scalars = np.zeros(SCALARS_COUNT, np.int64)
    return Rings(outward, outward.view(GATEWAY_ENTRY), inward, inward.view(GATEWAY_ENTRY), scalars)


def make_rings(outward: np.ndarray, inward: np.ndarray) -> Rings:
    """The core's ends of two new rings in zeroed memory: uint8[RING_HEADER_BYTES + a power of two] each."""
    scalars = np.zeros(SCALARS_COUNT, np.int64)
    for memory, slot in ((outward, OUTWARD_ADDRESS), (inward, INWARD_ADDRESS)):
        size = memory.size - RING_HEADER_BYTES
        if size < RING_BYTES_MIN or size & (size - 1):
            raise ValueError(f"a ring of {size} bytes is no power of two of at least {RING_BYTES_MIN}")
        header = memory[:RING_HEADER_BYTES].view(GATEWAY_RING)
        header[0]["format_version"] = GATEWAY_RING_VERSION
        header[0]["entry_header_bytes"] = GATEWAY_ENTRY_BYTES
        header[0]["size_bytes"] = size
        header[0]["magic"] = GATEWAY_RING_MAGIC
        scalars[slot] = header.ctypes.data
    out_bytes, in_bytes = outward[RING_HEADER_BYTES:], inward[RING_HEADER_BYTES:]
    return Rings(out_bytes, out_bytes.view(GATEWAY_ENTRY), in_bytes, in_bytes.view(GATEWAY_ENTRY), scalars)


@kernel
def has_gateway(rings):
    """Whether there is a gateway process to speak to."""
    return rings.scalars[OUTWARD_ADDRESS] != 0 and rings.scalars[BROKEN] == 0


@kernel
def is_broken(rings):
    """Whether the gateway process wrote what cannot be: nothing it says is read any more."""
    return rings.scalars[BROKEN] != 0


@kernel
def open_entry(rings, payload_bytes):
    """Room for an entry with `payload_bytes` of payload. Returns its index in `rings.outward_entries`, the record
    zeroed but for its sizes, or NOTHING. The payload belongs at `payload_at(index)` of `rings.outward`; `send_entry`
    sends it."""
    scalars = rings.scalars
    size = rings.outward.size
    if not has_gateway(rings) or payload_bytes < 0 or payload_bytes > GATEWAY_PAYLOAD_BYTES_MAX:
        return np.int64(NOTHING)
    put = scalars[OUTWARD_PUT]
    taken = load_acquire64(scalars[OUTWARD_ADDRESS] + _TAKEN)
    if taken < 0 or taken > put:
        scalars[BROKEN] = 1
        return np.int64(NOTHING)
    needed = _padded(payload_bytes)
    at = put & (size - 1)
    filler = size - at if needed > size - at else np.int64(0)
    if filler + needed > size - (put - taken):
        return np.int64(NOTHING)
    if filler > 0:
        entry = rings.outward_entries[at // GATEWAY_ENTRY_BYTES]
        entry["kind"] = GATEWAY_FILLER
        entry["entry_bytes"] = filler
        entry["payload_bytes"] = 0
        scalars[OUTWARD_PUT] = put + filler  # told with the entry behind it
        at = np.int64(0)
    rings.outward[at : at + GATEWAY_ENTRY_BYTES] = 0
    index = at // GATEWAY_ENTRY_BYTES
    entry = rings.outward_entries[index]
    entry["entry_bytes"] = needed
    entry["payload_bytes"] = payload_bytes
    scalars[ENTRY_BYTES] = needed
    return index


@kernel
def payload_at(index):
    """Where in its ring the payload of the entry `index` lies."""
    return (index + 1) * GATEWAY_ENTRY_BYTES


@kernel
def send_entry(rings):
    """The entry that `open_entry` gave is whole: the gateway may read it."""
    scalars = rings.scalars
    scalars[OUTWARD_PUT] += scalars[ENTRY_BYTES]
    store_release64(scalars[OUTWARD_ADDRESS] + _PUT, scalars[OUTWARD_PUT])
    return 0


@kernel
def send_payload(rings, kind, transport, connection, reason, depends_on, octets, at, payload_bytes):
    """Send `octets[at : at + payload_bytes]` to the gateway, for a TCP connection (GATEWAY_OUT_REPLY, _CLOSE), which is
    to have it once record `depends_on` of the log is safe. Returns 1, or 0 where there is no room."""
    index = open_entry(rings, payload_bytes)
    if index < 0:
        return 0
    entry = rings.outward_entries[index]
    entry["kind"] = kind
    entry["transport"] = transport
    entry["connection"] = connection
    entry["reason"] = reason
    entry["depends_on"] = depends_on
    if payload_bytes > 0:
        copy_bytes(rings.outward, payload_at(index), octets, at, payload_bytes)
    send_entry(rings)
    return 1


@kernel
def next_entry(rings):
    """The oldest entry from the gateway: its index in `rings.inward_entries`, or NOTHING. Its payload is
    `rings.scalars[PAYLOAD_BYTES]` bytes at `payload_at(index)` of `rings.inward`. It stays until `release_entry`."""
    scalars = rings.scalars
    if scalars[INWARD_ADDRESS] == 0 or scalars[BROKEN] != 0:
        return np.int64(NOTHING)
    put = load_acquire64(scalars[INWARD_ADDRESS] + _PUT)
    if put == scalars[INWARD_TAKEN]:
        return np.int64(NOTHING)
    size = rings.inward.size
    for _ in range(2):  # a filler, then what lies behind it
        taken = scalars[INWARD_TAKEN]
        if put == taken:
            return np.int64(NOTHING)
        at = taken & (size - 1)
        waiting = put - taken
        room = min(waiting, size - at)
        entry = rings.inward_entries[at // GATEWAY_ENTRY_BYTES]
        entry_bytes = np.int64(entry["entry_bytes"])
        payload_bytes = np.int64(entry["payload_bytes"])
        if (
            waiting < 0
            or waiting > size
            or entry_bytes < GATEWAY_ENTRY_BYTES
            or entry_bytes % GATEWAY_ENTRY_BYTES != 0
            or entry_bytes > room
            or payload_bytes > entry_bytes - GATEWAY_ENTRY_BYTES
            or payload_bytes > GATEWAY_PAYLOAD_BYTES_MAX
        ):
            scalars[BROKEN] = 1
            return np.int64(NOTHING)
        scalars[ENTRY_BYTES] = entry_bytes
        if np.int64(entry["kind"]) != GATEWAY_FILLER:
            scalars[PAYLOAD_BYTES] = payload_bytes
            return at // GATEWAY_ENTRY_BYTES
        release_entry(rings)
    scalars[BROKEN] = 1
    return np.int64(NOTHING)


@kernel
def release_entry(rings):
    """The entry that `next_entry` gave was used: its room is the gateway's again."""
    scalars = rings.scalars
    scalars[INWARD_TAKEN] += scalars[ENTRY_BYTES]
    store_release64(scalars[INWARD_ADDRESS] + _TAKEN, scalars[INWARD_TAKEN])
    return 0


@kernel
def _padded(payload_bytes):
    blocks = (payload_bytes + GATEWAY_ENTRY_BYTES - 1) // GATEWAY_ENTRY_BYTES
    return (blocks + 1) * GATEWAY_ENTRY_BYTES
