"""Kernels that are compiled apart, once, and called by symbol: from other kernels, and from C by their address.

numba optimises what a kernel calls again with every kernel that calls it. Code that is large and seldom runs, called
from code that is small and often runs, made each of its callers take seconds to compile. A call by symbol costs 3 ns
and carries integers alone: addresses and counts, made into arrays again by `arrays_at` and `records_at`.

An exported function is compiled, or read from the cache, when its module is imported: a symbol that is missing when
cached code loads ends the process without a word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic

from native.arrays import Arrays
from native.jit import INTERPRETED  # first: it sets numba's environment

_WORD = ir.IntType(64)


@intrinsic  # type: ignore[untyped-decorator]
def address_of(typing_context: Any, arrays: Any) -> Any:
    """The address of the block of an `Arrays`, as an integer."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], _WORD)

    return types.int64(arrays), codegen


def arrays_at(example: Arrays) -> Any:
    """A kernel function that makes an `Arrays` of the example's kind of the address of its block."""
    kind: Any = None if INTERPRETED else example._numba_type_

    @intrinsic  # type: ignore[untyped-decorator]
    def make(typing_context: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            number = context.cast(builder, args[0], signature.args[0], types.int64)
            return builder.inttoptr(number, ir.IntType(8).as_pointer())

        return kind(address), codegen

    return make


def records_at(dtype: npt.DTypeLike) -> Any:
    """A kernel function that makes an array of `count` items of the dtype of the address of the first."""
    array_type = types.Array(from_dtype(np.dtype(dtype)), 1, "C")

    @intrinsic  # type: ignore[untyped-decorator]
    def make(typing_context: Any, address: Any, count: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            where = context.cast(builder, args[0], signature.args[0], types.int64)
            items = context.cast(builder, args[1], signature.args[1], types.intp)
            array = context.make_array(array_type)(context, builder)
            item_bytes = ir.Constant(_WORD, context.get_abi_sizeof(context.get_data_type(array_type.dtype)))
            array.data = builder.inttoptr(where, array.data.type)
            array.nitems = items
            array.itemsize = item_bytes
            array.shape = cgutils.pack_array(builder, [items])
            array.strides = cgutils.pack_array(builder, [item_bytes])
            array.meminfo = cgutils.get_null_value(array.meminfo.type)
            array.parent = cgutils.get_null_value(array.parent.type)
            return array._getvalue()

        return array_type(address, count), codegen

    return make


class Exported:
    """A function of int64 arguments with an int64 result, compiled apart. `call`: for kernels; `address`: for C."""

    def __init__(self, symbol: str, arguments: int, function: Callable[..., int]) -> None:
        self.symbol = symbol
        self.function = function
        self.signature = types.int64(*[types.int64] * arguments)
        options = {"cache": True, "error_model": "numpy", "nogil": True, "_nrt": False}
        self.compiled = numba.cfunc(self.signature, **options)(function)
        self.address = int(self.compiled.address)
        llvmlite.binding.add_symbol(symbol, self.address)
        assert llvmlite.binding.address_of_symbol(symbol) == self.address, symbol
        self.call: Any = types.ExternalFunction(symbol, self.signature)
