"""The index that lost to appliance/book/index.py, first of two: buckets of 32 bytes, searched by arithmetic.

Word 0 of a bucket holds six tags (a byte each, 0: free) and the count of entries that passed by; words 1 to 3 hold six
slots. Looking through six tags takes a dozen instructions, where one vector comparison looks through sixteen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from native.jit import inner_kernel
from native.lowlevel import count_trailing_zeros64

BUCKET_WORDS = 4
WORDS_AN_ORDER = 4
"""Words of the table for each order that there is room for."""
BUCKETS_PROBED_MAX = 64
ENTRIES = 6
PASSED_SHIFT = 48
SLOT_MASK = np.uint64(0xFFFFFFFF)
TAG_BYTES = np.uint64(0x0000010101010101)
TAG_HIGH_BITS = np.uint64(0x0000808080808080)
TAG_LOW_BITS = np.uint64(0x00007F7F7F7F7F7F)
PASSED_ONE = np.uint64(1 << PASSED_SHIFT)


@inner_kernel
def zero_tags(tags: np.uint64) -> np.uint64:
    """The high bit of each tag byte that is zero. No carry leaves a byte, so it is exact."""
    return ~(((tags & TAG_LOW_BITS) + TAG_LOW_BITS) | tags | TAG_LOW_BITS) & TAG_HIGH_BITS


@inner_kernel
def find_entry(book: Any, hashed: int, session: int, cl_ord_id: np.uint64) -> int:
    """Slot of the open order that has this ClOrdID in this session, or -1."""
    buckets_mask = np.int64(book.index.size // BUCKET_WORDS - 1)
    bucket = (hashed >> 8) & buckets_mask
    wanted = np.uint64(hashed & 0xFF) * TAG_BYTES
    for _ in range(BUCKETS_PROBED_MAX):
        word = bucket * BUCKET_WORDS
        control = book.index[word]
        matches = zero_tags(control ^ wanted)
        for _ in range(ENTRIES):
            if matches == 0:
                break
            entry = count_trailing_zeros64(matches) >> 3
            pair = book.index[word + 1 + (entry >> 1)]
            slot = np.int64((pair >> np.uint64((entry & 1) << 5)) & SLOT_MASK)
            if book.orders[slot]["cl_ord_id"] == cl_ord_id and np.int64(book.orders[slot]["session"]) == session:
                return slot
            matches &= matches - np.uint64(1)
        if control < PASSED_ONE:
            return -1
        bucket = (bucket + 1) & buckets_mask
    return -1


@inner_kernel
def add_entry(book: Any, hashed: int, slot: int) -> int:
    """Enter a slot; the caller has seen that there is room. Returns how many buckets it passed by."""
    buckets_mask = np.int64(book.index.size // BUCKET_WORDS - 1)
    bucket = (hashed >> 8) & buckets_mask
    for passed in range(BUCKETS_PROBED_MAX):
        word = bucket * BUCKET_WORDS
        control = book.index[word]
        free = zero_tags(control)
        if free != 0:
            entry = count_trailing_zeros64(free) >> 3
            half = np.uint64((entry & 1) << 5)
            pair = word + 1 + (entry >> 1)
            book.index[word] = control | (np.uint64(hashed & 0xFF) << np.uint64(entry << 3))
            book.index[pair] = (book.index[pair] & ~(SLOT_MASK << half)) | (np.uint64(slot) << half)
            return passed
        book.index[word] = control + PASSED_ONE
        bucket = (bucket + 1) & buckets_mask
    return -1


@inner_kernel
def remove_entry(book: Any, hashed: int, slot: int) -> int:
    """Take the entry of a slot out. Returns how many buckets it had passed by, or -1 when it is not there."""
    buckets_mask = np.int64(book.index.size // BUCKET_WORDS - 1)
    bucket = (hashed >> 8) & buckets_mask
    wanted = np.uint64(hashed & 0xFF) * TAG_BYTES
    for passed in range(BUCKETS_PROBED_MAX):
        word = bucket * BUCKET_WORDS
        control = book.index[word]
        matches = zero_tags(control ^ wanted)
        for _ in range(ENTRIES):
            if matches == 0:
                break
            entry = count_trailing_zeros64(matches) >> 3
            pair = book.index[word + 1 + (entry >> 1)]
            if np.int64((pair >> np.uint64((entry & 1) << 5)) & SLOT_MASK) == slot:
                book.index[word] = control & ~(np.uint64(0xFF) << np.uint64(entry << 3))
                return passed
            matches &= matches - np.uint64(1)
        book.index[word] = control - PASSED_ONE
        bucket = (bucket + 1) & buckets_mask
    return -1
