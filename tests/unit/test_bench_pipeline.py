"""The pipeline's benchmark, small and in plain Python: what it compares is equal, and every row is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.open_loop import warm_frames

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
        rows = [row for row in told["results"] if row["venue"] == venue]
        assert [row["case"] for row in rows] == [
            *("turns", "turns", "turns", "open loop", "open loop without the host's stalls"),
            *("open loop, each order undisturbed", "the host alone, same core, in between", "open loop by arithmetic"),
            *("parse", "decode", "sequence and journal", "session", "risk"),
            *("match", "funds", "reports", "market data", "close, report log, send", "risk and funds together"),
            *("turns", "turns"),
        ]
        turns = [row for row in rows if row["case"] == "turns"]
        assert [row["orders_a_datagram"] for row in turns] == [1, 1, 1, 8, 8]
        assert sum(row["orders"] for row in turns[0]["by_fills"]) == turns[0]["orders"] == 300
        whole, apart = rows[3], rows[4]
        assert whole["orders"] == apart["orders"] + apart["orders_apart"] == 300 - warm_frames(300)
        assert rows[5]["orders"] * rows[5]["runs"] == whole["orders"]
        assert all(rows[5][name] <= whole[name] for name in ("ns_p50", "ns_p99", "ns_p99_9", "ns_max"))
        assert whole["ns_p50"] <= whole["ns_p99"] <= whole["ns_p99_9"] <= whole["ns_max"]
    cost = told["results"][-1]
    assert cost["case"] == "risk and funds by whole turns"
    with_less_without = [
        row["ns_an_order"] for row in told["results"] if row["case"] == "turns" and row["frames_a_burst"] == 32
    ]
    assert cost["ns_an_order"] == round(with_less_without[1] - with_less_without[0], 1)
