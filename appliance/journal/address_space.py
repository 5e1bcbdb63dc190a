"""A range of addresses, reserved once, into which files are mapped piece by piece: one array for a log that grows."""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import Final

import numpy as np

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = (
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
)
_LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_FAILED: Final = ctypes.c_void_p(-1).value
_PROT_NONE: Final = 0
_MAP_FIXED: Final = 0x10  # of Linux, like the next
_MAP_NORESERVE: Final = 0x4000
_RESERVED: Final = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE


class AddressSpace:
    """`size_bytes` of addresses without memory. The object must outlive every array over it."""

    def __init__(self, size_bytes: int) -> None:
        """Raises OSError where the process may not have so many addresses."""
        self.size_bytes: Final = size_bytes
        self.base: int = _map(None, size_bytes, _PROT_NONE, _RESERVED, -1, 0)

    def map_file(self, offset: int, file: int, file_offset: int, size_bytes: int) -> None:
        """Put part of a file at `offset`, shared, to read and write, with every page present. Raises OSError."""
        assert 0 <= offset and offset + size_bytes <= self.size_bytes
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE | _MAP_FIXED
        _map(self.base + offset, size_bytes, mmap.PROT_READ | mmap.PROT_WRITE, flags, file, file_offset)

    def unmap(self, offset: int, size_bytes: int) -> None:
        """Take the memory away and keep the addresses. Raises OSError."""
        assert 0 <= offset and offset + size_bytes <= self.size_bytes
        _map(self.base + offset, size_bytes, _PROT_NONE, _RESERVED | _MAP_FIXED, -1, 0)

    def array(self, dtype: np.dtype) -> np.ndarray:
        """All of it as one array; only what is mapped may be touched."""
        octets = (ctypes.c_uint8 * self.size_bytes).from_address(self.base)
        return np.ctypeslib.as_array(octets).view(dtype)

    def close(self) -> None:
        """Give everything back; no array over it may be used any more."""
        if self.base:
            _LIBC.munmap(self.base, self.size_bytes)
            self.base = 0


def lazy_array(dtype: np.dtype, count: int) -> np.ndarray:
    """A zeroed array of this process that takes memory only where it is written, however long it is. Raises OSError."""
    size_bytes = max(count * dtype.itemsize, 1)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
    octets = np.frombuffer(mmap.mmap(-1, size_bytes, flags=flags), np.uint8)
    return octets[: count * dtype.itemsize].view(dtype)


def _map(address: int | None, size_bytes: int, protection: int, flags: int, file: int, file_offset: int) -> int:
    found = _LIBC.mmap(address, size_bytes, protection, flags, file, file_offset)
    if found == _FAILED:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(found)
