"""Price levels of the public books in order: per side a path-compressed 64-ary trie whose leaves are the levels.

The core's ladder (appliance/book/ladder.py) has blocks of 64 neighbouring keys. Here keys are prices in 1e-9, so
neighbouring ticks are a million apart and a block would hold one level: with blocks, books of L3 took 134 ns a message
instead of 99. A node stands where keys of the side first differ, in one digit of six bits, and has two children or
more: at most `levels - 1` nodes, and a walk takes at most HEIGHTS_MAX = 11 steps. Before the trie a direct-mapped table
(side, price) is looked into. The best level hangs leftmost; when it goes, its node keeps another child.

`books` is any `Arrays` with these members: state (free_level, free_node, open_levels, open_nodes), sides (BOOK_SIDE),
levels (key, qty_lots, head, tail, parent, orders), nodes (LADDER_NODE), children and known_levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from appliance.book.ladder import DIGIT_BITS, HEIGHTS_MAX, ONE, digit_of
from appliance.book.record_words import one_of
from appliance.book.state import CHILDREN
from native.jit import inner_kernel, kernel
from native.layout import NO_INDEX
from native.lowlevel import count_leading_zeros64, count_trailing_zeros64

if TYPE_CHECKING:
    from appliance.feed_book.state import FeedBooks

LEVEL_BIT = 0x80000000
"""A reference (root, child) is the index of a LADDER_NODE, or with this bit the index of a level."""
SIDE_STRIDE = 0x79B1


@inner_kernel
def place_of_key(books: FeedBooks, side: int, key: int) -> int:
    """Place in `books.known_levels` that a level of this key would have: neighbouring prices lie together."""
    mask = np.int64(books.known_levels.size - 1)
    return ((key & mask) + side * SIDE_STRIDE) & mask


@kernel
def find_level(books: FeedBooks, side: int, key: int) -> int:
    """Index of the level with this key, or -1."""
    reference = np.int64(books.sides[side]["root"])
    if reference == NO_INDEX:
        return -1
    if np.int64(books.sides[side]["best_key"]) == key:
        return np.int64(books.sides[side]["best"])
    for _ in range(HEIGHTS_MAX + 1):
        if reference & LEVEL_BIT:
            level = reference & ~LEVEL_BIT
            return level if np.int64(books.levels[level]["key"]) == key else -1
        digit = digit_of(key, np.int64(books.nodes[reference]["shift"]))
        if (books.nodes[reference]["occupied"] >> np.uint64(digit)) & ONE == 0:
            return -1
        reference = np.int64(books.children[reference * CHILDREN + digit])
    return -1


@inner_kernel
def known_level(books: FeedBooks, side: int, key: int) -> int:
    """Index of the level with this key where `books.known_levels` knows it, else -1."""
    known = np.int64(books.known_levels[np.uint64(place_of_key(books, side, key))])
    level = known & NO_INDEX
    is_it = (known >> 32 == side + 1) & (np.int64(books.levels[np.uint64(level)]["key"]) == key)
    return level if is_it else np.int64(-1)


@inner_kernel
def first_level(books: FeedBooks, reference: int) -> int:
    """Index of the best level at or below a reference."""
    for _ in range(HEIGHTS_MAX):
        if reference & LEVEL_BIT:
            break
        digit = count_trailing_zeros64(books.nodes[reference]["occupied"])
        reference = np.int64(books.children[reference * CHILDREN + digit])
    return reference & ~LEVEL_BIT


@kernel
def next_level(books: FeedBooks, level: int) -> int:
    """Index of the next worse level of the same side, or -1."""
    key = np.int64(books.levels[level]["key"])
    node = np.int64(books.levels[level]["parent"])
    for _ in range(HEIGHTS_MAX):
        if node == NO_INDEX:
            return -1
        digit = digit_of(key, np.int64(books.nodes[node]["shift"]))
        behind = (books.nodes[node]["occupied"] >> np.uint64(digit)) & ~ONE
        if behind != 0:
            digit += count_trailing_zeros64(behind)
            return first_level(books, np.int64(books.children[node * CHILDREN + digit]))
        node = np.int64(books.nodes[node]["parent"])
    return -1


@inner_kernel
def set_parent(books: FeedBooks, reference: int, parent: int) -> None:
    if reference & LEVEL_BIT:
        books.levels[reference & ~LEVEL_BIT]["parent"] = parent
    else:
        books.nodes[reference]["parent"] = parent


@inner_kernel
def set_child(books: FeedBooks, side: int, parent: int, key: int, reference: int) -> None:
    """Hang a reference into the digit of `key` below `parent` (NO_INDEX: at the root of the side)."""
    if parent == NO_INDEX:
        books.sides[side]["root"] = reference
    else:
        digit = digit_of(key, np.int64(books.nodes[parent]["shift"]))
        books.nodes[parent]["occupied"] |= ONE << np.uint64(digit)
        books.children[parent * CHILDREN + digit] = reference


@kernel
def find_or_add_level(books: FeedBooks, side: int, key: int) -> int:
    """Index of the level with this key; a new one without orders where there is none: then the caller has seen that one
    is free. One walk does both."""
    parent = np.int64(NO_INDEX)
    reference = np.int64(books.sides[side]["root"])
    is_best = reference == NO_INDEX or key < np.int64(books.sides[side]["best_key"])
    for _ in range(HEIGHTS_MAX + 1):
        if reference == NO_INDEX:
            break
        if reference & LEVEL_BIT:
            level = reference & ~LEVEL_BIT
            other_key = np.int64(books.levels[level]["key"])
            if other_key == key:
                books.known_levels[place_of_key(books, side, key)] = np.uint64(((side + 1) << 32) | level)
                return level
            shift = np.int64(-DIGIT_BITS)
        else:
            other_key = np.int64(books.nodes[reference]["key"])
            shift = np.int64(books.nodes[reference]["shift"])
        top_bit = 63 - count_leading_zeros64(key ^ other_key)
        if top_bit >= shift + DIGIT_BITS:  # the keys part above this place: a node goes in between
            node = np.int64(books.state[0]["free_node"])
            books.state[0]["free_node"] = books.nodes[node]["parent"]
            books.state[0]["open_nodes"] += 1
            books.nodes[node]["key"] = key
            books.nodes[node]["occupied"] = 0
            books.nodes[node]["parent"] = parent
            books.nodes[node]["shift"] = top_bit // DIGIT_BITS * DIGIT_BITS
            set_child(books, side, parent, key, node)
            set_child(books, side, node, other_key, reference)
            set_parent(books, reference, node)
            parent = node
            break
        parent = reference
        digit = digit_of(key, shift)
        if (books.nodes[reference]["occupied"] >> np.uint64(digit)) & ONE == 0:
            break
        reference = np.int64(books.children[reference * CHILDREN + digit])
    return hang_new_level(books, side, parent, key, is_best)


@inner_kernel
def hang_new_level(books: FeedBooks, side: int, parent: int, key: int, is_best: bool) -> int:
    """A new level without orders below `parent` (NO_INDEX: at the root)."""
    level = np.int64(books.state[0]["free_level"])
    books.state[0]["free_level"] = books.levels[level]["head"]
    books.state[0]["open_levels"] += 1
    books.sides[side]["levels"] += 1
    books.sides[side]["best"] = one_of(is_best, level, np.int64(books.sides[side]["best"]))
    books.sides[side]["best_key"] = one_of(is_best, key, np.int64(books.sides[side]["best_key"]))
    books.levels[level]["key"] = key
    books.levels[level]["qty_lots"] = 0
    books.levels[level]["head"] = NO_INDEX
    books.levels[level]["tail"] = NO_INDEX
    books.levels[level]["orders"] = 0
    books.levels[level]["parent"] = parent
    set_child(books, side, parent, key, level | LEVEL_BIT)
    books.known_levels[place_of_key(books, side, key)] = np.uint64(((side + 1) << 32) | level)
    return level


@kernel
def drop_level(books: FeedBooks, side: int, level: int) -> int:
    """Give an empty level back; finds the new best level where it was the best. Returns the levels left."""
    key = np.int64(books.levels[level]["key"])
    node = np.int64(books.levels[level]["parent"])
    place = place_of_key(books, side, key)
    if np.int64(books.known_levels[place]) & NO_INDEX == level:
        books.known_levels[place] = 0
    if node == NO_INDEX:
        books.sides[side]["root"] = NO_INDEX
        books.sides[side]["best"] = NO_INDEX
    else:
        digit = digit_of(key, np.int64(books.nodes[node]["shift"]))
        occupied = books.nodes[node]["occupied"] & ~(ONE << np.uint64(digit))
        books.nodes[node]["occupied"] = occupied
        if np.int64(books.sides[side]["best"]) == level:
            best = first_level(books, np.int64(books.children[node * CHILDREN + count_trailing_zeros64(occupied)]))
            books.sides[side]["best"] = best
            books.sides[side]["best_key"] = books.levels[best]["key"]
        if occupied & (occupied - ONE) == 0:  # one child left: it takes the node's place
            last = np.int64(books.children[node * CHILDREN + count_trailing_zeros64(occupied)])
            parent = np.int64(books.nodes[node]["parent"])
            set_parent(books, last, parent)
            set_child(books, side, parent, key, last)
            books.nodes[node]["parent"] = books.state[0]["free_node"]
            books.state[0]["free_node"] = node
            books.state[0]["open_nodes"] -= 1
    books.levels[level]["head"] = books.state[0]["free_level"]
    books.levels[level]["parent"] = NO_INDEX
    books.state[0]["free_level"] = level
    books.state[0]["open_levels"] -= 1
    left = np.int64(books.sides[side]["levels"]) - 1
    books.sides[side]["levels"] = left
    return left
