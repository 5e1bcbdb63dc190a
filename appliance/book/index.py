"""From (session, ClOrdID) to the order's slot: a hash index without tombstones, every walk bounded.

A bucket is 32 bytes, four words. Word 0 holds six tags (one byte each, 0: free) and, in its top 16 bits, how many
entries passed by because this bucket was full when they came. Words 1 to 3 hold the six slots. An entry lies in the
first bucket from its home on that had room; a search ends at a bucket nobody passed by; taking an entry out counts
the buckets between home and place down again. So nothing is ever moved, and nothing is left behind.

Four consecutive ClOrdIDs of a session share a home: a client counts up, so its next order finds the bucket in cache.
Tables are a third full at most; an entry that finds no room within BUCKETS_PROBED_MAX buckets is refused (a client can
choose ids that collide; honest ones meet the bound less than once in 10**12 orders).
"""

from __future__ import annotations

import numpy as np

from appliance.book.state import BUCKET_WORDS, Book
from native.jit import INTERPRETED, inner_kernel, kernel
from native.lowlevel import count_trailing_zeros64, prefetch

BUCKETS_PROBED_MAX = 64
ENTRIES = 6
PASSED_SHIFT = 48
SLOT_MASK = np.uint64(0xFFFFFFFF)
TAG_BYTES = np.uint64(0x0000010101010101)
TAG_HIGH_BITS = np.uint64(0x0000808080808080)
TAG_LOW_BITS = np.uint64(0x00007F7F7F7F7F7F)
PASSED_ONE = np.uint64(1 << PASSED_SHIFT)

assert BUCKETS_PROBED_MAX * 2 * ENTRIES < 1 << 16, "the counter of passers-by has 16 bits"

_ID_FACTOR = 0x9E3779B97F4A7C15
_SESSION_FACTOR = 0xC2B2AE3D27D4EB4F
_MIX_FACTOR = 0xD6E8FEB86659FD93

if INTERPRETED:

    def hash_of(session: int, cl_ord_id: int) -> int:
        """Bits 8..62: where the home bucket is; bits 0..7: the tag (never 0)."""
        mask = 0xFFFFFFFFFFFFFFFF
        x = ((int(cl_ord_id) >> 2) * _ID_FACTOR + int(session) * _SESSION_FACTOR) & mask
        x = ((x ^ (x >> 32)) * _MIX_FACTOR) & mask
        x ^= x >> 29
        return ((x >> 9) << 8) | 0x80 | ((x & 0x1F) << 2) | (int(cl_ord_id) & 3)

else:

    @kernel
    def hash_of(session: int, cl_ord_id: int) -> int:
        """Bits 8..62: where the home bucket is; bits 0..7: the tag (never 0)."""
        x = (np.uint64(cl_ord_id) >> np.uint64(2)) * np.uint64(_ID_FACTOR) + np.uint64(session) * np.uint64(
            _SESSION_FACTOR
        )
        x = (x ^ (x >> np.uint64(32))) * np.uint64(_MIX_FACTOR)
        x ^= x >> np.uint64(29)
        tag = np.uint64(0x80) | ((x & np.uint64(0x1F)) << np.uint64(2)) | (np.uint64(cl_ord_id) & np.uint64(3))
        return np.int64(((x >> np.uint64(9)) << np.uint64(8)) | tag)


@inner_kernel
def zero_tags(tags: np.uint64) -> np.uint64:
    """The high bit of each tag byte that is zero. No carry leaves a byte, so it is exact."""
    return ~(((tags & TAG_LOW_BITS) + TAG_LOW_BITS) | tags | TAG_LOW_BITS) & TAG_HIGH_BITS


@inner_kernel
def prefetch_entry(book: Book, hashed: int) -> None:
    """Start to fetch the home bucket."""
    bucket = (hashed >> 8) & np.int64(book.index.size // BUCKET_WORDS - 1)
    prefetch(book.index.ctypes.data + bucket * BUCKET_WORDS * 8)


@inner_kernel
def find_entry(book: Book, hashed: int, session: int, cl_ord_id: np.uint64) -> int:
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
def entry_has_room(book: Book, hashed: int) -> bool:
    """Whether `add_entry` would find a place."""
    buckets_mask = np.int64(book.index.size // BUCKET_WORDS - 1)
    bucket = (hashed >> 8) & buckets_mask
    for _ in range(BUCKETS_PROBED_MAX):
        if zero_tags(book.index[bucket * BUCKET_WORDS]) != 0:
            return True
        bucket = (bucket + 1) & buckets_mask
    return False


@inner_kernel
def add_entry(book: Book, hashed: int, slot: int) -> int:
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
def remove_entry(book: Book, hashed: int, slot: int) -> int:
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
