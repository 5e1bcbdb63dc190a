"""The hiccup meter: what a host itself takes away from a loop that does nothing but look at the clock.

    meter = HiccupMeter(cpu=3)
    with meter:                     # a thread pinned to CPU 3 spins
        ...                         # or: time.sleep(10)
    hiccups = meter.result()        # percentiles of the delay that an arrival at any moment would have met

Compare its percentiles with those of a latency measured on the same kind of CPU: what both have, the host did. After
Gil Tene's jHiccup (the public domain idea: measure the platform without the program), with a fixed schedule instead
of sleeps. The meter takes a whole CPU while it runs.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from appliance.histogram import Histogram, max_ns, new_histogram, percentiles_ns

INTERVAL_NS: Final = 1000
"""A visitor each microsecond."""
GAP_NS_MIN: Final = 1000
"""Turns that take longer were interrupted: an undisturbed one takes some thirty nanoseconds."""
SLICE_NS: Final = 100_000_000
"""How long the kernel runs before the thread looks whether it is to stop."""
PERCENTILES_PPM: Final = (500_000, 900_000, 990_000, 999_000, 999_900, 999_990)
_TICK_NS: Final = 1_000_000_000 // 100  # USER_HZ of /proc/stat
_STEAL_COLUMN: Final = 8


class Hiccups(NamedTuple):
    """What was measured. Times in ns."""

    cpu: int
    """-1: not pinned."""
    elapsed_ns: int
    turns: int
    turn_ns_min: int
    """An undisturbed turn: the meter's resolution."""
    gaps: int
    """Turns of GAP_NS_MIN or longer."""
    stolen_ns: int
    """Time in gaps."""
    gap_ns_max: int
    steal_ns: int
    """Of it, what the hypervisor owns up to in /proc/stat for this CPU, in steps of 10 ms; -1: it cannot be known."""
    delays: Histogram
    """How long a visitor waited who came at any moment."""

    def stolen_ppm(self) -> int:
        """Parts per million of the time that were stolen."""
        return self.stolen_ns * 1_000_000 // self.elapsed_ns if self.elapsed_ns else 0

    def summary(self) -> dict[str, Any]:
        """Plain numbers for JSON, with the percentiles (parts per million to ns)."""
        values = percentiles_ns(self.delays, PERCENTILES_PPM)
        facts = {name: value for name, value in self._asdict().items() if name != "delays"}
        percentiles = {f"p{ppm / 10_000:g}": value for ppm, value in zip(PERCENTILES_PPM, values, strict=True)}
        return facts | {"stolen_ppm": self.stolen_ppm(), "delay_ns": percentiles | {"max": max_ns(self.delays)}}


class HiccupMeter:
    """Spins on `cpu` (-1: wherever the scheduler puts it) from entering to leaving, or until `result`."""

    def __init__(self, cpu: int = -1) -> None:
        _try(cpu)
        from appliance.hiccup_loop import FACTS_COUNT

        self._cpu = cpu
        self._stop = threading.Event()
        self._delays = new_histogram()
        self._facts = np.zeros(FACTS_COUNT, np.int64)
        self._steal_ns = 0
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="hiccup-meter", daemon=True)

    def _run(self) -> None:
        from appliance.hiccup_loop import watch

        if self._cpu >= 0:
            try:
                os.sched_setaffinity(0, {self._cpu})  # of this thread alone
            except OSError as error:
                self._error = error
                return
        before = steal_ns(self._cpu)
        while not self._stop.is_set():
            watch(self._delays, self._facts, SLICE_NS, INTERVAL_NS, GAP_NS_MIN)
        after = steal_ns(self._cpu)
        self._steal_ns = after - before if before >= 0 and after >= 0 else -1

    def __enter__(self) -> HiccupMeter:
        from appliance.hiccup_loop import FACTS_COUNT, watch

        # the kernel is compiled or loaded now, so that this does not count as a hiccup
        watch(new_histogram(), np.zeros(FACTS_COUNT, np.int64), 1, INTERVAL_NS, GAP_NS_MIN)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def result(self) -> Hiccups:
        """What was measured, once the meter was left. OSError where the thread could not be pinned."""
        if self._error:
            raise self._error
        from appliance import hiccup_loop as slots

        facts = [int(value) for value in self._facts]
        return Hiccups(
            cpu=self._cpu,
            elapsed_ns=facts[slots.FACT_ELAPSED_NS],
            turns=facts[slots.FACT_TURNS],
            turn_ns_min=facts[slots.FACT_TURN_NS_MIN],
            gaps=facts[slots.FACT_GAPS],
            stolen_ns=facts[slots.FACT_STOLEN_NS],
            gap_ns_max=facts[slots.FACT_GAP_NS_MAX],
            steal_ns=self._steal_ns,
            delays=self._delays,
        )


def _try(cpu: int) -> None:
    """ValueError where no thread of this process can run on `cpu`. An isolated CPU can, without being in its mask."""
    if cpu < 0:
        return
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {cpu})
        os.sched_setaffinity(0, before)
    except OSError:
        raise ValueError(f"CPU {cpu} is not one that this process may use.") from None


def measure_hiccups(cpu: int, seconds: float) -> Hiccups:
    """Spin on `cpu` for `seconds`."""
    with HiccupMeter(cpu) as meter:
        time.sleep(seconds)
    return meter.result()


def steal_ns(cpu: int) -> int:
    """Time since boot that the hypervisor gave to others while `cpu` (-1: all of them) had work; -1: unknown."""
    name = f"cpu{cpu}" if cpu >= 0 else "cpu"
    try:
        rows = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
    except OSError:
        return -1
    row = next((row.split() for row in rows if row.split()[:1] == [name]), [])
    return int(row[_STEAL_COLUMN]) * _TICK_NS if len(row) > _STEAL_COLUMN else -1
