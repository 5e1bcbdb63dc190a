"""The log: nanoseconds to append a record, records a second that become safe on disk and how soon, and how fast a log
is read back. What was written is read back and compared before a figure counts.

- append: `appliance.sequencer.journal.commit` in a kernel, as the loop calls it (body filled, number, time, CRC chain,
  publication), into segments of shared memory.
- durable: a producer puts group after group into shared memory; the disk writer, a process of its own, makes them
  safe. Each group's time runs from its commit until `durable_records` covers it, as the loop would see it.
- recovery: the log on disk is verified and loaded from end to end; and opened, as at a restart.
- replay and start (`bench.history`): records a second through the core, and what a venue does at its start with a log
  of so many records and a snapshot near its end; the states must be equal.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from appliance.config import Config
from appliance.exchange import venue_identity
from appliance.journal.event_store import EventStore
from appliance.journal.files import LocalFiles
from appliance.journal.records import Identity
from appliance.journal.recovery import open_log
from appliance.journal.scan import scan
from appliance.journal.whole import load_log
from appliance.sequencer.journal import Journal, begin_burst, commit, next_index, open_journal
from appliance.state import Tables, allocate_tables
from bench import history
from bench.host import report
from native.counters import COUNTERS_COUNT
from native.jit import kernel
from native.layout import KIND_NEW_ORDER
from native.lowlevel import load_acquire64, pause
from native.rim import clock_monotonic_ns

GROUPS = (1, 16, 256, 4096)
REPLAYED_FLOW = "routine_day"
SEED = 26
BEHIND_RECORDS = 100_000
"""Between the snapshot and the end of the log."""
SEGMENT_RECORDS = 1 << 18
START_NS = 1_700_000_000_000_000_000


@kernel
def append(tables: Tables, journal: Journal, count: int) -> int:
    """Append `count` records. Returns the sequence of the last."""
    begin_burst(journal)
    index = np.int64(0)
    for number in range(count):
        index = next_index(journal)
        record = journal.records[index]
        record["cl_ord_id"] = number
        record["price_ticks"] = number & 1023
        record["qty_lots"] = 1 + (number & 15)
        record["instrument"] = number & 63
        commit(tables, journal, KIND_NEW_ORDER, START_NS + number)
    return index + 1


@kernel
def await_durable(durable_address: int, sequence: int) -> int:
    """Spin until `sequence` is safe. Returns the time, ns."""
    while load_acquire64(durable_address) < sequence:
        pause()
    return clock_monotonic_ns()


class Venue:
    """A log in shared memory and the tables that `commit` wants."""

    def __init__(self, records_max: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pitwire-bench-", dir="/dev/shm"))
        config = Config(name="bench")
        self.identity: Identity = venue_identity(config)
        records_max = -(-records_max // SEGMENT_RECORDS) * SEGMENT_RECORDS
        self.store = EventStore.create(
            self.folder, self.identity, segment_records=SEGMENT_RECORDS, records_max=records_max
        )
        self.store.keep_ahead(records_max // SEGMENT_RECORDS)  # all of it: what segments cost is not asked here
        self.tables = allocate_tables(config, np.zeros(COUNTERS_COUNT, np.int64))
        self.journal = open_journal(self.store.control.array, self.store.records, config.epoch)

    def close(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def measure_append(records: int, repeats: int) -> dict[str, Any]:
    best_ns = best_cpu_ns = 1 << 62
    for _ in range(repeats):
        venue = Venue(records + 1000)
        append(venue.tables, venue.journal, 1000)
        started_cpu, started = time.thread_time_ns(), time.perf_counter_ns()
        append(venue.tables, venue.journal, records)
        elapsed, elapsed_cpu = time.perf_counter_ns() - started, time.thread_time_ns() - started_cpu
        best_ns, best_cpu_ns = min(best_ns, elapsed), min(best_cpu_ns, elapsed_cpu)
        assert scan(LocalFiles(), venue.folder).last_sequence == records + 1000
        venue.close()
    return {
        "case": "append",
        "records": records,
        "ns_a_record": round(best_ns / records, 2),
        "cpu_ns_a_record": round(best_cpu_ns / records, 2),  # without the time that others had this core
        "records_a_second": round(records * 1e9 / best_ns),
    }


def measure_durable(folder: Path, group: int, seconds: float, idle: str) -> dict[str, Any]:
    groups_max = max(20, min(20_000, (1 << 23) // group))
    venue = Venue(groups_max * group)
    writer = subprocess.Popen(
        [sys.executable, "-m", "appliance.journal", "write", "--memory", str(venue.folder), "--folder", str(folder)]
        + ["--segment-mib", "256", "--idle", idle],
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None and writer.stdout.readline()
    durable_address = venue.store.control.address("durable_records")
    latencies = np.zeros(groups_max, np.int64)
    append(venue.tables, venue.journal, 0)
    await_durable(durable_address, 0)
    started = time.perf_counter_ns()
    done = 0
    while done < groups_max and time.perf_counter_ns() - started < seconds * 1e9:
        begun = time.monotonic_ns()
        last = append(venue.tables, venue.journal, group)
        latencies[done] = await_durable(durable_address, last) - begun
        done += 1
    elapsed = time.perf_counter_ns() - started
    venue.store.control.row["closed"] = 1
    assert writer.wait(60) == 0
    writer.stdout.close()
    log, records = load_log(folder)
    assert log.closed and records.tobytes() == venue.store.records[: done * group].tobytes()
    venue.close()
    p50, p99, p999 = (round(float(ns)) for ns in np.percentile(latencies[:done], [50, 99, 99.9]))
    return {
        "case": "durable",
        "group_records": group,
        "groups": done,
        "records_a_second": round(done * group * 1e9 / elapsed),
        "ns_to_durable_p50": p50,
        "ns_to_durable_p99": p99,
        "ns_to_durable_p99_9": p999,
    }


def measure_recovery(folder: Path, records: int) -> list[dict[str, Any]]:
    venue = Venue(records)
    append(venue.tables, venue.journal, records)
    _, disk = open_log(LocalFiles(), folder, venue.identity, segment_bytes=256 << 20)
    for start in range(0, records, disk.group_records_max):
        disk.append(venue.store.records[start : min(start + disk.group_records_max, records)])
    disk.abandon()
    rows = []
    for case in ("load, from disk", "load, from the page cache"):
        if case.startswith("load, from disk"):
            for path in folder.iterdir():
                _forget(path)
        started = time.perf_counter_ns()
        _, found = load_log(folder)
        elapsed = time.perf_counter_ns() - started
        assert found.tobytes() == venue.store.records[:records].tobytes()
        rows.append({"case": case, "records": records, "records_a_second": round(records * 1e9 / elapsed)})
        del found
    started = time.perf_counter_ns()
    log, disk = open_log(LocalFiles(), folder, venue.identity, segment_bytes=2 << 20, from_sequence=records)
    elapsed = time.perf_counter_ns() - started
    assert log.last_sequence == records
    disk.close()
    rows.append({"case": "carry on behind a snapshot", "records": records, "ms": round(elapsed / 1e6, 1)})
    venue.close()
    return rows


def _forget(path: Path) -> None:
    """Take a file out of the page cache."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=2_000_000, help="records to append and to recover")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each group size")
    parser.add_argument("--groups", type=int, nargs="*", default=list(GROUPS), help="records in a group")
    parser.add_argument("--idle", choices=("spin", "yield", "sleep"), default="sleep", help="of the disk writer")
    parser.add_argument("--directory", default="build", help="folder on the disk that is measured")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    Path(given.directory).mkdir(exist_ok=True)
    results = []

    def say(row: dict[str, Any]) -> None:
        results.append(row)
        if not given.json:
            print(json.dumps(row), flush=True)

    say(measure_append(given.messages, given.repeats))
    for group in given.groups:
        with tempfile.TemporaryDirectory(dir=given.directory) as folder:
            say(measure_durable(Path(folder), group, given.seconds, given.idle))
    with tempfile.TemporaryDirectory(dir=given.directory) as folder:
        for row in measure_recovery(Path(folder), given.messages):
            say(row)
    behind = min(BEHIND_RECORDS, given.messages // 2)
    for row in history.measure(REPLAYED_FLOW, given.messages, behind, SEED, given.repeats):
        say(row)
    with tempfile.TemporaryDirectory(dir=given.directory) as folder:
        say(history.measure_start(REPLAYED_FLOW, given.messages, behind, SEED, Path(folder)))
    headline = results[0]["ns_a_record"]
    if given.json:
        print(json.dumps(report("append a record", headline, "ns", results, equal=True)))
    else:
        print(f"append a record: {headline} ns")


if __name__ == "__main__":
    main()
