"""Copies of what was written a moment ago: the bytes that they move, and those that they leave alone."""

from __future__ import annotations

import numpy as np
import pytest

from native.copying import BY_WORDS_MAX, copy_message, copy_written
from native.jit import kernel

TO_AT = 64
FROM_AT = 8
ROOM = 2048
GUARD = 0xEE


@kernel
def written(to, source, size):  # type: ignore[no-untyped-def]
    return copy_written(to, TO_AT, source, FROM_AT, size)


@kernel
def message(to, source, at, size):  # type: ignore[no-untyped-def]
    return copy_message(to, TO_AT, source, at, size)


def some_bytes() -> np.ndarray:
    return np.random.default_rng(26).integers(0, 200, ROOM).astype(np.uint8)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 56, 64, 100, 1400, *range(BY_WORDS_MAX - 9, BY_WORDS_MAX + 10)])
def test_what_was_written_comes_with_what_ends_its_word(size: int) -> None:
    source = some_bytes()
    to = np.full(ROOM, GUARD, np.uint8)
    assert written(to, source, size) == 0
    copied = -(-size // 8) * 8 if size <= BY_WORDS_MAX else size
    assert (to[TO_AT : TO_AT + copied] == source[FROM_AT : FROM_AT + copied]).all()
    assert (to[:TO_AT] == GUARD).all() and (to[TO_AT + copied :] == GUARD).all()


@pytest.mark.parametrize("at", [0, 8, 13])
def test_a_message_of_any_length_is_copied_to_the_byte(at: int) -> None:
    source = some_bytes()
    for size in range(300):
        to = np.full(ROOM, GUARD, np.uint8)
        assert message(to, source, at, size) == 0
        assert (to[TO_AT : TO_AT + size] == source[at : at + size]).all(), size
        assert (to[:TO_AT] == GUARD).all() and (to[TO_AT + size :] == GUARD).all(), size
