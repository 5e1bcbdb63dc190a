"""How compiled kernels come together: inlined into their callers, linked into them, or called by symbol.

numba links what a kernel calls into it, optimises the whole again and writes machine code for all of it: a kernel with
a dozen callers is compiled a dozen times more, and again with the callers of those. A `FarDispatcher` hands its callers
a jump to a symbol instead: one compiled body for all of them, for a call that LLVM cannot look into.

The symbol is named by module, function and argument types, so it is the same in every process. Whoever calls it keeps
in its cache entry that it must be there first (`_reload_init`, which numba runs before it loads an entry): a missing
symbol would end the process without a word.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature


class KernelDispatcher(CPUDispatcher):  # type: ignore[misc]
    """numba's dispatcher, but for what it would compile more often than is of use."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """How a kernel calls this one: without the values of literals, which would each make a kernel of their own."""
        return super().get_call_template(tuple(map(types.unliteral, args)), kws)

    def compile(self, sig: Any) -> Any:
        """The entry point for these argument types, compiled or loaded."""
        entry_point = super().compile(sig)
        kinds, _ = normalize_signature(sig)
        result = self.overloads[tuple(kinds)]
        result.library._reload_init.update(result.reload_init)  # numba forgets it of what comes from the cache
        return entry_point


class InnerDispatcher(KernelDispatcher):
    """A kernel for kernels alone: from Python it runs as the plain function that it is."""

    def __call__(self, *args: Any) -> Any:
        """What the function returns, interpreted."""
        return self.py_func(*args)


@dataclass(frozen=True)
class FarKernel:
    """What a cached caller needs before it is loaded: the far kernel of these argument types, by its symbol."""

    module: str
    name: str
    kinds: tuple[Any, ...]

    def __call__(self) -> None:
        """Compile or load it."""
        getattr(importlib.import_module(self.module), self.name).compile(self.kinds)

    @property
    def symbol(self) -> str:
        """The same in every process."""
        return f"{self.name}.{hashlib.sha256(f'{self.module} {self.kinds}'.encode()).hexdigest()[:16]}"


class FarDispatcher(KernelDispatcher):
    """A kernel whose callers call it by symbol."""

    def compile(self, sig: Any) -> Any:
        """The entry point for these argument types; their symbol is known then."""
        entry_point = super().compile(sig)
        kinds, _ = normalize_signature(sig)
        far = FarKernel(self.py_func.__module__, self.py_func.__name__, tuple(kinds))
        result = self.overloads[far.kinds]
        if far not in result.library._reload_init:
            result.library._reload_init.add(far)
            _call_by_symbol(result, far.symbol)
        return entry_point


def _call_by_symbol(result: Any, symbol: str) -> None:
    """Make `symbol` known as what was compiled, and a jump to it what callers link."""
    library, function, call_conv = result.library, result.fndesc, result.target_context.call_conv
    llvmlite.binding.add_symbol(symbol, library.get_pointer_to_function(function.llvm_func_name))
    module = library.codegen._create_empty_module(symbol)
    kind = call_conv.get_function_type(function.restype, function.argtypes)
    jump = ir.Function(module, kind, function.llvm_func_name)
    jump.linkage = "linkonce_odr"
    jump.attributes.add("alwaysinline")
    builder = ir.IRBuilder(jump.append_basic_block())
    builder.ret(builder.call(ir.Function(module, kind, symbol), jump.args))
    library._shared_module = llvmlite.binding.parse_assembly(str(module))
