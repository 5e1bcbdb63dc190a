"""From (session, ClOrdID) to the order's slot: a hash index of cache lines, nothing moved, every walk bounded.

A line of the table is 64 bytes: twelve tags (a byte each, 0: free), a count of the entries that passed by because this
line was full when they came, and twelve slots. An entry lies in the first line from its home on that had room; a
search ends at a line nobody passed by; taking an entry out counts the lines between home and place down again. So
nothing is ever moved, nothing is left behind, and one vector comparison looks through a line.

Four consecutive ClOrdIDs of a session share a home: a client counts up, so its next order finds the line in cache. A
full book fills a third of the table. The factor of the hash is secret (index_key of `allocate_book`): who does not know
it cannot choose ids that collide. An entry that finds no room within LINES_PROBED_MAX lines is refused.
"""

from __future__ import annotations

import numpy as np

from appliance.book.state import Book
from native.jit import INTERPRETED, inner_kernel, kernel
from native.lowlevel import count_trailing_zeros64, load_u32, match16, prefetch, rarely, store_u8, store_u32, usually

LINES_PROBED_MAX = 64
LINE_BYTES = 64
ENTRIES = 12
NAME_IS_TAKEN = -1
NO_ROOM = -2
ENTRIES_MASK = (1 << ENTRIES) - 1
PASSED_OFFSET = 12
SLOTS_OFFSET = 16
TAG_BITS = 8
_SESSION_FACTOR = 0xC2B2AE3D27D4EB4F

if INTERPRETED:

    def hash_of(book: Book, session: int, cl_ord_id: int) -> int:
        """Bits 8 and up: where the home line is; bits 0..7: the tag (never 0)."""
        mask = 0xFFFFFFFFFFFFFFFF
        x = ((int(cl_ord_id) >> 2) + int(session) * _SESSION_FACTOR) & mask
        x = ((x ^ (x >> 32)) * int(book.state[0]["index_factor"])) & mask
        return (x >> 32 & ~3) | 0x80 | (int(cl_ord_id) & 3)

else:

    @kernel
    def hash_of(book: Book, session: int, cl_ord_id: int) -> int:
        """Bits 8 and up: where the home line is; bits 0..7: the tag (never 0)."""
        x = (np.uint64(cl_ord_id) >> np.uint64(2)) + np.uint64(session) * np.uint64(_SESSION_FACTOR)
        x = (x ^ (x >> np.uint64(32))) * np.uint64(book.state[0]["index_factor"])
        return np.int64(
            ((x >> np.uint64(32)) & ~np.uint64(3)) | np.uint64(0x80) | (np.uint64(cl_ord_id) & np.uint64(3))
        )


@inner_kernel
def home_of(book: Book, hashed: int) -> int:
    """Where the home line begins, bytes."""
    return (hashed >> TAG_BITS << 6) & (book.index.size - LINE_BYTES)


@inner_kernel
def slot_at(book: Book, place: int) -> int:
    """The slot that an entry names."""
    return load_u32(book.index, slot_place(place))


@inner_kernel
def slot_place(place: int) -> int:
    return (place & ~63) + SLOTS_OFFSET + ((place & 63) << 2)


@inner_kernel
def find_place(book: Book, hashed: int, session: int, cl_ord_id: np.uint64) -> int:
    """Place of the entry (that of its tag) of this name, or -1."""
    line = home_of(book, hashed)
    for _ in range(LINES_PROBED_MAX):
        matches = match16(book.index, line, hashed) & ENTRIES_MASK
        for _ in range(ENTRIES):
            if rarely(matches == 0):
                break
            entry = count_trailing_zeros64(matches)
            slot = load_u32(book.index, line + SLOTS_OFFSET + 4 * entry)
            order = book.orders[np.uint64(slot)]
            if usually((order["cl_ord_id"] == cl_ord_id) & (np.int64(order["session"]) == session)):
                return line + entry
            matches &= matches - 1
        if load_u32(book.index, line + PASSED_OFFSET) == 0:
            return -1
        line = (line + LINE_BYTES) & (book.index.size - LINE_BYTES)
    return -1


@inner_kernel
def find_room(book: Book, hashed: int, session: int, cl_ord_id: np.uint64) -> int:
    """The free place that an entry of this name would get, or NAME_IS_TAKEN, or NO_ROOM."""
    line = home_of(book, hashed)
    free = match16(book.index, line, 0) & ENTRIES_MASK
    matches = match16(book.index, line, hashed) & ENTRIES_MASK
    passed = load_u32(book.index, line + PASSED_OFFSET)
    if rarely((free == 0) | (matches != 0) | (passed != 0)):
        return np.int64(find_room_further(book, hashed, session, cl_ord_id))
    return line + count_trailing_zeros64(free)


@kernel
def find_room_further(book: Book, hashed: int, session: int, cl_ord_id: np.uint64) -> int:
    """`find_room` where the home line alone does not tell."""
    if find_place(book, hashed, session, cl_ord_id) >= 0:
        return NAME_IS_TAKEN
    place = np.int64(free_place(book, hashed))
    return place if place >= 0 else np.int64(NO_ROOM)


@inner_kernel
def put_entry(book: Book, place: int, hashed: int, slot: int) -> None:
    """Enter a slot at the free place that `find_room` told."""
    store_u8(book.index, place, hashed)
    store_u32(book.index, slot_place(place), slot)
    if rarely(place & ~63 != home_of(book, hashed)):
        count_passed(book, place, hashed, np.int64(1))


@inner_kernel
def take_out(book: Book, place: int, hashed: int) -> None:
    store_u8(book.index, place, 0)
    if rarely(place & ~63 != home_of(book, hashed)):
        count_passed(book, place, hashed, np.int64(-1))


@kernel
def count_passed(book: Book, place: int, hashed: int, step: int) -> int:
    line = home_of(book, hashed)
    for _ in range(LINES_PROBED_MAX):
        if line == place & ~63:
            break
        store_u32(book.index, line + PASSED_OFFSET, load_u32(book.index, line + PASSED_OFFSET) + step)
        line = (line + LINE_BYTES) & (book.index.size - LINE_BYTES)
    return 0


@inner_kernel
def place_of_slot(book: Book, hashed: int, slot: int) -> int:
    """Place of a slot's entry, or -1."""
    line = home_of(book, hashed)
    for _ in range(LINES_PROBED_MAX):
        matches = match16(book.index, line, hashed) & ENTRIES_MASK
        for _ in range(ENTRIES):
            if matches == 0:
                break
            entry = count_trailing_zeros64(matches)
            if load_u32(book.index, line + SLOTS_OFFSET + 4 * entry) == slot:
                return line + entry
            matches &= matches - 1
        line = (line + LINE_BYTES) & (book.index.size - LINE_BYTES)
    return -1


@kernel
def find_entry(book: Book, hashed: int, session: int, cl_ord_id: np.uint64) -> int:
    """Slot of the open order that has this ClOrdID in this session, or -1."""
    place = find_place(book, hashed, session, cl_ord_id)
    return slot_at(book, place) if place >= 0 else np.int64(-1)


@kernel
def free_place(book: Book, hashed: int) -> int:
    """The free place that a new entry would get, or -1."""
    line = home_of(book, hashed)
    for _ in range(LINES_PROBED_MAX):
        free = match16(book.index, line, 0) & ENTRIES_MASK
        if free != 0:
            return line + count_trailing_zeros64(free)
        line = (line + LINE_BYTES) & (book.index.size - LINE_BYTES)
    return -1


@inner_kernel
def entry_has_room(book: Book, hashed: int) -> bool:
    """Whether `add_entry` would find a place."""
    return free_place(book, hashed) >= 0


@kernel
def add_entry(book: Book, hashed: int, slot: int) -> int:
    """Enter a slot; the caller has seen that there is room. Returns 0."""
    put_entry(book, free_place(book, hashed), hashed, slot)
    return 0


@kernel
def remove_entry(book: Book, hashed: int, slot: int) -> int:
    """Take the entry of a slot out. Returns 0, or -1 when it is not there."""
    place = place_of_slot(book, hashed, slot)
    if place < 0:
        return -1
    take_out(book, place, hashed)
    return 0


@inner_kernel
def peek_slot(book: Book, hashed: int) -> int:
    """The slot that the home line has under this tag, which may be of another name, or any number."""
    line = home_of(book, hashed)
    matches = match16(book.index, line, hashed) & ENTRIES_MASK
    return load_u32(book.index, line + SLOTS_OFFSET + 4 * (count_trailing_zeros64(matches | 1 << 11) & 15))


@inner_kernel
def prefetch_entry(book: Book, hashed: int) -> None:
    """Start to fetch the home line."""
    prefetch(np.int64(book.index.ctypes.data) + home_of(book, hashed))
