"""The C functions that kernels call: ports, clock, CRC.

In compiled kernels each is an external function, found by symbol, at about 3 ns a call; when kernels run as plain
Python it is a call through cffi. Symbols carry the prefix `pitwire_`, so that no other library can answer for them.
A symbol that is missing when cached code loads ends the process without a word, so each is looked up here, at import.

Handles and addresses go in as integers of 64 bits, counts as 32; results are counts or codes of `native/codes.py`.
`native/port.h`, `clock.h` and `crc32c.h` say what each function does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from native import _native
from native.jit import INTERPRETED  # first: it sets numba's environment

import llvmlite.binding
from numba import types

SYMBOL_PREFIX = "pitwire_"

_HANDLE = types.uint64
_ADDRESS = types.uint64
_COUNT = types.int32


def _external(name: str, result: Any, *arguments: Any) -> Callable[..., int]:
    """The C function `name`, for kernels."""
    function = getattr(_native.lib, name)
    if INTERPRETED:

        def call(*values: int) -> int:
            return int(function(*(int(value) for value in values)))

        return call
    address = int(_native.ffi.cast("uintptr_t", _native.ffi.addressof(_native.lib, name)))
    symbol = SYMBOL_PREFIX + name
    llvmlite.binding.add_symbol(symbol, address)
    assert llvmlite.binding.address_of_symbol(symbol) == address, symbol
    return types.ExternalFunction(symbol, result(*arguments))


port_rx_burst = _external("port_rx_burst", types.int32, _HANDLE, _ADDRESS, _COUNT)
"""(port, descs, max) -> frames taken, 0 when none, or a code: ERROR_END_OF_INPUT, ERROR_FORMAT, ERROR_CLOSED."""
port_rx_release = _external("port_rx_release", types.int32, _HANDLE, _ADDRESS, _COUNT)
"""(port, descs, n) -> buffers given back."""
port_tx_alloc = _external("port_tx_alloc", types.int32, _HANDLE, _ADDRESS, _COUNT)
"""(port, descs, n) -> buffers handed out, `data` and `len` (room) set."""
port_tx_burst = _external("port_tx_burst", types.int32, _HANDLE, _ADDRESS, _COUNT)
"""(port, descs, n) -> the first r frames are taken; the rest are still the caller's."""
port_tx_flush = _external("port_tx_flush", types.int32, _HANDLE)
"""(port) -> frames that still wait to be sent."""
port_service = _external("port_service", types.int32, _HANDLE, types.int32)
"""(port, budget) -> work done."""
port_stats = _external("port_stats", types.int32, _HANDLE, _ADDRESS)
"""(port, out) -> 0; one PORT_STATS record is written at `out`."""
clock_realtime_ns = _external("clock_realtime_ns", types.int64)
"""() -> CLOCK_REALTIME, ns since 1970."""
clock_monotonic_ns = _external("clock_monotonic_ns", types.int64)
"""() -> CLOCK_MONOTONIC, ns since boot."""
clock_idle = _external("clock_idle", types.int32, types.int64)
"""(sleep_ns) -> 0. 0 or less: sched_yield; more: sleep."""
crc32c = _external("crc32c", types.int64, _ADDRESS, types.int64, types.int64)
"""(address, length_bytes, crc of the bytes before, 0 to start) -> CRC32C, 0 .. 2^32-1."""
journal_commit = _external(
    "journal_commit", types.int64, _ADDRESS, types.int64, types.int64, types.int32, types.int32, types.int64
)
"""(address of a record, sequence, time_ns, kind, first of its burst, crc of the record before) -> its CRC32C."""
