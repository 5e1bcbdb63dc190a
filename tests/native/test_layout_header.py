"""`native/gen/layout.h` is what the Python tables say, and a drifted field does not compile."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from native.gen_header import HEADER, header_text


def test_the_committed_header_is_not_stale() -> None:
    assert HEADER.read_text(encoding="ascii") == header_text(), "run `python -m native.gen_header`"


def compiles(text: str, folder: Path) -> bool:
    (folder / "layout.h").write_text(text, encoding="ascii")
    (folder / "use.c").write_text('#include "layout.h"\n', encoding="ascii")
    command = ["gcc", "-fsyntax-only", "-std=c11", "-Wall", "-Werror", str(folder / "use.c")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_drifted_field_fails_the_compile(tmp_path: Path) -> None:
    text = header_text()
    assert compiles(text, tmp_path)
    assert "    uint16_t port;\n" in text
    assert not compiles(text.replace("    uint16_t port;\n", "    uint32_t port;\n", 1), tmp_path)
