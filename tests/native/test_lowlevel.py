"""Intrinsics against Python: every kind of load and store, at every alignment, and the edges of the buffer."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native.arrays import Arrays
from native.jit import kernel
from native.lowlevel import (
    bytes_at,
    copy_words,
    count_leading_zeros64,
    count_trailing_zeros64,
    getter,
    load_acquire64,
    setter,
    store_release64,
)

FORMATS = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q"}
KINDS = {kind + end: order + code for kind, code in FORMATS.items() for end, order in (("", "<"), ("be", ">"))}


def _reader(kind: str) -> Any:
    get = getter(kind, 3)

    @kernel
    def read(buf: Any, at: int) -> int:
        return get(buf, at)

    return read


def _writer(kind: str) -> Any:
    put = setter(kind, 3)

    @kernel
    def write(buf: Any, at: int, value: int) -> int:
        put(buf, at, value)
        return 0

    return write


@pytest.mark.parametrize("kind", KINDS)
def test_load_and_store_are_those_of_struct(kind: str) -> None:
    read, write = _reader(kind), _writer(kind)
    bits = struct.calcsize(KINDS[kind]) * 8
    signed = kind.startswith("i")
    edges = [0, 1, (1 << (bits - 1)) - 1] + ([-1, -(1 << (bits - 1))] if signed else [(1 << bits) - 1])
    for at in range(9):
        for value in edges:
            word = value - (1 << 64) if value >= 1 << 63 else value  # a uint64 keeps its bits
            buf = np.zeros(24, np.uint8)
            write(buf, at, word)
            assert struct.unpack_from(KINDS[kind], buf, at + 3)[0] == value
            assert read(buf, at) == word
            buf[at + 3 : at + 3 + bits // 8] = 0
            assert not buf.any(), "wrote outside its place"


@kernel
def _copy_words(to: Any, to_at: int, source: Any, source_at: int, words: int) -> int:
    copy_words(to, to_at, source, source_at, words)
    return 0


@pytest.mark.parametrize("words", [0, 1, 3, 4, 5, 16, 175])
def test_words_are_copied_to_any_place_and_nothing_beside_them(words: int) -> None:
    source = np.random.default_rng(words).integers(0, 256, 8 * words + 16, dtype=np.uint8)
    for to_at in (0, 1, 2, 6, 8):
        to = np.zeros(8 * words + 24, np.uint8)
        _copy_words(to, to_at, source, 8, words)
        assert (to[to_at : to_at + 8 * words] == source[8 : 8 + 8 * words]).all()
        to[to_at : to_at + 8 * words] = 0
        assert not to.any()


@pytest.mark.parametrize(("kind", "code"), [("f32", "<f"), ("f64", "<d"), ("f32be", ">f"), ("f64be", ">d")])
def test_floats(kind: str, code: str) -> None:
    buf = np.zeros(16, np.uint8)
    _writer(kind)(buf, 1, 1.5)
    assert struct.unpack_from(code, buf, 4)[0] == 1.5
    assert _reader(kind)(buf, 1) == 1.5


@kernel
def _zeros(word: int) -> int:
    return count_leading_zeros64(word) * 100 + count_trailing_zeros64(word)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_bit_counts(word: int) -> None:
    bits = format(word & ((1 << 64) - 1), "064b")
    leading = len(bits) - len(bits.lstrip("0"))
    trailing = len(bits) - len(bits.rstrip("0"))
    assert _zeros(word) == leading * 100 + trailing


@kernel
def _through_addresses(words: Any, value: int) -> int:
    store_release64(words.ctypes.data + 8, value)
    octets = bytes_at(words.ctypes.data, 16)
    return load_acquire64(words.ctypes.data + 8) + np.int64(octets[8]) + octets.size


def test_addresses() -> None:
    words = np.zeros(2, np.int64)
    assert _through_addresses(words, 5) == 5 + 5 + 16
    assert words.tolist() == [0, 5]


class _Inner(Arrays):
    numbers: np.ndarray


class _Outer(Arrays):
    inner: _Inner
    rows: np.ndarray


@kernel
def _use(outer: Any, i: int) -> int:
    outer.inner.numbers[i] += 1
    outer.rows[i]["b"] = outer.inner.numbers[i] * 2
    return outer.inner.numbers.size * 10 + outer.rows.size


def test_sets_of_arrays_are_the_same_arrays_in_kernels() -> None:
    rows = np.zeros(3, np.dtype([("a", "i4"), ("b", "i4")], align=True))
    outer = _Outer(inner=_Inner(np.arange(4)), rows=rows)
    assert _use(outer, 2) == 43
    assert outer.inner.numbers.tolist() == [0, 1, 3, 3]
    assert rows["b"].tolist() == [0, 0, 6]
    with pytest.raises(AttributeError):
        outer.rows = rows
    with pytest.raises(TypeError):
        _Inner(np.zeros((2, 2)))
    with pytest.raises(TypeError):
        _Outer(rows=rows)


CHECKED_PROGRAM = """
import numpy as np
from tests_lowlevel_kernels import read, write
for size, at in ((8, 5), (8, -4), (0, 0), (8, 1 << 40)):
    for use in (lambda b: read(b, at), lambda b: write(b, at, 1)):
        try:
            use(np.zeros(size, np.uint8))
        except IndexError:
            continue
        raise SystemExit(f"no IndexError at {at} of {size}")
print("proved")
"""
CHECKED_KERNELS = """
from native.jit import CHECKED, kernel
from native.lowlevel import load_u32, store_u32
assert CHECKED

@kernel
def read(buf, at):
    return load_u32(buf, at)

@kernel
def write(buf, at, value):
    store_u32(buf, at, value)
    return 0
"""


def test_the_checked_build_proves_every_access(tmp_path: Any) -> None:
    (tmp_path / "tests_lowlevel_kernels.py").write_text(CHECKED_KERNELS)
    (tmp_path / "program.py").write_text(CHECKED_PROGRAM)
    environment = {
        **os.environ,
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
    }
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "proved\n", done.stderr
