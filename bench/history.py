"""Records a second of a replay whose outputs go nowhere, and seconds of a recovery: snapshot and records behind it.

The day is a flow of `bench.flows` behind the opening of every instrument, in bursts of four, in the demonstration venue
(262,144 orders). "replay": reports and market data are encoded and stored as live, and then thrown away where a port
would send them. "state alone": they are numbered and not encoded. "recovery": a snapshot, and the records behind it.
The states that all three lead to are demanded to be equal.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from appliance.config import Config, parse
from appliance.decide_again import replay_records
from appliance.exchange import Exchange, SharedFolder, allocate, venue_identity, whole_state_hash
from appliance.history.player import Player
from appliance.history.records import RecordArray
from appliance.history.recover import Chosen, begin_with, choose, recover
from appliance.history.state import save, state_arrays
from appliance.journal.files import LocalFiles
from appliance.journal.found import FoundLog
from appliance.journal.records import Cursor
from appliance.journal.recovery import open_log
from appliance.pipeline import drain
from appliance.venue_log import VenueLog
from bench.flows import SCENARIOS, make_flow
from bench.host import report
from native.layout import COMMAND_FIRST_OF_BURST, KIND_PHASE, PHASE_CONTINUOUS, SEQUENCED
from native.ports import PortConfig, open_port

BEGIN_NS = 1_700_000_000_000_000_000
NANOS_A_RECORD = 1000
BURST_RECORDS = 4
STORED_BYTES_A_RECORD = 400


def make_records(name: str, messages: int, seed: int, config: Config) -> np.ndarray:
    """A day's records: SEQUENCED[opening + n]."""
    commands, _ = make_flow(SCENARIOS[name], messages, seed)
    opening = np.zeros(len(config.instruments), SEQUENCED)
    opening["kind"] = KIND_PHASE
    opening["instrument"] = np.arange(opening.size)
    opening["qty_lots"] = PHASE_CONTINUOUS
    for session in np.unique(commands["session"]):
        own = commands["session"] == session
        commands["session_seq"][own] = np.arange(1, np.count_nonzero(own) + 1)
    commands["flags"][::BURST_RECORDS] |= COMMAND_FIRST_OF_BURST
    records = np.concatenate([opening, commands])
    records["sequence"] = np.arange(1, records.size + 1)
    records["time_ns"] = BEGIN_NS + NANOS_A_RECORD * records["sequence"]
    records["length"] = SEQUENCED.itemsize
    return records


def fresh(config: Config) -> Exchange:
    """An exchange whose pages are there before the clock runs."""
    exchange = allocate(config)
    exchange.feed.store[:] = 0
    for array in state_arrays(exchange).values():
        octets = array.view(np.uint8)
        octets[::4096] = octets[::4096].copy()
    return exchange


def measure(name: str, messages: int, behind: int, seed: int, repeats: int) -> list[dict[str, Any]]:
    config = Config()
    records = make_records(name, messages, seed, config)
    store_mib = (records.size * STORED_BYTES_A_RECORD >> 20) + 256
    small = {"journal": config.journal.model_copy(update={"records": 1024})}
    small |= {"feed": config.feed.model_copy(update={"store_mib": store_mib})}
    config = config.model_copy(update=small)
    cut = int(np.flatnonzero(records["flags"][: -behind or None] & COMMAND_FIRST_OF_BURST)[-1])
    best_s = best_cpu_s = quiet_s = quiet_cpu_s = recovery_s = save_s = float("inf")
    snapshot_bytes = 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeats):
            exchange = fresh(config)
            with Player(exchange) as player:
                cpu, started = time.thread_time(), time.perf_counter()
                player.play(records[:cut])
                player.settle()
                seconds, cpu_s = time.perf_counter() - started, time.thread_time() - cpu
                started = time.perf_counter()
                path = save(exchange, config, Path(folder))
                save_s = min(save_s, time.perf_counter() - started)
                cpu, started = time.thread_time(), time.perf_counter()
                player.play(records[cut:])
                player.settle()
                seconds += time.perf_counter() - started
                cpu_s += time.thread_time() - cpu
            best_s, best_cpu_s = min(best_s, seconds), min(best_cpu_s, cpu_s)
            snapshot_bytes = path.stat().st_size
            again = fresh(config)
            recovered = recover(again, config, Path(folder), RecordArray(records))
            assert recovered.snapshot_sequence == cut
            assert whole_state_hash(again) == whole_state_hash(exchange)
            recovery_s = min(recovery_s, recovered.seconds)
            silent = fresh(config)
            with Player(silent, quiet=True) as player:
                cpu, started = time.thread_time(), time.perf_counter()
                player.play(records)
                player.settle()
                quiet_s = min(quiet_s, time.perf_counter() - started)
                quiet_cpu_s = min(quiet_cpu_s, time.thread_time() - cpu)
            assert whole_state_hash(silent) == whole_state_hash(exchange)
    common = {"flow": name, "records": int(records.size), "open_orders": int(exchange.book.state[0]["open_orders"])}
    return [
        common
        | {
            "case": "state alone",
            "records_a_second": round(records.size / quiet_s),
            "ns_a_record": round(quiet_s * 1e9 / records.size, 1),
            "cpu_ns_a_record": round(quiet_cpu_s * 1e9 / records.size, 1),
        },
        common
        | {
            "case": "replay",
            "records_a_second": round(records.size / best_s),
            "ns_a_record": round(best_s * 1e9 / records.size, 1),
            "cpu_ns_a_record": round(best_cpu_s * 1e9 / records.size, 1),  # without the time that others had this core
        },
        common
        | {
            "case": "recovery",
            "records_behind": int(records.size) - cut,
            "seconds": round(recovery_s, 3),
            "snapshot_bytes": snapshot_bytes,
            "save_seconds": round(save_s, 3),
        },
    ]


def measure_start(name: str, messages: int, behind: int, seed: int, folder: Path) -> dict[str, Any]:
    """What a venue does at its start, its process and kernels apart: a log on disk, and a snapshot `behind` records
    before its end."""
    records = make_records(name, messages, seed, Config())
    journal = {"mode": "disk", "directory": str(folder / "log"), "snapshots": str(folder / "snapshots")}
    journal |= {"records": 1 << 26, "hold_mib": 4}
    config = parse({"name": f"bench-history-{os.getpid()}", "journal": journal, "feed": {"store_mib": 128}})
    Cursor(1, config.epoch).seal(records)
    (folder / "log").mkdir()
    _, disk = open_log(
        LocalFiles(), folder / "log", venue_identity(config), segment_bytes=config.journal.disk_segment_mib << 20
    )
    for start in range(0, records.size, disk.group_records_max):
        disk.append(records[start : start + disk.group_records_max])
    disk.close()
    cut = int(np.flatnonzero(records["flags"][: -behind or None] & COMMAND_FIRST_OF_BURST)[-1])
    straight = allocate(config)
    with Player(straight, quiet=True) as player:
        player.play(records[:cut])
        player.settle()
        save(straight, config, folder / "snapshots")
        player.play(records[cut:])
        player.settle()
    del records
    shared = SharedFolder(config.name)
    shared.lock()
    log = VenueLog(config, shared)
    chosen: list[Chosen] = []

    def decided_up_to(found: FoundLog) -> int:
        chosen.append(choose(config, Path(config.journal.snapshots), found))
        return chosen[0].sequence

    try:
        started = time.perf_counter()
        log.open(decided_up_to)
        opened = time.perf_counter()
        exchange = allocate(config, shared=shared, log=log.store)
        begin_with(exchange, config, chosen[0])
        loaded = time.perf_counter()
        with open_port(PortConfig(kind="pcap")) as nowhere:
            replay_records(exchange, nowhere.handle, chosen[0].sequence, log.recovered_records)
            drain(exchange, nowhere.handle)
        done = time.perf_counter()
        assert (chosen[0].sequence, log.decided_records) == (cut, cut)
        assert whole_state_hash(exchange) == whole_state_hash(straight)
    finally:
        log.stop(in_good_order=False)
        shared.remove()
    return {
        "flow": name,
        "case": "start",
        "records": int(log.recovered_records),
        "records_behind": int(log.recovered_records) - cut,
        "open_orders": int(straight.book.state[0]["open_orders"]),
        "seconds": round(done - started, 3),
        "find_and_load_log_seconds": round(opened - started, 3),
        "load_state_seconds": round(loaded - opened, 3),
        "decide_seconds": round(done - loaded, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--behind", type=int, default=100_000, help="records behind the snapshot")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--start-messages", type=int, default=0, help="also a start on a log of so many, on disk")
    parser.add_argument("--directory", default="build", help="folder on the disk for that")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("flows", nargs="*", default=["routine_day"])
    given = parser.parse_args()
    results = []
    for name in given.flows:
        rows = measure(name, given.messages, min(given.behind, given.messages // 2), given.seed, given.repeats)
        results += rows
        if not given.json:
            print("\n".join(map(json.dumps, rows)), flush=True)
    if given.start_messages:
        Path(given.directory).mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=given.directory) as folder:
            row = measure_start(given.flows[0], given.start_messages, given.behind, given.seed, Path(folder))
        results.append(row)
        if not given.json:
            print(json.dumps(row), flush=True)
    slowest = min(row["records_a_second"] for row in results if row["case"] == "state alone")
    if given.json:
        print(
            json.dumps(
                report("replay of the state alone, slowest of the flows", slowest, "records/s", results, equal=True)
            )
        )
    else:
        print(f"replay of the state alone, slowest of the flows: {slowest:,} records/s")


if __name__ == "__main__":
    main()
