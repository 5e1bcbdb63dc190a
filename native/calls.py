"""Calls of kernels, without what numba does at each of them and no kernel needs.

numba zeroes the places of the result and of the exception, where the caller begins and again at the call, and asks
afterwards for two codes of success: it is well, or it is well and None. A callee that LLVM cannot look into might read
those places, so the zeros are written, also where the call does not come: four stores and two tests a call. A kernel
that returns a number writes its result whenever it is well, and an exception is read only where there is one. Kernels
are told from other code that numba compiles in the process by how they are compiled: without its reference counting.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.callconv import RETCODE_OK, CPUCallConv, excinfo_t
from numba.core.targetconfig import ConfigStack

of_numba = CPUCallConv.call_function


def call_function(
    self: Any, builder: Any, callee: Any, resty: Any, argtys: Any, args: Any, attrs: Any = None
) -> tuple[Any, Any]:
    flags = ConfigStack.top_or_none()
    may_be_none = isinstance(resty, types.Optional | types.NoneType)  # type: ignore[attr-defined]
    if flags is None or flags.nrt or attrs is not None or may_be_none:
        return of_numba(self, builder, callee, resty, argtys, args, attrs)  # type: ignore[no-any-return]
    with builder.goto_entry_block():
        result_at = builder.alloca(self.get_return_type(resty).pointee)
        exception_at = builder.alloca(ir.PointerType(excinfo_t))
    arguments = self._get_arg_packer(argtys).as_arguments(builder, args)
    code = builder.call(callee, [result_at, exception_at, *arguments])
    status = self._get_return_status(builder, code, builder.load(exception_at))
    is_well = builder.icmp_signed("==", code, RETCODE_OK)
    status = status._replace(is_ok=is_well, is_error=builder.not_(is_well))
    return status, self.context.get_returned_value(builder, resty, builder.load(result_at))


def install() -> None:
    """From now on kernels are called so. Called once, by `native.jit`."""
    CPUCallConv.call_function = call_function
