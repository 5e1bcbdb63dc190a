"""The pipeline's benchmark, small and in plain Python: what it compares is equal, and every row is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_the_benchmark_of_the_pipeline_compares_before_it_times():
    words = ["--orders", "300", "--validated", "200", "--repeats", "1", "--json"]
    environment = {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'codecs'}"}
    done = subprocess.run(
        [sys.executable, "-m", "bench.pipeline", *words],
        capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["equal"] and told["headline"]["unit"] == "orders/s"
    for venue in ("without accounts", "with risk and funds"):
        cases = [row["case"] for row in told["results"] if row["venue"] == venue]
        assert cases == [
            *("turns", "turns", "turns", "open loop", "parse", "decode", "sequence and journal", "session", "risk"),
            *("match", "funds", "reports", "market data", "close, report log, send", "risk and funds together"),
        ]
