"""A schema's two Python modules: constants (no numba needed) and kernel accessors over `native.lowlevel`.

Accessors are shared: all fields of one type at one offset are one compiled-in accessor under many names, which keeps
import and compile time small.
"""

from __future__ import annotations

from wire.sbe.ir import Schema
from wire.sbe.symbols import Symbols, symbols_of


def emit_python(schema: Schema, source: str, package: str, stem: str) -> dict[str, str]:
    """File name to text of `<stem>_tables.py` and `<stem>.py`; `source` is named in their first lines.

    `package` is the package that they are in; empty: they are top-level modules.
    """
    symbols = symbols_of(schema)
    module = f"{package}.{stem}" if package else stem
    return {
        f"{stem}_tables.py": _tables(symbols, source, module),
        f"{stem}.py": _accessors(symbols, source, module),
    }


def _tables(symbols: Symbols, source: str, module: str) -> str:
    lines = [
        f'"""Constants of `{source}`, made by `wire.sbe.generate`; not to be edited.',
        "",
        f"Accessors for kernels: `{module}`.",
        "`_OFFSET` and `_SIZE` in bytes, offsets from the first byte of the block or composite; `_NULL` as accessors",
        'return it (a uint64 keeps its bits as int64).\n"""',
    ]
    for title, constants in symbols.sections:
        if constants:
            lines += ["", f"# {title}", *(f"{name} = {literal}" for name, literal in constants.items())]
    return "\n".join(lines) + "\n"


def _accessors(symbols: Symbols, source: str, module: str) -> str:
    used = sorted({pair for _, accessors in symbols.accessors for pair in accessors.values()})
    lines = [
        f'"""Kernel accessors of `{source}`, made by `wire.sbe.generate`; not to be edited.',
        "",
        "`get_M_F(buf, at)` and `put_M_F(buf, at, value)`: `buf` is a uint8 array, `at` the first byte of the block or",
        'composite M in it. Integers are int64; a uint64 keeps its bits.\n"""',
        "",
        "# ruff: noqa: F403",
        "from native.lowlevel import getter, setter",
        f"from {module}_tables import *",
        "",
    ]
    for kind, offset in used:
        lines.append(f'_get_{kind}_{offset} = getter("{kind}", {offset})')
        lines.append(f'_put_{kind}_{offset} = setter("{kind}", {offset})')
    for title, accessors in symbols.accessors:
        if accessors:
            lines += ["", f"# {title}"]
        for name, (kind, offset) in accessors.items():
            lines += [f"get_{name} = _get_{kind}_{offset}", f"put_{name} = _put_{kind}_{offset}"]
    return "\n".join(lines) + "\n"
