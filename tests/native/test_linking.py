"""Far kernels (native/linking.py): right when they are compiled, when they are loaded, and when only some of it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from native.jit import INTERPRETED

KERNELS = """
from native.jit import far_kernel, inner_kernel, kernel, outer_kernel

@far_kernel
def deepest(numbers, at):
    assert numbers.size > at
    return numbers[at] + 1

@far_kernel
def far(numbers, at):
    return 10 * deepest(numbers, at)

@outer_kernel
def between(numbers, at):
    return far(numbers, at) + far(numbers, 1)

@inner_kernel
def inner(numbers):
    return between(numbers, 0) + between(numbers, 1)

@kernel
def first(numbers):
    return inner(numbers)

@kernel
def second(numbers):
    return between(numbers, 2)
"""
PROGRAM = """
import sys
import numpy as np
import far_kernels
numbers = np.array([1, 2, 3])
for name in sys.argv[1:]:
    print(name, getattr(far_kernels, name)(numbers))
every = [far_kernels.deepest, far_kernels.far, far_kernels.between, far_kernels.first, far_kernels.second]
print("compiled", *(kernel.__name__ for kernel in every if sum(kernel.stats.cache_misses.values())))
print("types", *{len(kernel.overloads) for kernel in every if kernel.overloads})
try:
    getattr(far_kernels, sys.argv[1])(numbers[:1])
except AssertionError:
    print("asserted")
"""


@pytest.mark.skipif(INTERPRETED, reason="kernels run as Python")
def test_far_kernels_come_from_the_cache_whoever_calls_them(tmp_path: Path) -> None:
    (tmp_path / "far_kernels.py").write_text(KERNELS, encoding="utf-8")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")

    def run(*names: str) -> list[str]:
        environment = {
            **os.environ,
            "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
        }
        command = [sys.executable, "program.py", *names]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    assert run("first") == ["first 110", "compiled deepest far between first", "types 1", "asserted"]
    # what `second` calls comes from the cache; it is loaded itself, alone, by the process after that
    assert run("second") == ["second 70", "compiled second", "types 1", "asserted"]
    for entry in (tmp_path / "cache").rglob("far_kernels.deepest*"):
        entry.unlink()
    assert run("second", "first") == ["second 70", "first 110", "compiled deepest", "types 1", "asserted"]
