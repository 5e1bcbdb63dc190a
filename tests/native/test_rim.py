"""Kernels reach the C functions, compiled and interpreted, and from a warm cache in a new process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np
from native import codes, layout, rim
from native.jit import INTERPRETED, kernel
from native.lowlevel import bytes_at
from native.ports import PortConfig, open_port

@kernel
def echo(port, descs, answers):
    here, there = descs.ctypes.data, answers.ctypes.data
    count = rim.port_rx_burst(port, here, 8)
    given = rim.port_tx_alloc(port, there, count)
    for i in range(given):
        source = bytes_at(descs[i]["data"], descs[i]["len"])
        target = bytes_at(answers[i]["data"], answers[i]["len"])
        for at in range(source.size):
            target[at] = source[at]
        answers[i]["len"] = descs[i]["len"]
        answers[i]["ts_ns"] = rim.clock_realtime_ns()
    taken = rim.port_tx_burst(port, there, given)
    rim.port_tx_flush(port)
    rim.port_rx_release(port, here, count)
    rim.port_service(port, 32)
    rim.clock_idle(0)
    return taken

@kernel
def crc_of(data):
    return rim.crc32c(data.ctypes.data, data.size, 0)

@kernel
def stats_of(port, out):
    return rim.port_stats(port, out.ctypes.data)

assert crc_of(np.frombuffer(b"123456789", dtype=np.uint8)) == 0xE3069283
with open_port(PortConfig("memory")) as port:
    for payload in (b"a" * 60, b"b" * 61):
        port.inject(payload)
    descs, answers = np.zeros(8, dtype=layout.PKT), np.zeros(8, dtype=layout.PKT)
    assert echo(np.int64(port.handle), descs, answers) == 2
    assert [port.collect().frame for _ in range(2)] == [b"a" * 60, b"b" * 61]
    assert port.collect() is None
    out = np.zeros(1, dtype=layout.PORT_STATS)
    assert stats_of(port.handle, out) == 0 and out[0]["rx_frames"] == 2 and out[0]["tx_bytes"] == 121
    assert port.stats()["rx_held"] == 0
    handle = port.handle
assert stats_of(handle, out) == codes.ERROR_CLOSED
print("interpreted" if INTERPRETED else "compiled")
"""


@pytest.mark.parametrize("mode", ["compiled", "interpreted"])
def test_a_kernel_echoes_through_a_port(mode: str, tmp_path: Path) -> None:
    script = tmp_path / "echo.py"
    script.write_text(PROGRAM, encoding="utf-8")
    root = Path(__file__).resolve().parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root}{os.pathsep}{root / 'codecs'}",
        "PITWIRE_CACHE_DIR": str(tmp_path),
        "NUMBA_DISABLE_JIT": "1" if mode == "interpreted" else "0",
    }
    environment.pop("NUMBA_CACHE_DIR", None)
    for _ in range(2 if mode == "compiled" else 1):  # the second time from the cache
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == mode
