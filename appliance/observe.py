"""Reads the counters and the turn latencies of a running instance from its shared memory. Free of numba."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from appliance import histogram
from native.counters import COUNTERS

SHARED_MEMORY_ROOT: Final = Path("/dev/shm")
PERCENTILES_PPM: Final = {"p50": 500_000, "p99": 990_000, "p99.9": 999_000}
LEVELS: Final = frozenset({"cycle_ns_max", "open_orders"})
"""Counters that are no running totals: a rate of them says nothing."""


class ObserveError(Exception):
    """There is nothing to observe; the message is one sentence that says why."""


class Observer:
    """Maps the counters of instance `name` read-only; asking for them costs the loop nothing."""

    def __init__(self, name: str, root: Path = SHARED_MEMORY_ROOT) -> None:
        """Raises ObserveError when no such instance runs here."""
        self.folder = root / f"pitwire-{name}"
        self._counters = _mapped(self.folder / "counters", len(COUNTERS))
        if self._counters is None:
            running = ", ".join(instances(root)) or "none"
            raise ObserveError(f"No appliance named {name!r} runs on this machine; running: {running}.")

    def counters(self) -> dict[str, int]:
        """All counters, by the names of `native.counters`."""
        assert self._counters is not None
        return {counter.name: int(value) for counter, value in zip(COUNTERS, self._counters, strict=True)}

    def turn_latency_ns(self) -> dict[str, int]:
        """count, p50, p99, p99.9 and max of the loop's turns, ns; empty where the instance does not measure them."""
        turns = _mapped(self.folder / "turn_latency", histogram.HISTOGRAM_SLOTS)
        if turns is None:
            return {}
        snapshot = np.array(turns)
        # the loop counts on while we copy: the total is what the buckets say
        snapshot[histogram.SLOT_COUNT] = snapshot[histogram.HEADER_SLOTS :].sum()
        values = histogram.percentiles_ns(snapshot, tuple(PERCENTILES_PPM.values()))
        facts = {"count": histogram.count(snapshot)}
        return facts | dict(zip(PERCENTILES_PPM, values, strict=True)) | {"max": histogram.max_ns(snapshot)}


def _mapped(path: Path, slots: int) -> np.ndarray | None:
    """int64[slots] of a file, or None where there is no such file of that size or more."""
    try:
        return np.memmap(path, dtype=np.int64, mode="r", shape=(slots,))
    except (OSError, ValueError):
        return None


def instances(root: Path = SHARED_MEMORY_ROOT) -> list[str]:
    """Names of the instances that left counters here."""
    return sorted(path.parent.name.removeprefix("pitwire-") for path in root.glob("pitwire-*/counters"))


def rates(before: dict[str, int], after: dict[str, int], seconds: float) -> dict[str, float]:
    """Growth a second of every counter that is a running total."""
    return {name: (after[name] - before[name]) / seconds for name in after if name not in LEVELS}
