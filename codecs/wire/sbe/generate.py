"""Keep `codecs/wire/gen` in step with `codecs/schemas`: `python -m wire.sbe.generate --write` or `--check`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wire.sbe.emit_python import emit_python
from wire.sbe.parser import parse_schema
from wire.sbe.problems import SchemaError

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
GENERATED = Path(__file__).resolve().parents[1] / "gen"
PACKAGE = "wire.gen"


def expected_files(schemas: Path = SCHEMAS) -> dict[str, str]:
    """Name to text of every generated file, the IR as JSON among them. Raises `SchemaError`."""
    files: dict[str, str] = {}
    for path in sorted(schemas.glob("*.xml")):
        schema = parse_schema(path)
        files |= emit_python(schema, f"codecs/schemas/{path.name}", PACKAGE, path.stem)
    return files


def stale_files(expected: dict[str, str], folder: Path = GENERATED) -> list[str]:
    """Names of files that are missing, differ, or should not be there."""
    stale = [name for name, text in expected.items() if not _holds(folder / name, text)]
    known = {*expected, "__init__.py"}
    return stale + sorted(path.name for path in folder.glob("*.py") if path.name not in known)


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def main(arguments: list[str] | None = None) -> int:
    """0: in step; 1: a schema is wrong; 3: generated files are stale."""
    parser = argparse.ArgumentParser(prog="python -m wire.sbe.generate", description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write what differs, remove what is left over")
    mode.add_argument("--check", action="store_true", help="fail with status 3 where generated files are stale")
    options = parser.parse_args(arguments)
    try:
        expected = expected_files()
    except SchemaError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    stale = stale_files(expected)
    if options.check:
        for name in stale:
            print(f"{GENERATED / name} is stale: run python -m wire.sbe.generate --write", file=sys.stderr)
        return 3 if stale else 0
    for name in stale:
        if name in expected:
            (GENERATED / name).write_text(expected[name], encoding="utf-8")
        else:
            (GENERATED / name).unlink()
        print(f"{'wrote' if name in expected else 'removed'} {GENERATED / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
