"""Reads what a running instance tells in its shared memory: counters, latencies, its port. Free of numba."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from appliance import histogram, stages
from appliance.distributor_counters import DISTRIBUTOR_COUNTERS, SLOTS
from appliance.histogram import Histogram
from appliance.journal.records import CONTROL_NAME
from native.counters import COUNTERS
from native.gateway_layout import GATEWAY_COUNTERS_NAME
from native.layout import PORT_STATS
from native.limits import RX_BURST_MAX
from native.log_layout import JOURNAL_CONTROL, JOURNAL_WRITER_NONE

SHARED_MEMORY_ROOT: Final = Path("/dev/shm")
PERCENTILES_PPM: Final = {"p50": 500_000, "p99": 990_000, "p99.9": 999_000}
LEVELS: Final = frozenset({"cycle_ns_max", "open_orders"})
"""Counters that are no running totals: a rate of them says nothing."""
PORT_GAUGES: Final = frozenset({"rx_held", "tx_free", "end_of_input", "link_up"})
PORT_DROPS: Final = {
    "rx_dropped": "Lost before the loop had them: no buffer or no room, here or in the kernel.",
    "rx_too_long": "Frames longer than a buffer.",
    "rx_ring_full": "The receive ring was full: the loop was late.",
    "rx_fill_empty": "Times that the driver found no free buffer.",
    "rx_invalid": "Descriptors or checksums that were refused.",
    "tx_invalid": "Frames that this port cannot send.",
    "tx_failed": "Frames that the kernel or the device refused to send.",
    "rx_refused_source": "Admission: not from a network that may send.",
    "rx_refused_rate": "Admission: more of one source than it may send.",
    "rx_refused_message": "Admission: does not begin as order entry does.",
    "rx_refused_handshakes": "Admission: more log-ons than are looked at.",
}
"""Counters of the port that mean a loss, with what they mean."""


LOG_FIGURES: Final = {
    "committed_records": "Inputs in the log: the number of the newest.",
    "durable_records": "Inputs that are safe on disk: what is newer is not told yet. Journal mode disk.",
    "waiting_records": "Inputs that are committed and not yet safe on disk. Journal mode disk.",
    "archived_records": "Inputs up to this one lie in the archive, as the archiver of shared memory tells.",
    "removed_records": "Inputs up to this one are gone from shared memory.",
    "mapped_records": "Inputs up to this one have memory.",
    "writer_state": "The disk writer: 0 none, 1 runs, 2 waits for room on the disk, 3 failed, 4 ended.",
    "groups_written": "Groups that the disk writer has made safe.",
    "group_records_max": "Inputs in the largest group so far.",
    "sync_ns_max": "Longest write and sync of a group, ns.",
    "no_room": "Times that the disk had no room for the next segment.",
}
"""What is told of the log, with what it means: levels but for the two of LOG_TOTALS."""
LOG_TOTALS: Final = frozenset({"groups_written", "no_room"})


class ObserveError(Exception):
    """There is nothing to observe; the message is one sentence that says why."""


@dataclass(frozen=True)
class Snapshot:
    """Everything that an instance told at one moment."""

    time_ns: int
    """CLOCK_MONOTONIC."""
    counters: dict[str, int]
    turns: Histogram | None
    """Busy turns, ns; None where the instance does not measure them."""
    stages: dict[str, Histogram]
    """By the names of `appliance.stages`; empty where the instance does not measure them."""
    turns_by_frames: tuple[int, ...]
    """How many busy turns took 0, 1, 2, ... frames; empty likewise."""
    port: dict[str, int]
    """PORT_STATS, a fraction of a second old; empty where the instance does not tell."""
    log: dict[str, int] = field(default_factory=dict)
    """The rows of LOG_FIGURES; empty where the instance has no log in shared memory."""
    distributor: dict[str, int] = field(default_factory=dict)
    """By the names of `appliance.distributor_counters`; empty where the instance has no distributor."""
    gateway: dict[str, int] = field(default_factory=dict)
    """Counters of the gateway that runs now, a fraction of a second old; empty where there is none."""

    @property
    def busy_ns(self) -> int:
        """Time spent in busy turns."""
        return int(self.turns[histogram.SLOT_SUM_NS]) if self.turns is not None else 0

    @property
    def full_turns(self) -> int:
        """Busy turns that took as many frames as one turn may: more were waiting."""
        return self.turns_by_frames[RX_BURST_MAX] if self.turns_by_frames else 0


class Observer:
    """Maps what instance `name` tells, read-only; asking for it costs the loop nothing."""

    def __init__(self, name: str, root: Path = SHARED_MEMORY_ROOT) -> None:
        """Raises ObserveError when no such instance runs here."""
        self.name = name
        self.folder = root / f"pitwire-{name}"
        counters = _mapped(self.folder / "counters", len(COUNTERS))
        if counters is None:
            running = ", ".join(instances(root)) or "none"
            raise ObserveError(f"No appliance named {name!r} runs on this machine; running: {running}.")
        self._counters = counters
        self._turns = _mapped(self.folder / "turn_latency", histogram.HISTOGRAM_SLOTS)
        self._stages = _mapped(self.folder / "stages", stages.SLOTS)
        self._port = _mapped(self.folder / "port_stats", PORT_STATS.itemsize // 8)
        self._log = _mapped(self.folder / CONTROL_NAME, JOURNAL_CONTROL.itemsize // 8)
        self._distributor = _mapped(self.folder / "distributor", SLOTS)

    def snapshot(self) -> Snapshot:
        """All of it, now. The loop counts on meanwhile: what belongs together may differ by the last few inputs."""
        histograms: dict[str, Histogram] = {}
        by_frames: tuple[int, ...] = ()
        if self._stages is not None:
            views, turns = stages.split(self._stages)
            histograms = {name: stages.settled(view) for name, view in views.items()}
            by_frames = tuple(int(value) for value in turns)
        return Snapshot(
            time.monotonic_ns(),
            self.counters(),
            None if self._turns is None else stages.settled(self._turns),
            histograms,
            by_frames,
            {}
            if self._port is None
            else {name: int(v) for name, v in zip(PORT_STATS.names or (), self._port, strict=True)},
            self._log_figures(),
            self.distributor(),
            self._gateway_counters(),
        )

    def _log_figures(self) -> dict[str, int]:
        if self._log is None:
            return {}
        row = self._log.view(JOURNAL_CONTROL)[0].copy()
        on_disk = int(row["writer_state"]) != JOURNAL_WRITER_NONE
        waiting = max(0, int(row["committed_records"]) - int(row["durable_records"])) if on_disk else 0
        return {name: waiting if name == "waiting_records" else int(row[name]) for name in LOG_FIGURES}

    def distributor(self) -> dict[str, int]:
        """What the distributor tells; empty where there is none."""
        if self._distributor is None:
            return {}
        return {row.name: int(value) for row, value in zip(DISTRIBUTOR_COUNTERS, self._distributor, strict=False)}

    def _gateway_counters(self) -> dict[str, int]:
        try:
            return dict(json.loads((self.folder / GATEWAY_COUNTERS_NAME).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def counters(self) -> dict[str, int]:
        """All counters, by the names of `native.counters`."""
        return {counter.name: int(value) for counter, value in zip(COUNTERS, self._counters, strict=True)}

    def turn_latency_ns(self) -> dict[str, int]:
        """count, p50, p99, p99.9 and max of the loop's turns, ns; empty where the instance does not measure them."""
        return {} if self._turns is None else latency_facts(stages.settled(self._turns))


def latency_facts(values: Histogram) -> dict[str, int]:
    """count, p50, p99, p99.9 and max of a settled histogram, ns."""
    found = histogram.percentiles_ns(values, tuple(PERCENTILES_PPM.values()))
    facts = {"count": histogram.count(values)}
    return facts | dict(zip(PERCENTILES_PPM, found, strict=True)) | {"max": histogram.max_ns(values)}


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
