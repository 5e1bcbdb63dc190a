"""A trie whose leaves are the levels themselves, and before it a table (side, price) to level.

The book's ladder before it had blocks (appliance/book/ladder.py): path-compressed down to the last digit, so a level
that comes or goes may make or unmake nodes, and a new level, as most are in a thin book, is in no table. It takes less
memory: a node a level at most.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from appliance.book.ladder import DIGIT_BITS, HEIGHTS_MAX, ONE, digit_of
from appliance.book.record_words import one_of
from appliance.book.state import CHILDREN, aligned_zeros
from native.arrays import Arrays
from native.jit import inner_kernel, kernel
from native.layout import BOOK_SIDE, BOOK_STATE, LADDER_NODE, LEVEL, NO_INDEX
from native.lowlevel import count_leading_zeros64, count_trailing_zeros64

LEVEL_BIT = 0x80000000
"""A reference is the index of a LADDER_NODE, or with this bit the index of a LEVEL."""
SIDE_STRIDE = 0x79B1


class LevelTrie(Arrays):
    """The ladders of all sides."""

    state: npt.NDArray[np.void]
    """(1,) BOOK_STATE, of which the free lists and counts of levels and nodes are used."""
    sides: npt.NDArray[np.void]
    """(sides,) BOOK_SIDE; `root` is a reference."""
    levels: npt.NDArray[np.void]
    """(levels_max,) LEVEL"""
    nodes: npt.NDArray[np.void]
    """(levels_max,) LADDER_NODE"""
    children: npt.NDArray[np.uint32]
    """(64 * levels_max,) references"""
    known_levels: npt.NDArray[np.uint64]
    """(a power of two,) side + 1 << 32 | level, where (side, key) is looked for first; 0: none."""


def new_level_trie(sides: int, levels_max: int, known_levels: int) -> LevelTrie:
    """Empty ladders. known_levels: a power of two."""
    trie = LevelTrie(
        state=aligned_zeros(1, BOOK_STATE),
        sides=aligned_zeros(sides, BOOK_SIDE),
        levels=aligned_zeros(levels_max, LEVEL),
        nodes=aligned_zeros(levels_max, LADDER_NODE),
        children=aligned_zeros(levels_max * CHILDREN, np.uint32),
        known_levels=aligned_zeros(known_levels, np.uint64),
    )
    trie.sides["best"] = NO_INDEX
    trie.sides["root"] = NO_INDEX
    for pool, link in ((trie.levels, "head"), (trie.nodes, "parent")):
        pool[link][:-1] = np.arange(1, pool.size)
        pool[link][-1] = NO_INDEX
    return trie


@inner_kernel
def place_of_key(book: LevelTrie, side: int, key: int) -> int:
    """Place in `book.known_levels` that a level of this key would have: neighbouring prices lie together."""
    mask = np.int64(book.known_levels.size - 1)
    return ((key & mask) + side * SIDE_STRIDE) & mask


@inner_kernel
def known_level(book: LevelTrie, side: int, key: int) -> int:
    """Index of the level with this key where `book.known_levels` knows it, else -1."""
    known = np.int64(book.known_levels[np.uint64(place_of_key(book, side, key))])
    level = known & NO_INDEX
    is_it = (known >> 32 == side + 1) & (np.int64(book.levels[np.uint64(level)]["key"]) == key)
    return level if is_it else np.int64(-1)


@kernel
def find_level(book: LevelTrie, side: int, key: int) -> int:
    """Index of the level with this key, or -1."""
    reference = np.int64(book.sides[side]["root"])
    if reference == NO_INDEX:
        return -1
    if np.int64(book.sides[side]["best_key"]) == key:
        return np.int64(book.sides[side]["best"])
    for _ in range(HEIGHTS_MAX + 1):
        if reference & LEVEL_BIT:
            level = reference & ~LEVEL_BIT
            return level if np.int64(book.levels[level]["key"]) == key else -1
        digit = digit_of(key, np.int64(book.nodes[reference]["shift"]))
        if (book.nodes[reference]["occupied"] >> np.uint64(digit)) & ONE == 0:
            return -1
        reference = np.int64(book.children[reference * CHILDREN + digit])
    return -1


@inner_kernel
def first_level(book: LevelTrie, reference: int) -> int:
    """Index of the best level at or below a reference."""
    for _ in range(HEIGHTS_MAX):
        if reference & LEVEL_BIT:
            break
        digit = count_trailing_zeros64(book.nodes[reference]["occupied"])
        reference = np.int64(book.children[reference * CHILDREN + digit])
    return reference & ~LEVEL_BIT


@inner_kernel
def set_parent(book: LevelTrie, reference: int, parent: int) -> None:
    if reference & LEVEL_BIT:
        book.levels[reference & ~LEVEL_BIT]["parent"] = parent
    else:
        book.nodes[reference]["parent"] = parent


@inner_kernel
def set_child(book: LevelTrie, side: int, parent: int, key: int, reference: int) -> None:
    """Hang a reference into the digit of `key` below `parent` (NO_INDEX: at the root of the side)."""
    if parent == NO_INDEX:
        book.sides[side]["root"] = reference
    else:
        digit = digit_of(key, np.int64(book.nodes[parent]["shift"]))
        book.nodes[parent]["occupied"] |= ONE << np.uint64(digit)
        book.children[parent * CHILDREN + digit] = reference


@kernel
def find_or_add_level(book: LevelTrie, side: int, key: int) -> int:
    """Index of the level with this key; a new one without orders where there is none: then the caller has seen that one
    is free. One walk does both."""
    parent = np.int64(NO_INDEX)
    reference = np.int64(book.sides[side]["root"])
    is_best = reference == NO_INDEX or key < np.int64(book.sides[side]["best_key"])
    for _ in range(HEIGHTS_MAX + 1):
        if reference == NO_INDEX:
            break
        if reference & LEVEL_BIT:
            level = reference & ~LEVEL_BIT
            other_key = np.int64(book.levels[level]["key"])
            if other_key == key:
                book.known_levels[place_of_key(book, side, key)] = np.uint64(((side + 1) << 32) | level)
                return level
            shift = np.int64(-DIGIT_BITS)
        else:
            other_key = np.int64(book.nodes[reference]["key"])
            shift = np.int64(book.nodes[reference]["shift"])
        top_bit = 63 - count_leading_zeros64(key ^ other_key)
        if top_bit >= shift + DIGIT_BITS:  # the keys part above this place: a node goes in between
            node = np.int64(book.state[0]["free_node"])
            book.state[0]["free_node"] = book.nodes[node]["parent"]
            book.state[0]["open_nodes"] += 1
            book.nodes[node]["key"] = key
            book.nodes[node]["occupied"] = 0
            book.nodes[node]["parent"] = parent
            book.nodes[node]["shift"] = top_bit // DIGIT_BITS * DIGIT_BITS
            set_child(book, side, parent, key, node)
            set_child(book, side, node, other_key, reference)
            set_parent(book, reference, node)
            parent = node
            break
        parent = reference
        digit = digit_of(key, shift)
        if (book.nodes[reference]["occupied"] >> np.uint64(digit)) & ONE == 0:
            break
        reference = np.int64(book.children[reference * CHILDREN + digit])
    return hang_new_level(book, side, parent, key, is_best)


@inner_kernel
def hang_new_level(book: LevelTrie, side: int, parent: int, key: int, is_best: bool) -> int:
    """A new level without orders below `parent` (NO_INDEX: at the root)."""
    level = np.int64(book.state[0]["free_level"])
    book.state[0]["free_level"] = book.levels[level]["head"]
    book.state[0]["open_levels"] += 1
    book.sides[side]["levels"] += 1
    book.sides[side]["best"] = one_of(is_best, level, np.int64(book.sides[side]["best"]))
    book.sides[side]["best_key"] = one_of(is_best, key, np.int64(book.sides[side]["best_key"]))
    book.levels[level]["key"] = key
    book.levels[level]["qty_lots"] = 0
    book.levels[level]["head"] = NO_INDEX
    book.levels[level]["tail"] = NO_INDEX
    book.levels[level]["orders"] = 0
    book.levels[level]["parent"] = parent
    set_child(book, side, parent, key, level | LEVEL_BIT)
    book.known_levels[place_of_key(book, side, key)] = np.uint64(((side + 1) << 32) | level)
    return level


@kernel
def drop_level(book: LevelTrie, side: int, level: int) -> int:
    """Give an empty level back; finds the new best level where it was the best. Returns the levels left."""
    key = np.int64(book.levels[level]["key"])
    node = np.int64(book.levels[level]["parent"])
    place = place_of_key(book, side, key)
    if np.int64(book.known_levels[place]) & NO_INDEX == level:
        book.known_levels[place] = 0
    if node == NO_INDEX:
        book.sides[side]["root"] = NO_INDEX
        book.sides[side]["best"] = NO_INDEX
    else:
        digit = digit_of(key, np.int64(book.nodes[node]["shift"]))
        occupied = book.nodes[node]["occupied"] & ~(ONE << np.uint64(digit))
        book.nodes[node]["occupied"] = occupied
        if np.int64(book.sides[side]["best"]) == level:
            best = first_level(book, np.int64(book.children[node * CHILDREN + count_trailing_zeros64(occupied)]))
            book.sides[side]["best"] = best
            book.sides[side]["best_key"] = book.levels[best]["key"]
        if occupied & (occupied - ONE) == 0:  # one child left: it takes the node's place
            last = np.int64(book.children[node * CHILDREN + count_trailing_zeros64(occupied)])
            parent = np.int64(book.nodes[node]["parent"])
            set_parent(book, last, parent)
            set_child(book, side, parent, key, last)
            book.nodes[node]["parent"] = book.state[0]["free_node"]
            book.state[0]["free_node"] = node
            book.state[0]["open_nodes"] -= 1
    book.levels[level]["head"] = book.state[0]["free_level"]
    book.levels[level]["parent"] = NO_INDEX
    book.state[0]["free_level"] = level
    book.state[0]["open_levels"] -= 1
    left = np.int64(book.sides[side]["levels"]) - 1
    book.sides[side]["levels"] = left
    return left
