"""The C library under ASan and UBSan: hostile captures, hostile frames and random port calls, from seeds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tool(name: str) -> str | None:
    """A program of the virtual environment or of the host."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


@pytest.fixture(scope="module")
def fuzz_native() -> Path:
    cmake = tool("cmake")
    if cmake is None or tool("gcc") is None:
        pytest.skip("needs cmake and gcc")
    folder = ROOT / "build" / "sanitize"
    for command in (
        [cmake, "-S", str(ROOT), "-B", str(folder), "-DSANITIZE=ON", "-DCMAKE_C_COMPILER=gcc"],
        [cmake, "--build", str(folder), "--parallel", "2"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "cannot find -lasan" in done.stderr or "libasan" in done.stderr:
            pytest.skip("needs gcc's libasan and libubsan")
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "native" / "fuzz_native"


def run(program: Path, seed: int, rounds: int) -> None:
    done = subprocess.run([str(program), str(seed), str(rounds)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"seed {seed}:\n{done.stdout}{done.stderr}"
    figures = [int(word) for word in done.stdout.replace(",", " ").split() if word.isdigit()]
    assert "captures:" in done.stdout
    assert all(figures), f"a part of the run did nothing:\n{done.stdout}"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_read_or_written_outside_its_memory(fuzz_native: Path, seed: int) -> None:
    run(fuzz_native, seed, 10_000)


def run_dpdk(program: Path, seed: int, calls: int) -> None:
    if not program.exists():
        pytest.skip("needs libdpdk-dev")
    done = subprocess.run([str(program), str(seed), str(calls)], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, f"seed {seed}:\n{done.stdout}{done.stderr}"
    figures = [int(word) for word in done.stdout.replace(",", " ").split() if word.isdigit()]
    assert all(figures), f"a part of the run did nothing:\n{done.stdout}"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_dpdk_port_over_virtual_devices(fuzz_native: Path, seed: int) -> None:
    run_dpdk(fuzz_native.with_name("fuzz_dpdk"), seed, 20_000)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 105))
def test_the_dpdk_port_over_virtual_devices_long(fuzz_native: Path, seed: int) -> None:
    run_dpdk(fuzz_native.with_name("fuzz_dpdk"), seed, 500_000)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
def test_nothing_is_read_or_written_outside_its_memory_long(fuzz_native: Path, seed: int) -> None:
    run(fuzz_native, seed, 100_000)
