"""Price levels in order: per side a path-compressed 64-ary trie over the whole int64 range.

A price becomes a key (sells: the price, buys: its complement ~price), so on both sides the lowest key is the best and
one code serves both. The leaves are the levels. A node stands where keys of the side first differ, in one digit of six
bits, and has two children or more: at most `levels - 1` nodes whatever the prices are, and every walk takes at most
HEIGHTS_MAX = 11 steps. How far the market runs does not matter: 64 neighbouring ticks share one word of occupancy and
one block of children wherever they lie. An array of ticks would need the range, a tree one cache miss a comparison.

The best level hangs leftmost. When it goes, its node keeps another child, so the new best level is found from that
node by counting trailing zeros down, never by climbing.
"""

from __future__ import annotations

import numpy as np

from appliance.book.record_words import one_of
from appliance.book.state import CHILDREN, Book
from native.jit import inner_kernel, kernel
from native.layout import LADDER_LEVEL_BIT, NO_INDEX
from native.lowlevel import count_leading_zeros64, count_trailing_zeros64

DIGIT_BITS = 6
HEIGHTS_MAX = 11
TOP_SHIFT = 60
SIGN_BIT = -(1 << 63)
ONE = np.uint64(1)
SIDE_STRIDE = 0x79B1


@inner_kernel
def side_key(price_ticks: int, is_sell: int) -> int:
    """The key of a price: lower is better on both sides. The same function brings the price back."""
    return price_ticks if is_sell else ~price_ticks


@kernel
def digit_of(key: int, shift: int) -> int:
    """0..63, in the order of the keys: the sign bit is turned, the top digit is sign-extended from four bits."""
    return ((key ^ SIGN_BIT) >> shift) & 63


@kernel
def find_level(book: Book, side: int, key: int) -> int:
    """Index of the level with this key, or -1."""
    reference = np.int64(book.sides[side]["root"])
    if reference == NO_INDEX:
        return -1
    if np.int64(book.sides[side]["best_key"]) == key:
        return np.int64(book.sides[side]["best"])
    for _ in range(HEIGHTS_MAX + 1):
        if reference & LADDER_LEVEL_BIT:
            level = reference & ~LADDER_LEVEL_BIT
            return level if np.int64(book.levels[level]["key"]) == key else -1
        digit = digit_of(key, np.int64(book.nodes[reference]["shift"]))
        if (book.nodes[reference]["occupied"] >> np.uint64(digit)) & ONE == 0:
            return -1
        reference = np.int64(book.children[reference * CHILDREN + digit])
    return -1


@inner_kernel
def place_of_key(book: Book, side: int, key: int) -> int:
    """Place in `book.known_levels` that a level of this key would have: neighbouring prices lie together."""
    mask = np.int64(book.known_levels.size - 1)
    return ((key & mask) + side * SIDE_STRIDE) & mask


@inner_kernel
def known_level(book: Book, side: int, key: int) -> int:
    """Index of the level with this key where `book.known_levels` knows it, else -1."""
    known = np.int64(book.known_levels[np.uint64(place_of_key(book, side, key))])
    level = known & NO_INDEX
    is_it = (known >> 32 == side + 1) & (np.int64(book.levels[np.uint64(level)]["key"]) == key)
    return level if is_it else np.int64(-1)


@inner_kernel
def level_of(book: Book, side: int, key: int) -> int:
    """`find_or_add_level`; most often one look into `book.known_levels` finds it."""
    level = known_level(book, side, key)
    return level if level >= 0 else np.int64(find_or_add_level(book, side, key))


@inner_kernel
def first_level(book: Book, reference: int) -> int:
    """Index of the best level at or below a reference."""
    for _ in range(HEIGHTS_MAX):
        if reference & LADDER_LEVEL_BIT:
            break
        digit = count_trailing_zeros64(book.nodes[reference]["occupied"])
        reference = np.int64(book.children[reference * CHILDREN + digit])
    return reference & ~LADDER_LEVEL_BIT


@kernel
def next_level(book: Book, level: int) -> int:
    """Index of the next worse level of the same side, or -1."""
    key = np.int64(book.levels[level]["key"])
    node = np.int64(book.levels[level]["parent"])
    for _ in range(HEIGHTS_MAX):
        if node == NO_INDEX:
            return -1
        digit = digit_of(key, np.int64(book.nodes[node]["shift"]))
        behind = (book.nodes[node]["occupied"] >> np.uint64(digit)) & ~ONE
        if behind != 0:
            digit += count_trailing_zeros64(behind)
            return first_level(book, np.int64(book.children[node * CHILDREN + digit]))
        node = np.int64(book.nodes[node]["parent"])
    return -1


@inner_kernel
def set_parent(book: Book, reference: int, parent: int) -> None:
    if reference & LADDER_LEVEL_BIT:
        book.levels[reference & ~LADDER_LEVEL_BIT]["parent"] = parent
    else:
        book.nodes[reference]["parent"] = parent


@inner_kernel
def set_child(book: Book, side: int, parent: int, key: int, reference: int) -> None:
    """Hang a reference into the digit of `key` below `parent` (NO_INDEX: at the root of the side)."""
    if parent == NO_INDEX:
        book.sides[side]["root"] = reference
    else:
        digit = digit_of(key, np.int64(book.nodes[parent]["shift"]))
        book.nodes[parent]["occupied"] |= ONE << np.uint64(digit)
        book.children[parent * CHILDREN + digit] = reference


@kernel
def find_or_add_level(book: Book, side: int, key: int) -> int:
    """Index of the level with this key; a new one without orders where there is none: then the caller has seen that one
    is free. One walk does both."""
    parent = np.int64(NO_INDEX)
    reference = np.int64(book.sides[side]["root"])
    is_best = reference == NO_INDEX or key < np.int64(book.sides[side]["best_key"])
    for _ in range(HEIGHTS_MAX + 1):
        if reference == NO_INDEX:
            break
        if reference & LADDER_LEVEL_BIT:
            level = reference & ~LADDER_LEVEL_BIT
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
def hang_new_level(book: Book, side: int, parent: int, key: int, is_best: bool) -> int:
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
    set_child(book, side, parent, key, level | LADDER_LEVEL_BIT)
    book.known_levels[place_of_key(book, side, key)] = np.uint64(((side + 1) << 32) | level)
    return level


@kernel
def drop_level(book: Book, side: int, level: int) -> int:
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
