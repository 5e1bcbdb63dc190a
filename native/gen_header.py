"""Write `native/gen/layout.h`: the records, limits and codes of the Python tables, for C.

Every record gets a `_Static_assert` for its size and for each offset, so a drifted field fails the C compile. The
output is committed; `tests/native/test_layout_header.py` fails when it is stale. Run: `python -m native.gen_header`;
with `--check` it writes nothing and ends with status 3 where the file is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from native import account_layout, codes, gateway_layout, layout, limits, log_layout, session_layout

RECORD_TABLES = (layout, log_layout, gateway_layout, session_layout, account_layout)
HEADER = Path(__file__).with_name("gen") / "layout.h"


def c_field(dtype: np.dtype, name: str) -> str:
    """The C declaration of one field of a record."""
    field = dtype.fields[name][0]  # type: ignore[index]
    if field.kind == "V":
        return f"uint8_t {name}[{field.itemsize}];"
    if field.kind not in "iu":
        raise TypeError(f"{name}: a record that C shares holds integers and bytes, not {field}")
    sign = "u" if field.kind == "u" else ""
    return f"{sign}int{field.itemsize * 8}_t {name};"


def c_record(name: str, dtype: np.dtype) -> list[str]:
    """A typedef and its assertions."""
    c_name = f"{name.lower()}_t"
    lines = ["typedef struct {"]
    lines += [f"    {c_field(dtype, field)}" for field in dtype.names or ()]
    lines += [f"}} {c_name};", f'_Static_assert(sizeof({c_name}) == {dtype.itemsize}, "{name}");']
    for field in dtype.names or ():
        offset = dtype.fields[field][1]  # type: ignore[index]
        lines.append(f'_Static_assert(offsetof({c_name}, {field}) == {offset}, "{name}.{field}");')
    return [*lines, ""]


def c_constants(module: ModuleType) -> list[str]:
    """Every integer constant of a table, in the order of the table."""
    lines = []
    for name, value in vars(module).items():
        if not name.isupper() or name.startswith("_") or not isinstance(value, int):
            continue
        if -(1 << 31) <= value < 1 << 31:
            lines.append(f"#define {name} ({value})")
        else:
            lines.append(f"#define {name} UINT64_C(0x{value:X})")
    return [*lines, ""]


def header_text() -> str:
    """The whole header."""
    lines = [
        "/* Made by native/gen_header.py from native/layout.py, the other tables beside it, limits.py and codes.py.",
        "   Do not edit. */",
        "#ifndef PITWIRE_LAYOUT_H",
        "#define PITWIRE_LAYOUT_H",
        "",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "",
    ]
    for module in (limits, codes, *RECORD_TABLES):
        lines += [f"/* {module.__name__.replace('.', '/')}.py */", *c_constants(module)]
    seen: dict[int, str] = {}
    for name, value in (pair for module in RECORD_TABLES for pair in vars(module).items()):
        if not isinstance(value, np.dtype):
            continue
        if id(value) in seen:
            lines += [f"typedef {seen[id(value)]} {name.lower()}_t;", ""]
            continue
        seen[id(value)] = f"{name.lower()}_t"
        lines += c_record(name, value)
    lines.append("#endif")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        if HEADER.is_file() and HEADER.read_text(encoding="ascii") == header_text():
            return 0
        print(f"{HEADER} is stale: run python -m native.gen_header", file=sys.stderr)
        return 3
    HEADER.parent.mkdir(exist_ok=True)
    HEADER.write_text(header_text(), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
