"""Indexes of kernels count from the front: no code for an index below 0.

numba, as Python, takes `a[-1]` for the last item, and so asks of every signed index whether it is below 0: a load of
the array's size and three instructions an access, hundreds an order. No kernel counts from the end (the checked build,
NUMBA_BOUNDSCHECK=1, proves it: there an index below 0 is an IndexError). Kernels are told from other code that numba
compiles in the process by how they are compiled: without its reference counting.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.targetconfig import ConfigStack
from numba.np import arrayobj

_with_wrap_around = arrayobj.fix_integer_index


def _from_the_front(context: Any, builder: Any, index_type: Any, index: Any, size: Any) -> Any:
    flags = ConfigStack.top_or_none()
    if flags is None or flags.nrt:
        return _with_wrap_around(context, builder, index_type, index, size)
    return context.cast(builder, index, index_type, types.intp if index_type.signed else types.uintp)


def install() -> None:
    """From now on kernels are compiled so. Called once, by `native.jit`."""
    arrayobj.fix_integer_index = _from_the_front
