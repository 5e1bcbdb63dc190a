"""The index that lost to appliance/book/index.py, second of two: one word an entry, linear probing.

A word: bits 32 to 63 the tag (0: free), bits 24 to 31 how many entries passed by, bits 0 to 23 the slot plus one. Least
instructions where the first place is right, but neighbouring ClOrdIDs make clusters, and each further probe is a branch
that the CPU does not foresee: at a third full, two mispredictions a message.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from native.jit import inner_kernel

WORDS_AN_ORDER = 2
PROBES_MAX = 256
ONE = np.uint64(1)
SLOT_MASK = np.uint64(0xFFFFFF)
PASSED_ONE = np.uint64(1 << 24)
PASSED_MASK = np.uint64(0xFF000000)
TAG_SHIFT = np.uint64(32)


@inner_kernel
def tag_of(hashed: int) -> np.uint64:
    """The hash of appliance/book/index.py with eight neighbouring names in eight neighbouring places."""
    return np.uint64((hashed >> 8 << 3 | (hashed & 7)) & 0x7FFFFFFF | 1 << 31)


@inner_kernel
def find_entry(book: Any, hashed: int, session: int, cl_ord_id: np.uint64) -> int:
    """Slot of the order that has this ClOrdID in this session, or -1."""
    mask = np.uint64(book.index.size - 1)
    tag = tag_of(hashed)
    place = tag & mask
    for _ in range(PROBES_MAX):
        word = book.index[place]
        if word >> TAG_SHIFT == tag:
            slot = np.int64(word & SLOT_MASK) - 1
            order = book.orders[np.uint64(slot)]
            if order["cl_ord_id"] == cl_ord_id and np.int64(order["session"]) == session:
                return slot
        if word & PASSED_MASK == 0:
            return -1
        place = (place + ONE) & mask
    return -1


@inner_kernel
def add_entry(book: Any, hashed: int, slot: int) -> int:
    """Enter a slot. Returns how many places it passed by, or -1 where it found no room."""
    mask = np.uint64(book.index.size - 1)
    tag = tag_of(hashed)
    place = tag & mask
    for passed in range(PROBES_MAX):
        word = book.index[place]
        if word & SLOT_MASK == 0:
            book.index[place] = (word & PASSED_MASK) | (tag << TAG_SHIFT) | np.uint64(slot + 1)
            return passed
        book.index[place] = word + PASSED_ONE
        place = (place + ONE) & mask
    return -1


@inner_kernel
def remove_entry(book: Any, hashed: int, slot: int) -> int:
    """Take the entry of a slot out. Returns how many places it had passed by, or -1 when it is not there."""
    mask = np.uint64(book.index.size - 1)
    tag = tag_of(hashed)
    place = tag & mask
    for passed in range(PROBES_MAX):
        word = book.index[place]
        if word >> TAG_SHIFT == tag and np.int64(word & SLOT_MASK) == slot + 1:
            book.index[place] = word & PASSED_MASK
            return passed
        book.index[place] = word - PASSED_ONE
        place = (place + ONE) & mask
    return -1
