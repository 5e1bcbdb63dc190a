"""`pitwire bench wire` for real, short: over veth namespaces, memif and loopback, with every file that it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.wire.contenders import why_not

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="server and generator need a CPU each")


def bench(out: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "bench", "wire", "--json", "--out", str(out), "--rounds", "2", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    whole: dict[str, Any] = json.loads(done.stdout)
    assert whole["faults"] == [] and whole["equal"] is True
    return whole


def test_appliances_and_their_floors_answer_everything(tmp_path: Path) -> None:
    """Over every port that there is here; udp needs nothing."""
    ports = [port for port in ("xdp", "packet", "udp", "dpdk") if why_not(port) is None]
    before = set(Path("/dev/shm").glob("pitwire-wire-*"))
    whole = bench(tmp_path, "--ports", ",".join(ports), "--rates", "2000", "--seconds", "0.6")
    rows = {row["contender"]: row for row in whole["results"]}
    assert set(rows) == {*ports, *(f"echo-{port}" for port in ports), "echo-socket"}
    for row in rows.values():
        assert row["sent"] == row["answered"] == 1200
        assert row["response_ns"]["count"] == row["read_ns"]["count"] > 1000
        assert row["response_ns"]["min"] >= row["service_ns"]["min"] > 0
        assert row["response_ns"]["p50"] <= row["read_ns"]["p50"] or "clock" in row["stamps"]
    stamps = {"xdp": "XDP metadata", "packet": "CLOCK_REALTIME", "udp": "CLOCK_REALTIME", "dpdk": "clock"}
    for port in ports:
        ours = rows[port]
        assert ours["feed_seen"] == ours["feed_expected"] == 480  # four orders in ten rest
        assert 0 < ours["feed_response_ns"]["count"] <= 480 and rows[f"echo-{port}"]["feed_expected"] == 0
        assert 238 <= ours["fills"] <= 240  # one in ten takes: a report a side, the last of a slice may come after it
        assert whole["servers"][port]["counters"]["orders_rejected"] == 0
        beside = {row["beside"] for row in whole["differences"] if row["appliance"] == port}
        assert beside == {f"echo-{port}", "echo-socket"}
        assert stamps[port] in ours["stamps"]
    assert (tmp_path / "report.html").stat().st_size > 10_000 and (tmp_path / "percentiles.png").exists()
    assert set(Path("/dev/shm").glob("pitwire-wire-*")) <= before, "an appliance left its shared memory"


def test_a_sweep_names_its_knee_and_stamps_can_be_left_out(tmp_path: Path) -> None:
    whole = bench(tmp_path, "--compare", "udp", "echo:udp", "--no-floor", "--stamps", "clock", "--sweep",
                  "--rates", "2000", "--rate-max", "2500", "--seconds", "0.4")  # fmt: skip
    assert [row["contender"] for row in whole["knees"]] == ["udp", "echo-udp"]
    assert whole["knees"][0]["knee"] in (2000, 2500) or whole["knees"][0]["beyond"]
    assert (tmp_path / "rates.png").exists()
    for row in whole["results"]:
        assert row["stamps"] == "the generator's clock as it reads them"
        assert row["read_ns"] == row["response_ns"]
