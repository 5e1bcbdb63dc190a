"""The fuzzer of `tests.bad.fuzz_venue` over the compiled, the interpreted and the checked build of the same kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from native import counters
from native.jit import CHECKED, INTERPRETED
from tests.bad.fuzz_venue import FRAMES_A_ROUND_MAX, fuzz_round

ROOT = Path(__file__).resolve().parents[2]
QUICK_FRAMES = 20_000
LONG_FRAMES = 1_000_000
INTERPRETED_FRAMES = 1_000
QUICK_SEED, LONG_SEED = 1, 1000
NEVER_HERE = {"drop_journal_full", "drop_handshake", "drop_session_ended"}
"""tests/bad/test_venue_limits.py, tests/unit/test_session_watch.py and tests/table/test_session_server.py have them."""


def fuzz(frames: int, seed: int, **environment: str) -> dict[str, Any]:
    """The fuzzer in a process of its own, whose kernels are compiled as `environment` says (and cached apart)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    path = os.pathsep.join((str(ROOT), str(ROOT / "codecs")))
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bad.fuzz_venue", "--frames", str(frames), "--seed", str(seed)],
        cwd=ROOT,
        env=kept | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


def drops_seen(result: dict[str, Any]) -> set[str]:
    return {name for one in result["rounds"] for name in one["counters"] if name.startswith("drop_")}


@pytest.mark.skipif(INTERPRETED, reason="too slow; a thousand frames of it are below")
def test_quick() -> None:
    """Every way to drop a frame is come by, and trade goes on."""
    result = {"rounds": [fuzz_round(QUICK_SEED, QUICK_FRAMES)]}
    every_drop = {row.name for row in counters.COUNTERS if row.name.startswith("drop_")}
    assert drops_seen(result) == every_drop - NEVER_HERE
    assert result["rounds"][0]["counters"]["fills"] > 100


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_access_is_proved() -> None:
    """With every load and store checked, which is minutes of compiling; the build that ships ends in the same state."""
    result = fuzz(QUICK_FRAMES, QUICK_SEED, NUMBA_BOUNDSCHECK="1")
    assert result["build"] == "checked"
    if not (CHECKED or INTERPRETED):
        assert fuzz_round(QUICK_SEED, QUICK_FRAMES) == result["rounds"][0]


@pytest.mark.timeout(1800)
@pytest.mark.skipif(INTERPRETED, reason="this run is interpreted itself")
def test_interpreted_kernels_end_in_the_same_state() -> None:
    result = fuzz(INTERPRETED_FRAMES, QUICK_SEED, NUMBA_DISABLE_JIT="1")
    assert result["build"] == "interpreted"
    assert fuzz_round(QUICK_SEED, INTERPRETED_FRAMES) == result["rounds"][0]


@pytest.mark.long
@pytest.mark.timeout(0)
def test_a_million_frames() -> None:
    result = fuzz(LONG_FRAMES, LONG_SEED, NUMBA_BOUNDSCHECK="1")
    assert result["build"] == "checked"
    assert len(result["rounds"]) == LONG_FRAMES // FRAMES_A_ROUND_MAX
    assert sum(one["counters"]["packets_in"] for one in result["rounds"]) == LONG_FRAMES
