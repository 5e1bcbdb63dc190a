"""`@kernel` and its kin: njit, cached (`native/kernel_cache.py`), linked as `native/linking.py` tells.

Import this module before numba.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar, cast

from native.kernel_cache import begin_with, cache_folder

F = TypeVar("F", bound=Callable[..., object])

if "NUMBA_CACHE_DIR" not in os.environ:
    _folder = cache_folder()
    os.environ["NUMBA_CACHE_DIR"] = str(_folder)
    begin_with(_folder)

from numba.core import config  # noqa: E402

from native import calls, indexes  # noqa: E402
from native.linking import FarDispatcher, InnerDispatcher, KernelDispatcher  # noqa: E402

config.reload_config()  # numba may have been imported, and have read the environment, before us
indexes.install()
calls.install()

INTERPRETED = bool(config.DISABLE_JIT)
"""NUMBA_DISABLE_JIT=1: kernels run as plain Python (coverage, debugging)."""
CHECKED = bool(config.BOUNDSCHECK)
"""NUMBA_BOUNDSCHECK=1: every load and store proves that it stays in its buffer."""


_OPTIONS: dict[str, object] = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}


def _compiled(function: F, dispatcher: type[KernelDispatcher], **options: object) -> F:
    if INTERPRETED:
        return function
    made = dispatcher(function, targetoptions={"nopython": True, "boundscheck": None, **_OPTIONS, **options})
    if dispatcher is not InnerDispatcher:
        made.enable_caching()
    return cast(F, made)


def kernel(function: F) -> F:
    """Compile `function`: nogil, cached, division by zero gives 0 (assert divisors). Plain Python when INTERPRETED.

    Compiled without numba's reference counting, so a kernel that allocates does not compile. Arrays that pass from
    kernel to kernel are otherwise counted with atomic instructions at every call: measured in the book, 900 ns a
    message with them and 320 without.

    Inlined where an `inner_kernel` calls it: numba hands that option down. The book needs it: 40 ns a message, and 80
    where no kernel inherits it.
    """
    return _compiled(function, KernelDispatcher)


def outer_kernel(function: F) -> F:
    """A kernel that is called, never inlined by force, with what it calls.

    It is linked into each of its callers, which LLVM optimises again with it: for what is small or has one caller.
    """
    return _compiled(function, KernelDispatcher, forceinline=False)


def far_kernel(function: F) -> F:
    """A kernel that is called by symbol (`native/linking.py`): compiled once, however many kernels call it.

    Where the stages meet. With `outer_kernel` there, the whole core was compiled again with each of the two dozen
    kernels that decide an input: eight minutes of CPU, not two.
    """
    assert "<locals>" not in function.__qualname__, "a cached caller finds it by its module and name"
    return _compiled(function, FarDispatcher, forceinline=False)


def inner_kernel(function: F) -> F:
    """A kernel for kernels, always inlined. From Python it runs as the plain Python function that it is.

    A call hands over seven words an array: measured in the book, 340 ns a message with calls and 160 inlined.
    """
    return _compiled(function, InnerDispatcher, forceinline=True, no_cpython_wrapper=True)
