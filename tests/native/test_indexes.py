"""Indexes of kernels count from the front; those of other code that numba compiles mean what they mean in Python."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from native.jit import CHECKED, INTERPRETED, kernel  # first: it sets numba's environment


@kernel
def read(items: Any, at: int) -> Any:
    return items[at]


@numba.njit  # type: ignore[untyped-decorator]
def read_as_python(items: Any, at: int) -> Any:
    return items[at]


ITEMS = np.arange(8) * 10


@pytest.mark.skipif(INTERPRETED, reason="kernels run as plain Python")
def test_a_kernel_does_not_count_from_the_end() -> None:
    assert [read(ITEMS, at) for at in range(8)] == ITEMS.tolist()
    if CHECKED:
        with pytest.raises(IndexError):
            read(ITEMS[4:], -1)
    else:
        assert read(ITEMS[4:], -1) == ITEMS[3], "what lies before the array: nothing looked at the sign"


def test_other_code_does() -> None:
    assert [read_as_python(ITEMS, -at) for at in range(1, 9)] == ITEMS[::-1].tolist()
