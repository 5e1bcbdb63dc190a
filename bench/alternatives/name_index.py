"""(session, ClOrdID) to slot, three designs: lines (the book's own), buckets of 32 bytes, linear probing.

All keep names in ORDER records, where an answer is proved. Each `run_*` does operations[first:last] of
bench/alternatives/record.py, writes their answers, and returns 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.index import find_place, find_room, hash_of, put_entry, slot_at, take_out
from appliance.book.state import Book, aligned_zeros
from bench.alternatives.record import NAME_PUT, NAME_TAKE
from native.jit import INTERPRETED, inner_kernel, kernel
from native.lowlevel import count_trailing_zeros64

BUCKET_WORDS = 4
BUCKETS_PROBED_MAX = 64
ENTRIES = 6
PASSED_SHIFT = 48
SLOT_MASK = np.uint64(0xFFFFFFFF)
TAG_BYTES = np.uint64(0x0000010101010101)
TAG_HIGH_BITS = np.uint64(0x0000808080808080)
TAG_LOW_BITS = np.uint64(0x00007F7F7F7F7F7F)
PASSED_ONE = np.uint64(1 << PASSED_SHIFT)
ZERO, ONE = np.uint64(0), np.uint64(1)
_ID_FACTOR = 0x9E3779B97F4A7C15
_SESSION_FACTOR = 0xC2B2AE3D27D4EB4F
_MIX_FACTOR = 0xD6E8FEB86659FD93


def new_buckets(orders_max: int) -> Any:
    """A bucket an order: a full book fills 17 % of the places."""
    return aligned_zeros(BUCKET_WORDS << (orders_max - 1).bit_length(), np.uint64)


def new_places(orders_max: int) -> Any:
    """Two places an order: a full book fills half of them."""
    return aligned_zeros(2 << (orders_max - 1).bit_length(), np.uint64)


if INTERPRETED:

    def mixed(session: int, cl_ord_id: int) -> int:
        """64 bits, the same for four consecutive ClOrdIDs."""
        mask = 0xFFFFFFFFFFFFFFFF
        x = ((int(cl_ord_id) >> 2) * _ID_FACTOR + int(session) * _SESSION_FACTOR) & mask
        x = ((x ^ (x >> 32)) * _MIX_FACTOR) & mask
        return np.uint64(x ^ (x >> 29))

else:

    @kernel
    def mixed(session: int, cl_ord_id: int) -> int:
        """64 bits, the same for four consecutive ClOrdIDs."""
        x = (np.uint64(cl_ord_id) >> np.uint64(2)) * np.uint64(_ID_FACTOR) + np.uint64(session) * np.uint64(
            _SESSION_FACTOR
        )
        x = (x ^ (x >> np.uint64(32))) * np.uint64(_MIX_FACTOR)
        return x ^ (x >> np.uint64(29))


@inner_kernel
def is_named(orders: Any, slot: int, session: int, cl_ord_id: int) -> bool:
    order = orders[np.uint64(slot)]
    return order["cl_ord_id"] == cl_ord_id and np.int64(order["session"]) == session


@kernel
def run_lines(book: Book, rows: Any, first: int, last: int, answers: Any) -> int:
    """The book's own index."""
    for i in range(first, last):
        kind, session, cl_ord_id, slot = rows[i, 0], rows[i, 1], np.uint64(rows[i, 2]), rows[i, 3]
        hashed = np.int64(hash_of(book, session, cl_ord_id))
        if kind == NAME_PUT:
            place = np.int64(find_room(book, hashed, session, cl_ord_id))
            if place >= 0:
                book.orders[np.uint64(slot)]["cl_ord_id"] = cl_ord_id
                book.orders[np.uint64(slot)]["session"] = session
                put_entry(book, place, hashed, slot)
                answers[i] = slot
            else:
                answers[i] = place
        else:
            place = np.int64(find_place(book, hashed, session, cl_ord_id))
            answers[i] = np.int64(slot_at(book, place)) if place >= 0 else np.int64(-1)
            if kind == NAME_TAKE and place >= 0:
                take_out(book, place, hashed)
    return 0


@inner_kernel
def zero_tags(tags: Any) -> Any:
    """The high bit of each tag byte that is zero. No carry leaves a byte, so it is exact."""
    return ~(((tags & TAG_LOW_BITS) + TAG_LOW_BITS) | tags | TAG_LOW_BITS) & TAG_HIGH_BITS


@inner_kernel
def slot_of_entry(buckets: Any, word: int, entry: int) -> int:
    return np.int64((buckets[word + 1 + (entry >> 1)] >> np.uint64((entry & 1) << 5)) & SLOT_MASK)


@inner_kernel
def find_in_buckets(buckets: Any, orders: Any, home: int, tag: Any, session: int, cl_ord_id: Any) -> int:
    """Slot, or -1."""
    mask = np.int64(buckets.size // BUCKET_WORDS - 1)
    bucket = home
    for _ in range(BUCKETS_PROBED_MAX):
        word = bucket * BUCKET_WORDS
        control = buckets[word]
        matches = zero_tags(control ^ tag * TAG_BYTES)
        for _ in range(ENTRIES):
            if matches == ZERO:
                break
            slot = slot_of_entry(buckets, word, count_trailing_zeros64(matches) >> 3)
            if is_named(orders, slot, session, cl_ord_id):
                return slot
            matches &= matches - ONE
        if control < PASSED_ONE:
            return -1
        bucket = (bucket + 1) & mask
    return -1


@inner_kernel
def add_to_buckets(buckets: Any, home: int, tag: Any, slot: int) -> int:
    """Returns the slot, or -2 when there is no room."""
    mask = np.int64(buckets.size // BUCKET_WORDS - 1)
    bucket = home
    for _ in range(BUCKETS_PROBED_MAX):
        word = bucket * BUCKET_WORDS
        control = buckets[word]
        free = zero_tags(control)
        if free != ZERO:
            entry = count_trailing_zeros64(free) >> 3
            half = np.uint64((entry & 1) << 5)
            pair = word + 1 + (entry >> 1)
            buckets[word] = control | (tag << np.uint64(entry << 3))
            buckets[pair] = (buckets[pair] & ~(SLOT_MASK << half)) | (np.uint64(slot) << half)
            return slot
        buckets[word] = control + PASSED_ONE
        bucket = (bucket + 1) & mask
    return -2


@inner_kernel
def remove_from_buckets(buckets: Any, home: int, tag: Any, slot: int) -> int:
    mask = np.int64(buckets.size // BUCKET_WORDS - 1)
    bucket = home
    for _ in range(BUCKETS_PROBED_MAX):
        word = bucket * BUCKET_WORDS
        control = buckets[word]
        matches = zero_tags(control ^ tag * TAG_BYTES)
        for _ in range(ENTRIES):
            if matches == ZERO:
                break
            entry = count_trailing_zeros64(matches) >> 3
            if slot_of_entry(buckets, word, entry) == slot:
                buckets[word] = control & ~(np.uint64(0xFF) << np.uint64(entry << 3))
                return 0
            matches &= matches - ONE
        buckets[word] = control - PASSED_ONE
        bucket = (bucket + 1) & mask
    return -1


@kernel
def run_buckets(buckets: Any, orders: Any, rows: Any, first: int, last: int, answers: Any) -> int:
    """32 bytes: a word of six tags, compared by arithmetic, and of a count; three words of slots."""
    mask = np.int64(buckets.size // BUCKET_WORDS - 1)
    for i in range(first, last):
        kind, session, cl_ord_id, slot = rows[i, 0], rows[i, 1], np.uint64(rows[i, 2]), rows[i, 3]
        x = np.uint64(mixed(session, cl_ord_id))
        home = np.int64(x >> np.uint64(9)) & mask
        tag = np.uint64(0x80) | ((x & np.uint64(0x1F)) << np.uint64(2)) | (cl_ord_id & np.uint64(3))
        found = np.int64(find_in_buckets(buckets, orders, home, tag, session, cl_ord_id))
        if kind == NAME_PUT:
            answers[i] = -1
            if found < 0:
                orders[np.uint64(slot)]["cl_ord_id"] = cl_ord_id
                orders[np.uint64(slot)]["session"] = session
                answers[i] = add_to_buckets(buckets, home, tag, slot)
        else:
            answers[i] = found
            if kind == NAME_TAKE and found >= 0:
                remove_from_buckets(buckets, home, tag, found)
    return 0


@inner_kernel
def close_gap(places: Any, place: int) -> int:
    """Take an entry out: what stands behind it moves up as far as its home allows, so no grave is left."""
    mask = np.int64(places.size - 1)
    gap = place
    at = place
    for _ in range(places.size):
        at = (at + 1) & mask
        entry = places[at]
        if entry == ZERO:
            break
        home = np.int64(entry >> np.uint64(32)) & mask
        if (at - home) & mask >= (at - gap) & mask:
            places[gap] = entry
            gap = at
    places[gap] = ZERO
    return 0


@kernel
def run_linear(places: Any, orders: Any, rows: Any, first: int, last: int, answers: Any) -> int:
    """Words of (32 bits of hash, slot + 1). Four consecutive ClOrdIDs have places side by side."""
    mask = np.int64(places.size - 1)
    for i in range(first, last):
        kind, session, cl_ord_id, slot = rows[i, 0], rows[i, 1], np.uint64(rows[i, 2]), rows[i, 3]
        x = np.uint64(mixed(session, cl_ord_id))
        high = ((x >> np.uint64(32)) & ~np.uint64(3)) | (cl_ord_id & np.uint64(3))
        place = np.int64(high) & mask
        found = np.int64(-1)
        for _ in range(places.size):
            entry = places[place]
            if entry == ZERO:
                break
            if entry >> np.uint64(32) == high:
                named = np.int64(entry & SLOT_MASK) - 1
                if is_named(orders, named, session, cl_ord_id):
                    found = named
                    break
            place = (place + 1) & mask
        if kind == NAME_PUT:
            answers[i] = -1
            if found < 0:
                orders[np.uint64(slot)]["cl_ord_id"] = cl_ord_id
                orders[np.uint64(slot)]["session"] = session
                places[place] = (high << np.uint64(32)) | np.uint64(slot + 1)
                answers[i] = slot
        else:
            answers[i] = found
            if kind == NAME_TAKE and found >= 0:
                close_gap(places, place)
    return 0
