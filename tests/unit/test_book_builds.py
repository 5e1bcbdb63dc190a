"""The book's tests again in the other builds: interpreted, and compiled with bounds checks; each in its own cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from native.jit import CHECKED, INTERPRETED

ROOT = Path(__file__).resolve().parents[2]
SUITE = (
    "tests/table/test_book_rules.py",
    "tests/unit/test_book_sweep.py",
    "tests/property/test_book_twins.py",
)


@pytest.mark.skipif(INTERPRETED or CHECKED, reason="this is one of the other builds already")
@pytest.mark.parametrize(
    "build", [{"NUMBA_DISABLE_JIT": "1"}, {"NUMBA_BOUNDSCHECK": "1"}], ids=lambda build: next(iter(build))
)
def test_the_same_answers(build: dict[str, str], tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= build | {"PITWIRE_BOOK_OPERATIONS_QUICK": "20000"}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    ran = subprocess.run([*command, *SUITE], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout
