"""What an instance tells in its shared memory, as values, page and Prometheus text; the stage clock."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from appliance import histogram, live_view, prometheus, stages
from appliance.cli import observe as cli
from appliance.distributor.stores import create_told, map_told
from appliance.distributor_counters import L2_MESSAGES, L3_BEHIND_BYTES, STARTS
from appliance.histogram import HISTOGRAM_SLOTS, new_histogram
from appliance.journal.records import CONTROL_NAME
from appliance.latency import record
from appliance.observe import LOG_FIGURES, ObserveError, Observer, Snapshot
from appliance.stage_clock import (
    ENABLED,
    NS_A_TICK,
    NS_A_TICK_BITS,
    StageClock,
    allocate_stage_clock,
    begin_stages,
    calibrate,
    count_span,
    stamp,
    start,
)
from native import counters
from native.layout import PORT_STATS
from native.log_layout import (
    JOURNAL_CONTROL,
    JOURNAL_WRITER_FAILED,
    JOURNAL_WRITER_RUNS,
    JOURNAL_WRITER_WAITS,
)


class Instance:
    """Files as a running appliance has them, without the appliance."""

    def __init__(self, root: Path, name: str = "shop") -> None:
        self.folder = root / f"pitwire-{name}"
        self.folder.mkdir()
        self.counters = self.file("counters", counters.COUNTERS_COUNT)
        self.turns = self.file("turn_latency", HISTOGRAM_SLOTS)
        self.clock = allocate_stage_clock(self.file("stages", stages.SLOTS), enabled=True)
        self.port = self.file("port_stats", PORT_STATS.itemsize // 8).view(PORT_STATS)

    def file(self, name: str, slots: int) -> np.ndarray:
        return np.memmap(self.folder / name, dtype=np.int64, mode="w+", shape=(slots,))

    def work(self, times: int) -> None:
        """As if the loop had turned."""
        for _ in range(times):
            self.counters[counters.TURNS] += 10
            self.counters[counters.FILLS] += 1
            self.counters[counters.DROP_DUPLICATE] += 2
            record(self.turns, 1500)
            self.clock.turns_by_frames[1] += 3
            self.clock.turns_by_frames[stages.TURN_SLOTS - 1] += 1
            for number, name in enumerate(stages.STAGES):
                record(getattr(self.clock, name), 100 * (number + 1))
        self.counters[counters.CYCLE_NS_MAX] = 812_000
        self.port[0]["rx_held"], self.port[0]["rx_ring_full"] = 5, 7 * times


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path)


def observed(instance: Instance) -> Observer:
    return Observer("shop", instance.folder.parent)


def test_a_snapshot_has_everything(instance: Instance) -> None:
    instance.work(4)
    now = observed(instance).snapshot()
    assert now.counters["fills"] == 4 and now.port["rx_held"] == 5 and now.busy_ns == 6000
    assert list(now.stages) == list(stages.STAGES)
    assert [histogram.max_ns(values) for values in now.stages.values()] == [100, 200, 300, 400, 500, 600]
    assert now.turns_by_frames[1] == 12 and now.full_turns == 4


def test_the_log_and_its_disk_writer_are_told(instance: Instance) -> None:
    control = instance.file(CONTROL_NAME, JOURNAL_CONTROL.itemsize // 8).view(JOURNAL_CONTROL)[0]
    control["committed_records"] = 1000
    observer = observed(instance)
    memory = observer.snapshot()
    assert (memory.log["committed_records"], memory.log["waiting_records"]) == (1000, 0), "nothing waits: mode memory"
    control["writer_state"], control["durable_records"] = JOURNAL_WRITER_RUNS, 990
    control["groups_written"], control["sync_ns_max"] = 7, 812_000
    now = observer.snapshot()
    assert list(now.log) == list(LOG_FIGURES) and now.log["waiting_records"] == 10
    later = Snapshot(**vars(now) | {"time_ns": memory.time_ns + 1_000_000_000})
    (line,) = [line for line in live_view.page("shop", memory, later) if line.startswith("log ")]
    assert "1,000 inputs   10 not yet safe   7 groups/s   longest sync 812 us" in line
    text = prometheus.text("shop", now)
    assert 'pitwire_log_waiting_records{venue="shop"} 10\n' in text
    assert 'pitwire_log_groups_written_total{venue="shop"} 7\n' in text
    assert 'pitwire_log_sync_seconds_max{venue="shop"} 0.000812000\n' in text
    for state, words in ((JOURNAL_WRITER_WAITS, "NO ROOM"), (JOURNAL_WRITER_FAILED, "HAS ENDED")):
        control["writer_state"] = state
        assert words in "\n".join(live_view.page("shop", memory, observer.snapshot()))


def test_an_instance_that_measures_less_is_observed_as_well(instance: Instance) -> None:
    for name in ("stages", "port_stats", "turn_latency"):
        (instance.folder / name).unlink()
    observer = observed(instance)
    now = observer.snapshot()
    assert (now.stages, now.turns, now.port, now.turns_by_frames) == ({}, None, {}, ())
    assert observer.turn_latency_ns() == {}
    assert "does not tell of its ring" in "\n".join(live_view.page("shop", now, now))
    assert "pitwire_stage_seconds" not in prometheus.text("shop", now)


def test_who_is_not_there_is_said_with_who_is(instance: Instance) -> None:
    with pytest.raises(ObserveError, match="No appliance named 'other' runs on this machine; running: shop"):
        Observer("other", instance.folder.parent)


def snapshots(instance: Instance) -> tuple[Snapshot, Snapshot]:
    observer = observed(instance)
    instance.work(3)
    before = observer.snapshot()
    instance.work(5)
    after = observer.snapshot()
    return before, Snapshot(**vars(after) | {"time_ns": before.time_ns + 2_000_000_000})


def test_the_page_shows_the_interval_beside_the_whole(instance: Instance) -> None:
    before, now = snapshots(instance)
    record(instance.clock.match, 9_000_000)
    later = observed(instance).snapshot()
    lines = live_view.page("shop", before, now)
    text = "\n".join(lines)
    assert re.search(r"25 turns/s\s+busy 0\.0%\s+longest turn 812 us", lines[0])
    assert re.search(r"^fills +2/s +8$", text, re.M)
    match = next(line for line in lines if line.startswith("match")).split()
    assert match[1:6] == ["2", "0.40", "0.40", "0.40", "0.40"]
    assert "1: 75.0%" in text and "17-32: 25.0%" in text and "5 turns took all" in text
    drops = lines[-2:]
    assert drops[0].startswith("port rx_ring_full") and "7/s" in drops[0]
    assert drops[1].startswith("drop_duplicate") and "5/s" in drops[1] and "seen before" in drops[1]
    whole = next(line for line in live_view.page("shop", now, later) if line.startswith("match")).split()
    assert whole[-1] == "9,000"  # the interval's own maximum is known to the bucket, the whole one exactly
    assert "nothing was dropped" in live_view.page("shop", empty(before), empty(before))[-1]


def empty(like: Snapshot) -> Snapshot:
    return Snapshot(like.time_ns, dict.fromkeys(like.counters, 0), None, {}, (), {}, {})


LINE = re.compile(r"^(?:# (?:HELP|TYPE) [a-z0-9_]+ .+|[a-z0-9_]+\{[a-z]+=\"[^\"]*\"(?:,[a-z]+=\"[^\"]*\")*\} [0-9.]+)$")


def test_prometheus_text_is_well_formed_and_adds_up(instance: Instance) -> None:
    _, now = snapshots(instance)
    lines = prometheus.text("shop", now).splitlines()
    assert all(LINE.match(line) for line in lines), [line for line in lines if not LINE.match(line)][:3]
    typed = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(typed) == len(set(typed)), "one TYPE a metric"
    assert 'pitwire_fills_total{venue="shop"} 8' in lines
    assert 'pitwire_drops_total{venue="shop",reason="duplicate"} 16' in lines
    assert 'pitwire_port_rx_ring_full_total{venue="shop"} 35' in lines
    assert 'pitwire_full_turns_total{venue="shop"} 8' in lines
    assert 'pitwire_turn_seconds_max{venue="shop"} 0.000812000' in lines
    buckets = [line for line in lines if line.startswith('pitwire_stage_seconds_bucket{venue="shop",stage="match"')]
    counts = [int(line.split()[-1]) for line in buckets]
    bounds = [float(line.split('le="')[1].split('"')[0]) for line in buckets]
    assert counts == sorted(counts) and bounds == sorted(bounds) and bounds[-1] == float("inf")
    assert [count for bound, count in zip(bounds, counts, strict=True) if bound < 400e-9] == [0, 0, 0]
    assert counts[3:] == [8] * len(counts[3:])
    assert 'pitwire_stage_seconds_sum{venue="shop",stage="match"} 0.000003200' in lines
    odd = prometheus.text('a"b\\c', now)
    assert 'venue="a\\"b\\\\c"' in odd


def test_bounds_of_prometheus_are_bounds_of_buckets() -> None:
    values = new_histogram()
    for bound in prometheus.BOUNDS_NS:
        record(values, bound)
        record(values, bound + 1)
    now = Snapshot(0, dict.fromkeys((c.name for c in counters.COUNTERS), 0), values, {}, (), {}, {})
    lines = [line for line in prometheus.text("x", now).splitlines() if line.startswith("pitwire_turn_seconds_bucket")]
    assert [int(line.split()[-1]) for line in lines[:-1]] == [2 * n + 1 for n in range(len(prometheus.BOUNDS_NS))]


def run(root: Path, monkeypatch, *words: str) -> tuple[int, str]:
    monkeypatch.setattr("appliance.observe.SHARED_MEMORY_ROOT", root)
    monkeypatch.setattr(cli, "Observer", lambda name: Observer(name, root))
    done = CliRunner().invoke(cli.command, ["--name", "shop", *words])
    return done.exit_code, done.output


def test_the_command_in_all_its_forms(instance: Instance, monkeypatch) -> None:
    instance.work(2)
    root = instance.folder.parent
    status, out = run(root, monkeypatch)
    assert status == 0 and re.search(r"^fills +2$", out, re.M) and "match, ns: count 2 p50 400" in out
    status, out = run(root, monkeypatch, "--json")
    whole = json.loads(out)
    assert whole["stages_ns"]["send"] == {"count": 2, "p50": 500, "p99": 500, "p99.9": 500, "max": 500}
    assert whole["port"]["rx_ring_full"] == 14 and whole["counters"]["fills"] == 2 and "rates" not in whole
    status, out = run(root, monkeypatch, "--watch", "0.05", "--count", "2", "--json")
    assert status == 0 and all("rates" in json.loads(line) for line in out.splitlines())
    status, out = run(root, monkeypatch, "--watch", "0.05", "--count", "1")
    assert status == 0 and "since the start" in out
    status, out = run(root, monkeypatch, "--prometheus")
    assert status == 0 and 'pitwire_fills_total{venue="shop"} 2' in out
    for wrong in ("9464", "127.0.0.1:port", "127.0.0.1:70000"):
        status, out = run(root, monkeypatch, "--listen", wrong)
        assert status == 1 and "is not IP:PORT" in out
    status, out = run(root, monkeypatch, "--listen", "192.0.2.1:0")
    assert status == 1 and "cannot be listened on" in out


def test_metrics_are_served(instance: Instance, monkeypatch) -> None:
    instance.work(1)
    servers: list[cli.HTTPServer] = []
    ready = threading.Event()

    class Server(cli.HTTPServer):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            servers.append(self)
            ready.set()

    monkeypatch.setattr(cli, "HTTPServer", Server)
    thread = threading.Thread(target=cli._serve, args=(observed(instance), "127.0.0.1:0"))
    thread.start()
    assert ready.wait(10)
    base = f"http://127.0.0.1:{servers[0].server_port}"
    with urllib.request.urlopen(f"{base}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"] == prometheus.CONTENT_TYPE
        assert b'pitwire_fills_total{venue="shop"} 1' in answer.read()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{base}/", timeout=10)
    servers[0].shutdown()
    thread.join()


def new_clock(*, enabled: bool = True) -> StageClock:
    return allocate_stage_clock(np.zeros(stages.SLOTS, np.int64), enabled=enabled)


def wait(ns: int) -> None:
    until = time.monotonic_ns() + ns
    while time.monotonic_ns() < until:
        pass


def test_stamps_measure_what_passed_between_them() -> None:
    clock = new_clock()
    start(clock)
    calibrate(clock)
    for _ in range(5):
        began = time.monotonic_ns()
        begin_stages(clock, 2)
        wait(300_000)
        stamp(clock, stages.DECODE)
        stamp(clock, stages.MATCH)
        whole = time.monotonic_ns() - began
        # both clocks tell the same time, to a thousandth and the width of a bucket; other work only lengthens `whole`
        assert 300_000 * 0.99 <= histogram.max_ns(clock.decode) <= whole * 1.01 or histogram.count(clock.decode) > 1
    assert histogram.min_ns(clock.decode) >= 300_000 * 0.99
    assert histogram.count(clock.decode) == histogram.count(clock.match) == 5
    assert histogram.min_ns(clock.match) < 300_000
    assert clock.turns_by_frames[2] == 5
    count_span(clock, stages.WHOLE, 777)
    assert histogram.max_ns(clock.whole) == 777


def test_a_clock_that_is_off_counts_nothing() -> None:
    clock = new_clock(enabled=False)
    start(clock)
    calibrate(clock)
    begin_stages(clock, 1)
    stamp(clock, stages.DECODE)
    count_span(clock, stages.WHOLE, 5)
    assert clock.scalars[ENABLED] == 0 and clock.scalars[NS_A_TICK] == 1 << NS_A_TICK_BITS
    assert not any(values.any() for name, values in vars(clock).items() if name in stages.STAGES)
    assert not clock.turns_by_frames.any()


def test_a_settled_copy_agrees_with_itself_and_intervals_subtract() -> None:
    values = new_histogram()
    for value in (100, 5000):
        record(values, value)
    first = stages.settled(values)
    values[histogram.SLOT_COUNT] = 99  # as if the loop were between two stores
    assert histogram.count(stages.settled(values)) == 2
    for value in (200, 300_000):
        record(values, value)
    grown = stages.since(first, stages.settled(values))
    assert histogram.count(grown) == 2 and histogram.max_ns(grown) == 300_000
    assert histogram.percentile_ns(grown, 500_000) == 200
    assert histogram.max_ns(stages.since(first, first)) == 0


def test_what_the_distributor_tells_is_shown(instance: Instance) -> None:
    before = observed(instance).snapshot()
    assert before.distributor == {} and "distributor" not in "\n".join(live_view.page("shop", before, before))
    create_told(instance.folder, 0)
    told = map_told(instance.folder)
    told[STARTS], told[L2_MESSAGES], told[L3_BEHIND_BYTES] = 2, 600, 4096
    now = Snapshot(**vars(observed(instance).snapshot()) | {"time_ns": before.time_ns + 2_000_000_000})
    assert now.distributor["l2_messages"] == 600
    line = next(line for line in live_view.page("shop", before, now) if line.startswith("distributor"))
    assert "4,096 bytes behind" in line and "l2 300/s" in line and "started 2 times" in line
    lines = prometheus.text("shop", now).splitlines()
    assert all(LINE.match(line) for line in lines if "distributor" in line)
    assert 'pitwire_distributor_l2_messages_total{venue="shop"} 600' in lines
    assert "# TYPE pitwire_distributor_l3_behind_bytes gauge" in lines
