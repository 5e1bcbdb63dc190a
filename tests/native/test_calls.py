"""Calls of kernels do without what numba does around them, and tell results and errors as before."""

from __future__ import annotations

import inspect
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.callconv import CPUCallConv

from native import calls
from native.jit import far_kernel, kernel, outer_kernel  # first: it sets numba's environment


@far_kernel
def checked(items: Any, at: int) -> Any:
    if at >= items.size:  # an `assert` would be rewritten by pytest
        raise IndexError
    return items[at]


@outer_kernel
def both(items: Any, at: int) -> tuple[Any, Any]:
    return checked(items, at), checked(items, at + 1)


@outer_kernel
def unless_negative(items: Any, at: int) -> Any:
    return None if at < 0 else checked(items, at)


@kernel
def total(items: Any, at: int) -> Any:
    if at > 100:
        return checked(items, at - 100)
    first, second = both(items, at)
    return first + second


@kernel
def is_nothing(items: Any, at: int) -> bool:
    return unless_negative(items, at) is None


@numba.njit  # type: ignore[untyped-decorator]
def of_numba(items: Any, at: int) -> Any:
    return items[at]


@numba.njit  # type: ignore[untyped-decorator]
def calls_numba(items: Any, at: int) -> Any:
    return of_numba(items, at) if at > 100 else 0


ITEMS = np.array([3, 4, 5])


def test_results_and_errors_come_through() -> None:
    assert total(ITEMS, 0) == 7 and total(ITEMS, 1) == 9 and total(ITEMS, 102) == 5
    for at in (2, 103, 900):
        with pytest.raises(IndexError):
            total(ITEMS, at)
    assert is_nothing(ITEMS, -1) and not is_nothing(ITEMS, 0)
    with pytest.raises(IndexError):
        is_nothing(ITEMS, 3)


def test_numba_is_as_it_was_replaced() -> None:
    """A new numba that calls functions in another way shows here."""
    parameters = ("self", "builder", "callee", "resty", "argtys", "args", "attrs")
    assert tuple(inspect.signature(calls.of_numba).parameters) == parameters
    assert CPUCallConv.call_function is calls.call_function


def test_other_code_is_called_too() -> None:
    assert calls_numba(ITEMS, 0) == 0 and calls_numba(np.arange(200), 101) == 101
