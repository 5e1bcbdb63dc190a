"""What every benchmark says beside its figures: the machine, its load, the commit. One shape for all of them."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def report(headline: str, value: float, unit: str, results: list[dict[str, Any]], *, equal: bool) -> dict[str, Any]:
    """The JSON object of a benchmark. `results`: a row a case; `equal`: they were compared before they were timed."""
    return {
        "headline": {"name": headline, "value": value, "unit": unit},
        "results": results,
        "equal": equal,
        "host": host(),
        "commit": commit(),
    }


def host() -> dict[str, Any]:
    """The machine, as far as it can be read without rights."""
    cpu = ""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": cpu or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def commit() -> str:
    """The commit of the checkout, with `+changes` where files differ from it; empty outside git."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    name = git("rev-parse", "--short", "HEAD")
    return f"{name}+changes" if name and git("status", "--porcelain") else name
