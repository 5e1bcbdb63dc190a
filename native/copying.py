"""Copies of what was written a moment ago."""

from __future__ import annotations

from native.jit import inner_kernel
from native.lowlevel import copy_bytes, copy_words

BY_WORDS_MAX = 512
"""Of so many bytes all may still be on their way into the cache; of more only the last are, and what is there can be
copied faster."""
_SOME_BYTES = 64


@inner_kernel
def copy_written(to, to_at, source, source_at, size):
    """Copy `size` bytes that begin at a word of `source`, and were written by words; up to 7 bytes behind them are
    copied, too, where they end within a word."""
    if size <= BY_WORDS_MAX:
        copy_words(to, to_at, source, source_at, (size + 7) >> 3)
    else:
        copy_bytes(to, to_at, source, source_at, size)
    return 0


@inner_kernel
def copy_message(to, to_at, source, source_at, size):
    """Copy a message of `size` bytes. One of 64 to 128 bytes is copied by its first 64 and its last 64, which overlap:
    how long the next one is, no branch predictor knows."""
    rest = size - _SOME_BYTES
    if 0 <= rest and rest <= _SOME_BYTES:
        copy_bytes(to, to_at, source, source_at, _SOME_BYTES)
        copy_bytes(to, to_at + rest, source, source_at + rest, _SOME_BYTES)
    else:
        copy_bytes(to, to_at, source, source_at, size)
    return 0
