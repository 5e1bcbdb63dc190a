"""The ladder of the public books (appliance/feed_book/ladder.py) in place of the book's: a trie of levels.

The book's own before it had blocks: path-compressed down to the last digit, so a level that comes or goes may make or
unmake nodes, and a new level, as most are in a thin book, is in no table. It takes less memory: a node a level at most.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from appliance.book.state import CHILDREN, aligned_zeros
from native.arrays import Arrays
from native.layout import BOOK_SIDE, BOOK_STATE, LADDER_NODE, LEVEL, NO_INDEX


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
