"""A build without libxdp and DPDK: everything else is there, and the two ports say what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.native.test_sanitized import ROOT, tool

PROGRAM = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("native._native", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
sys.modules["native._native"] = module
from native import codes
from native.ports import PortConfig, PortError, explain_missing, open_port
open_port(PortConfig("udp")).close()
open_port(PortConfig("memory")).close()
try:
    open_port(PortConfig("xdp", interface="lo", udp_ports=(26400,)))
except PortError as error:
    assert error.code == codes.ERROR_NOT_SUPPORTED
    print(error)
print(explain_missing("xdp"))
print(explain_missing("dpdk"))
"""


@pytest.mark.long
def test_a_build_without_xdp(tmp_path: Path) -> None:
    cmake = tool("cmake")
    if cmake is None:
        pytest.skip("needs cmake")
    folder = tmp_path / "build"
    for command in (
        [
            cmake,
            "-S",
            str(ROOT),
            "-B",
            str(folder),
            "-DWITH_XDP=OFF",
            "-DWITH_DPDK=OFF",
            f"-DPython_EXECUTABLE={sys.executable}",
        ],
        [cmake, "--build", str(folder)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    extension = next((folder / "native").glob("_native.*.so"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(extension)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("install libxdp-dev, libbpf-dev and clang, then build again.") == 2
    assert "This build has no dpdk port: install libdpdk-dev" in done.stdout
