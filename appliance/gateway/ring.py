"""The gateway process's ends of the two rings (native/gateway_layout.py), without numba.

`appliance/gateway_rings.py` has the core's ends. Positions are read and written through the C library: with acquire and
release, so that an entry is whole when the other side sees it.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from native import _native
from native.gateway_layout import (
    GATEWAY_ENTRY,
    GATEWAY_ENTRY_BYTES,
    GATEWAY_FILLER,
    GATEWAY_PAYLOAD_BYTES_MAX,
    GATEWAY_RING,
    GATEWAY_RING_MAGIC,
    GATEWAY_RING_VERSION,
)
from native.layout import NO_INDEX

_HEADER_BYTES: Final = GATEWAY_RING.itemsize
_SIZES: Final = struct.Struct("<II")
_FIELDS: Final = struct.Struct("<HHIIIQQQQIIHHI32sQ16x")
"""GATEWAY_ENTRY behind its sizes."""
assert _SIZES.size + _FIELDS.size == GATEWAY_ENTRY.itemsize


class RingError(Exception):
    """The ring cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Address:
    """Where a datagram came from and where to, as the core saw it."""

    peer_mac: int = 0
    local_mac: int = 0
    peer_ip: int = 0
    local_ip: int = 0
    peer_udp_port: int = 0
    local_udp_port: int = 0
    vlan_tci: int = 0


@dataclass(frozen=True)
class Entry:
    """One entry of a ring: GATEWAY_ENTRY with its payload."""

    kind: int
    payload: bytes = b""
    transport: int = 0
    verdict: int = 0
    session: int = NO_INDEX
    reason: int = 0
    connection: int = 0
    receive_time_ns: int = 0
    address: Address = field(default_factory=Address)
    proof: bytes = bytes(32)
    depends_on: int = 0


class Ring:
    """One mapped ring. One process puts, one takes: each uses half of this."""

    def __init__(self, path: str | Path) -> None:
        """Map the ring in the file at `path`. Raises RingError."""
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                self._map: Final = mmap.mmap(file, 0)
            finally:
                os.close(file)
        except (OSError, ValueError) as error:
            raise RingError(f"{path}: cannot be mapped: {error}.") from None
        self.path: Final = path
        if len(self._map) <= _HEADER_BYTES:
            raise RingError(f"{path}: is too short for a ring.")
        header = np.frombuffer(self._map, GATEWAY_RING, 1)
        row = header[0]
        self._size: Final = len(self._map) - _HEADER_BYTES
        if int(row["magic"]) != GATEWAY_RING_MAGIC or int(row["format_version"]) != GATEWAY_RING_VERSION:
            raise RingError(f"{path}: is not a ring of this version.")
        if int(row["size_bytes"]) != self._size or self._size & (self._size - 1):
            raise RingError(f"{path}: says that it has {int(row['size_bytes'])} bytes and has {self._size}.")
        base = header.ctypes.data
        fields: Mapping[str, Any] = GATEWAY_RING.fields or {}
        self._put_address: Final = base + int(fields["put_bytes"][1])
        self._taken_address: Final = base + int(fields["taken_bytes"][1])
        self._put = self._load(self._put_address)
        self._taken = self._load(self._taken_address)

    @staticmethod
    def _load(address: int) -> int:
        return int(_native.lib.journal_load_acquire(address))

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were put and not taken."""
        return self._load(self._put_address) - self._load(self._taken_address)

    def put(self, entry: Entry) -> bool:
        """Put an entry. False: there is no room now. Raises ValueError for a payload that is too long."""
        payload = entry.payload
        if len(payload) > GATEWAY_PAYLOAD_BYTES_MAX:
            raise ValueError(f"a payload of {len(payload)} bytes is longer than {GATEWAY_PAYLOAD_BYTES_MAX}")
        needed = GATEWAY_ENTRY_BYTES * (1 + -(-len(payload) // GATEWAY_ENTRY_BYTES))
        at = self._put & (self._size - 1)
        filler = self._size - at if needed > self._size - at else 0
        if filler + needed > self._size - (self._put - self._load(self._taken_address)):
            return False
        if filler:
            where = _HEADER_BYTES + at
            _SIZES.pack_into(self._map, where, filler, 0)
            struct.pack_into("<H", self._map, where + _SIZES.size, GATEWAY_FILLER)
            at = 0
        where = _HEADER_BYTES + at
        address = entry.address
        _SIZES.pack_into(self._map, where, needed, len(payload))
        _FIELDS.pack_into(
            self._map,
            where + _SIZES.size,
            entry.kind,
            entry.transport,
            entry.verdict,
            entry.session,
            entry.reason,
            entry.connection,
            entry.receive_time_ns,
            address.peer_mac,
            address.local_mac,
            address.peer_ip,
            address.local_ip,
            address.peer_udp_port,
            address.local_udp_port,
            address.vlan_tci,
            entry.proof,
            entry.depends_on,
        )
        self._map[where + GATEWAY_ENTRY_BYTES : where + GATEWAY_ENTRY_BYTES + len(payload)] = payload
        self._put += filler + needed
        _native.lib.journal_store_release(self._put_address, self._put)
        return True

    def take(self) -> Entry | None:
        """The oldest entry, which is taken; None: there is none. Raises RingError where the ring is broken."""
        while True:
            waiting = self._load(self._put_address) - self._taken
            if waiting == 0:
                return None
            at = self._taken & (self._size - 1)
            where = _HEADER_BYTES + at
            entry_bytes, payload_bytes = _SIZES.unpack_from(self._map, where)
            if (
                not 0 < waiting <= self._size
                or entry_bytes % GATEWAY_ENTRY_BYTES
                or not GATEWAY_ENTRY_BYTES <= entry_bytes <= min(waiting, self._size - at)
                or payload_bytes > min(entry_bytes - GATEWAY_ENTRY_BYTES, GATEWAY_PAYLOAD_BYTES_MAX)
            ):
                raise RingError(f"{self.path}: an entry of {entry_bytes} bytes cannot be where {waiting} wait.")
            kind, transport, verdict, session, reason, connection, time_ns, *address, proof, depends_on = (
                _FIELDS.unpack_from(self._map, where + _SIZES.size)
            )
            start = where + GATEWAY_ENTRY_BYTES
            payload = bytes(self._map[start : start + payload_bytes])
            self._taken += entry_bytes
            _native.lib.journal_store_release(self._taken_address, self._taken)
            if kind != GATEWAY_FILLER:
                return Entry(
                    kind,
                    payload,
                    transport,
                    verdict,
                    session,
                    reason,
                    connection,
                    time_ns,
                    Address(*address),
                    proof,
                    depends_on,
                )
