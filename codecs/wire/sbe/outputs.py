"""Everything that `pitwire sbe generate` writes for a schema."""

from __future__ import annotations

import os
from pathlib import Path

from wire.sbe.c_names import identifier
from wire.sbe.emit_c import emit_c
from wire.sbe.emit_kernels import emit_kernels
from wire.sbe.emit_python import emit_python
from wire.sbe.parser import parse_schema


def generated_files(
    schema_file: str | os.PathLike[str], *, package: str = "", lua: bool = False, json_ir: bool = False
) -> dict[str, str]:
    """File name to text. `package` is the Python package that the folder is; empty: its modules are top-level ones.

    Raises `SchemaError`, and OSError where the schema cannot be read.
    """
    path = Path(schema_file)
    schema = parse_schema(path)
    stem = identifier(path.stem)
    files = {
        **emit_c(schema, stem, path.name),
        **emit_python(schema, path.name, package, stem),
        **emit_kernels(schema, path.name, stem),
    }
    if json_ir:
        files[f"{stem}.json"] = schema.to_json() + "\n"
    if lua:
        from wire.sbe.emit_lua import emit_lua

        files[f"{stem}.lua"] = emit_lua(schema, stem, path.name)
    return files
