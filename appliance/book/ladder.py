"""Price levels in order: per side a trie of blocks over the whole int64 range.

A price becomes a key (sells: the price, buys: its complement ~price), so on both sides the lowest key is the best and
one code serves both. Sixty-four neighbouring keys are a block: a LADDER_NODE of shift 0 with a word of occupancy and
the numbers of its levels. Above the blocks stands a path-compressed 64-ary trie: a node where keys of the side first
differ, in one digit of six bits, with two children or more. So there are fewer than twice as many nodes as levels
whatever the prices are, and every walk takes at most HEIGHTS_MAX = 11 steps. How far the market runs does not matter.
An array of ticks would need the range, a tree one cache miss a comparison.

Walks are rare. `known_blocks`, a direct-mapped table (side, block), is looked into first; blocks last much longer than
levels, so nearly every level is found, added and dropped by a bit of its block. The best level hangs leftmost: when it
goes, the next best is found by counting trailing zeros, in the same block or down from the parent of the emptied one.
"""

from __future__ import annotations

import numpy as np

from appliance.book.record_words import one_of
from appliance.book.state import CHILDREN, KNOWN_BLOCKS, Book
from native.jit import inner_kernel, kernel
from native.layout import NO_INDEX
from native.lowlevel import count_leading_zeros64, count_trailing_zeros64, rarely

DIGIT_BITS = 6
DIGIT_MASK = 63
HEIGHTS_MAX = 11
TOP_SHIFT = 60
SIGN_BIT = -(1 << 63)
ONE = np.uint64(1)
SIDE_STRIDE = round(KNOWN_BLOCKS * (5**0.5 - 1) / 2)
"""How far apart two sides that follow each other begin in `known_blocks`: multiples of the golden section are spread
evenly, however many they are."""


@inner_kernel
def side_key(price_ticks: int, is_sell: int) -> int:
    """The key of a price: lower is better on both sides. The same function brings the price back."""
    return price_ticks if is_sell else ~price_ticks


@kernel
def digit_of(key: int, shift: int) -> int:
    """0..63, in the order of the keys: the sign bit is turned, the top digit is sign-extended from four bits."""
    return ((key ^ SIGN_BIT) >> shift) & DIGIT_MASK


@inner_kernel
def bit_of(key: int) -> np.uint64:
    """The bit of a key in the occupancy of its block."""
    return ONE << np.uint64(key & DIGIT_MASK)


@inner_kernel
def place_of_block(side: int, key: int) -> int:
    """Place in `known_blocks` that the block of this key would have."""
    return ((key >> DIGIT_BITS) + side * SIDE_STRIDE) & (KNOWN_BLOCKS - 1)


@inner_kernel
def known_block(book: Book, side: int, key: int) -> int:
    """Node of the block of this key where `known_blocks` knows it, else -1."""
    known = np.int64(book.known_blocks[np.uint64(place_of_block(side, key))])
    node = known & NO_INDEX
    is_it = (known >> 32 == side + 1) & ((np.int64(book.nodes[np.uint64(node)]["key"]) ^ key) >> DIGIT_BITS == 0)
    return node if is_it else np.int64(-1)


@inner_kernel
def level_in_block(book: Book, block: int, key: int) -> int:
    """Index of the level with this key, which would be in this block, or -1."""
    is_there = book.nodes[np.uint64(block)]["occupied"] & bit_of(key) != 0
    return np.int64(book.children[np.uint64(block * CHILDREN + (key & DIGIT_MASK))]) if is_there else np.int64(-1)


@inner_kernel
def known_level(book: Book, side: int, key: int) -> int:
    """Index of the level with this key where `known_blocks` knows its block, else -1."""
    block = known_block(book, side, key)
    return level_in_block(book, block, key) if block >= 0 else np.int64(-1)


@kernel
def find_level(book: Book, side: int, key: int) -> int:
    """Index of the level with this key, or -1."""
    node = np.int64(known_block(book, side, key))
    if node < 0:
        node = np.int64(book.sides[side]["root"])
        for _ in range(HEIGHTS_MAX):
            if node == NO_INDEX or np.int64(book.nodes[node]["shift"]) == 0:
                break
            digit = digit_of(key, np.int64(book.nodes[node]["shift"]))
            is_there = (book.nodes[node]["occupied"] >> np.uint64(digit)) & ONE != 0
            node = np.int64(book.children[node * CHILDREN + digit]) if is_there else np.int64(NO_INDEX)
        if node == NO_INDEX or (np.int64(book.nodes[node]["key"]) ^ key) >> DIGIT_BITS != 0:
            return -1
    return level_in_block(book, node, key)


@inner_kernel
def first_level(book: Book, node: int) -> int:
    """Index of the best level at or below a node."""
    for _ in range(HEIGHTS_MAX):
        below = np.int64(
            book.children[np.uint64(node * CHILDREN + count_trailing_zeros64(book.nodes[np.uint64(node)]["occupied"]))]
        )
        if np.int64(book.nodes[np.uint64(node)]["shift"]) == 0:
            return below
        node = below
    return np.int64(NO_INDEX)


@kernel
def next_level(book: Book, level: int) -> int:
    """Index of the next worse level of the same side, or -1."""
    key = np.int64(book.levels[level]["key"])
    node = np.int64(book.levels[level]["parent"])
    for _ in range(HEIGHTS_MAX):
        if node == NO_INDEX:
            return -1
        shift = np.int64(book.nodes[node]["shift"])
        digit = digit_of(key, shift)
        behind = (book.nodes[node]["occupied"] >> np.uint64(digit)) & ~ONE
        if behind != 0:
            digit += count_trailing_zeros64(behind)
            below = np.int64(book.children[node * CHILDREN + digit])
            return below if shift == 0 else np.int64(first_level(book, below))
        node = np.int64(book.nodes[node]["parent"])
    return -1


@inner_kernel
def set_child(book: Book, side: int, parent: int, key: int, node: int) -> None:
    """Hang a node into the digit of `key` below `parent` (NO_INDEX: at the root of the side)."""
    book.nodes[node]["parent"] = parent
    if parent == NO_INDEX:
        book.sides[side]["root"] = node
    else:
        digit = digit_of(key, np.int64(book.nodes[parent]["shift"]))
        book.nodes[parent]["occupied"] |= ONE << np.uint64(digit)
        book.children[parent * CHILDREN + digit] = node


@inner_kernel
def take_node(book: Book, key: int, shift: int) -> int:
    """A node without children that hangs nowhere yet."""
    node = np.int64(book.state[0]["free_node"])
    book.state[0]["free_node"] = book.nodes[node]["parent"]
    book.state[0]["open_nodes"] += 1
    book.nodes[node]["key"] = key
    book.nodes[node]["shift"] = shift
    book.nodes[node]["occupied"] = 0
    return node


@inner_kernel
def give_node(book: Book, node: int) -> None:
    book.nodes[node]["parent"] = book.state[0]["free_node"]
    book.state[0]["free_node"] = node
    book.state[0]["open_nodes"] -= 1


@kernel
def find_or_add_block(book: Book, side: int, key: int) -> int:
    """Node of the block of this key; a new one, to which the caller adds a level at once, where there is none. Wherever
    a level is free there are the nodes that it may need. One walk does both."""
    parent = np.int64(NO_INDEX)
    node = np.int64(book.sides[side]["root"])
    for _ in range(HEIGHTS_MAX + 1):
        if node == NO_INDEX:
            break
        other_key = np.int64(book.nodes[node]["key"])
        shift = np.int64(book.nodes[node]["shift"])
        top_bit = 63 - count_leading_zeros64(key ^ other_key)
        if top_bit >= shift + DIGIT_BITS:  # the keys part above this place: a node goes in between
            between = np.int64(take_node(book, key, top_bit // DIGIT_BITS * DIGIT_BITS))
            set_child(book, side, parent, key, between)
            set_child(book, side, between, other_key, node)
            parent = between
            break
        if shift == 0:
            book.known_blocks[place_of_block(side, key)] = np.uint64(((side + 1) << 32) | node)
            return node
        parent = node
        digit = digit_of(key, shift)
        if (book.nodes[node]["occupied"] >> np.uint64(digit)) & ONE == 0:
            break
        node = np.int64(book.children[node * CHILDREN + digit])
    node = np.int64(take_node(book, key, np.int64(0)))
    set_child(book, side, parent, key, node)
    book.known_blocks[place_of_block(side, key)] = np.uint64(((side + 1) << 32) | node)
    return node


@inner_kernel
def add_level(book: Book, side: int, block: int, key: int) -> int:
    """A new level without orders in its block; the caller has seen that one is free."""
    state = book.state[0]
    ladder = book.sides[np.uint64(side)]
    level = np.int64(state["free_level"])
    queue = book.levels[np.uint64(level)]
    is_best = (np.int64(ladder["best"]) == NO_INDEX) | (key < np.int64(ladder["best_key"]))
    state["free_level"] = queue["head"]
    state["open_levels"] += 1
    ladder["levels"] += 1
    ladder["best"] = one_of(is_best, level, np.int64(ladder["best"]))
    ladder["best_key"] = one_of(is_best, key, np.int64(ladder["best_key"]))
    queue["key"] = key
    queue["qty_lots"] = 0
    queue["head"] = NO_INDEX
    queue["tail"] = NO_INDEX
    queue["parent"] = block
    queue["orders"] = 0
    book.nodes[np.uint64(block)]["occupied"] |= bit_of(key)
    book.children[np.uint64(block * CHILDREN + (key & DIGIT_MASK))] = level
    return level


@inner_kernel
def level_of(book: Book, side: int, key: int) -> int:
    """Index of the level with this key; a new one without orders where there is none: then the caller has seen that one
    is free."""
    block = known_block(book, side, key)
    if rarely(block < 0):
        block = np.int64(find_or_add_block(book, side, key))
    level = level_in_block(book, block, key)
    return level if level >= 0 else add_level(book, side, block, key)


@kernel
def find_or_add_level(book: Book, side: int, key: int) -> int:
    """`level_of` as a call."""
    return level_of(book, side, key)


@inner_kernel
def drop_level(book: Book, side: int, level: int) -> int:
    """Give an empty level back; finds the new best level where it was the best. Returns the levels left."""
    state = book.state[0]
    ladder = book.sides[np.uint64(side)]
    queue = book.levels[np.uint64(level)]
    key = np.int64(queue["key"])
    block = np.int64(queue["parent"])
    occupied = book.nodes[np.uint64(block)]["occupied"] & ~bit_of(key)
    left = np.int64(ladder["levels"]) - 1
    book.nodes[np.uint64(block)]["occupied"] = occupied
    queue["head"] = state["free_level"]
    queue["parent"] = NO_INDEX
    state["free_level"] = level
    state["open_levels"] -= 1
    ladder["levels"] = left
    if rarely(occupied == 0):
        drop_block(book, side, block, level)
    else:  # whether the best goes is as random as the flow: selected, not branched for
        is_best = np.int64(ladder["best"]) == level
        digit = count_trailing_zeros64(occupied)
        behind = np.int64(book.children[np.uint64(block * CHILDREN + digit)])
        ladder["best"] = one_of(is_best, behind, np.int64(ladder["best"]))
        ladder["best_key"] = one_of(is_best, (key & ~DIGIT_MASK) | digit, np.int64(ladder["best_key"]))
    return left


@kernel
def drop_block(book: Book, side: int, block: int, level: int) -> int:
    """Give back a block whose last level has gone, and find the new best where that was the best. Returns 0."""
    key = np.int64(book.nodes[block]["key"])
    parent = np.int64(book.nodes[block]["parent"])
    place = place_of_block(side, key)
    if np.int64(book.known_blocks[place]) & NO_INDEX == block:
        book.known_blocks[place] = 0
    give_node(book, block)
    if parent == NO_INDEX:
        book.sides[side]["root"] = NO_INDEX
        book.sides[side]["best"] = NO_INDEX
        return 0
    digit = digit_of(key, np.int64(book.nodes[parent]["shift"]))
    occupied = book.nodes[parent]["occupied"] & ~(ONE << np.uint64(digit))
    book.nodes[parent]["occupied"] = occupied
    if np.int64(book.sides[side]["best"]) == level:
        best = np.int64(first_level(book, parent))
        book.sides[side]["best"] = best
        book.sides[side]["best_key"] = book.levels[best]["key"]
    if occupied & (occupied - ONE) == 0:  # one child left: it takes the node's place
        last = np.int64(book.children[parent * CHILDREN + count_trailing_zeros64(occupied)])
        set_child(book, side, np.int64(book.nodes[parent]["parent"]), key, last)
        give_node(book, parent)
    return 0
