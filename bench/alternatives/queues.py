"""The queue of a level, two designs: ORDER records linked both ways (as in the book), chunks of slots with graves.

Each `run_*` does operations[first:last] of bench/alternatives/record.py, writes their answers, and returns 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.alternatives.record import QUEUE_JOIN
from native.jit import inner_kernel, kernel
from native.layout import NO_INDEX

CHUNK_WORDS = 16
NEXT, PREV, LIVING, USED, SLOTS = range(5)
"""Words of a chunk: its neighbours, how many of its slots live, how many are used, the slots (NO_INDEX: a grave)."""


@kernel
def run_linked(orders: Any, levels: Any, rows: Any, first: int, last: int, answers: Any) -> int:
    """An order knows its neighbours; a level its first and last order."""
    for i in range(first, last):
        level, slot = np.uint64(rows[i, 1]), np.uint64(rows[i, 2])
        if rows[i, 0] == QUEUE_JOIN:
            tail = np.int64(levels[level]["tail"])
            orders[slot]["prev"] = tail
            orders[slot]["next"] = NO_INDEX
            if tail == NO_INDEX:
                levels[level]["head"] = slot
            else:
                orders[np.uint64(tail)]["next"] = slot
            levels[level]["tail"] = slot
        else:
            before = np.int64(orders[slot]["prev"])
            behind = np.int64(orders[slot]["next"])
            if before == NO_INDEX:
                levels[level]["head"] = behind
            else:
                orders[np.uint64(before)]["next"] = behind
            if behind == NO_INDEX:
                levels[level]["tail"] = before
            else:
                orders[np.uint64(behind)]["prev"] = before
        head = np.int64(levels[level]["head"])
        answers[i] = head if head != NO_INDEX else np.int64(-1)
    return 0


@inner_kernel
def drop_chunk(chunks: Any, levels: Any, level: Any, chunk: int, free: Any) -> None:
    at = chunk * CHUNK_WORDS
    before = np.int64(chunks[at + PREV])
    behind = np.int64(chunks[at + NEXT])
    if before == NO_INDEX:
        levels[level]["head"] = behind
    else:
        chunks[before * CHUNK_WORDS + NEXT] = behind
    if behind == NO_INDEX:
        levels[level]["tail"] = before
    else:
        chunks[behind * CHUNK_WORDS + PREV] = before
    chunks[at + NEXT] = free[0]
    free[0] = chunk


@inner_kernel
def add_chunk(chunks: Any, levels: Any, level: Any, tail: int, free: Any) -> int:
    chunk = free[0]
    at = chunk * CHUNK_WORDS
    free[0] = np.int64(chunks[at + NEXT])
    chunks[at + NEXT] = NO_INDEX
    chunks[at + PREV] = tail
    chunks[at + LIVING] = 0
    chunks[at + USED] = 0
    if tail == NO_INDEX:
        levels[level]["head"] = chunk
    else:
        chunks[tail * CHUNK_WORDS + NEXT] = chunk
    levels[level]["tail"] = chunk
    return chunk


@kernel
def run_chunked(
    orders: Any, levels: Any, chunks: Any, free: Any, rows: Any, first: int, last: int, answers: Any
) -> int:
    """A level has chunks of a cache line, twelve slots each; an order keeps its place (in its word `prev`).

    chunks: (16 * orders,) uint32, every chunk holds a living order or is free; free: (1,) the free list.
    """
    for i in range(first, last):
        level, slot = np.uint64(rows[i, 1]), np.uint64(rows[i, 2])
        if rows[i, 0] == QUEUE_JOIN:
            chunk = np.int64(levels[level]["tail"])
            if chunk == NO_INDEX or np.int64(chunks[chunk * CHUNK_WORDS + USED]) == CHUNK_WORDS - SLOTS:
                chunk = np.int64(add_chunk(chunks, levels, level, chunk, free))
            at = chunk * CHUNK_WORDS
            used = np.int64(chunks[at + USED])
            chunks[at + SLOTS + used] = slot
            chunks[at + USED] = used + 1
            chunks[at + LIVING] += np.uint32(1)
            orders[slot]["prev"] = at + SLOTS + used
        else:
            place = np.int64(orders[slot]["prev"])
            chunk = place // CHUNK_WORDS
            chunks[place] = NO_INDEX
            living = np.int64(chunks[chunk * CHUNK_WORDS + LIVING]) - 1
            chunks[chunk * CHUNK_WORDS + LIVING] = living
            if living == 0:
                drop_chunk(chunks, levels, level, chunk, free)
        answers[i] = -1
        head = np.int64(levels[level]["head"])
        if head != NO_INDEX:
            for at in range(head * CHUNK_WORDS + SLOTS, (head + 1) * CHUNK_WORDS):
                if np.int64(chunks[at]) != NO_INDEX:
                    answers[i] = np.int64(chunks[at])
                    break
    return 0
