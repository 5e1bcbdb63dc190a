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
@pytest.mark.parametrize("switch", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_the_same_answers(switch: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment[switch] = "1"
    command = [
        sys.executable,
        "-W",
        "error::RuntimeWarning",
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-k",
        "not quick and not drawn",
    ]
    ran = subprocess.run([*command, *SUITE], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout
